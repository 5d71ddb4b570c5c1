"""The API below ``/api/v1``: every address is a command, and every answer comes from one.

Reads answer with the command's JSON. What changes something answers when it is done, with the job: its
command line, its result, and what it said. ``Prefer: respond-async`` (RFC 7240) answers at once; ``events``
tells how it goes on.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.di import Provide
from litestar.exceptions import ClientException, NotFoundException, ValidationException
from litestar.handlers import HTTPRouteHandler
from litestar.params import Parameter
from litestar.response import Stream

from repo_tools.console import lines
from repo_tools.console.answers import DONE, KEPT, READ, status_of
from repo_tools.console.clerk import Clerk, Job, Secrets
from repo_tools.console.described import CHANGES
from repo_tools.console.lines import shown

BEAT_S = 15
"""A stream says something so often, or proxies and browsers take it for dead."""
ON_PAGE = 100
Words = Annotated[str, Parameter(max_length=256, pattern=r"^[^\x00-\x1f\x7f]*$")]
Labels = Annotated[list[Words], Parameter(max_items=20)]
Page = Annotated[int, Parameter(ge=0)]
Plain = Request[Any, Any, Any]


class Agents(msgspec.Struct, frozen=True):
    """A page of the hosts of a channel."""

    total: int
    agents: list[dict[str, Any]]
    line: str
    """What lists them in a terminal, all pages at once."""


class Keyed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which roles are signed, or published, and what opens the keys."""

    roles: list[lines.Word] = []
    keys: list[lines.Word] = []
    if_staged: lines.Word | None = None
    """The digest that ``status`` told; nothing else goes on then."""
    passphrase: lines.Secret | None = None
    pin: lines.Secret | None = None

    @property
    def secrets(self) -> Secrets:
        """What opens the keys."""
        return Secrets(passphrase=self.passphrase, pin=self.pin or None)  # an empty one would burn a try


class Going(Keyed, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is published."""

    dry_run: bool = False


@get("/status", summary="What is staged, and who must still sign", responses=READ)
async def status(clerk: Clerk) -> Response[Any]:
    """Answer with what ``tidegate status`` says."""
    return await _answer(clerk, ["status"])


@get("/releases", summary="The releases", responses=READ)
async def releases(clerk: Clerk, product: Words | None = None) -> Response[Any]:
    """Answer with what ``tidegate release list`` says."""
    return await _answer(clerk, ["release", "list", *([f"--product={product}"] if product else [])])


@get(
    "/rollouts/{product:str}/{channel:str}",
    summary="What each wave of a channel is ordered to run",
    responses=READ,
)
async def rollout(clerk: Clerk, product: Words, channel: Words) -> Response[Any]:
    """Answer with what ``tidegate rollout status`` says."""
    return await _answer(clerk, ["rollout", "status", "--", f"{product}/{channel}"])


def _which(
    search: Words | None = None,
    label: Labels | None = None,
    running: Words | None = None,
    failing: Words | None = None,
) -> lines.Hosts:
    """Return which hosts a query asks for; each ``label`` is ``NAME=TEXT``."""
    pairs = [one.partition("=") for one in label or ()]
    if wrong := [name for name, mark, _ in pairs if not (name and mark)]:
        raise ValidationException(f"not a label with its text: {wrong[0]!r}; write NAME=TEXT")
    labels = {name: text for name, _, text in pairs}
    return lines.Hosts(search=search or None, labels=labels, running=running or None, failing=failing or None)


@get(
    "/agents",
    summary="The hosts of a channel as they were last heard",
    dependencies={"which": Provide(_which, sync_to_thread=False)},
    responses=READ,
)
async def agents(clerk: Clerk, channel: Words, which: lines.Hosts, page: Page = 0) -> Response[Any]:
    """Answer with a page of what ``tidegate agents list`` says."""
    job = await clerk.read(lines.listing(channel, which))
    if job.exit_code:
        return _told(job)
    here = job.result[page * ON_PAGE : (page + 1) * ON_PAGE]
    return Response(Agents(len(job.result), here, job.line))


@get("/agents/{agent:str}/updates/available", summary="What a host would do now, and why", responses=READ)
async def available(clerk: Clerk, agent: Words, channel: Words | None = None) -> Response[Any]:
    """Answer with the host's decision, by what is published and what was collected of it."""
    named = [f"--channel={channel}"] if channel else []
    return await _answer(clerk, ["agents", "explain", *named, "--", agent])


def _acts(path: str, summary: str) -> post:
    """Return the decorator of what changes something: answered with its job."""
    return post(path, summary=summary, status_code=HTTPStatus.OK, responses=DONE, security=CHANGES)


@_acts("/agents/{agent:str}/update", "Order a release to one host")
async def update(request: Plain, clerk: Clerk, agent: Words, data: lines.Ask) -> Response[Job]:
    """Stage what ``tidegate agents select`` stages."""
    wish = lines.Update(hosts=lines.Hosts(ids=[agent]), **msgspec.structs.asdict(data))
    return await _do(request, clerk, wish)


DEEDS: Mapping[str, tuple[str, type[lines.Action], str]] = {
    "update_many": ("/agents/update", lines.Update, "Order a release to many hosts"),
    "start": ("/rollouts/start", lines.Start, "Start a rollout"),
    "promote": ("/rollouts/promote", lines.Promote, "Widen a rollout, or complete it"),
    "pause": ("/rollouts/pause", lines.Pause, "Hold waves"),
    "resume": ("/rollouts/resume", lines.Resume, "Let waves go on"),
    "recall": ("/rollouts/recall", lines.Recall, "Send hosts back"),
    "brake": ("/brake", lines.Brake, "Stop a rollout, a version, or everything"),
    "lift": ("/brake/lift", lines.Lift, "Lift the brake"),
    "add": ("/releases", lines.AddRelease, "Add a release from this machine"),
    "unstage": ("/unstage", lines.Unstage, "Take staged changes back"),
}
"""What is done as it is asked for: by its name, the path, the action and a summary."""


def _deed(name: str, path: str, action: type[lines.Action], summary: str) -> HTTPRouteHandler:
    """Return the handler of an action that needs no secrets."""

    async def deed(request: Plain, clerk: Clerk, data: lines.Action) -> Response[Job]:
        return await _do(request, clerk, data)

    deed.__name__, deed.__annotations__["data"] = name, action
    deed.__doc__ = f"Do what ``{shown(action.command)}`` does."
    return _acts(path, summary)(deed)


@_acts("/sign", "Sign what is staged")
async def sign(request: Plain, clerk: Clerk, data: Keyed) -> Response[Job]:
    """Do what ``tidegate sign`` does; passphrase and PIN are used once and not kept."""
    wish = lines.Sign(roles=data.roles, keys=data.keys, if_staged=data.if_staged)
    return await _do(request, clerk, wish, data.secrets)


@_acts("/publish", "Publish what is signed")
async def publish(request: Plain, clerk: Clerk, data: Going) -> Response[Job]:
    """Do what ``tidegate publish`` does."""
    wish = lines.Publish(roles=data.roles, dry_run=data.dry_run, if_staged=data.if_staged)
    return await _do(request, clerk, wish, data.secrets)


@get("/jobs", summary="What was asked for, the newest first", responses=KEPT)
async def jobs(clerk: Clerk) -> list[Job]:
    """Answer with every job that is still known."""
    return clerk.jobs()


@get("/jobs/{number:int}", summary="One job", responses=KEPT)
async def job(clerk: Clerk, number: int) -> Job:
    """Answer with a job."""
    found = clerk.job(number)
    if found is None:
        raise NotFoundException(f"there is no job {number}")
    return found


@get(
    "/events",
    summary="Every job as it stands, then as it goes on: a stream of server-sent events",
    responses=KEPT,
)
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
    return Response(found if found.exit_code else found.result, status_code=status_of(found))


async def _do(
    request: Plain, clerk: Clerk, action: lines.Action, secrets: Secrets | None = None
) -> Response[Job]:
    """Begin an action and answer with its job: when it is done, or at once where that is preferred."""
    found = clerk.begin(action, secrets)
    place = {"location": f"{request.scope['root_path']}/api/v1/jobs/{found.id}"}
    if "respond-async" in request.headers.get("prefer", ""):
        return Response(found, status_code=HTTPStatus.ACCEPTED, headers=place)
    await clerk.ended(found)
    return Response(found, status_code=status_of(found), headers=place)


async def _with_body(request: Plain) -> None:
    """Refuse what changes something and says nothing, before a decoder says less about it."""
    if request.method == "POST" and not await request.body():
        raise ClientException("the body is empty, and a JSON object is wanted: {} at least")


ROUTES = Router(
    "/api/v1",
    before_request=_with_body,
    route_handlers=[
        *(status, releases, rollout, agents, available, update, sign, publish, jobs, job, events),
        *(_deed(name, *deed) for name, deed in DEEDS.items()),
    ],
)
