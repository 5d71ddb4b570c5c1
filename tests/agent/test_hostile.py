"""Servers that mean harm: each tick ends in time, as it should, in little memory; what runs goes on."""

import subprocess
import sys
from pathlib import Path

import pytest

from agent.fetch import Fetcher
from agent.settings import Network
from metadata.errors import UnreachableError
from tests.support.web import answer, busy, cut, drip, flood, hang_up, redirect, serving

IMPATIENT = "[network]\npatience_s = 2\n"
MOST_MEMORY = 120 << 20
"""What a tick may need at most, whatever it is sent; one that is answered well needs half of it."""
MEASURED = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10)
"""
"""A parent that is small itself, since the kernel counts it before its child is another program."""
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
ATTACKS = {
    "a status that drips": drip(b"HTTP/1.1 2"),
    "headers that drip": drip(OK + b"X-Header: "),
    "a body that drips": drip(OK + b"Content-Length: 9999\r\n\r\n"),
    "a body without an end that drips": drip(OK + b"\r\n"),
    "the length of a chunk that drips": drip(CHUNKED + b"5;"),
    "a body without an end": flood(OK + b"\r\n", bytes(65_536)),
    "a chunk of a terabyte": flood(CHUNKED + b"FFFFFFFFFF\r\n", bytes(65_536)),
    "a chunk of less than nothing": flood(CHUNKED + b"-5\r\n", bytes(65_536)),
    "headers without an end": flood(OK, b"X-Header: " + b"a" * 60_000 + b"\r\n"),
    "to be continued, for ever": flood(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a length below nothing": flood(OK + b"Content-Length: -7\r\n\r\n", bytes(65_536)),
    "a length that is none": flood(OK + b"Content-Length: many\r\n\r\n", bytes(65_536)),
    "no HTTP at all": flood(b"", bytes(range(256)) * 256),
    "less than it promised": cut(b"x" * 999, 9),
    "a reset": cut(b"x" * 999, 9, reset=True),
    "nothing": hang_up,
    "a redirect to a file": redirect("file:///etc/passwd"),
    "a redirect without an end": flood(
        b"HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1:9/\r\n\r\n", bytes(65_536)
    ),
    "a redirect to nowhere": redirect("https://[::bad"),
    "a redirect to what anybody may change": redirect("http://127.0.0.1:9/"),
    "too much to do": busy(429, "86400"),
    "too much to do, until some day": busy(503, "Fri, 31 Dec 2100 23:59:59 GMT"),
    "a fault of its own": answer(500),
    "a fault of its gateway": answer(502),
    "an answer to another question": answer(206, b"x" * 10_000_000),
    "no leave": answer(401),
}

AT_TICKS = (
    *("a body without an end", "a redirect without an end", "headers without an end", "headers that drip"),
    *("a body that drips", "a length below nothing", "less than it promised", "a reset", "no HTTP at all"),
)
"""One of each kind, since a tick takes longer than a request."""
STORMS = (
    *(answer(403), answer(404), answer(500), answer(502), answer(503, b"x" * 10_000_000)),
    *(busy(429, "86400"), busy(503, "86400")),
)


@pytest.fixture(scope="module")
def attacker(tmp_path_factory):
    """A server that answers each path with another attack."""
    with serving(tmp_path_factory.mktemp("nothing")) as web:
        for number, name in enumerate(ATTACKS):
            web.faults[f"/{number}"] = ATTACKS[name]
        yield web


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_answer_that_means_harm_is_no_answer(attacker, attack):
    """It ends as an error of ours within its time, whatever the server goes on doing."""
    with pytest.raises(UnreachableError):
        Fetcher(Network(patience_s=2)).get(f"{attacker.url}/{list(ATTACKS).index(attack)}", 100_000)


def test_ticks_under_attack(scene):
    """None hangs, grows or crashes, the product does not notice, and afterwards the update is done."""
    scene.ready()
    scene.release("1.1.0")
    scene.host.write_settings(top=IMPATIENT)
    for attack in AT_TICKS:
        scene.web.faults["timestamp.json"] = ATTACKS[attack]
        unmoved(scene, attack)
    scene.web.faults.clear()
    scene.host.tick()
    assert scene.host.runs == "1.1.0"


def test_ticks_in_a_storm(scene):
    """A server that answers everything with no, whatever no it is, costs a tick and nothing else."""
    scene.ready()
    scene.release("1.1.0")
    for fault in STORMS:
        scene.web.faults[""] = fault
        unmoved(scene, fault)
    scene.web.faults.clear()
    scene.host.tick()
    assert scene.host.runs == "1.1.0"


def unmoved(scene, attack: object) -> None:
    """Run a tick that reaches nothing, in little memory, while what runs goes on."""
    pid = scene.host.pid
    code, peak_bytes = tick(scene)
    assert (code, scene.host.runs, scene.host.pid) == (11, "1.0.0", pid), attack
    assert peak_bytes < MOST_MEMORY, attack


def tick(scene) -> tuple[int, int]:
    """Run a tick and return its exit code and its most memory in bytes."""
    command = [sys.executable, "-IS", "-c", MEASURED, *scene.host.command("tick")]
    done = subprocess.run(command, env=scene.host.environment, capture_output=True, text=True, check=True)
    code, peak_bytes = done.stdout.split()
    return int(code), int(peak_bytes)


def test_an_artifact_that_drips(scene):
    """A transfer without progress ends as soon as that is clear, and a later tick begins anew."""
    scene.ready()
    scene.release("1.1.0")
    scene.host.write_settings(top=IMPATIENT)
    artifact = scene.artifact("1.1.0")
    start = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % artifact.stat().st_size
    scene.web.faults[artifact.name] = drip(start, b"")
    assert scene.host.tick().exit_code == 11
    assert (scene.host.runs, scene.host.stands) == ("1.0.0", "IDLE")
    scene.web.faults.clear()
    scene.host.tick()
    assert scene.host.runs == "1.1.0"


@pytest.mark.parametrize("role", ["snapshot", "agent.stable", "agent.stable.canary"])
def test_metadata_of_another_day(scene, role):
    """A role that does not belong to what was signed around it is refused, though its own signatures hold."""
    scene.ready()
    old = newest(scene, role)
    scene.release("1.1.0")
    scene.forge.policy(poll_s=2)
    assert newest(scene, role) != old
    scene.web.faults[f".{role}.json"] = answer(200, old)
    assert (scene.host.tick().exit_code, scene.host.runs) == (12, "1.0.0")
    scene.web.faults.clear()
    scene.host.tick()
    assert scene.host.runs == "1.1.0"


def newest(scene, role: str) -> bytes:
    """Return the newest version of a role as it is served."""
    found = (scene.repo.store / "metadata").glob(f"[0-9]*.{role}.json")
    path: Path = max(found, key=lambda path: int(path.name.partition(".")[0]))
    return path.read_bytes()


def test_metadata_that_never_changes(scene):
    """A server that stands still starts nothing once what it says is too old to act upon."""
    scene.ready()
    scene.release("1.1.0")
    scene.forge.policy(fresh_s=1)
    scene.host.eventually(lambda: scene.host.run("check", "--json").rule == "stale")
    assert (scene.host.tick().exit_code, scene.host.runs) == (0, "1.0.0")
