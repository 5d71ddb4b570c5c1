"""Make registration tokens."""

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from metadata.envelope import seal, to_text
from metadata.errors import UnsuitableError, UsageError
from metadata.fields import time_text
from metadata.strict import convert, to_json
from metadata.token import Token
from repo_tools.desk import Desk
from repo_tools.fleet import enrolment
from repo_tools.keys.folder import KeyFile
from repo_tools.moments import moment
from repo_tools.names import check_name, pairs
from repo_tools.roles import Channel

FOLDER = "file://"


@dataclass(frozen=True)
class Wish:
    """What a token is to say."""

    channels: Sequence[Channel]
    url: str
    expires: datetime
    ring: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    uses: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Made:
    """A token, and as it is pasted."""

    token: Token
    text: str
    key: KeyFile

    def data(self) -> dict[str, Any]:
        """Return it for machines."""
        expires = time_text(self.token.expires)
        about = {"id": self.token.id, "channels": self.token.channels, "expires": expires}
        return {"token": self.text, **about, "key": self.key.name}

    def note(self) -> str:
        """Return what it is good for, in words."""
        return (
            f"token {self.token.id} for {', '.join(self.token.channels)}, signed by {self.key.name},"
            f" until {time_text(self.token.expires)}; on a host: tidegate-agent enroll --token TOKEN"
        )


def wished(desk: Desk, said: Mapping[str, Any]) -> Wish:
    """Return what a person asked for by the options of the command line.

    Raises:
        UsageError: One of them makes no sense.
    """
    return Wish(
        channels=desk.channels_of(said["products"], said["channels"]),
        url=address(desk, said["url"]),
        expires=moment(said["expires"], desk.now),
        ring=said["ring"],
        labels=pairs("label", said["labels"], "="),
        uses=said["uses"],
        headers=pairs("header", said["headers"], ":"),
    )


def make(desk: Desk, wish: Wish, keys: Collection[KeyFile]) -> Made:
    """Return a token that pins the published root.

    Args:
        desk: The workspace; what is published counts, since agents know nothing else.
        wish: What the token says.
        keys: Keys at hand; the first that the enrollment document names signs.

    Raises:
        UsageError: It would allow nothing, or nobody could use it.
        UnsuitableError: Nothing is published, or no key may sign tokens.
    """
    if desk.live.timestamp_bytes is None:
        raise UnsuitableError(
            "nothing is published, so nobody could enrol", "tidegate sign; tidegate publish"
        )
    if wish.expires <= desk.now:
        raise UsageError("the token would have expired already", "say --expires 7d")
    if wish.ring is not None:
        check_name("ring", wish.ring)
    key = _key(desk, keys)
    root = desk.live.root_bytes
    token = Token(
        id=secrets.token_hex(8),
        url=wish.url.rstrip("/"),
        root_version=desk.live.root.signed.version,
        root_sha256=sha256(root).hexdigest(),
        channels=[str(channel) for channel in wish.channels],
        ring=wish.ring,
        labels=dict(wish.labels),
        expires=wish.expires,
        uses=wish.uses,
        headers=dict(wish.headers),
    )
    convert(to_json(token), Token, refuse_unknown=True)
    signer = desk.keys.signer(key, desk.passphrases)
    return Made(token, to_text(seal(token, signer)), key)


def _key(desk: Desk, keys: Collection[KeyFile]) -> KeyFile:
    """Return a key that agents believe on tokens."""
    allowed = enrolment.keyids(enrolment.read(desk.published()))
    for key in keys:
        if key.keyid in allowed:
            return key
    hint = "tidegate fleet keys --add NAME; then sign and publish"
    raise UnsuitableError("none of the keys here may sign registration tokens", hint)


def address(desk: Desk, url: str | None) -> str:
    """Return where hosts find the repository: as it was said, or the store itself where it is a folder.

    Raises:
        UsageError: The store's own address is not one that hosts read.
    """
    location = url or desk.store.location
    if location.startswith("/"):
        location = f"{FOLDER}{location}"
    if location.startswith(("https://", "http://", f"{FOLDER}/")):
        return location
    hint = "say where they find the repository: --url https://…, or --url file:///… for a folder"
    raise UsageError(f"hosts find nothing at {location}, which is the store's address for you", hint)
