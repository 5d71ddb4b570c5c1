"""``tidegate completion``."""

import click
from click.shell_completion import get_completion_class

from repo_tools.cli.app import App, reads
from repo_tools.output import Answer

SHELLS = ("bash", "zsh", "fish")
PROGRAMS = ("tidegate", "tidegate-agent")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.option(
    "--program",
    type=click.Choice(PROGRAMS),
    default=PROGRAMS[0],
    show_default=True,
    help="Which program's command line is completed.",
)
@reads
def completion(app: App, shell: str, program: str) -> Answer:  # noqa: ARG001  # what commands are called with
    """Print what lets a shell complete commands and options.

    \b
    Examples:
      eval "$(tidegate completion bash)"
      tidegate completion zsh > ~/.zfunc/_tidegate
      tidegate completion fish --program tidegate-agent > tidegate-agent.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None  # click knows these three
    variable = f"_{program.replace('-', '_').upper()}_COMPLETE"
    script = kind(click.Command(program), {}, program, variable).source()
    return Answer({"shell": shell, "program": program, "script": script}, script.splitlines())
