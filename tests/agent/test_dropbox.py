"""Places for reports that misbehave: no update fails or waits for them, and nothing that is said is lost."""

import contextlib
import json
import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from agent import identity, settings
from agent.journal import Journal
from agent.reports.flush import flush
from metadata.errors import UnsuitableError
from repo_tools.fleet.reporting import FLUSHES_OF_AN_UPDATE
from tests.agent.reporting import HEADER, forget_pauses, paste, peek, report_to, stages, token
from tests.agent.scene import AGENT, WAVES, Scene
from tests.support.host import Host
from tests.support.taker import Answer, Taker, status, taking
from tests.support.web import serving
from tests.support.workspace import Workspace


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Scene, Taker]]:
    """A host that is updated from version to version, and the place it reports to."""
    folder = tmp_path_factory.mktemp("life")
    repo = Workspace(folder / "repo").found(*WAVES)
    host = Host(folder / "host")
    with serving(repo.store) as web, taking() as taker:
        scene = Scene(repo, web, host)
        report_to(scene, taker.url)
        paste(host, token(scene, *HEADER), "--agent-id", AGENT)
        scene.release("1.0.0")
        assert host.tick().exit_code == 0
        yield scene, taker
        host.close()


def hangs(taker: Taker) -> Answer:
    """Return an answer that does not come as long as the story lasts."""

    def answer(_: BaseHTTPRequestHandler) -> None:
        taker.over.wait(120)

    return answer


def drips(taker: Taker) -> Answer:
    """Return an answer that comes so slowly that no socket's own time limit ends it."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        while not taker.over.wait(1):
            handler.wfile.write(b"H")

    return answer


def resets(_: Taker) -> Answer:
    """Return an answer that resets the connection."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()

    return answer


FAULTS: dict[str, tuple[Callable[[Taker], Answer], str]] = {
    "an error": (lambda _: status(500), "HTTP 500"),
    "a wrong key": (lambda _: status(403), "HTTP 403"),
    "a full disk": (lambda _: status(507), "HTTP 507"),
    "a redirect": (lambda _: status(307, Location="http://127.0.0.1:9/elsewhere"), "HTTP 307"),
    "a reset": (resets, ""),
    "no answer": (hangs, "timed out"),
    "a drip": (drips, "no answer in 20 s"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_update_does_not_wait_for_a_place(life, fault):
    """The update is done, why nothing arrived is noted, and all of it is told once the place is well."""
    scene, taker = life
    forget_pauses(scene.host)
    answer, why = FAULTS[fault]
    taker.taken.clear()
    taker.answer = answer(taker)
    version = f"1.{list(FAULTS).index(fault) + 1}.0"
    scene.release(version)
    done = scene.host.tick()
    assert (done.exit_code, scene.host.runs) == (0, version), done.stderr
    ((kept,),) = scene.host.query("SELECT value FROM memory WHERE key = 'reports/retry'")
    assert why in json.loads(kept)[taker.url]["why"]
    shown = len(taker.shown)
    taker.answer = status(201)
    assert scene.host.tick().exit_code == 0
    assert len(taker.shown) == shown  # it is left alone for a while
    forget_pauses(scene.host)
    assert scene.host.tick().exit_code == 0
    (flush_again,) = set(taker.taken.values())
    said = stages(peek(json.loads(flush_again)))
    assert said == ["update_download", "update_verify", "update_install", "update_healthcheck"]


def test_a_place_that_answers_long_after_it_has_stored(life):
    """A flush that was taken without an answer is filed once more as the same reports, and counts once."""
    scene, taker = life
    forget_pauses(scene.host)
    taker.taken.clear()
    taker.answer = hangs(taker)
    scene.host.query("DELETE FROM memory WHERE key LIKE 'heartbeat/%'")  # as if a day had passed
    assert scene.host.tick().exit_code == 0
    first = dict(taker.taken)
    taker.answer = lambda handler: status(409 if handler.path in first else 201)(handler)
    forget_pauses(scene.host)
    assert scene.host.tick().exit_code == 0
    assert set(taker.taken.values()) == set(first.values())
    assert scene.host.query("SELECT count(*) FROM memory WHERE key = 'reports/batches'") == [(0,)]


def test_an_update_is_told_in_three_flushes(life):
    """One when a trial of some length begins, one when it ended, and one after the soak."""
    scene, taker = life
    forget_pauses(scene.host)
    taker.answer = status(201)
    assert scene.host.tick().exit_code == 0
    taker.taken.clear()
    scene.release("1.20.0", "good", "--trial-s", "5", "--soak-s", "1")
    assert scene.host.tick().exit_code == 0
    scene.host.eventually(lambda: scene.host.tick().exit_code == 0 and len(taker.taken) == 3)
    flushes = [peek(json.loads(body)) for body in taker.taken.values()]
    told = [stages(reports) for reports in flushes]
    assert told == [
        ["update_download", "update_verify", "update_install"],
        ["update_healthcheck"],
        ["soak"],
    ]
    assert len(told) == FLUSHES_OF_AN_UPDATE


def test_every_report_says_what_runs_as_it_is_said(life):
    """A version on trial runs, whatever becomes of it; the next report says what runs then."""
    scene, taker = life
    forget_pauses(scene.host)
    taker.answer = status(201)
    assert scene.host.tick().exit_code == 0
    before = scene.host.installed
    taker.taken.clear()
    scene.release("1.30.0", "unhealthy", "--trial-s", "5", "--soak-s", "1")
    assert scene.host.tick().exit_code == 0
    on_trial, back = [peek(json.loads(body)) for body in taker.taken.values()]
    assert {one.running for one in on_trial} == {"1.30.0"}
    assert stages(back) == ["update_healthcheck", "update_rollback"]
    assert {one.running for one in back} == {before}


class FullJournal(Journal):
    """A journal on a disk that has no room for what is to be sent."""

    def remember(self, values: Mapping[str, Any]) -> None:
        """Refuse to note anything about reports."""
        if any(key.startswith("reports/") for key in values):
            raise UnsuitableError("no space left for the journal")
        super().remember(values)


def test_a_full_disk_under_the_outbox(life):
    """What cannot be noted is not sent, nothing else is disturbed, and there is room again later."""
    scene, taker = life
    forget_pauses(scene.host)
    taker.answer = status(201)
    found, _ = settings.load(scene.host.settings)
    who, _ = identity.load(found.state_folder)
    scene.host.query("DELETE FROM memory WHERE key LIKE 'heartbeat/%'")  # as if a day had passed
    before = len(taker.shown)
    with contextlib.closing(FullJournal(found.state_folder / "journal.db")) as journal:
        flush(found, journal, who)
    assert len(taker.shown) == before
    assert scene.host.tick().exit_code == 0
    assert len(taker.shown) == before + 1
