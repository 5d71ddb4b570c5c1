"""A disk that refuses: what sweeps found, each as a story of its own."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.test_crashes import dies_in
from tests.agent.test_guard import overdue
from tests.support.sweep import judge
from tests.support.sweep.calls import Call, spoiling
from tests.support.sweep.power import PoweredLane, fast_folder, skip_without_disks
from tests.support.sweep.story import NEW, OLD, tell
from tests.support.sweep.sweep import calls_of


@pytest.fixture(scope="module")
def lane() -> Iterator[PoweredLane]:
    """A host whose product commands start and stop."""
    skip_without_disks()
    with (
        fast_folder() as folder,
        contextlib.closing(PoweredLane("command", folder / "lane", tell(folder / "repositories"))) as lane,
    ):
        yield lane


@pytest.fixture(scope="module")
def update(lane) -> list[Call]:
    """The calls of an update that nothing disturbs."""
    return calls_of(lane, lane.stories.good)


@pytest.fixture(scope="module")
def way_back(lane) -> list[Call]:
    """The calls of an update that is taken back."""
    return calls_of(lane, lane.stories.bad)


def find(calls: list[Call], name: str, text: str) -> Call:
    """Return the last call of a name whose line has a text."""
    return [call for call in calls if call.name == name and text in call.text][-1]


@pytest.mark.parametrize("error", ["ENOSPC", "EIO", "EROFS", "EDQUOT"])
def test_a_disk_that_refuses_the_switch_speaks_against_no_version(lane, update, error):
    """The host goes back and tries again later: a full disk must not put a good version in quarantine."""
    lane.prepare(lane.stories.good)
    switch = find(update, "rename", 'agent/current"')
    lane.agent("tick", strace=spoiling(switch, f"error={error}"))
    assert (lane.runs, lane.host.rule()) == (OLD, "backoff")
    assert lane.host.history()[-1] == ("update_rollback", "ok", "environment")


def test_a_disk_that_refuses_the_way_back_strands_nobody(lane, way_back):
    """The next tick goes back, with the configuration: the old version is still there, whole."""
    lane.prepare(lane.stories.bad)
    back = find(way_back, "rename", 'agent/current"')
    spoiled = lane.agent("tick", strace=spoiling(back, "error=ENOSPC"))
    assert (spoiled["status"], lane.host.stands, lane.runs) == (13, "ROLLING_BACK", NEW)
    lane.agent("tick")
    assert (lane.host.stands, lane.runs, lane.host.rule()) == ("IDLE", OLD, "quarantined")
    assert lane.host.config.read_text() == lane.wanted_config[OLD]


def test_a_tick_that_gives_up_between_two_versions_leaves_one_running(lane, update):
    """With the old version stopped, neither a link nor the journal can be written: it is started again."""
    lane.prepare(lane.stories.good)
    link = find(update, "symlink", ".current.new")
    stop = update.index(link)
    write = next(call for call in update[stop:] if call.name == "pwrite64")
    refused = ["-e", f"inject=symlink:error=EROFS:when={link.nth}+"]
    refused += ["-e", f"inject=pwrite64:error=EIO:when={write.nth}+"]
    spoiled = lane.agent("tick", strace=["-e", "trace=symlink,pwrite64", "-o", "/dev/null", *refused])
    assert (spoiled["status"], lane.host.stands, lane.runs) == (13, "SWITCHING", OLD), spoiled["err"]
    lane.agent("tick")
    assert (lane.host.stands, lane.runs) == ("IDLE", NEW)


def test_a_full_disk_is_called_a_full_disk(lane, update):
    """SQLite ends a transaction itself when it cannot write; the journal is not called damaged for that."""
    lane.prepare(lane.stories.good)
    done = lane.agent("tick", strace=spoiling(find(update, "pwrite64", "journal.db>"), "error=ENOSPC"))
    assert (done["status"], lane.host.installed) == (13, NEW)
    assert "no space left for the journal" in done["err"]


def test_output_that_nobody_can_write_is_no_bug(lane):
    """What was done is done, also where the log's disk is full, and the supervisor counts no failure."""
    lane.prepare(lane.stories.good)
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            lane.host.command("tick"), stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, lane.runs) == (0, NEW)
    assert "the result cannot be written" in done.stderr


def fill(ballast: Path) -> None:
    """Let a file take all that is left of its disk."""
    with ballast.open("wb", buffering=0) as file:
        for block in (1 << 20, 1 << 12, 1 << 12):  # the disk gives some of what it had set aside back
            with contextlib.suppress(OSError):
                while file.write(bytes(block)):
                    pass
            os.fsync(file.fileno())


@pytest.mark.parametrize("guarded", [False, True])
def test_a_trial_that_a_full_disk_kept_from_its_end_speaks_against_no_version(lane, guarded):
    """Nobody could keep it in time, whoever takes it back: the host waits and tries again."""
    lane.prepare(lane.stories.good)
    dies_in(lane.host, "ON_TRIAL")
    lane.host.query("UPDATE product SET work = json_set(work, '$.trial_from_s', -10000)")
    overdue(lane.host)
    ballast = lane.host.folder / "tmp" / "ballast"
    fill(ballast)
    assert lane.agent("guard" if guarded else "tick")["status"] in {13, 14}
    ballast.unlink()
    if guarded:
        assert lane.agent("guard")["status"] == 0
    lane.agent("tick")
    assert (lane.runs, lane.host.stands, lane.host.rule()) == (OLD, "IDLE", "backoff")
    assert lane.host.history()[-1] == ("update_rollback", "ok", "environment")


def test_an_adoption_that_a_disk_refuses_is_no_bug(lane):
    """The trouble is told in words, and the same command finishes when the disk works again."""
    story = lane.stories.adopted
    call = find(calls_of(lane, story), "syncfs", ".staging-1.0.0")
    lane.prepare(story)
    done = lane.agent(*lane.words(story), strace=spoiling(call, "error=EROFS"))
    assert (done["status"], "make that file system writable" in done["err"]) == (13, True), done["err"]
    assert judge.healed(lane, story, lane.heal(story), disk_failed=False) == []
