"""The units that are shipped: hardened, booted for real, and what the supervisor tells systemd."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.agent.scene import Scene, copied
from tests.support.host import eventually
from tests.support.systemd import PACKAGED, PackagedHost, Systemd, skip_without_systemd
from tests.support.web import serving

AGENT = "tidegate-agent.service"
NOBODY = 65_534
TOLD = "/run/tidegate/status.json"


@pytest.fixture
def packaged(founded, tmp_path) -> Iterator[Scene]:
    """A host with the agent's units, before its first boot."""
    skip_without_systemd()
    systemd = Systemd(tmp_path / "systemd")
    repo = copied(founded, tmp_path / "repo")
    with serving(repo.store) as web:
        yield Scene(repo, web, PackagedHost(tmp_path / "host", systemd))
    systemd.close()


@pytest.fixture
def machine(packaged):
    """Its systemd."""
    return packaged.host.systemd


DROP_IN = PACKAGED / "tidegate-.service.d" / "hardening.conf"


@pytest.mark.parametrize("unit", [AGENT, "tidegate-tick.service", "tidegate-guard.service"])
def test_a_unit_is_hardened(unit, tmp_path):
    """What systemd itself finds open in a unit is OK or better, and each opening has its reason."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("there is no systemd-analyze to judge")
    shutil.copytree(PACKAGED, tmp_path / "etc" / "systemd" / "system")
    options = ["--offline=true", f"--root={tmp_path}", "--threshold=49", "--json=short"]
    judged = subprocess.run(
        ["systemd-analyze", "security", *options, unit], capture_output=True, text=True, check=False
    )
    assert judged.returncode == 0, judged.stdout + judged.stderr
    open_ones = [entry["name"] for entry in json.loads(judged.stdout) if float(entry["exposure"] or 0)]
    reasons = re.findall(r"^# - (.+?): \S", DROP_IN.read_text(), re.MULTILINE)
    reasoned = {name for names in reasons for name in re.findall(r"\w+=", names)}
    assert {name for one in open_ones for name in re.findall(r"^\w+=|(?<=/)\w+=", one)} <= reasoned, reasoned


def begin(scene, unit=AGENT):
    """Boot, enrol, and start one of the units."""
    scene.host.boot()
    assert scene.enroll().exit_code == 0
    scene.release("1.0.0")
    started = scene.host.systemd.ctl("start", unit)
    assert started.returncode == 0, started.stderr
    eventually(lambda: scene.host.runs == "1.0.0")


def test_the_agent_as_a_unit(packaged, machine):
    """Under its hardening it installs, updates, goes back with the configuration, and says what it does."""
    packaged.host.write_settings(top=f'status = "{TOLD}"')
    config = packaged.host.outside(packaged.host.config)
    os.chown(config, NOBODY, NOBODY)
    os.setxattr(config, "user.note", b"by hand")
    begin(packaged)
    packaged.release("1.1.0")
    eventually(lambda: packaged.host.runs == "1.1.0")
    packaged.release("1.2.0", "migrates+unhealthy", "--start-s", "1")
    eventually(lambda: "quarantined" in machine.show(AGENT, "StatusText"))
    assert "agent 1.1.0 [IDLE" in machine.show(AGENT, "StatusText")
    assert (packaged.host.runs, config.read_text()) == ("1.1.0", "colour = blue\n")
    assert (config.stat().st_uid, os.getxattr(config, "user.note")) == (NOBODY, b"by hand")
    assert machine.show(AGENT, "NRestarts") == "0"
    assert look(machine, "stat", "--format=%U %G %a", TOLD) == "root tidegate 640"
    (entry,) = json.loads(look(machine, "cat", TOLD))["products"]
    assert (entry["running"], entry["quarantine"]) == ("1.1.0", ["1.2.0"])


def look(machine: Systemd, *command: str) -> str:
    """Return what a command prints on the machine."""
    done = subprocess.run(machine.inside(*command), capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_an_agent_that_hangs_is_started_again(packaged, machine):
    """Without a sign of life systemd ends the supervisor and starts another; the product goes on."""
    packaged.host.drop_in(AGENT, "[Service]\nWatchdogSec=2s\nRestartSec=0\n")
    begin(packaged)
    product = packaged.host.pid
    hung = machine.outer(int(machine.show(AGENT, "MainPID")))
    os.kill(hung, signal.SIGSTOP)
    eventually(lambda: machine.show(AGENT, "NRestarts") == "1")
    eventually(lambda: machine.show(AGENT, "ActiveState") == "active")
    assert packaged.host.pid == product


CHILD = (
    'service = {{ kind = "child", command = ["{{current}}/bin/agent", "{port}", "{config}"], stop_s = 4 }}'
)


def runs_a_child(scene):
    """Let the supervisor run the product itself."""
    settings = scene.host.outside(scene.host.settings)
    lines = settings.read_text().splitlines()
    child = CHILD.format(port=scene.host.port, config=scene.host.config)
    settings.write_text("\n".join(child if line.startswith("service") else line for line in lines))


def test_a_child_product_outlives_a_supervisor_that_dies(packaged, machine):
    """A crash of the updater stops nothing, and the next supervisor has the same process in its care."""
    runs_a_child(packaged)
    packaged.host.drop_in(AGENT, "[Service]\nRestartSec=0\n")
    begin(packaged)
    services = packaged.host.outside(packaged.host.state / "services.json")
    before = services.read_bytes()
    machine.ctl("kill", "--kill-whom=main", "--signal=KILL", AGENT)
    eventually(lambda: machine.show(AGENT, "NRestarts") == "1")
    eventually(lambda: machine.show(AGENT, "ActiveState") == "active")
    assert (packaged.host.runs, services.read_bytes()) == ("1.0.0", before)


def test_a_supervisor_that_is_stopped_ends_its_products(packaged, machine):
    """``systemctl stop`` waits for the products of kind ``child``, longer than the watchdog if need be."""
    runs_a_child(packaged)
    packaged.host.drop_in(AGENT, "[Service]\nWatchdogSec=2s\n")
    packaged.host.boot()
    packaged.enroll()
    packaged.release("1.0.0", "stubborn")
    machine.ctl("start", AGENT)
    eventually(lambda: packaged.host.runs == "1.0.0")
    machine.ctl("stop", AGENT)
    assert (machine.show(AGENT, "Result"), packaged.host.runs) == ("success", None)


def test_a_trial_that_nobody_keeps_is_taken_back(packaged, machine):
    """With the agent gone in the middle of a trial, the guard's timer brings the old version back."""
    quick = "[Timer]\nOnActiveSec=0\nOnUnitInactiveSec=1s\nAccuracySec=100ms\n"
    packaged.host.drop_in("tidegate-guard.timer", quick)
    begin(packaged)
    packaged.release("1.1.0", "migrates", "--trial-s", "3600")
    eventually(lambda: packaged.host.runs == "1.1.0")
    machine.ctl("stop", AGENT)
    assert machine.show("tidegate-guard.timer", "ActiveState") == "active"
    watch = packaged.host.outside(packaged.host.state) / "guard" / "agent.json"
    watch.write_text(json.dumps({**json.loads(watch.read_bytes()), "until_s": 0}))
    eventually(lambda: packaged.host.runs == "1.0.0")
    eventually(lambda: machine.show("tidegate-guard.timer", "ActiveState") == "inactive")
    assert packaged.host.outside(packaged.host.config).read_text() == "colour = blue\n"


def test_polls_by_a_timer(packaged, machine):
    """Without a resident process a timer starts the ticks, and what commands start outlives them."""
    packaged.host.drop_in("tidegate-tick.timer", "[Timer]\nOnActiveSec=0\nRandomizedDelaySec=0\n")
    begin(packaged, "tidegate-tick.timer")
    eventually(lambda: machine.show("tidegate-tick.service", "ActiveState") == "inactive")
    assert machine.show("tidegate-tick.service", "Result") == "success"
    assert machine.show("tidegate-tick.timer", "SubState") == "waiting"
    machine.ctl("start", AGENT)
    eventually(lambda: machine.show("tidegate-tick.timer", "ActiveState") == "inactive")


@pytest.fixture
def told(tmp_path, monkeypatch) -> Iterator[Callable[[], str]]:
    """What a service manager would hear, message by message."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.settimeout(60)
        address = Path(os.path.relpath(tmp_path / "notify"))
        line.bind(str(address))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "200000")
        yield lambda: line.recv(4096).decode()


def test_what_a_supervisor_tells(supervised, told):
    """It is ready once it listens, says what a tick says, gives signs of life, and that it ends."""
    supervised.enroll()
    supervised.release("1.0.0")
    supervised.host.supervise()
    assert told() == "READY=1"
    heard = {told()}
    while not any("[IDLE" in text for text in heard):
        heard.add(told())
    assert {"WATCHDOG=1", "STATUS=agent: asking the repository", "STATUS=agent: 1.0.0 is on trial"} <= heard
    assert supervised.host.end_supervisor() == 0
    while not (text := told()).startswith("STOPPING=1"):
        assert text == "WATCHDOG=1" or text.startswith("STATUS=")


def test_a_tick_that_ends_without_a_word_is_told(supervised, told):
    """What a tick could not say itself, the supervisor says."""
    supervised.host.settings.write_text(f"{supervised.host.settings.read_text()}windows = ['never']\n")
    supervised.host.supervise()
    while "ended with status" not in (text := told()):
        assert text in {"READY=1", "WATCHDOG=1"}
    assert "status 10" in text


def test_a_host_that_waits_to_be_enrolled_says_so(supervised, told):
    """Whoever looks at the unit before enrolment learns what is missing."""
    supervised.host.supervise()
    while (text := told()) != "STATUS=this host is not enrolled":
        assert text in {"READY=1", "WATCHDOG=1"}
