"""The supervisor at the mercy of the host: killed at each of its own calls, or on a full disk."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import control
from tests.agent.test_crashes import dies_in
from tests.support.host import eventually
from tests.support.sweep import judge
from tests.support.sweep.calls import Call, changes_of, recording, spoiling
from tests.support.sweep.lane import version_of
from tests.support.sweep.power import PoweredLane, fast_folder, skip_without_disks
from tests.support.sweep.server import attach
from tests.support.sweep.story import NEW, OLD, tell


@pytest.fixture(scope="module")
def lane() -> Iterator[PoweredLane]:
    """A host whose product the supervisor runs."""
    skip_without_disks()
    with (
        fast_folder() as folder,
        contextlib.closing(PoweredLane("child", folder / "lane", tell(folder / "repositories"))) as lane,
    ):
        yield lane


def products(lane: PoweredLane) -> list[str]:
    """Return the version of every process of the product that there is."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            if (process / "cwd").readlink().is_relative_to(lane.disk.place):
                found.append(version_of(int(process.name)))
    return [version for version in found if version]


def calls_of_supervisor(lane: PoweredLane, record: Path) -> list[Call]:
    """Record what the supervisor itself writes during an update."""
    lane.prepare(lane.stories.good)
    tracer = attach(lane.host.supervisor_pid, recording(record))
    lane.agent("tick")
    tracer.send_signal(signal.SIGINT)
    tracer.communicate()
    return changes_of(record.read_text(), lane.host.folder)


def test_a_supervisor_killed_at_any_call_leaves_one_product(lane, tmp_path):
    """After the next supervisor and the next tick one version runs, once."""
    calls = calls_of_supervisor(lane, tmp_path / "record")
    assert len(calls) >= 10
    for call in calls:
        lane.prepare(lane.stories.good)
        tracer = attach(lane.host.supervisor_pid, spoiling(call, "signal=KILL"))
        lane.agent("tick")
        tracer.communicate()
        lane.boot_supervisor()
        done = lane.agent("tick", "--json")
        wrong = judge.healed(lane, lane.stories.good, done, disk_failed=False)
        assert (wrong, products(lane)) == ([], [NEW]), call


def test_a_supervisor_on_a_full_disk_goes_on(lane):
    """What should run is in its memory, and is written down when there is space again."""
    lane.prepare(lane.stories.good)
    pid = lane.host.supervisor_pid
    refused = ["-e", "trace=openat", "-P", str(lane.host.state / ".services.json.new"), "-o", "/dev/null"]
    tracer = attach(pid, [*refused, "-e", "inject=openat:error=ENOSPC"])
    done = lane.agent("tick")
    assert (done["status"], products(lane)) == (0, [NEW]), done["err"]
    os.kill(control.ask(lane.host.state, {"op": "status", "service": "agent"})["pid"], signal.SIGKILL)
    lane.host.eventually(lambda: products(lane) == [NEW])
    assert (lane.host.supervisors[-1].poll(), lane.host.supervisor_pid) == (None, pid)
    tracer.send_signal(signal.SIGINT)
    tracer.communicate()
    saved = lane.host.state / "services.json"
    eventually(lambda: str(lane.pid()) in saved.read_text())
    assert OLD not in products(lane)


@pytest.mark.parametrize("state", ["SWITCHING", "ON_TRIAL"])
def test_ticks_without_a_supervisor_speak_against_no_version(lane, state):
    """However many there are, the update is finished when there is somebody to run the product."""
    lane.prepare(lane.stories.good)
    dies_in(lane.host, state)
    lane.host.kill_supervisor()
    for _ in range(4):
        done = lane.agent("tick")
        assert (done["status"], lane.host.stands) == (13, state), done["err"]
        assert "tidegate-agent run" in done["err"]
    lane.boot_supervisor()
    lane.agent("tick")
    assert (lane.runs, lane.host.stands, lane.host.rule()) == (NEW, "IDLE", "current")
