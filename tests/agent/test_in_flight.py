"""Rollouts that meet on real hosts: a hotfix behind a release, places drawn anew, chains of barriers."""

from tests.support.workspace import CHANNEL


def start(scene, version, *options):
    """Start a rollout in its first wave, and publish."""
    scene.repo.do("rollout", "start", CHANNEL, version, *options)
    scene.repo.sign_and_publish()


def test_a_hotfix_follows_a_release_that_is_still_under_way(scene, another_host):
    """1.1.1 is tried in canary while others still come to 1.1.0; the brake on the hotfix stops it alone."""
    scene.ready()
    other, late = another_host("host-2"), another_host("host-3")
    for host in (other, late):
        host.tick()
    scene.add("1.1.0")
    start(scene, "1.1.0")
    scene.host.tick()
    scene.repo.promote()
    scene.add("1.1.1")
    start(scene, "1.1.1")
    assert [host.tick().entry["running"] for host in (scene.host, other)] == ["1.1.1", "1.1.0"]
    scene.repo.do("brake", CHANNEL, "--rollout", "stable-0003", "--reason", "looking")
    scene.repo.sign_and_publish()
    assert late.tick().entry["running"] == "1.1.0"
    scene.repo.do("brake", CHANNEL, "--release")
    scene.repo.sign_and_publish()
    scene.repo.promote()
    assert [host.tick().entry["running"] for host in (other, late)] == ["1.1.1", "1.1.1"]
    scene.repo.promote()
    told = scene.repo.do("rollout", "status", CHANNEL)
    assert {wave["order"]["base"]["version"] for wave in told["waves"]} == {"1.1.1"}


def test_a_host_on_trial_is_not_hurt_when_places_are_drawn_anew(scene, another_host):
    """It wins the trial of what it runs, and follows the order of its new place after that."""
    scene.ready()
    host = another_host("host-2")
    host.tick()
    scene.release("1.1.0", "good", "--trial-s", "4")
    tick = host.begin("tick")
    host.eventually(lambda: host.stands == "ON_TRIAL")
    scene.add("1.2.0")
    start(scene, "1.2.0", "--strategy", "immediate", "--reshuffle")
    _, told = tick.communicate()
    assert tick.returncode == 0, told
    assert ("update_healthcheck", "ok", "") in host.history()
    state = host.tick().entry
    assert (state["running"], state["state"]) == ("1.2.0", "IDLE")


def test_a_chain_of_barriers_is_passed_one_hop_at_a_time(scene):
    """From 1.0.0 through 1.5.0 and 2.0.0 to 3.0.0, in one tick, each with a trial of its own."""
    scene.ready()
    scene.add("1.5.0")
    scene.add("2.0.0", "good", "--requires", ">=1.5", "--via", "1.5.0")
    scene.repo.sign_and_publish()
    scene.release("3.0.0", "good", "--requires", ">=2", "--via", "2.0.0")
    scene.host.tick()
    assert scene.host.runs == "3.0.0"
    hops = [stage for stage, _, _ in scene.host.history()].count("update_install")
    assert hops == 4


def test_a_chain_stops_at_what_the_brake_holds(scene):
    """The way leads through a version that somebody holds: the host stays before it."""
    scene.ready()
    scene.add("1.5.0")
    scene.repo.sign_and_publish()
    scene.repo.do("brake", CHANNEL, "--version", "1.5.0", "--reason", "looking")
    scene.release("2.0.0", "good", "--requires", ">=1.5", "--via", "1.5.0")
    assert scene.host.tick().rule == "hold"
    assert scene.host.runs == "1.0.0"


def test_a_pin_keeps_a_host_out_of_both_rollouts(scene):
    """Neither the release nor the hotfix behind it moves a pinned host, and both reach it once it is free."""
    scene.ready()
    scene.host.run("pin", "<1.1")
    for version in ("1.1.0", "1.1.1"):
        scene.add(version)
        start(scene, version)
        assert (scene.host.tick().rule, scene.host.runs) == ("pinned", "1.0.0")
    scene.host.run("unpin")
    scene.host.tick()
    assert scene.host.runs == "1.1.1"
