"""The application: the API, and the doors before it."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from litestar import Litestar, Request, Response, get
from litestar.di import Provide
from litestar.exceptions import ClientException, HTTPException, NotFoundException
from litestar.response import Redirect

from metadata.errors import TidegateError
from repo_tools.console.api import ROUTES, Page, Words
from repo_tools.console.clerk import Clerk
from repo_tools.console.described import described
from repo_tools.console.doors import DOOR, HEADERS, Doors
from repo_tools.console.views import File, Views
from repo_tools.pages import render
from repo_tools.pages.hostmodel import Asked

Notes = Callable[[Exception], tuple[list[str], int]]
"""Says in words what went wrong, and with which status it is answered."""
Handler = Callable[[Request[Any, Any, Any], Any], Response[Any]]
_HALL = (
    '<!doctype html><html lang="en"><title>Tidegate</title>'
    '<meta http-equiv="refresh" content="0;url=/{room}/">'
    '<link rel="icon" type="image/svg+xml" href="/{room}/assets/{icon}">'
    '<p><a href="/{room}/">Go on to the console</a></p></html>'
)
"""The way from the link to the pages: a step of the console's own, since a browser shows a strict cookie on
no way that began elsewhere, not even after a redirect."""


class Asking(Request[Any, Any, Any]):
    """A request of which a body that no decoder reads is a mistake of who asks, whatever the decoder says."""

    async def json(self) -> Any:
        """Return the body's value; answers with 400 where bytes are no text, or nest too deep."""
        try:
            return await super().json()
        except (UnicodeDecodeError, RecursionError) as error:
            raise ClientException(f"the body is no JSON that can be read: {error}") from error


def application(clerk: Clerk, doors: Doors, views: Views, version: str) -> Litestar:
    """Return the application for one workspace and one person."""
    return Litestar(
        [enter, steer, hosts, host, page, ROUTES],
        dependencies={
            "clerk": Provide(lambda: clerk, sync_to_thread=False),
            "doors": Provide(lambda: doors, sync_to_thread=False),
            "views": Provide(lambda: views, sync_to_thread=False),
        },
        request_class=Asking,
        exception_handlers=_handlers(views),
        openapi_config=described(version),
        on_shutdown=[clerk.idle],
        response_headers=HEADERS,
        logging_config=None,
    )


@get(DOOR, include_in_schema=False)
async def enter(doors: Doors, key: str = "") -> Response[Any]:
    """Let the person in whose link this is: once."""
    if not doors.enter(key):
        text = (
            "This link does not open the console: it was used before, or a part of it is missing.\n"
            "Open it whole, as it was printed, or start tidegate console again for a new one."
        )
        return Response(text, status_code=HTTPStatus.FORBIDDEN, media_type="text/plain")
    hall = _HALL.format(room=doors.room, icon=render.names()["icon.svg"])
    return Response(hall, media_type="text/html", headers={"set-cookie": doors.cookie})


@get("/steer", include_in_schema=False)
async def steer(clerk: Clerk, views: Views) -> Response[Any]:
    """Answer with the page from which to steer."""
    status = await clerk.read(["status"])
    if status.exit_code:
        return _page(views.problem(status.notes), HTTPStatus.SERVICE_UNAVAILABLE)
    return _file(File(await asyncio.to_thread(views.steer, status.result, clerk.way), "text/html"))


@get("/hosts", include_in_schema=False)
async def hosts(
    views: Views, search: Words = "", does: Words = "", channel: Words = "", page: Page = 0
) -> Response[Any]:
    """Answer with a page of the hosts that are looked for."""
    asked = Asked(search, does, channel, page)
    return _file(File(await asyncio.to_thread(views.hosts, asked), "text/html"))


@get("/hosts/{product:str}/{agent:str}", include_in_schema=False)
async def host(views: Views, product: Words, agent: Words) -> Response[Any]:
    """Answer with the page of a host."""
    found = await asyncio.to_thread(views.host, product, agent)
    if found is None:
        raise NotFoundException("no such host was heard of")
    return _file(File(found, "text/html"))


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


def _page(data: bytes, status: int) -> Response[Any]:
    return Response(data, status_code=status, headers=HEADERS, media_type="text/html")


def _file(found: File) -> Response[bytes]:
    return Response(found.data, media_type=found.kind)


def _handlers(views: Views) -> dict[int | type[Exception], Handler]:
    """Return what answers for errors: in the API with JSON, at the door with text, else with a page.

    A page names the room in every link, and whoever is at the door may have no session.
    """

    def told(notes: Notes) -> Handler:
        def answer(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
            lines, status = notes(error)
            if request.url.path == DOOR:
                text = "\n".join(lines)
                return Response(text, status_code=status, headers=HEADERS, media_type="text/plain")
            if request.url.path.startswith("/api/"):
                return Response({"notes": lines}, status_code=status, headers=HEADERS)
            return _page(views.problem(lines), status)

        return answer

    return {HTTPException: told(_refused), TidegateError: told(_failed), Exception: told(_broken)}


def _refused(error: Exception) -> tuple[list[str], int]:
    """Answer in the form of all other errors."""
    assert isinstance(error, HTTPException)
    extra = [one.get("message", "") for one in error.extra] if isinstance(error.extra, list) else []
    if error.status_code == HTTPStatus.BAD_REQUEST:
        extra.append("hint: what each address takes stands in /api/v1/openapi/openapi.json")
    return [f"error: {error.detail}", *extra], error.status_code


def _failed(error: Exception) -> tuple[list[str], int]:
    assert isinstance(error, TidegateError)
    return [f"error: {error.message}", f"hint: {error.hint}"], HTTPStatus.SERVICE_UNAVAILABLE


def _broken(error: Exception) -> tuple[list[str], int]:
    """Answer for what nobody foresaw."""
    notes = [f"error: unexpected {type(error).__name__}: {error}", "hint: this is a bug in tidegate"]
    return notes, HTTPStatus.INTERNAL_SERVER_ERROR
