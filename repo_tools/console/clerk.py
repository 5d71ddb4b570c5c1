"""Runs commands as a person would type them, one that changes something at a time, and tells how they go.

Each is a process of its own, so that a command that hangs, crashes or is stopped takes nothing with it.
Secrets go through a pipe or the process's own environment, never on a command line, and are not kept. No
Python is read from the folder in which the console was started: others may push to it.
"""

import asyncio
import os
import shlex
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from repo_tools.console.lines import Action, shown
from repo_tools.keys.folder import FOLDER_VARIABLE
from repo_tools.keys.passphrase import PIN_VARIABLE

KEPT = 200
"""Finished jobs that can still be asked for; the audit trail is the store's."""
MOST_LINE_BYTES = 1 << 20


class Secrets(msgspec.Struct, frozen=True, kw_only=True):
    """What opens keys for one command."""

    passphrase: str | None = None
    pin: str | None = None


class Job(msgspec.Struct, kw_only=True):
    """One command and what became of it."""

    id: int
    line: str
    """As anybody would type it."""
    state: str = "waiting"
    """``waiting``, ``running`` or ``done``."""
    begun: datetime | None = None
    ended: datetime | None = None
    exit_code: int | None = None
    notes: list[str] = []
    """What it said beside its result: warnings, and at last its error and hint."""
    progress: dict[str, Any] | None = None
    """How far it is: ``what``, ``done`` and ``total``."""
    result: Any = None


@dataclass
class Clerk:
    """Runs ``tidegate`` for one workspace."""

    folder: Path
    kept: int = KEPT
    """At least one."""
    _jobs: dict[int, Job] = field(default_factory=dict)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _listeners: list[asyncio.Queue[Job | None]] = field(default_factory=list)
    _tasks: dict[int, asyncio.Task[None]] = field(default_factory=dict)

    @property
    def way(self) -> str:
        """What to type in a terminal first, so that a line does there what it does here."""
        steps = [["cd", str(self.folder)]]
        if keys := os.environ.get(FOLDER_VARIABLE):
            steps.append(["export", f"{FOLDER_VARIABLE}={Path(keys).absolute()}"])
        return " && ".join(map(shlex.join, steps))

    def jobs(self) -> list[Job]:
        """Return what was asked for, the newest first."""
        return list(self._jobs.values())[::-1]

    def job(self, number: int) -> Job | None:
        """Return a job, or None."""
        return self._jobs.get(number)

    def begin(self, action: Action, secrets: Secrets | None = None) -> Job:
        """Begin what changes something: when it is its turn, or at once if it goes on beside others."""
        words = action.words()
        job = Job(id=max(self._jobs, default=0) + 1, line=shown(words))
        self._jobs[job.id] = job
        self._forget()
        turn = nullcontext() if action.beside else self._turn
        task = asyncio.create_task(self._take(turn, job, words, secrets or Secrets()))
        self._tasks[job.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(job.id))
        return job

    def _forget(self) -> None:
        """Forget what ended long ago; who waits for a job that goes on must find it."""
        ended = [job.id for job in self._jobs.values() if job.state == "done"]
        for old in ended[: -self.kept]:
            del self._jobs[old]

    async def ended(self, job: Job) -> None:
        """Wait until a job has come to its end, whoever else does."""
        if job.id in self._tasks:
            await asyncio.shield(self._tasks[job.id])

    async def read(self, words: Sequence[str]) -> Job:
        """Run a command that changes nothing, beside whatever is at work."""
        job = Job(id=0, line=shown(words))
        await self._run(job, words, Secrets())
        return job

    @asynccontextmanager
    async def following(self) -> AsyncIterator[asyncio.Queue[Job | None]]:
        """Give a queue on which every job comes as it stands, and again whenever it has changed."""
        queue: asyncio.Queue[Job | None] = asyncio.Queue()
        for job in self._jobs.values():  # who was away meanwhile saw no change
            queue.put_nowait(job)
        self._listeners.append(queue)
        try:
            yield queue
        finally:
            self._listeners.remove(queue)

    def part(self) -> None:
        """Send everybody away who listens."""
        for queue in self._listeners:
            queue.put_nowait(None)

    async def idle(self) -> None:
        """Wait until every job has come to its end: half a publication helps nobody."""
        while self._tasks:
            await asyncio.gather(*self._tasks.values())

    async def _take(
        self, turn: AbstractAsyncContextManager[None], job: Job, words: Sequence[str], secrets: Secrets
    ) -> None:
        async with turn:
            await self._run(job, words, secrets)

    async def _run(self, job: Job, words: Sequence[str], secrets: Secrets) -> None:
        job.state, job.begun = "running", datetime.now(UTC)
        self._tell(job)
        try:
            await self._go(job, words, secrets)
        except (OSError, ValueError) as error:
            job.exit_code, job.notes = 1, [*job.notes, f"error: it could not be started: {error}"]
        job.state, job.ended, job.progress = "done", datetime.now(UTC), None
        self._tell(job)

    async def _go(self, job: Job, words: Sequence[str], secrets: Secrets) -> None:
        secret, (progress, told) = _pipe(secrets.passphrase), os.pipe()
        try:
            process = await self._begun(words, secrets, secret, told)
        except (OSError, ValueError):
            os.close(progress)
            raise
        finally:
            for descriptor in (told, secret):
                if descriptor is not None:
                    os.close(descriptor)
        assert process.stdout is not None  # they are pipes
        assert process.stderr is not None
        rest = asyncio.gather(self._notes(job, process.stderr), self._progress(job, progress))
        output = await process.stdout.read()
        await rest
        job.exit_code, job.result = await process.wait(), _decoded(output)

    async def _begun(
        self, words: Sequence[str], secrets: Secrets, secret: int | None, told: int
    ) -> asyncio.subprocess.Process:
        extra = ["--passphrase-fd", str(secret)] if secret is not None else []
        with _deaf():
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "repo_tools", "-C", str(self.folder), "--json"),
                *("--progress-fd", str(told), *extra, *words),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=[told, *([secret] if secret is not None else [])],
                env=_environment(secrets),
                limit=MOST_LINE_BYTES,
                start_new_session=True,  # Ctrl-C in the terminal is for the console, which waits for it
            )

    async def _notes(self, job: Job, lines: asyncio.StreamReader) -> None:
        async for line in lines:
            job.notes.append(line.decode(errors="replace").rstrip())
            self._tell(job)

    async def _progress(self, job: Job, descriptor: int) -> None:
        reader = asyncio.StreamReader(limit=MOST_LINE_BYTES)
        loop = asyncio.get_running_loop()
        pipe = os.fdopen(descriptor, "rb", buffering=0)
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
        async for line in reader:
            job.progress = _decoded(line)
            self._tell(job)
        transport.close()

    def _tell(self, job: Job) -> None:
        for queue in self._listeners if job.id else ():
            queue.put_nowait(job)


@contextmanager
def _deaf() -> Iterator[None]:
    """Start what Ctrl-C does not reach, not even in the moment before it has a session of its own."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _pipe(secret: str | None) -> int | None:
    """Return a descriptor from which a secret can be read once."""
    if secret is None:
        return None
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(secret.encode() + b"\n")
    return reading


def _environment(secrets: Secrets) -> dict[str, str]:
    return {**os.environ, **({PIN_VARIABLE: secrets.pin} if secrets.pin is not None else {})}


def _decoded(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:
        return None
