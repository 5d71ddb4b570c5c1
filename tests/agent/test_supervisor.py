"""The resident part: it runs child services and ticks, and survives both."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from agent import control, processes
from tests.agent.scene import QUICK
from tests.support.host import Host, eventually
from tests.support.product import build
from tests.support.web import hang_up, silent


def service(host: Host) -> int:
    """Return the process that runs the product; 0 without one."""
    return int(control.ask(host.state, {"op": "status", "service": "agent"}).get("pid", 0))


def ticks(pid: int) -> list[int]:
    """Return the children of a supervisor that are no services."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    commands = {int(child): Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0") for child in children}
    return [child for child, command in commands.items() if b"tick" in command]


@pytest.fixture
def running(supervised):
    """A supervisor that has installed a first version and waits for the next poll."""
    supervised.enroll()
    supervised.release("1.0.0")
    supervised.host.supervise()
    eventually(lambda: supervised.host.runs == "1.0.0")
    eventually(lambda: supervised.host.stands == "IDLE")
    return supervised


def test_a_supervisor_installs_and_updates(running):
    """``run`` polls by itself and brings every order to its end."""
    running.release("1.1.0")
    eventually(lambda: running.host.runs == "1.1.0")
    eventually(lambda: running.host.stands == "IDLE")
    assert running.host.entry()["running"] == "1.1.0"


def test_a_service_that_ends_is_started_again(running):
    """A crash of the product is answered by a new process."""
    before = service(running.host)
    os.kill(before, signal.SIGKILL)
    eventually(lambda: service(running.host) not in {0, before})
    eventually(lambda: running.host.runs == "1.0.0")


def test_a_living_service_is_taken_over(running):
    """A supervisor that was killed leaves its service running, and the next one takes it over."""
    before = service(running.host)
    running.host.kill_supervisor()
    assert running.host.runs == "1.0.0"
    running.host.supervise()
    eventually(lambda: listens(running.host))
    assert service(running.host) == before
    os.kill(before, signal.SIGKILL)
    eventually(lambda: service(running.host) not in {0, before})


def listens(host: Host) -> bool:
    """Return whether a supervisor answers."""
    try:
        control.ask(host.state, {"op": "status", "service": "agent"})
    except control.NoSupervisorError:
        return False
    return True


def test_a_supervisor_ends_with_everything(running):
    """SIGTERM ends services and ticks; the next start brings the service back."""
    pid = service(running.host)
    assert running.host.end_supervisor() == 0
    assert running.host.runs is None
    assert not Path(f"/proc/{pid}").exists()
    running.host.supervise()
    eventually(lambda: running.host.runs == "1.0.0")


def test_a_service_is_asked_to_end_before_it_is_ended(supervised):
    """One that listens to SIGTERM tidies up; one that does not is gone when its ``stop_s`` are over."""
    supervised.enroll()
    supervised.release("1.0.0", "tidy")
    supervised.host.supervise()
    supervised.host.eventually(lambda: supervised.host.runs == "1.0.0")
    supervised.release("1.1.0", "stubborn")
    supervised.host.eventually(lambda: (supervised.host.runs, supervised.host.stands) == ("1.1.0", "IDLE"))
    assert (supervised.host.folder / "tidied").exists()
    stubborn = service(supervised.host)
    supervised.release("1.2.0")
    supervised.host.eventually(lambda: supervised.host.runs == "1.2.0")
    assert not Path(f"/proc/{stubborn}").exists()


def test_what_a_service_has_started_ends_with_it(supervised):
    """A helper in a session of its own is ended by a stop, and is not taken for the next version."""
    supervised.enroll()
    supervised.release("1.0.0", "nursing")
    supervised.host.supervise()
    supervised.host.eventually(lambda: supervised.host.runs == "1.0.0")
    helper = int((supervised.host.folder / "helper").read_text())
    left = processes.Process(helper, processes.born(helper))
    assert left.alive()
    supervised.release("1.1.0")
    supervised.host.eventually(lambda: (supervised.host.runs, supervised.host.stands) == ("1.1.0", "IDLE"))
    assert not left.alive()


def test_a_second_supervisor_is_refused(running):
    """One supervisor for one state folder."""
    done = running.host.run("run")
    assert (done.exit_code, "another supervisor" in done.stderr) == (15, True)


def test_a_lost_memory_is_filled_again(running):
    """A supervisor that has forgotten its services is told by the next tick what should run."""
    pid = service(running.host)
    running.host.kill_supervisor()
    os.kill(pid, signal.SIGKILL)
    (running.host.state / "services.json").write_bytes(b'{"agent": ')
    running.host.supervise()
    eventually(lambda: running.host.runs == "1.0.0")


def test_a_service_without_its_folder_gives_way(running):
    """Somebody removed what runs: the next version is really started, and not taken for the old process."""
    before = service(running.host)
    shutil.rmtree(running.host.root / "agent")
    running.release("1.1.0")
    running.host.eventually(lambda: running.host.runs == "1.1.0")
    assert service(running.host) not in {0, before}


def test_a_program_that_cannot_be_started_stops_nothing(running):
    """A script without its interpreter is seen before the switch, also where the release has no probe."""
    before = service(running.host)
    tree = build(running.repo.base / "builds", "1.1.0", "alien")
    running.repo.add("1.1.0", tree, *QUICK)
    running.order("1.1.0")
    running.host.eventually(lambda: "trouble" in running.host.entry())
    text = running.host.entry()["trouble"]["text"]
    assert text.endswith("bin/agent asks for /nonexistent/python3, which is not there")
    assert (service(running.host), running.host.runs) == (before, "1.0.0")
    assert "quarantine" not in running.host.entry()


def test_a_hung_tick_is_killed_by_its_deadline(running):
    """A server that never answers holds one tick, and not the host."""
    done = threading.Event()
    running.web.faults["timestamp.json"] = silent(done)
    running.web.forget()
    eventually(lambda: running.web.asked("timestamp.json") > 0)
    (hung,) = ticks(running.host.supervisor_pid)
    running.web.faults.clear()
    running.release("1.1.0")
    control.ask(running.host.state, {"op": "next", "seconds": 0})
    control.ask(running.host.state, {"op": "deadline", "seconds": 0})
    eventually(lambda: not Path(f"/proc/{hung}").exists())
    eventually(lambda: running.host.runs == "1.1.0")
    done.set()
    assert "did not end in time" in (running.host.folder / "supervisor.log").read_text()


def test_a_crash_loop_goes_back(running):
    """Three restarts within a trial lose it at once, however long it may take to start."""
    running.release("1.1.0", "crashes", "--start-s", "600")
    eventually(lambda: ("update_rollback", "ok", "version") in running.host.history())
    assert ("update_healthcheck", "failed", "restarts") in running.host.history()
    eventually(lambda: running.host.runs == "1.0.0")


def test_one_restart_is_forgiven(running):
    """A version that trips once while it starts, and then holds, is kept."""
    running.release("1.1.0", "trips", "--start-s", "30", "--trial-s", "1")
    eventually(lambda: ("update_healthcheck", "ok", "") in running.host.history()[4:])
    assert running.host.runs == "1.1.0"


def test_a_tick_without_a_supervisor_changes_nothing(running):
    """A child service needs its supervisor: without one an update waits, and nobody is blamed."""
    running.host.end_supervisor()
    running.release("1.1.0")
    done = running.host.tick()
    assert (done.exit_code, running.host.installed, running.host.stands) == (13, "1.0.0", "IDLE")
    assert "tidegate-agent run" in done.stderr
    running.host.supervise()
    eventually(lambda: running.host.runs == "1.1.0")


def test_a_supervisor_that_dies_during_a_trial_fails_nothing(running):
    """The trial goes on under the next supervisor, with the same process."""
    running.release("1.1.0", "good", "--trial-s", "3")
    eventually(lambda: running.host.stands == "ON_TRIAL" and running.host.runs == "1.1.0")
    pid = service(running.host)
    running.host.kill_supervisor()
    eventually(lambda: running.host.run("tick").exit_code != 15)
    assert running.host.stands == "ON_TRIAL"
    running.host.supervise()
    eventually(lambda: running.host.stands == "IDLE")
    assert (running.host.runs, service(running.host)) == ("1.1.0", pid)


def test_a_tick_that_dies_during_a_trial_is_followed_at_once(running):
    """Between two versions the supervisor does not wait for the next poll."""
    running.release("1.1.0", "good", "--trial-s", "3")
    eventually(lambda: running.host.stands == "ON_TRIAL")
    (tick,) = ticks(running.host.supervisor_pid)
    os.kill(tick, signal.SIGKILL)
    eventually(lambda: running.host.stands == "IDLE" and running.host.runs == "1.1.0")


def test_an_unreachable_repository_does_not_stop_the_service(running):
    """The product is kept whatever becomes of the repository."""
    pid = service(running.host)
    running.web.faults[""] = hang_up
    running.web.forget()
    eventually(lambda: bool(running.web.requests))
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: service(running.host) not in {0, pid})


def test_nonsense_on_the_control_socket(running):
    """A request that makes no sense is noted, and the supervisor goes on."""
    with pytest.raises(control.NoSupervisorError):
        control.ask(running.host.state, {"op": "start"})
    assert service(running.host)
    log = (running.host.folder / "supervisor.log").read_text()
    assert "made no sense" in log


def test_settings_that_cannot_be_read(supervised):
    """``run`` says what is wrong with its settings and ends."""
    supervised.host.settings.write_text("state = ")
    assert supervised.host.run("run").exit_code == 10


def test_settings_that_became_malformed_leave_nothing_down(running):
    """A slip of an editor is told, and what ran before a boot runs again while nothing is updated."""
    host, sound = running.host, running.host.settings.read_text()
    assert host.end_supervisor() == 0
    host.settings.write_text(f"{sound}\nhealth = [\n")
    host.supervise()
    host.eventually(lambda: host.runs == "1.0.0")
    log = (host.folder / "supervisor.log").read_text()
    assert "what runs here runs on, and nothing is updated until the file is mended" in log
    running.release("1.1.0")
    host.settings.write_text(sound)
    host.eventually(lambda: host.tick().exit_code == 0 and host.runs == "1.1.0")


@pytest.mark.parametrize(
    "lines", ["", 'state = "{state}', 'state = ""', 'state = "{state}/elsewhere"\nroot =']
)
def test_settings_that_do_not_say_where_things_are(supervised, lines):
    """No place is guessed."""
    supervised.host.settings.write_text(lines.format(state=supervised.host.state) + "\n= nonsense")
    assert supervised.host.run("run").exit_code == 10


def test_the_resident_process_knows_little():
    """The supervisor is the standard library and a few small modules of our own."""
    code = "import sys, json, agent.supervisor; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, check=True, cwd=HERE)
    ours = {name for name in json.loads(done.stdout) if name.partition(".")[0] not in sys.stdlib_module_names}
    assert ours == {
        *("agent", "agent.supervisor", "agent.children", "agent.control", "agent.files", "agent.notify"),
        *("agent.bare", "agent.guard", "agent.guard.watch", "agent.locking", "agent.processes"),
        *("agent.plain", "agent.updater", "agent.worker"),
        *("metadata", "metadata.errors", "metadata.paths"),
        *({"__main__"} & ours),
    }


HERE = Path(__file__).parents[2]


def test_a_state_folder_that_was_removed(running):
    """The supervisor takes its place again, the service goes on, and updates come when somebody enrols."""
    pid = service(running.host)
    before = processes.Process(pid, processes.born(pid))
    shutil.rmtree(running.host.state, ignore_errors=True)
    eventually(lambda: listens(running.host))
    assert service(running.host) == pid
    assert running.enroll().exit_code == 0
    running.release("1.1.0")
    eventually(lambda: running.host.runs == "1.1.0")
    assert not before.alive()
