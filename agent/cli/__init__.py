"""The command line of ``tidegate-agent``; each command is loaded when it is asked for."""

import importlib
from pathlib import Path

import click

from agent.settings import DEFAULT_CONFIG

COMMANDS = {
    "enroll": "care",
    "leave": "care",
    "run": "host",
    "tick": "host",
    "guard": "host",
    "check": "host",
    "update": "host",
    "status": "look",
    "explain": "look",
    "history": "look",
    "rollback": "care",
    "pin": "care",
    "unpin": "care",
    "quarantine": "quarantine",
    "adopt": "adoption",
    "let-go": "adoption",
    "verify": "care",
    "doctor": "care",
}


class Lazy(click.Group):
    """Imports a command's module when the command is used: ``status`` needs no TUF client."""

    def list_commands(self, _: click.Context) -> list[str]:
        """Return the commands in the order in which people meet them."""
        return list(COMMANDS)

    def get_command(self, _: click.Context, name: str) -> click.Command | None:
        """Return one command."""
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"agent.cli.{COMMANDS[name]}")
        command: click.Command = getattr(module, name.replace("-", "_"))
        return command


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="tidegate", prog_name="tidegate-agent")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    default=DEFAULT_CONFIG,
    show_default=True,
    envvar="TIDEGATE_AGENT_CONFIG",
    help="The settings of this host.",
)
@click.pass_context
def cli(context: click.Context, config: Path) -> None:
    """Keep this host's products on the versions that were signed for it.

    \b
    Exit codes: 0 done, 1 bug, 2 usage, 10 malformed, 11 unreachable, 12 untrusted,
    13 unsuitable, 14 unhealthy, 15 another tidegate-agent is at work.
    With --json, a command that fails without an answer prints its error as the document.
    """  # noqa: D301 (the backslash is click's)
    context.obj = config
