"""The one way to run a child process: bounded in time and output, both streams kept, the status told.

Standard library only: the guard imports this.
"""

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple

from agent import processes

MAX_OUTPUT_BYTES = 4_096
"""What is kept of a command's output: its end, where programs say what went wrong."""
MAX_SHEBANG_BYTES = 256
"""As much of a script's first line as the kernel reads."""
MARK = "TIDEGATE_COMMAND"
"""The variable in which a command that was marked finds the mark and its own number."""
CURRENT = "{current}"
NOTHING: Mapping[str, str] = {}


class Ran(NamedTuple):
    """How a command ended."""

    status: int | None
    """Exit status; negative for a signal; None when it was never started or did not end in time."""
    output: str
    started: bool = True

    @property
    def ok(self) -> bool:
        """Whether it exited 0."""
        return self.status == 0

    def text(self) -> str:
        """Return how it ended, in words."""
        if not self.started:
            return f"could not be started: {self.output}"
        ended = "did not end in time" if self.status is None else f"exited {self.status}"
        last = self.output.strip().splitlines()[-1:] or ["no output"]
        return f"{ended}: {last[0][:200]}"


def run(
    command: list[str], folder: Path, timeout_s: float, told: Mapping[str, str] = NOTHING, mark: str = ""
) -> Ran:
    """Run a command in ``folder`` and wait for it alone, not for what it leaves in the background.

    What it is ``told`` stands in its environment, and its ``mark``, by which it is found should this process
    be killed. Output goes to a file: a daemon that keeps a pipe open would hold its starter for ever.
    """
    with _file() as output:
        try:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=None if mark else {**os.environ, **told},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=partial(_name, mark, told) if mark else None,  # noqa: PLW1509 (it takes no lock)
            )
        except OSError as error:
            return Ran(None, f"{command[0]}: {error.strerror}", started=False)
        try:
            status: int | None = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            status = None
        return Ran(status, _tail(output))


def _name(mark: str, told: Mapping[str, str]) -> None:
    """Write into this process's environment who it is: what it starts inherits the words, not the number."""
    for name, value in {**told, MARK: f"{mark}:{os.getpid()}"}.items():
        os.putenv(name, value)


def end_left(mark: str) -> list[str]:
    """End the commands of a mark that outlived their starter, with their groups; return what they were."""
    left = processes.naming_themselves(f"{MARK}={mark}:")
    found = [process.words() for process in left]
    for process in left:
        process.end()
    return found


def _file() -> IO[bytes]:
    try:
        return tempfile.TemporaryFile()
    except OSError:  # it is full, or belonged to a unit whose main process has ended before this one
        return os.fdopen(os.memfd_create("output"), "w+b")


def resolve(command: list[str], version_folder: Path, *, search_path: bool = False) -> list[str]:
    """Return a command ready to run.

    ``{current}`` stands for the version's folder. A program without a leading slash is relative to that
    folder; in settings (``search_path``) a bare name that is not there may come from PATH.
    """
    filled = [part.replace(CURRENT, str(version_folder)) for part in command]
    program = filled[0]
    if program.startswith("/"):
        return filled
    own = version_folder / program
    found = shutil.which(program) if search_path and "/" not in program and not own.exists() else None
    return [found or str(own), *filled[1:]]


def unstartable(program: str) -> str:
    """Return why a program cannot be started; empty where nothing that can be seen speaks against it."""
    if shutil.which(program) is None:
        return "is not executable" if Path(program).exists() else "is not there"
    interpreter = _interpreter(Path(program))
    if interpreter.startswith("/") and shutil.which(interpreter) is None:
        return f"asks for {interpreter}, which is not there"
    return ""


def _interpreter(program: Path) -> str:
    """Return what the kernel starts for a script, by its first line: execve(2)."""
    try:
        with program.open("rb") as file:
            first = file.read(MAX_SHEBANG_BYTES).partition(b"\n")[0]
    except OSError:  # it may be run and not read
        return ""
    words = os.fsdecode(first[2:]).replace("\t", " ").strip(" ")  # a carriage return is part of a word
    return words.split(" ")[0] if first.startswith(b"#!") else ""


def says(output: str, word: str) -> bool:
    """Return whether ``word`` stands in ``output`` by itself: 1.5.0 does not stand in 1.5.0.1 or 11.5.0."""
    return re.search(rf"(?<![\w.+-]){re.escape(word)}(?![\w+-]|\.\w)", output) is not None


def _tail(output: IO[bytes]) -> str:
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - MAX_OUTPUT_BYTES))
    return output.read().decode(errors="replace")
