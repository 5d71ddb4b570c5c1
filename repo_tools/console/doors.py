"""Who may come in: one person, by a link that opens once; and no page of another site through their browser.

The console listens on loopback, where every user of the machine, and every site that the person's browser
has open, can knock. So a request needs the session's secret; what changes something needs to come from the
console's own pages, too; and the name by which it is called must be its own (DNS rebinding).
"""

import hmac
import secrets
from dataclasses import dataclass, field
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_SAFE = {"GET", "HEAD"}
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
    """What the person's browser, or a script, shows with each request."""
    _link: str | None = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    """Opens once."""

    @property
    def cookie(self) -> str:
        """The name of the cookie: browsers do not keep ports apart."""
        return f"tidegate-console-{self.port}"

    @property
    def names(self) -> set[str]:
        """What ``Host`` may say."""
        return {f"127.0.0.1:{self.port}", f"localhost:{self.port}"}

    @property
    def link(self) -> str:
        """Where the person enters."""
        return f"http://127.0.0.1:{self.port}/enter?key={self._link}"

    def enter(self, key: str) -> bool:
        """Return whether a link's key is the right one, which it is once."""
        right = self._link is not None and hmac.compare_digest(key.encode(), self._link.encode())
        if right:
            self._link = None
        return right

    def refusal(self, method: str, path: str, headers: "Mapping[str, str]") -> HTTPStatus | None:
        """Return why a request may not come in; None when it may."""
        if headers.get("host", "") not in self.names:
            return HTTPStatus.MISDIRECTED_REQUEST
        if path == "/enter" and method in _SAFE:
            return None
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        if self._is_session(bearer):
            return None  # no browser adds that to what another site makes it send
        if not self._is_session(self._shown(headers.get("cookie", ""))):
            return HTTPStatus.UNAUTHORIZED
        own = {f"http://{name}" for name in self.names}
        if method not in _SAFE and headers.get("origin", "") not in own:
            return HTTPStatus.FORBIDDEN
        return None

    def _is_session(self, text: str) -> bool:
        return hmac.compare_digest(text.encode(), self.session.encode())

    def _shown(self, cookies: str) -> str:
        try:
            found = SimpleCookie(cookies).get(self.cookie)
        except CookieError:
            return ""
        return found.value if found else ""
