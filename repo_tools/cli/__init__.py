"""The commands of ``tidegate``; each is a few lines that ask other modules and return what to show.

A command's module is imported when it is used, so that help and shell completion start at once.
"""

import importlib
from pathlib import Path

import click

from repo_tools.cli.listing import Listing

MODULES = {
    "init": "init",
    "product": "channel",
    "channel": "channel",
    "key": "key",
    "release": "release",
    "waves": "waves",
    "rollout": "rollout",
    "simulate": "simulate",
    "brake": "brake",
    "policy": "policy",
    "sign": "signing",
    "unstage": "unstage",
    "status": "status",
    "renew": "renew",
    "publish": "publishing",
    "refresh": "publishing",
    "bundle": "bundle",
    "gc": "gc",
    "demo": "demo",
    "check": "check",
    "notify": "notify",
    "agents": "agents",
    "fleet": "fleet",
    "dashboard": "dashboard",
    "audit": "audit",
    "log": "log",
    "explain": "explain",
    "inspect": "inspect",
    "console": "console",
    "completion": "completion",
}
"""Where each command lives, in the order of the way from an artifact to a host."""


class Commands(Listing):
    """A group that imports a command when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Return the names of all commands, in the order of use."""
        return list(MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return a command, or None."""
        if cmd_name not in MODULES:
            return None
        module = importlib.import_module(f"repo_tools.cli.{MODULES[cmd_name]}")
        command = getattr(module, cmd_name)
        assert isinstance(command, click.Command)  # the table above names commands only
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "-C", "folder", type=click.Path(path_type=Path), default=".", help="The workspace; here by default."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option(
    "--passphrase-fd", type=int, metavar="N", help="Read the passphrase of keys from this descriptor."
)
@click.option("--progress-fd", type=int, metavar="N", help="Write progress to this one, as lines of JSON.")
@click.version_option(package_name="tidegate", prog_name="tidegate")
@click.pass_context
def cli(
    ctx: click.Context, folder: Path, as_json: bool, passphrase_fd: int | None, progress_fd: int | None
) -> None:
    """Update fleets of software agents from a static, signed repository.

    \b
    The way of a change: release add, rollout start, sign, publish.
    Exit codes: 0 done, 1 bug, 2 usage, 10 malformed, 11 unreachable, 12 untrusted,
    13 unsuitable, 14 unhealthy, 15 conflict, 16 signatures missing, 17 check failed.
    With --json, a command that fails without an answer prints its error as the document.
    Shell completion: eval "$(tidegate completion bash)", or zsh, or fish.
    """
    from repo_tools.cli.app import App

    app = App(folder, passphrase_fd) if ctx.obj is None else App(folder, passphrase_fd, environ=ctx.obj)
    app.terminal.as_json = as_json
    app.terminal.progress_fd = progress_fd
    ctx.obj = app
