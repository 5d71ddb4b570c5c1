"""A person at a host who does not want to wait: what ``update --now`` goes past, and what it never does."""

from tests.support.workspace import CHANNEL


def waiting(scene, *policy):
    """Order 1.1.0 so that the host's turn comes in a month at the earliest."""
    scene.ready()
    scene.add("1.1.0")
    if policy:
        scene.repo.do("policy", CHANNEL, *policy)
    scene.order("1.1.0", "--not-before", "30d", "--not-after", "60d")


def test_now_goes_before_its_turn_where_the_policy_allows_that(scene):
    """The host need not wait for its start; the decision says who wanted that."""
    waiting(scene, "--allow-now")
    patient = scene.host.run("update", "--json")
    assert (patient.exit_code, patient.json["products"][0]["decision"]["rule"]) == (0, "not_yet")
    hurried = scene.host.run("update", "--now")
    assert (hurried.exit_code, scene.host.runs) == (0, "1.1.0"), hurried.stderr


def test_now_waits_where_the_policy_does_not_allow_that(scene):
    """The disaster: operators in a hurry undo a fleet's spread; the release manager says who may."""
    waiting(scene)
    done = scene.host.run("update", "--now")
    assert (done.exit_code, scene.host.runs) == (13, "1.0.0")
    assert "no host of this channel goes before its turn" in done.stdout


def test_now_goes_past_no_hold(scene):
    """What a person put on hold stays there, whoever asks."""
    waiting(scene, "--allow-now")
    scene.repo.do("brake", CHANNEL, "--reason", "crash loops")
    scene.repo.sign_and_publish()
    done = scene.host.run("update", "--now")
    assert (done.exit_code, scene.host.runs) == (13, "1.0.0")
    assert "(hold)" in done.stdout


def test_now_goes_past_no_floor_and_no_missing_signature(scene):
    """The disaster: haste takes a host to what was withdrawn, or to what nobody may order."""
    waiting(scene, "--allow-now")
    document = scene.repo.do("release", "show", "1.1.0")
    scene.forge.policy(floor_seq=document["seq"] + 1)
    done = scene.host.run("update", "--now")
    assert (done.exit_code, "(revoked)" in done.stdout, scene.host.runs) == (13, True, "1.0.0")
    scene.forge.policy(floor_seq=0)
    with scene.forge.edit("agent.stable.canary", key="releases"):
        pass
    done = scene.host.run("update", "--now")
    assert (done.exit_code, scene.host.runs) == (12, "1.0.0"), done.stdout


def test_update_names_the_newest_release(scene):
    """A release that is live and not ordered here is named, and that nothing orders it."""
    scene.ready()
    scene.add("1.1.0")
    scene.repo.sign_and_publish()
    done = scene.host.run("update")
    assert done.exit_code == 0
    assert "1.1.0 is the newest release of agent; nothing orders it here yet" in done.stdout
