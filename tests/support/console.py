"""A console that is open, and a script that uses it."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import requests

from tests.support.workspace import Workspace

WAIT_S = 60


class Console:
    """A console that is open, and the session of a script."""

    def __init__(self, told: dict[str, str], link: str) -> None:
        self.url, self.link = told["url"], link
        self.secret = told["session"]
        self.session = requests.Session()
        self.session.headers["authorization"] = f"Bearer {told['session']}"

    def get(self, path: str, **options: Any) -> requests.Response:
        """Ask for something."""
        return self.session.get(f"{self.url}/api/v1/{path}", timeout=WAIT_S, **options)

    @cached_property
    def entered(self) -> tuple[requests.Session, str]:
        """A browser that entered by the link, which opens once, and the address of the pages."""
        browser = requests.Session()
        hall = browser.get(self.link, timeout=WAIT_S)
        assert hall.status_code == 200, hall.text
        return browser, self.url + hall.text.partition("url=")[2].partition('"')[0]

    def post(self, place: str, headers: dict[str, str] | None = None, **body: Any) -> requests.Response:
        """Have something done."""
        return self.session.post(f"{self.url}/api/v1/{place}", json=body, timeout=WAIT_S, headers=headers)


@contextmanager
def opened(
    work: Workspace,
    session: Path,
    folder: Path | None = None,
    options: Sequence[str] = ("--no-browser",),
    end: int = signal.SIGINT,
) -> Iterator[Console]:
    """Open a console of a workspace, in a folder, and end it, as Ctrl-C in its terminal does."""
    program = [sys.executable, "-P", "-m", "repo_tools", "-C", str(work.folder)]
    with subprocess.Popen(
        [*program, "console", *options, "--session-file", str(session)],
        stderr=subprocess.PIPE,
        env={**os.environ, **work.environ},
        cwd=folder,
        start_new_session=True,
    ) as ran:
        try:
            assert ran.stderr is not None
            ready, _, _ = select.select([ran.stderr], [], [], WAIT_S)
            assert ready, "the console says nothing"
            link = ran.stderr.readline().decode().split()[-1]
            yield Console(json.loads(session.read_text()), link)
        finally:
            os.killpg(ran.pid, end)
            ran.wait(WAIT_S)
