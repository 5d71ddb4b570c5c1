"""The doors as the outermost part: nothing else looks at a request that may not come in."""

from http import HTTPStatus

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from repo_tools.console.doors import HEADERS, Doors

_WORDS = {
    HTTPStatus.MISDIRECTED_REQUEST: "the console is called by another name than its own",
    HTTPStatus.UNAUTHORIZED: "enter by the link that tidegate console printed",
    HTTPStatus.FORBIDDEN: "this did not come from a page of the console",
}


def guarded(inner: ASGIApp, doors: Doors) -> ASGIApp:
    """Return an application that lets in whom the doors let in."""

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
            headers = {name.lower(): value for name, value in pairs}
            found = doors.way_in(scope["method"], scope["path"], headers)
            if isinstance(found, HTTPStatus):
                await _refuse(found, send)
                return
            room = scope["path"].removesuffix(found)
            scope["root_path"] = room  # for addresses that lead back here
            scope["path"], scope["raw_path"] = found, found.encode()
        await inner(scope, receive, send)

    return guard


async def _refuse(status: HTTPStatus, send: Send) -> None:
    """Answer in the form of all other errors."""
    body = msgspec.json.encode({"notes": [f"error: {_WORDS[status]}"]})
    told = {**HEADERS, "content-type": "application/json", "content-length": str(len(body))}
    pairs = [(name.encode(), value.encode()) for name, value in told.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body, "more_body": False})
