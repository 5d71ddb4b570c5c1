"""Servers that mean harm: each tick ends in time, as it should, in little memory; what runs goes on."""

import threading
from pathlib import Path

import pytest

from agent.fetch import Fetcher
from agent.settings import Network
from agent.transport import Clock
from metadata.errors import UnreachableError
from tests.support.ticks import ticking
from tests.support.web import answer, busy, cut, drip, flood, hang_up, redirect, serving

IMPATIENT = "[network]\npatience_s = 1\n"
MOST_MEMORY = 120 << 20
"""What a tick may need at most, whatever it is sent; one that is answered well needs half of it."""
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
ATTACKS = {
    "a status that drips": drip(b"HTTP/1.1 2"),
    "headers that drip": drip(OK + b"X-Header: "),
    "a body that drips": drip(OK + b"Content-Length: 9999\r\n\r\n"),
    "silence in the middle": drip(OK + b"Content-Length: 9999\r\n\r\n", b""),
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

AT_ARTIFACTS = (
    *("silence in the middle", "a body without an end", "a length below nothing", "less than it promised"),
    *("a redirect without an end", "an answer to another question", "a fault of its own"),
)
"""One of each kind, since a download is tried four times."""
STORMS = {
    "refused": answer(403),
    "gone": answer(404),
    "failing": answer(500),
    "failing behind a gateway": answer(502),
    "failing at length": answer(503, b"x" * 10_000_000),
    "busy": busy(429, "86400"),
    "busy for a day": busy(503, "86400"),
    "silent": hang_up,
}
"""What a server says to everything."""


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


@pytest.fixture
def attacked(scene):
    """A host that is about to be updated, and has little patience."""
    scene.ready()
    scene.release("1.1.0")
    scene.host.write_settings(top=IMPATIENT)
    return scene


def test_ticks_under_attack(attacked):
    """Whatever comes in the place of metadata, a tick ends as it should, and later the update is done."""
    attempts = [("timestamp.json", name, attack) for name, attack in ATTACKS.items()]
    unmoved(attacked, attempts + [("", name, attack) for name, attack in STORMS.items()], {11})


def test_ticks_whose_artifact_is_attacked(attacked):
    """Whatever comes in the place of an artifact, none of it is installed, and the true one is afterwards."""
    name = attacked.artifact("1.1.0").name
    unmoved(attacked, [(name, attack, ATTACKS[attack]) for attack in AT_ARTIFACTS], {11, 12})


def unmoved(scene, attacks, exit_codes: set[int]) -> None:
    """Run a tick under each attack: in little memory, while what runs goes on; then one in peace."""
    pid = scene.host.pid
    with ticking(scene.host) as ticks:
        for ending, said, attack in attacks:
            scene.web.faults = {ending: attack}
            done = ticks.tick()
            assert done.exit_code in exit_codes, said
            assert (scene.host.runs, scene.host.pid, scene.host.stands) == ("1.0.0", pid, "IDLE"), said
            assert done.peak_bytes < MOST_MEMORY, said
        scene.web.faults.clear()
        scene.host.eventually(lambda: ticks.tick().exit_code == 0)
    assert scene.host.runs == "1.1.0"


@pytest.mark.parametrize(
    ("attack", "reason"),
    [
        ("headers that drip", "was not complete after 1 s|timed out"),
        ("a body that drips", "comes at less than 1,024 bytes a second|timed out"),
    ],
)
def test_an_artifact_that_drips_is_given_up(attacker, tmp_path, attack, reason):
    """A large file has much time, and a server that lets nothing through has little of it."""
    url = f"{attacker.url}/{list(ATTACKS).index(attack)}"
    with pytest.raises(UnreachableError, match=reason):
        Fetcher(Network(patience_s=1)).download(url, tmp_path / "artifact", 9_999, "0" * 64)


def test_a_clock_that_is_stopped_ends_nothing_later():
    """The disaster: the time of one try is over, and what ends it cuts the next try, which seems complete."""
    begun, stopped, ended = threading.Event(), threading.Event(), threading.Event()

    def end() -> None:
        begun.set()
        stopped.wait(0.2)
        ended.set()

    clock = Clock("it was not complete after", end)
    clock.set(0, 0)
    begun.wait()
    clock.stop()
    waited = ended.is_set()
    stopped.set()
    assert waited


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
