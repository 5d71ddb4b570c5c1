"""Who may come in: one person, by a link that opens once; and no page of another site through their browser.

The console listens on loopback, where every user of the machine, and every site that the person's browser
has open, can knock. The link leaves a strict cookie (``HttpOnly``, ``SameSite=Strict``) with the session's
secret. Browsers keep cookies apart by path and not by port (RFC 6265, section 8.5), so the person's pages
stand below a room whose name nobody can guess: a server of another user, on another port, is shown no cookie
unless it knows the room, and who reads an address somewhere has no cookie. Scripts show the secret as a
bearer token. What changes something must come from the console's own pages, and the name by which it is
called must be its own (DNS rebinding).
"""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

_SAFE = {"GET", "HEAD"}
COOKIE = "tidegate"
DOOR = "/enter"
"""Where the link leads: all that is answered to somebody without a session."""
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
"""Of every answer."""


@dataclass
class Doors:
    """The secrets of one run, and the names by which it may be called."""

    port: int
    session: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    """What the cookie of the person's browser holds, and what a script shows with each request."""
    room: str = field(default_factory=lambda: secrets.token_urlsafe(16), repr=False)
    """Before every address of the person's pages: where the browser shows the cookie."""
    _link: str | None = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    """Opens once."""

    @property
    def names(self) -> set[str]:
        """What ``Host`` may say."""
        return {f"127.0.0.1:{self.port}", f"localhost:{self.port}"}

    @property
    def link(self) -> str:
        """Where the person enters."""
        return f"http://127.0.0.1:{self.port}{DOOR}?key={self._link}"

    @property
    def cookie(self) -> str:
        """What the browser is told to keep until it is closed (RFC 6265, section 4.1)."""
        return f"{COOKIE}={self.session}; Path=/{self.room}/; HttpOnly; SameSite=Strict"

    def enter(self, key: str) -> bool:
        """Return whether a link's key is the right one, which it is once."""
        right = self._link is not None and hmac.compare_digest(key.encode(), self._link.encode())
        if right:
            self._link = None
        return right

    def way_in(self, method: str, path: str, headers: Mapping[str, str]) -> str | HTTPStatus:
        """Return the path inside to which a request leads, or why it may not come in."""
        if headers.get("host", "") not in self.names:
            return HTTPStatus.MISDIRECTED_REQUEST
        if path == DOOR and method in _SAFE:
            return path
        changes = method not in _SAFE
        origin = headers.get("origin")
        foreign = origin not in {f"http://{name}" for name in self.names}
        if _same(headers.get("authorization", "").removeprefix("Bearer "), self.session):
            return HTTPStatus.FORBIDDEN if changes and foreign and origin is not None else path
        _, first, rest = [*path.split("/", 2), "", ""][:3]
        if not (_same(first, self.room) and self._is_shown(headers.get("cookie", ""))):
            return HTTPStatus.UNAUTHORIZED
        return HTTPStatus.FORBIDDEN if changes and foreign else f"/{rest}"

    def _is_shown(self, cookies: str) -> bool:
        """Return whether the session's secret is among the cookies of a request."""
        pairs = (one.strip().partition("=") for one in cookies.split(";"))
        return any(name == COOKIE and _same(value, self.session) for name, _, value in pairs)


def _same(text: str, secret: str) -> bool:
    return hmac.compare_digest(text.encode(errors="replace"), secret.encode())
