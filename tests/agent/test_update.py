"""Updates that go well, and orders that lead elsewhere."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.agent.forge import BASE
from tests.agent.scene import AGENT
from tests.support.web import cut, once
from tests.support.workspace import CHANNEL, HERE


def test_a_host_takes_the_next_release(scene):
    """The product that answers afterwards is the new one, and the old one is kept to go back to."""
    scene.ready()
    scene.release("1.1.0")
    done = scene.host.tick()
    assert (done.exit_code, scene.host.runs, done.entry["running"]) == (0, "1.1.0", "1.1.0")
    assert scene.host.versions == ["1.0.0", "1.1.0"]


def test_old_versions_are_removed(scene):
    """Only what runs and what it may go back to stays on the disk."""
    scene.ready()
    for version in ("1.1.0", "1.2.0"):
        scene.release(version)
        scene.host.tick()
    assert scene.host.versions == ["1.1.0", "1.2.0"]
    assert not list((scene.host.state / "downloads").rglob("*.zst"))


def test_only_the_first_wave_goes_first(scene, another_host):
    """A manual rollout reaches the canary, and everybody else when it is promoted."""
    scene.ready()
    other = another_host("host-2")
    other.tick()
    scene.add("1.1.0")
    scene.repo.do("rollout", "start", CHANNEL, "1.1.0", "--strategy", "manual")
    scene.repo.sign_and_publish()
    assert [host.tick().entry["wave"] for host in (scene.host, other)] == ["canary", "full"]
    assert (scene.host.runs, other.runs) == ("1.1.0", "1.0.0")
    scene.repo.promote()
    other.tick()
    assert other.runs == "1.1.0"


def test_a_barrier_is_passed_on_the_way(scene):
    """A host below ``requires`` goes to ``via`` first, and on from there in the same tick."""
    scene.ready()
    scene.add("1.5.0")
    scene.repo.sign_and_publish()
    scene.release("2.0.0", "good", "--requires", ">=1.5", "--via", "1.5.0")
    assert "update to 1.5.0 on the way to 2.0.0 (update)" in scene.host.run("check").stdout
    scene.host.tick()
    assert scene.host.runs == "2.0.0"
    assert [stage for stage, _, _ in scene.host.history()].count("update_install") == 3


def test_the_order_is_read_again_before_the_switch(scene):
    """A rollout that is stopped while the artifact comes does not switch anybody."""
    scene.ready()
    scene.release("1.1.0")

    def brake():
        scene.repo.do("brake", CHANNEL, "--reason", "crash loops")
        scene.repo.sign_and_publish()

    pid = scene.host.pid
    scene.web.faults[scene.artifact("1.1.0").name] = once(brake)
    done = scene.host.tick()
    assert (done.exit_code, done.rule, scene.host.runs, scene.host.pid) == (0, "hold", "1.0.0", pid)
    assert "update_install" not in [stage for stage, _, _ in scene.host.history()][4:]


def test_a_newer_order_replaces_the_one_that_was_downloaded(scene):
    """A host that has just staged one version goes to the one that is ordered now, and only there."""
    scene.ready()
    scene.release("1.1.0")
    scene.web.faults[scene.artifact("1.1.0").name] = once(lambda: scene.release("1.2.0"))
    scene.host.tick()
    assert (scene.host.runs, scene.host.versions) == ("1.2.0", ["1.0.0", "1.2.0"])
    assert [stage for stage, _, _ in scene.host.history()].count("update_install") == 2


def test_a_version_revoked_between_download_and_switch_is_not_run(scene):
    """The second decision sees a revocation that the first could not know."""
    scene.ready()
    scene.release("1.1.0")
    revoked = [{"version": "1.1.0", "reason": "CVE-2026-0001"}]
    scene.web.faults[scene.artifact("1.1.0").name] = once(lambda: scene.forge.policy(revoked=revoked))
    done = scene.host.tick()
    assert (done.exit_code, done.rule, scene.host.runs) == (0, "revoked", "1.0.0")


def test_outside_a_window_everything_but_the_switch_is_done(scene, shut_window):
    """Before its window a host downloads, verifies and waits; in the window it only has to switch."""
    scene.ready()
    scene.host.write_settings(f'windows = ["{shut_window}"]')
    scene.release("1.1.0")
    done = scene.host.tick()
    assert (done.rule, done.entry["decision"]["action"], scene.host.runs) == ("window", "wait", "1.0.0")
    assert done.entry["decision"]["until"]
    assert scene.host.versions == ["1.0.0", "1.1.0"]
    scene.host.tick()
    artifact = scene.artifact("1.1.0").name
    assert scene.web.asked(artifact) == 1
    scene.host.write_settings('windows = ["00:00-24:00"]')
    scene.host.tick()
    assert (scene.host.runs, scene.web.asked(artifact)) == ("1.1.0", 1)


def test_an_urgent_order_does_not_wait_for_the_window(scene, shut_window):
    """Windows are for convenience; an urgent order ignores them."""
    scene.ready()
    scene.host.write_settings(f'windows = ["{shut_window}"]')
    scene.add("1.1.0")
    scene.order("1.1.0", "--urgent")
    scene.host.tick()
    assert scene.host.runs == "1.1.0"


def test_a_host_waits_for_its_turn_in_the_spread(scene):
    """Before its moment in the spread a host does nothing and says when it will, to the second."""
    scene.ready()
    scene.add("1.1.0")
    scene.order("1.1.0", "--not-before", "+1h", "--spread-s", "1h")
    done = scene.host.tick()
    assert (done.rule, done.entry["decision"]["action"]) == ("not_yet", "wait")
    assert scene.host.versions == ["1.0.0"]
    told = done.entry["decision"]
    there = scene.repo.do("agents", "explain", AGENT, "--running", "1.0.0", "--platform", HERE)["decision"]
    assert (told["until"], told["text"]) == (there["until"], there["text"])
    assert told["text"].endswith(f" at {told['until'].replace('T', ' ')}")


def test_a_repository_that_nobody_signs_any_more_is_not_followed(scene):
    """Orders from a repository that was last signed too long ago wait."""
    scene.ready()
    scene.release("1.1.0")
    scene.forge.policy(fresh_s=60)
    scene.forge.seal(issued_ago=timedelta(minutes=5))
    assert scene.host.tick().rule == "stale"
    assert scene.host.runs == "1.0.0"


def test_an_order_that_is_over_starts_nobody(scene):
    """Unless somebody renews it, an order ends by itself."""
    scene.ready()
    scene.release("1.1.0")
    scene.forge.order("canary", {"not_after": "2020-01-01T00:00:00Z"})
    assert scene.host.tick().rule == "closed"


@pytest.mark.parametrize("changes", [{"state": "hold"}, {"product": "other"}, {"channel": "beta"}])
def test_what_is_on_hold_or_foreign_starts_nobody(scene, changes):
    """An order counts only for its product and channel, and only while it says go."""
    scene.ready()
    scene.release("1.1.0")
    scene.forge.order("canary", changes)
    done = scene.host.tick()
    assert (done.exit_code, done.rule) == (0, "hold" if "state" in changes else "foreign")
    assert scene.host.runs == "1.0.0"


def test_a_selected_host_is_asked_first(scene):
    """A batch order reaches its host before the order of the host's wave does."""
    scene.ready()
    scene.add("1.1.0")
    scene.repo.sign_and_publish()
    scene.forge.select(AGENT, "1.1.0")
    done = scene.host.tick()
    assert (scene.host.runs, done.entry["wave"]) == ("1.1.0", "selected")
    assert scene.host.run("explain", "--json").entry["route"].startswith("pick-")
    assert BASE not in done.stdout


def test_a_batch_that_is_over_leaves_the_host_to_its_wave(scene):
    """A selected order past its end is passed over."""
    scene.ready()
    scene.add("1.1.0")
    scene.repo.sign_and_publish()
    scene.forge.select(AGENT, "1.1.0", not_after="2020-01-01T00:00:00Z")
    assert scene.host.tick().entry["wave"] == "canary"
    assert scene.host.runs == "1.0.0"


def test_a_download_that_was_overtaken_leaves_nothing(scene):
    """The rest of a version that nobody wants any more does not stay on the disk."""
    scene.ready()
    scene.release("1.1.0")
    scene.web.faults[scene.artifact("1.1.0").name] = cut(scene.artifact("1.1.0").read_bytes(), 500)
    assert scene.host.tick().exit_code == 11
    scene.release("1.2.0")
    scene.host.tick()
    assert scene.host.runs == "1.2.0"
    assert not list((scene.host.state / "downloads").rglob("*.zst"))


def test_old_copies_of_the_configuration_are_removed(scene):
    """The newest copies are kept, and a host that is updated for years does not fill up with them."""
    scene.ready()
    folder = scene.host.state / "backups" / "agent"
    for year in range(2000, 2010):
        (folder / f"{year}0101T000000-0.{year}").mkdir()
    scene.release("1.1.0")
    scene.host.tick()
    kept = sorted(path.name for path in folder.iterdir())
    assert (len(kept), kept[-1].endswith("-1.1.0")) == (5, True)


def test_a_version_is_looked_at_again_after_its_soak(scene):
    """Some time after the commit the probes are asked once more, and history tells the answer."""
    scene.ready("1.0.0", "good", "--soak-s", "0")
    assert scene.host.history()[-1] == ("soak", "ok", "")


def note_soak(scene, changes: str) -> None:
    """Change what the journal knows of the soak."""
    scene.host.query(f"UPDATE memory SET value = json_set(value, {changes}) WHERE key = 'soak/agent'")
    scene.host.tick()


def test_a_soak_is_counted_awake_whatever_the_clock_said(scene):
    """Neither a clock that was far ahead at the commit nor one that was far behind changes its length."""
    scene.ready("1.0.0", "good", "--soak-s", "600")
    note_soak(scene, "'$.at', '1970-01-01T00:00:00+00:00'")
    assert ("soak", "ok", "") not in scene.host.history()
    note_soak(scene, "'$.at', '2099-01-01T00:00:00+00:00', '$.boot', 'another'")
    ((at,),) = scene.host.query("SELECT value ->> '$.at' FROM memory WHERE key = 'soak/agent'")
    assert datetime.fromisoformat(at) <= datetime.now(UTC) + timedelta(seconds=600)
    note_soak(scene, "'$.awake_s', 0")
    assert scene.host.history()[-1] == ("soak", "ok", "")
