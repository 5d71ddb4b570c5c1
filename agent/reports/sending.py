"""Sign what is due and put it where the channel's policy says: one object for each flush."""

import json
import threading
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
import requests
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.signer import CryptoSigner, Key

from agent.fetch import FOLDER
from agent.identity import Identity
from agent.reports.outbox import Batch
from agent.reports.scrub import scrub
from metadata.envelope import public_entry, seal
from metadata.errors import UnreachableError
from metadata.report import MAX_DETAIL, Report

PUT_S = 20
"""How long a flush may take: a place for reports that hangs must not hold a tick."""
_FIELDS = ("at", "product", "wave", "rollout", "from", "to", "stage", "outcome", "reason")
_BEAT = ("running", "decision", "pin", "windows")
_CREATED = {200, 201, 204}
_THERE = {409, 412}
"""Create-only storage says so when the object exists: it is this very flush, which arrived before."""


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
        if event["stage"] == "enroll":
            cohort_id = self.identity.cohort_id
            extra = {"token": self.identity.token, "key": public_entry(key), "cohort_id": cohort_id}
        said = {
            **known,
            **extra,
            "format": "tidegate.report/1",
            "agent": self.identity.agent,
            "seq": seq,
            "channel": self.channels[event["product"]],
            "detail": scrub(event.get("detail", ""))[:MAX_DETAIL],
            "labels": dict(self.labels),
            "machine": self.machine,
            "clock": {"trouble": self.clock} if self.clock else {},
        }
        return msgspec.convert(json.loads(json.dumps(said)), Report)


def path_of(agent: str, seq: int, now: datetime) -> str:
    """Return where a flush is filed: by the time of sending, so that a sleeper's reports are found."""
    return f"reports/v1/dt={now:%Y-%m-%d}/hh={now:%H}/{agent}/{seq}.json"


def put(base: str, path: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Create an object; one that is there already is the same flush, sent before.

    Raises:
        UnreachableError: The place did not take it in time.
    """
    url = f"{base.rstrip('/')}/{path}"
    if url.startswith(FOLDER):
        _create(Path(unquote(urlsplit(url).path)), body)
        return
    answers: SimpleQueue[int | str] = SimpleQueue()
    # A socket's time limit starts anew with each byte; a dripping server needs a limit around it.
    threading.Thread(target=lambda: answers.put(_send(url, body, headers)), daemon=True).start()
    try:
        answer = answers.get(timeout=PUT_S)
    except Empty:
        answer = f"no answer in {PUT_S} s"
    if answer not in _CREATED | _THERE:
        said = f"HTTP {answer}" if isinstance(answer, int) else answer
        raise UnreachableError(f"{base} does not take reports: {said}", "updates go on; reports wait")


def _send(url: str, body: bytes, headers: Mapping[str, str]) -> int | str:
    """Return the status, or what went wrong."""
    fixed = {"Content-Type": "application/json", "If-None-Match": "*"}
    try:
        with requests.put(
            url, body, headers={**headers, **fixed}, timeout=(5, 10), stream=True, allow_redirects=False
        ) as answer:
            return answer.status_code
    except (requests.RequestException, ValueError) as error:
        return " ".join(str(error).split())[:160]


def _create(path: Path, body: bytes) -> None:
    """Put a file into a folder that is collected by other means."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.new")
        fresh.write_bytes(body)
        fresh.replace(path)
    except OSError as error:
        raise UnreachableError(f"{path.parent} does not take reports: {error.strerror}") from error
