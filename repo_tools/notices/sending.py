"""Send events to a webhook, each once, signed as the Standard Webhooks specification has it (symmetric, v1).

The receiver knows an event again by ``webhook-id``: whoever is killed between sending and noting sends it
again.
"""

import base64
import binascii
import hmac
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from metadata.errors import MalformedError, UnreachableError, UsageError
from repo_tools import files
from repo_tools.notices import posting
from repo_tools.notices.events import Event

PREFIX = "whsec_"
LEAST_BYTES = 24
"""Of a secret, by the specification."""
BEGIN_S = 30
"""How long a run begins messages: with the last of them it takes a minute, and holds no job up for longer."""


class Notes(msgspec.Struct, frozen=True, kw_only=True):
    """What a webhook was told."""

    since: datetime
    """What happened before is not told."""
    told: tuple[str, ...] = ()
    """The ids of what happened since."""


@dataclass(frozen=True)
class Hook:
    """Where events go, and what is known of it here."""

    url: str
    secret: bytes
    notes: Path
    begin_s: float = BEGIN_S

    def read(self, since: datetime) -> Notes:
        """Return what it was told; nothing yet, from ``since`` on, where there is no note."""
        try:
            return msgspec.json.decode(self.notes.read_bytes(), type=Notes)
        except (OSError, ValueError, RecursionError):
            return Notes(since=since)  # what is told twice has the same id

    def tell(self, events: Iterable[Event], notes: Notes, now: datetime) -> Iterator[Event]:
        """Send what it was not told, and yield each that it took.

        Raises:
            UnreachableError: It took no more, or the time is over; what it took is noted.
        """
        begun_s = time.monotonic()
        for event in untold(events, notes):
            if time.monotonic() - begun_s >= self.begin_s:
                raise UnreachableError(f"the webhook at {urlsplit(self.url).hostname} is slow", posting.LATER)
            self._post(event, now)
            notes = msgspec.structs.replace(notes, told=(*notes.told, event.id))
            self.notes.parent.mkdir(parents=True, exist_ok=True)
            files.write(self.notes, msgspec.json.encode(notes))
            yield event

    def _post(self, event: Event, now: datetime) -> None:
        body = msgspec.json.encode(
            {
                "type": event.kind,
                "timestamp": event.at.astimezone(UTC),
                "data": {"subject": event.subject, "text": event.text},
            }
        )
        sent = str(int(now.timestamp()))
        signed = signature(self.secret, event.id, sent, body)
        headers = {
            "Content-Type": "application/json",
            "webhook-id": event.id,
            "webhook-timestamp": sent,
            "webhook-signature": signed,
        }
        posting.post(self.url, body, headers)


def untold(events: Iterable[Event], notes: Notes) -> list[Event]:
    """Return what is not noted, each event once, the oldest first."""
    first = {event.id: event for event in sorted(events, key=lambda event: event.at, reverse=True)}
    return sorted(
        (event for event in first.values() if event.id not in notes.told), key=lambda event: event.at
    )


def signature(secret: bytes, event: str, sent: str, body: bytes) -> str:
    """Return what proves that a message came from who has the secret."""
    mac = hmac.digest(secret, b".".join((event.encode(), sent.encode(), body)), sha256)
    return f"v1,{base64.b64encode(mac).decode()}"


def hook(url: str, secret: Path, folder: Path) -> Hook:
    """Return a webhook.

    Args:
        url: Where it is.
        secret: A file with the secret that it shares with this side.
        folder: Where notes are kept.

    Raises:
        UsageError: The URL is none.
        MalformedError: The secret is none.
    """
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
        raise UsageError(f"no webhook can be at {url!r}", "write an address that begins with https://")
    return Hook(url, _secret(secret), folder / f"{sha256(url.encode()).hexdigest()[:16]}.json")


def first_since(now: datetime, span_s: int) -> datetime:
    """Return since when a webhook is told what happened that was never told anything."""
    return now - timedelta(seconds=span_s)


def _secret(path: Path) -> bytes:
    hint = f"make one: echo {PREFIX}$(openssl rand -base64 32) > {path}"
    try:
        text = path.read_text().strip()
        found = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except OSError as error:
        raise MalformedError(f"{path} cannot be read: {error.strerror}", hint) from error
    except (binascii.Error, UnicodeDecodeError) as error:
        raise MalformedError(f"{path} is no secret for webhooks", hint) from error
    if not text.startswith(PREFIX) or len(found) < LEAST_BYTES:
        raise MalformedError(f"{path} is no secret for webhooks", hint)
    return found
