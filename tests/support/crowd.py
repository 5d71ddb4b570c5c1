"""Many reports, quickly: hosts that enrol and then tell of updates, for floods and benchmarks."""

from base64 import b64encode
from collections.abc import Iterator
from datetime import datetime

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import SSlibKey

from metadata.envelope import pae, payload_type, public_entry
from metadata.report import Report, Stage

_TYPE = payload_type(Report)
_STAGES: tuple[Stage, ...] = ("update_download", "update_verify", "update_install", "update_healthcheck")


class Speaker:
    """One host of a crowd."""

    def __init__(self, agent: str, token: str) -> None:
        self._agent = agent
        self._token = token
        self._key = Ed25519PrivateKey.generate()

    def reports(self, count: int, now: datetime) -> Iterator[Report]:
        """Yield so many reports, the first of which enrols."""
        first = Report(
            agent=self._agent,
            seq=1,
            at=now,
            product="agent",
            channel="stable",
            stage="enroll",
            outcome="ok",
            token=self._token,
            key=public_entry(SSlibKey.from_crypto(self._key.public_key())),
        )
        yield first
        about = {"rollout": "stable-0007", "from_version": "1.4.2", "to_version": "1.5.0", "running": "1.5.0"}
        event = msgspec.structs.replace(first, token="", key=None, detail="what happened here " * 5, **about)
        for seq in range(2, count + 1):
            yield msgspec.structs.replace(event, seq=seq, stage=_STAGES[seq % len(_STAGES)])

    def flush(self, reports: list[Report]) -> bytes:
        """Return one object with these reports."""
        return b"[" + b",\n".join(map(self._sealed, reports)) + b"]\n"

    def _sealed(self, report: Report) -> bytes:
        payload = msgspec.json.encode(report)
        signature = {"keyid": "", "sig": b64encode(self._key.sign(pae(_TYPE, payload))).decode()}
        found = {"payload": b64encode(payload).decode(), "payloadType": _TYPE, "signatures": [signature]}
        return msgspec.json.encode(found)
