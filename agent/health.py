"""Questions about health: http, tcp, exec, systemd. Each is answered once, in bounded time."""

import json
import socket
import threading
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import msgspec

from agent import commands
from agent.services import NoManagerError
from agent.services.systemd import unit_state
from metadata.release import Probe

MOST_BODY_BYTES = 65_536
"""What is read of an HTTP answer: what stands later is not looked for."""


class Answer(msgspec.Struct, frozen=True):
    """What a probe said."""

    ok: bool
    text: str


class Health(msgspec.Struct, frozen=True):
    """The probes of one version: the release's own, and those of the settings."""

    entries: tuple[Probe, ...]
    folder: Path
    """The version's folder, to which commands are relative."""

    def ask(self, entry: Probe) -> Answer:
        """Answer one probe within its time limit, whatever the other side does."""
        return _bounded(entry, self.folder)

    def all_well(self) -> Answer:
        """Answer every probe once; the first that fails speaks for all."""
        for entry in self.entries:
            answer = self.ask(entry)
            if not answer.ok:
                return answer
        return Answer(True, "every probe holds")


def _bounded(entry: Probe, folder: Path) -> Answer:
    """A socket's time limit starts anew with each byte, so a dripping server needs a limit around it."""
    answers: SimpleQueue[Answer] = SimpleQueue()
    threading.Thread(target=lambda: answers.put(probe(entry, folder)), daemon=True).start()
    try:
        return answers.get(timeout=entry.timeout_s + 1)
    except Empty:
        return Answer(False, f"{entry.text()}: no answer in {entry.timeout_s} s")


def probe(entry: Probe, folder: Path) -> Answer:
    """Answer one probe."""
    if entry.exec is not None:
        return _exec(entry, entry.exec, folder)
    if entry.tcp is not None:
        return _tcp(entry, entry.tcp)
    if entry.systemd is not None:
        return _systemd(entry, entry.systemd)
    return _http(entry, entry.http or "")


def _exec(entry: Probe, command: list[str], folder: Path) -> Answer:
    ran = commands.run(commands.resolve(command, folder), folder, entry.timeout_s)
    if not ran.ok:
        return Answer(False, f"{entry.text()} {ran.text()}")
    if entry.expect is not None and not commands.says(ran.output, entry.expect):
        return Answer(False, f"{entry.text()} does not say {entry.expect}")
    return Answer(True, f"{entry.text()} exited 0")


def _tcp(entry: Probe, address: str) -> Answer:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=entry.timeout_s):
            return Answer(True, f"{entry.text()} accepts")
    except (OSError, OverflowError, ValueError) as error:
        return Answer(False, f"{entry.text()}: {error}")


def _http(entry: Probe, url: str) -> Answer:
    from requests import RequestException  # noqa: PLC0415 (no idle tick asks anything, and it costs 30 ms)
    from urllib3.exceptions import HTTPError  # noqa: PLC0415 (as above)

    from agent.session import Session  # noqa: PLC0415 (as above)

    with Session() as session:
        session.trust_env = False  # the product is on this host; a proxy for the outside must not be asked
        try:
            with session.get(url, stream=True, timeout=entry.timeout_s) as answer:
                if answer.status_code != entry.status or entry.expect is None:
                    text = f"{entry.text()} answered {answer.status_code}"
                    return Answer(answer.status_code == entry.status, text)
                body = answer.raw.read(MOST_BODY_BYTES, decode_content=True)
                return _body(entry, body.decode(errors="replace"), entry.expect)
        except (RequestException, HTTPError, ValueError) as error:
            reason = " ".join(str(error).split())[:160]
            return Answer(False, f"{entry.text()}: {reason}")


def _body(entry: Probe, body: str, expect: str) -> Answer:
    if entry.json is None:
        said = "says" if (ok := commands.says(body, expect)) else "does not say"
        return Answer(ok, f"{entry.text()} {said} {expect}")
    try:
        found = _plain(_at(json.loads(body), entry.json))
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        return Answer(False, f"{entry.text()} has no such value: {error}")
    shown = found[:200].encode(errors="replace").decode()  # JSON may have half a character, which no text has
    return Answer(found == expect, f"{entry.text()} is {shown}")


def _at(value: Any, pointer: str) -> Any:
    """Return what a JSON pointer names (RFC 6901)."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        value = value[int(key)] if isinstance(value, list) else value[key]
    return value


def _plain(value: Any) -> str:
    """Return a value as ``expect`` has it: text as it is, all else as JSON writes it."""
    return value if isinstance(value, str) else json.dumps(value)


def _systemd(entry: Probe, unit: str) -> Answer:
    try:
        state = unit_state(unit)
    except NoManagerError as error:
        return Answer(False, f"{entry.text()}: {error.message}")
    return Answer(state.active, f"{entry.text()} {state.text}")
