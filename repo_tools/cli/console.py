"""``tidegate console``."""

import json
import webbrowser
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import TYPE_CHECKING

import click

from metadata.errors import UnsuitableError
from repo_tools import files
from repo_tools.cli.app import App, reads
from repo_tools.cli.lake import in_lake
from repo_tools.output import Answer
from repo_tools.workspace import Workspace

if TYPE_CHECKING:
    from repo_tools.console.doors import Doors


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=0,
    help="Where to listen on loopback. [any that is free]",
)
@click.option("--no-browser", is_flag=True, help="Print the link, and open nothing.")
@click.option(
    "--session-file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Leave address and secret for scripts in this file, which only you can read.",
)
@in_lake
@reads
def console(app: App, port: int, no_browser: bool, session_file: Path | None, lake: Path) -> Answer:
    """Look at the fleet and steer it in a browser on this machine; Ctrl-C ends it.

    It listens on loopback and lets in whoever has the link, which works once. All that it does are commands,
    and it shows them; it signs with your keys, and only when you say so.

    \b
    Examples:
      tidegate console
      tidegate console --port 8417 --no-browser --session-file console.json
    """
    from repo_tools.console.clerk import Clerk
    from repo_tools.console.serving import LOOPBACK, serve
    from repo_tools.console.views import Views

    folder = Workspace.open(app.folder).folder.resolve()
    with TemporaryDirectory(prefix="tidegate-console-") as private:

        def opened(doors: "Doors") -> None:
            if session_file:
                session = {"url": f"http://{LOOPBACK}:{doors.port}", "session": doors.session}
                files.write(session_file, json.dumps(session).encode(), 0o600)
            app.terminal.note(f"the console of {folder} is at {doors.link}")
            if not no_browser:
                _lead(Path(private), doors.link)

        try:
            views = Views(app.desk, lake)
            serve(Clerk(folder), views, port, version("tidegate"), opened)
        except OSError as error:
            text = f"cannot listen on port {port}: {error.strerror}"
            raise UnsuitableError(text, "choose another --port") from error
        finally:
            if session_file:
                session_file.unlink(missing_ok=True)
    return Answer({"ended": True}, ["the console has ended"])


def _lead(private: Path, link: str) -> None:
    """Open the browser by way of a file that only this person can read; everybody sees command lines."""
    page = private / "console.html"
    files.write(page, f'<!doctype html><meta http-equiv="refresh" content="0;url={link}">'.encode(), 0o600)
    Thread(target=webbrowser.open, args=[page.as_uri()], daemon=True).start()
