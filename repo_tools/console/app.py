"""The application: the API, and the doors before it."""

import asyncio
from http import HTTPStatus
from typing import Any

from litestar import Litestar, Request, Response, get
from litestar.di import Provide
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException, NotFoundException
from litestar.middleware import ASGIMiddleware
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.response import Redirect
from litestar.types import ASGIApp, Receive, Scope, Send

from repo_tools.console.api import ROUTES
from repo_tools.console.clerk import Clerk
from repo_tools.console.doors import HEADERS, Doors
from repo_tools.console.views import File, Views

_WORDS = {
    HTTPStatus.MISDIRECTED_REQUEST: "the console is called by another name than its own",
    HTTPStatus.UNAUTHORIZED: "enter by the link that tidegate console printed",
    HTTPStatus.FORBIDDEN: "this did not come from a page of the console",
}


def application(clerk: Clerk, doors: Doors, views: Views, version: str) -> Litestar:
    """Return the application for one workspace and one person."""
    return Litestar(
        [enter, steer, page, ROUTES],
        dependencies={
            "clerk": Provide(lambda: clerk, sync_to_thread=False),
            "doors": Provide(lambda: doors, sync_to_thread=False),
            "views": Provide(lambda: views, sync_to_thread=False),
        },
        middleware=[_Guard(doors)],
        exception_handlers={HTTPException: _refused},
        openapi_config=OpenAPIConfig(
            title="Tidegate console",
            version=version,
            path="/api/v1/openapi",
            render_plugins=[JsonRenderPlugin(path="/openapi.json")],
            operation_id_creator=lambda handler, _method, _path: handler.handler_name,
        ),
        on_shutdown=[clerk.idle],
        response_headers=HEADERS,
        logging_config=None,
    )


@get("/enter", include_in_schema=False)
async def enter(doors: Doors, key: str) -> Response[Any]:
    """Let the person in whose link this is: once."""
    if not doors.enter(key):
        text = "This link was used before. Start tidegate console again for a new one."
        return Response(text, status_code=HTTPStatus.FORBIDDEN, media_type="text/plain")
    answer = Redirect("/", status_code=303)
    answer.set_cookie(doors.cookie, doors.session, path="/", httponly=True, samesite="strict")
    return answer


@get("/steer", include_in_schema=False)
async def steer(clerk: Clerk, views: Views) -> Response[bytes]:
    """Answer with the page from which to steer."""
    status = await clerk.read(["status"])
    if status.exit_code:
        raise HTTPException("; ".join(status.notes), status_code=HTTPStatus.SERVICE_UNAVAILABLE)
    return _file(File(await asyncio.to_thread(views.steer, status.result), "text/html"))


@get(["/", "/{path:path}"], include_in_schema=False)
async def page(views: Views, path: str = "") -> Response[Any]:
    """Answer with a page of the dashboard, or what belongs to it."""
    name = path.removeprefix("/")
    found = await asyncio.to_thread(views.file, name)
    if found:
        return _file(found)
    now = await asyncio.to_thread(views.newest, name)
    if now is None:
        raise NotFoundException("there is no such page")
    return Redirect(now, status_code=303)


def _file(found: File) -> Response[bytes]:
    return Response(found.data, media_type=found.kind)


class _Guard(ASGIMiddleware):
    """Lets in whom the doors let in."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Pass a request on, or refuse it."""
        request = Request[Any, Any, Any](scope)
        refusal = self._doors.refusal(request.method, request.url.path, request.headers)
        if refusal is not None:
            raise HTTPException(_WORDS[refusal], status_code=refusal)
        await next_app(scope, receive, send)


def _refused(_: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    """Answer in the form of all other errors."""
    extra = [one.get("message", "") for one in error.extra] if isinstance(error.extra, list) else []
    notes = [f"error: {error.detail}", *extra]
    return Response({"notes": notes}, status_code=error.status_code, headers=HEADERS)
