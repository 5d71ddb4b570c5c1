"""Sign what is due and put it where the channel's policy says: one object for each flush."""

import json
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.signer import CryptoSigner, Key

from agent.fetch import FOLDER
from agent.identity import Identity
from agent.reports.outbox import TO_ALL, Batch
from agent.reports.scrub import scrub
from agent.session import Session, route
from agent.settings import Network
from metadata.envelope import public_entry, seal
from metadata.errors import UnreachableError
from metadata.report import MAX_DETAIL, Report

PUT_S = 20
"""How long a flush may take: a place for reports that hangs must not hold a tick."""
_FIELDS = ("at", "product", "wave", "rollout", "from", "to", "stage", "outcome", "reason", "running")
_BEAT = ("pin", "windows")
_CREATED = {200, 201, 204}
_THERE = {409, 412}
"""Create-only storage says so when the object exists."""


class Voice(msgspec.Struct, frozen=True):
    """Who speaks, and what every report of the host says."""

    identity: Identity
    labels: Mapping[str, str]
    channels: Mapping[str, str]
    """By product."""
    clock: str = ""
    machine: str = ""
    """Tells this machine from another with the same identity, and from nothing else."""

    def body(self, batch: Batch) -> bytes:
        """Return a flush as it is stored: a JSON array of DSSE envelopes."""
        signer = CryptoSigner(load_pem_private_key(self.identity.key.encode(), None))
        reports = [
            self._report(batch.first_seq + number, event, signer.public_key)
            for number, event in enumerate(batch.events)
        ]
        return b"[" + b",\n".join(seal(report, signer) for report in reports) + b"]\n"

    def _report(self, seq: int, event: Mapping[str, Any], key: Key) -> Report:
        known = {name: event[name] for name in (*_FIELDS, *_BEAT) if event.get(name) is not None}
        extra: dict[str, Any] = {}
        if decision := event.get("decision"):
            extra["decision"] = {**decision, "text": bounded(decision["text"])}
        if event["stage"] == "enroll":
            cohort_id = self.identity.cohort_id
            extra |= {"token": self.identity.token, "key": public_entry(key), "cohort_id": cohort_id}
        said = {
            **known,
            **extra,
            "format": "tidegate.report/1",
            "agent": self.identity.agent,
            "seq": seq,
            "channel": self._channel(event),
            "detail": bounded(event.get("detail", "")),
            "labels": dict(self.labels),
            "machine": self.machine,
            "clock": {"trouble": self.clock} if self.clock else {},
        }
        return msgspec.convert(json.loads(json.dumps(said)), Report)

    def _channel(self, event: Mapping[str, Any]) -> str:
        """Return the channel that a report is about; who speaks is said of the token's own."""
        if event["stage"] in TO_ALL and self.identity.scope:
            return self.identity.scope[0].partition("/")[2]
        return self.channels[event["product"]]


def bounded(text: str) -> str:
    """Return what a host may say of a log: its beginning, without secrets."""
    return scrub(text[:MAX_DETAIL])[:MAX_DETAIL]


def paths_of(voice: Voice, seq: int, now: datetime) -> list[str]:
    """Return where a flush is filed: by the time of sending, so that a sleeper's reports are found.

    Another machine with the same identity may have taken the first name; the second is this machine's own.
    """
    base = f"reports/v1/dt={now:%Y-%m-%d}/hh={now:%H}/{voice.identity.agent}/{seq}"
    return [f"{base}.json", *([f"{base}.{voice.machine[:8]}.json"] if voice.machine else [])]


def put(base: str, paths: Sequence[str], body: bytes, headers: Mapping[str, str], network: Network) -> None:
    """Create an object under the first name that is free; where none is, it was sent before.

    Raises:
        UnreachableError: The place did not take it in time.
    """
    for path in paths:
        if _put(base, f"{base.rstrip('/')}/{path}", body, headers, network):
            return


def _put(base: str, url: str, body: bytes, headers: Mapping[str, str], network: Network) -> bool:
    """Return whether an object was created; False where one is there already."""
    if url.startswith(FOLDER):
        return _create(Path(unquote(urlsplit(url).path)), body)
    answers: SimpleQueue[int | str] = SimpleQueue()
    # A socket's time limit starts anew with each byte; a dripping server needs a limit around it.
    threading.Thread(target=lambda: answers.put(_send(url, body, headers, network)), daemon=True).start()
    try:
        answer = answers.get(timeout=PUT_S)
    except Empty:
        answer = f"no answer in {PUT_S} s"
    if answer not in _CREATED | _THERE:
        said = f"HTTP {answer}" if isinstance(answer, int) else answer
        raise UnreachableError(f"{base} does not take reports: {said}", "updates go on; reports wait")
    return answer in _CREATED


def _send(url: str, body: bytes, headers: Mapping[str, str], network: Network) -> int | str:
    """Return the status, or what went wrong."""
    fixed = {"Content-Type": "application/json", "If-None-Match": "*"}
    try:
        with (
            Session() as session,
            session.put(
                url, body, headers={**headers, **fixed}, timeout=(5, 10), stream=True, **route(network)
            ) as answer,
        ):
            return answer.status_code
    except (OSError, ValueError) as error:
        return " ".join(str(error).split())[:160]


def _create(path: Path, body: bytes) -> bool:
    """Put a file into a folder that is collected by other means, unless it is there."""
    if path.exists():
        return False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.new")
        fresh.write_bytes(body)
        fresh.replace(path)
    except OSError as error:
        raise UnreachableError(f"{path.parent} does not take reports: {error.strerror}") from error
    return True
