"""Agents that only speak: they enrol, report and lie, without a host."""

import base64
import itertools
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner

from metadata.envelope import public_entry, seal
from metadata.report import Report

_EVENT = {
    "product": "agent",
    "channel": "stable",
    "stage": "heartbeat",
    "outcome": "ok",
    "running": "1.0.0",
}


class Voice:
    """One agent that drops what it likes into a folder."""

    def __init__(self, box: Path, name: str, token: str = "") -> None:
        self.box = box
        self.name = name
        self.token = token
        self.signer = CryptoSigner.generate_ed25519()
        self._seq = itertools.count(1)
        self.at = datetime(2026, 11, 22, 12, tzinfo=UTC)

    def report(self, **fields: Any) -> Report:
        """Return the next report, with what is said otherwise."""
        said = {**_EVENT, "agent": self.name, "at": self.at, **fields}
        if "seq" not in said:
            said["seq"] = next(self._seq)
        said["from_version"] = said.pop("from_", None)
        said["to_version"] = said.pop("to", None)
        return Report(**said)

    def enrolment(self, **fields: Any) -> Report:
        """Return an enrolment by the agent's token."""
        return self.report(
            stage="enroll", token=self.token, key=public_entry(self.signer.public_key), **fields
        )

    def envelope(self, report: Report, *more: CryptoSigner) -> Any:
        """Return a signed report as JSON."""
        return json.loads(seal(report, self.signer, *more))

    def drop(self, *envelopes: Any, seq: int | None = None, day: str | None = None) -> Path:
        """File one flush."""
        found = [json.loads(self._payload(one))["seq"] for one in envelopes if isinstance(one, dict)]
        number = seq if seq is not None else min(found, default=1)
        day = day or f"{datetime.now(UTC):%Y-%m-%d}"
        path = self.box / f"reports/v1/dt={day}/hh=12/{self.name}/{number}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(list(envelopes)))
        return path

    @staticmethod
    def _payload(envelope: Any) -> bytes:
        return base64.b64decode(envelope["payload"])

    def say(self, *reports: Report, came: datetime | None = None) -> Path:
        """Sign and file reports in one flush; the store took it now, or when it is said."""
        path = self.drop(*map(self.envelope, reports))
        if came:
            os.utime(path, (came.timestamp(),) * 2)
        return path

    def join(self) -> "Voice":
        """Enrol."""
        self.say(self.enrolment())
        return self
