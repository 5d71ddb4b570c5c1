"""Which HTTP status answers what, and how the API's description tells it. Pure."""

from collections.abc import Mapping
from http import HTTPStatus

from litestar.openapi.datastructures import ResponseSpec
from msgspec import Struct

from repo_tools.console.clerk import Job


class Told(Struct, frozen=True):
    """Why there is nothing else to answer."""

    notes: list[str]
    """An error, and mostly a hint."""


STATUS: Mapping[int, HTTPStatus] = {
    0: HTTPStatus.OK,
    2: HTTPStatus.BAD_REQUEST,
    10: HTTPStatus.UNPROCESSABLE_ENTITY,
    11: HTTPStatus.BAD_GATEWAY,
    12: HTTPStatus.BAD_GATEWAY,
    13: HTTPStatus.UNPROCESSABLE_ENTITY,
    14: HTTPStatus.UNPROCESSABLE_ENTITY,
    15: HTTPStatus.CONFLICT,
    16: HTTPStatus.CONFLICT,
    17: HTTPStatus.CONFLICT,
}
"""By exit code; 1 is a bug, and so is what is not here."""

_AT_THE_DOOR = {
    HTTPStatus.BAD_REQUEST: "Not a request that makes sense (exit 2)",
    HTTPStatus.UNAUTHORIZED: "Without the session's secret",
    HTTPStatus.FORBIDDEN: "Not from a page of the console",
    HTTPStatus.MISDIRECTED_REQUEST: "Called by another name than the console's own",
    HTTPStatus.INTERNAL_SERVER_ERROR: "A bug",
    HTTPStatus.SERVICE_UNAVAILABLE: "The workspace or the store cannot be read",
}
_OF_COMMANDS = {
    HTTPStatus.UNPROCESSABLE_ENTITY: "Malformed, unsuitable or unhealthy (exit 10, 13, 14)",
    HTTPStatus.CONFLICT: "Somebody was first, signatures are missing, or a check failed (exit 15 to 17)",
    HTTPStatus.BAD_GATEWAY: "The store cannot be reached or trusted (exit 11, 12)",
}
_NOT_THERE = {HTTPStatus.NOT_FOUND: "There is none"}


def _described(*told: Mapping[HTTPStatus, str]) -> dict[int, ResponseSpec]:
    texts = {status: text for one in told for status, text in one.items()}
    return {
        int(status): ResponseSpec(Told, description=text, generate_examples=False)
        for status, text in sorted(texts.items())
    }


KEPT = _described(_AT_THE_DOOR, _NOT_THERE)
"""Answers that need no command, beside the good one."""
READ = _described(_AT_THE_DOOR, _NOT_THERE, _OF_COMMANDS)
"""Answers of commands that change nothing."""
DONE = {
    **READ,
    int(HTTPStatus.ACCEPTED): ResponseSpec(Job, description="Begun (respond-async)", generate_examples=False),
    int(HTTPStatus.REQUEST_ENTITY_TOO_LARGE): ResponseSpec(
        Told, description="More than anybody types", generate_examples=False
    ),
}
"""Answers of commands that change something."""


def status_of(found: Job) -> HTTPStatus:
    """Return the status with which a job that came to its end is answered."""
    return STATUS.get(found.exit_code or 0, HTTPStatus.INTERNAL_SERVER_ERROR)
