"""The API below ``/api/v1``: every address is a command, and every answer comes from one.

Reads answer with the command's JSON. What changes something answers when it is done, with the job: its
command line, its result, and what it said. ``Prefer: respond-async`` (RFC 7240) answers at once; ``events``
tells how it goes on.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.exceptions import NotFoundException
from litestar.params import Parameter
from litestar.response import Stream

from repo_tools.console import lines
from repo_tools.console.clerk import Clerk, Job, Secrets

STATUS = {
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
BEAT_S = 15
"""A stream says something so often, or proxies and browsers take it for dead."""
ON_PAGE = 100
Words = Annotated[str, Parameter(max_length=256, pattern=r"^[^\x00-\x1f\x7f]*$")]
Page = Annotated[int, Parameter(ge=0)]
Plain = Request[Any, Any, Any]


class Agents(msgspec.Struct, frozen=True):
    """A page of the hosts of a channel."""

    total: int
    agents: list[dict[str, Any]]


class Ask(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one host is to run."""

    channel: lines.Word | None = None
    """Needed when there is more than one."""
    version: lines.Word | None = None
    """The newest release, if it is not said."""
    reason: lines.Text = ""
    retry: Annotated[int, msgspec.Meta(ge=0)] = 0
    dry_run: bool = False


class Keyed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which roles are signed, or published, and what opens the keys."""

    roles: list[lines.Word] = []
    keys: list[lines.Word] = []
    passphrase: str | None = None
    pin: str | None = None

    @property
    def secrets(self) -> Secrets:
        """What opens the keys."""
        return Secrets(passphrase=self.passphrase, pin=self.pin)


class Going(Keyed, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is published."""

    dry_run: bool = False


@get("/status", summary="What is staged, and who must still sign")
async def status(clerk: Clerk) -> Response[Any]:
    """Answer with what ``tidegate status`` says."""
    return await _answer(clerk, ["status"])


@get("/releases", summary="The releases")
async def releases(clerk: Clerk, product: Words | None = None) -> Response[Any]:
    """Answer with what ``tidegate release list`` says."""
    return await _answer(clerk, ["release", "list", *([f"--product={product}"] if product else [])])


@get("/rollouts/{product:str}/{channel:str}", summary="What each wave of a channel is ordered to run")
async def rollout(clerk: Clerk, product: Words, channel: Words) -> Response[Any]:
    """Answer with what ``tidegate rollout status`` says."""
    return await _answer(clerk, ["rollout", "status", "--", f"{product}/{channel}"])


@get("/agents", summary="The hosts of a channel as they were last heard")
async def agents(
    clerk: Clerk, channel: Words, search: Words = "", running: Words | None = None, page: Page = 0
) -> Response[Any]:
    """Answer with a page of what ``tidegate agents list`` says; ``search`` is a part of an id."""
    options = [f"--running={running}"] if running else []
    job = await clerk.read(["agents", "list", *options, "--presence=any", "--", channel])
    if job.exit_code:
        return _told(job)
    found = [one for one in job.result if search in one["agent"]]
    return Response(Agents(len(found), found[page * ON_PAGE : (page + 1) * ON_PAGE]))


@get("/agents/{agent:str}/updates/available", summary="What a host would do now, and why")
async def available(clerk: Clerk, agent: Words, channel: Words | None = None) -> Response[Any]:
    """Answer with the host's decision, by what is published and what was collected of it."""
    named = [f"--channel={channel}"] if channel else []
    return await _answer(clerk, ["agents", "explain", *named, "--", agent])


@post("/agents/{agent:str}/update", summary="Order a release to one host")
async def update(request: Plain, clerk: Clerk, agent: Words, data: Ask) -> Response[Any]:
    """Stage what ``tidegate agents select`` stages."""
    known = await clerk.read(["rollout", "status", *(["--", data.channel] if data.channel else [])])
    if known.exit_code:
        return _told(known)
    channel = known.result["channel"]
    listed = await clerk.read(["release", "list", f"--product={channel.partition('/')[0]}"])
    sound = [one["version"] for one in listed.result or [] if one["published"] and not one["withdrawn"]]
    if not (data.version or sound):
        raise NotFoundException(f"{channel} has no release that could be ordered")
    wish = lines.Update(
        hosts=lines.Hosts(ids=[agent]),
        channel=channel,
        version=data.version or sound[0],
        **{name: getattr(data, name) for name in ("reason", "retry", "dry_run")},
    )
    return await _do(request, clerk, wish)


@post("/agents/update", summary="Order a release to many hosts")
async def update_many(request: Plain, clerk: Clerk, data: lines.Update) -> Response[Any]:
    """Stage what ``tidegate agents select`` stages."""
    return await _do(request, clerk, data)


@post("/rollouts/start", summary="Start a rollout")
async def start(request: Plain, clerk: Clerk, data: lines.Start) -> Response[Any]:
    """Stage what ``tidegate rollout start`` stages."""
    return await _do(request, clerk, data)


@post("/rollouts/promote", summary="Widen a rollout, or complete it")
async def promote(request: Plain, clerk: Clerk, data: lines.Promote) -> Response[Any]:
    """Stage what ``tidegate rollout promote`` stages."""
    return await _do(request, clerk, data)


@post("/rollouts/pause", summary="Hold waves")
async def pause(request: Plain, clerk: Clerk, data: lines.Pause) -> Response[Any]:
    """Stage what ``tidegate rollout pause`` stages."""
    return await _do(request, clerk, data)


@post("/rollouts/resume", summary="Let waves go on")
async def resume(request: Plain, clerk: Clerk, data: lines.Resume) -> Response[Any]:
    """Stage what ``tidegate rollout resume`` stages."""
    return await _do(request, clerk, data)


@post("/rollouts/recall", summary="Send hosts back")
async def recall(request: Plain, clerk: Clerk, data: lines.Recall) -> Response[Any]:
    """Stage what ``tidegate rollout recall`` stages."""
    return await _do(request, clerk, data)


@post("/brake", summary="Stop a rollout, a version, or everything")
async def brake(request: Plain, clerk: Clerk, data: lines.Brake) -> Response[Any]:
    """Stage what ``tidegate brake`` stages."""
    return await _do(request, clerk, data)


@post("/brake/lift", summary="Lift the brake")
async def lift(request: Plain, clerk: Clerk, data: lines.Lift) -> Response[Any]:
    """Stage what ``tidegate brake --release`` stages."""
    return await _do(request, clerk, data)


@post("/releases", summary="Add a release from this machine")
async def add(request: Plain, clerk: Clerk, data: lines.AddRelease) -> Response[Any]:
    """Stage what ``tidegate release add`` stages."""
    return await _do(request, clerk, data)


@post("/sign", summary="Sign what is staged")
async def sign(request: Plain, clerk: Clerk, data: Keyed) -> Response[Any]:
    """Do what ``tidegate sign`` does; passphrase and PIN are used once and not kept."""
    return await _do(request, clerk, lines.Sign(roles=data.roles, keys=data.keys), data.secrets)


@post("/publish", summary="Publish what is signed")
async def publish(request: Plain, clerk: Clerk, data: Going) -> Response[Any]:
    """Do what ``tidegate publish`` does."""
    wish = lines.Publish(roles=data.roles, dry_run=data.dry_run)
    return await _do(request, clerk, wish, data.secrets)


@post("/unstage", summary="Take staged changes back")
async def unstage(request: Plain, clerk: Clerk, data: lines.Unstage) -> Response[Any]:
    """Do what ``tidegate unstage`` does."""
    return await _do(request, clerk, data)


@get("/jobs", summary="What was asked for, the newest first")
async def jobs(clerk: Clerk) -> list[Job]:
    """Answer with every job that is still known."""
    return clerk.jobs()


@get("/jobs/{number:int}", summary="One job")
async def job(clerk: Clerk, number: int) -> Job:
    """Answer with a job."""
    found = clerk.job(number)
    if found is None:
        raise NotFoundException(f"there is no job {number}")
    return found


@get("/events", summary="Every job as it goes on, as a stream of server-sent events")
async def events(clerk: Clerk) -> Stream:
    """Answer with a stream of jobs."""
    return Stream(_stream(clerk), media_type="text/event-stream")


async def _stream(clerk: Clerk) -> AsyncIterator[bytes]:
    """Yield events as the HTML standard has them (9.2.6)."""
    async with clerk.following() as queue:
        yield b": listening\n\n"
        while True:
            try:
                found = await asyncio.wait_for(queue.get(), BEAT_S)
            except TimeoutError:
                yield b": still here\n\n"
            else:
                if found is None:
                    return
                yield b"event: job\nid: %d\ndata: %s\n\n" % (found.id, msgspec.json.encode(found))


async def _answer(clerk: Clerk, words: Sequence[str]) -> Response[Any]:
    """Answer with what a command that changes nothing says."""
    return _told(await clerk.read(words))


def _told(found: Job) -> Response[Any]:
    return Response(found if found.exit_code else found.result, status_code=_status(found))


async def _do(
    request: Plain, clerk: Clerk, action: lines.Action, secrets: Secrets | None = None
) -> Response[Any]:
    """Begin an action and answer with its job: when it is done, or at once where that is preferred."""
    found = clerk.begin(action.words(), secrets)
    place = {"location": f"/api/v1/jobs/{found.id}"}
    if "respond-async" in request.headers.get("prefer", ""):
        return Response(found, status_code=HTTPStatus.ACCEPTED, headers=place)
    await clerk.ended(found)
    return Response(found, status_code=_status(found), headers=place)


def _status(found: Job) -> HTTPStatus:
    return STATUS.get(found.exit_code or 0, HTTPStatus.INTERNAL_SERVER_ERROR)


ROUTES = Router(
    "/api/v1",
    route_handlers=[
        *(status, releases, rollout, agents, available, update, update_many, start, promote, pause),
        *(resume, recall, brake, lift, add, sign, publish, unstage, jobs, job, events),
    ],
)
