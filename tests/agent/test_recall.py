"""Ways down: recalls, and everything that is no recall."""

from datetime import timedelta

import pytest

from tests.agent.test_blame import pass_time, pause


def test_a_recall_goes_back(scene):
    """An order with a recall that covers what runs is the only way down, and restores no configuration."""
    scene.ready()
    scene.release("1.1.0", "migrates", "--start-s", "20")
    scene.host.tick()
    scene.recall("1.0.0", "==1.1.0")
    done = scene.host.tick()
    assert (done.exit_code, scene.host.runs) == (0, "1.0.0")
    assert scene.host.config.read_text() == "migrated by 1.1.0"
    assert scene.host.tick().rule == "current"


def test_a_recall_of_other_versions_moves_nobody(scene):
    """A recall speaks to those who run what is recalled."""
    scene.ready()
    scene.release("1.1.0")
    scene.host.tick()
    scene.forge.point("1.0.0", recall={"from": ">=1.2,<=1.3"})
    assert scene.host.tick().rule == "ahead"
    assert scene.host.runs == "1.1.0"


def test_a_recall_that_is_over_moves_nobody(scene):
    """After ``until`` a recall is no permission any more."""
    scene.ready()
    scene.release("1.1.0")
    scene.host.tick()
    scene.forge.point("1.0.0", recall={"from": "<=1.1", "until": "2020-01-01T00:00:00Z"})
    assert scene.host.tick().rule == "ahead"


def test_an_older_version_is_not_installed_by_a_plain_order(scene):
    """A host that is ahead of its order stays there while its version is live."""
    scene.ready()
    scene.release("1.1.0")
    scene.host.tick()
    scene.forge.point("1.0.0")
    done = scene.host.tick()
    assert (done.exit_code, done.rule, scene.host.runs) == (0, "ahead", "1.1.0")


def test_an_older_version_is_refused_where_what_runs_is_revoked(scene):
    """A revocation is no recall: without a signed way down the host refuses to go there."""
    scene.ready()
    scene.release("1.1.0")
    scene.host.tick()
    scene.forge.point("1.0.0")
    scene.forge.policy(revoked=[{"version": "1.1.0"}])
    done = scene.host.tick()
    assert (done.exit_code, done.rule, scene.host.runs) == (0, "downgrade", "1.1.0")


def test_a_backport_does_not_open_a_way_back(scene):
    """A lower number than the highest that was committed here is a downgrade, whatever the version."""
    scene.ready()
    scene.add("1.5.0")
    scene.repo.sign_and_publish()
    scene.release("1.4.3")
    scene.host.tick()
    scene.forge.point("1.5.0")
    assert (scene.host.tick().rule, scene.host.runs) == ("downgrade", "1.4.3")


@pytest.mark.parametrize("policy", [{"revoked": [{"version": "1.1.0"}]}, {"floor_seq": 3}])
def test_a_revoked_version_is_not_started(scene, policy):
    """Neither a revoked version nor one below the floor is installed, whoever orders it."""
    scene.ready()
    scene.release("1.1.0")
    scene.forge.policy(**policy)
    done = scene.host.tick()
    assert (done.rule, done.entry["decision"]["action"], scene.host.runs) == ("revoked", "refuse", "1.0.0")


def test_a_floor_is_never_lowered_again(scene):
    """An older policy is not obeyed again, even when the channel's key signs it."""
    scene.ready()
    scene.release("1.1.0")
    scene.forge.policy(floor_seq=3)
    scene.host.tick()
    scene.forge.policy(floor_seq=0)
    assert scene.host.tick().rule == "revoked"


@pytest.mark.parametrize("policy", [{"revoked": [{"version": "1.0.0"}]}, {"floor_seq": 2}])
def test_a_failed_trial_does_not_go_back_to_revoked_code(scene, policy):
    """A version that must not run again is no way back: the failed one stays, and the host says so."""
    scene.ready("1.0.0", "good", "--start-s", "8")
    scene.release("1.1.0", "unhealthy", "--start-s", "1")
    scene.forge.policy(**policy)
    done = scene.host.tick()
    assert (done.exit_code, scene.host.runs) == (0, "1.1.0")
    assert scene.host.history()[-1] == ("update_rollback", "failed", "no_way_back")


def test_a_version_that_failed_and_fades_has_not_come_up(scene):
    """What has to stay after it failed counts as running when it holds, not when it starts."""
    scene.ready("1.0.0", "good", "--start-s", "8")
    scene.release("1.1.0", "unhealthy+fades", "--start-s", "1")
    scene.forge.policy(revoked=[{"version": "1.0.0"}])
    done = scene.host.tick()
    assert (done.entry["state"], scene.host.runs) == ("STRANDED", None)


def test_a_recall_that_fails_does_not_go_back_to_what_was_recalled(scene):
    """A recall is not undone by its own trial."""
    scene.ready("1.0.0", "old", "--start-s", "8")
    scene.release("1.1.0", "migrates", "--start-s", "20")
    scene.host.tick()
    scene.recall("1.0.0", "==1.1.0")
    done = scene.host.tick()
    assert scene.host.installed == "1.0.0"
    assert ("update_rollback", "failed", "no_way_back") in scene.host.history()
    assert (done.entry["state"], done.rule) == ("STRANDED", "backoff")
    scene.release("1.2.0")
    scene.host.tick()
    assert scene.host.runs == "1.2.0"


def stranded(scene) -> None:
    """Recall a host to a version that cannot be started there any more."""
    scene.ready("1.0.0", "old", "--start-s", "8")
    scene.release("1.1.0", "migrates", "--start-s", "20")
    scene.host.tick()
    scene.recall("1.0.0", "==1.1.0")
    assert scene.host.tick().entry["state"] == "STRANDED"


def test_a_recall_that_strands_a_host_is_followed_as_long_as_it_stands(scene):
    """What kept the version from starting was mended by hand: the next attempt needs no newer release."""
    stranded(scene)
    scene.host.config.write_text("colour = blue\n")
    assert (scene.host.tick().rule, scene.host.runs) == ("backoff", None)
    pass_time(scene.host)
    done = scene.host.tick()
    assert (done.entry["state"], scene.host.runs) == ("IDLE", "1.0.0")
    assert scene.host.tick().rule == "current"


def test_a_stranded_host_follows_the_next_recall(scene):
    """A recall to what can read the data covers what was recalled first, and not what lies there since."""
    stranded(scene)
    scene.add("0.9.0")
    scene.repo.sign_and_publish()
    scene.forge.point("0.9.0", recall={"from": "==1.1.0"})
    scene.host.tick()
    assert (scene.host.runs, scene.host.stands) == ("0.9.0", "IDLE")


def test_a_recall_that_is_unwell_is_tried_again(scene):
    """It stays where it is and runs, with longer and longer pauses, until a trial of it is won."""
    scene.ready("1.0.0", "good", "--start-s", "8")
    scene.release("1.1.0")
    scene.host.tick()
    sick = scene.host.folder / "sick"
    sick.touch()
    scene.recall("1.0.0", "==1.1.0")
    done = scene.host.tick()
    assert (done.rule, done.entry["state"], scene.host.runs) == ("backoff", "IDLE", "1.0.0")
    assert "there was no way back: 1.1.0 is recalled" in done.entry["decision"]["text"]
    assert pause(scene.host) == timedelta(minutes=30)
    pass_time(scene.host)
    assert scene.host.tick().rule == "backoff"
    assert scene.host.history()[-1] == ("update_rollback", "failed", "no_way_back")
    assert pause(scene.host) == timedelta(hours=1)
    sick.unlink()
    pass_time(scene.host)
    assert scene.host.tick().rule == "current"
    assert ("update_healthcheck", "ok", "") in scene.host.history()


@pytest.mark.parametrize("policy", [{"revoked": [{"version": "1.0.0"}]}, {"floor_seq": 2}])
def test_an_operator_cannot_go_back_to_revoked_code(scene, policy):
    """The same holds for a person at the host."""
    scene.ready()
    scene.release("1.1.0")
    scene.host.tick()
    scene.forge.policy(**policy)
    done = scene.host.run("rollback")
    assert (done.exit_code, scene.host.runs) == (13, "1.1.0")
    assert "no way back" in done.stderr


def test_an_operator_cannot_go_back_to_what_is_being_recalled(scene):
    """A version that is called back is no place to go to by hand."""
    scene.ready()
    scene.release("1.1.0")
    scene.host.tick()
    scene.release("1.2.0")
    scene.recall("1.1.0", "!=1.1.0,<=1.2.0")
    assert scene.host.run("rollback").exit_code == 13
    assert scene.host.runs == "1.1.0"
