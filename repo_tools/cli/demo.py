"""``tidegate demo``."""

import contextlib
import io
import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from metadata.errors import TidegateError, UsageError
from repo_tools.cli.app import App, reads
from repo_tools.demo.story import WAVES, Outcome, Story
from repo_tools.demo.theatre import Theatre
from repo_tools.output import Answer, Sheet

ENDING = (signal.SIGTERM, signal.SIGHUP)


@click.command()
@click.option("--keep", is_flag=True, help="Leave everything up to look at, until Ctrl-C.")
@click.option(
    "--folder", type=click.Path(path_type=Path), help="Where to play; a temporary folder by default."
)
@reads
def demo(app: App, *, keep: bool, folder: Path | None) -> Answer:
    """Watch a fleet of 20 agents take a good release, refuse a bad one, and take the mended one.

    It needs no network and no rights, takes under three minutes on two cores and leaves nothing behind; in
    a --folder of yours the repository and a dashboard of what happened stay.

    \b
    Examples:
      tidegate demo
      tidegate demo --keep --folder /tmp/tidegate-demo
    """
    with (
        _playground(folder) as place,
        _ended_in_order(),
        Theatre(place) as theatre,
        Story(place, theatre, lambda line: _type(line, place)).told() as outcome,
    ):
        theatre.close()
        answer = _answer(outcome, place, stays=keep or folder is not None)
        if keep:
            app.terminal.answer(answer)
            for line in _to_steer(place):
                app.terminal.note(line)
            signal.pause()
    return answer


def _to_steer(place: Path) -> list[str]:
    """Return what a person may do while the agents run."""
    here = f"TIDEGATE_KEYS={place}/keys tidegate -C {place}/workspace"
    return [
        f"everything is up in {place}; end it with Ctrl-C",
        f"to steer it from another terminal: {here} console",
        f"to see there what the agents report: {here} fleet collect {place}/reports",
    ]


def _type(arguments: list[str], place: Path) -> str:
    """Run a command line as a shell would, with a key folder of the demo's own, and return its result."""
    from repo_tools.__main__ import main

    said, result = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(result), contextlib.redirect_stderr(said):
        code = main(arguments, {**os.environ, "TIDEGATE_KEYS": str(place / "keys")})
    if code != 0:
        raise TidegateError(
            f"tidegate {' '.join(arguments)} exited {code}",
            "; ".join(said.getvalue().split("\n")).strip("; "),
        )
    return result.getvalue()


@contextmanager
def _playground(folder: Path | None) -> Iterator[Path]:
    """Give a folder of the demo's own, which is gone afterwards, or the one that was asked for."""
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="tidegate-demo-") as place:
            yield Path(place)
        return
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty", "name a folder that does not exist yet")
    folder.mkdir(parents=True, exist_ok=True)
    yield folder.resolve()


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Make these signals end the demo as Ctrl-C does, so that no agent is left running."""
    before = {name: signal.signal(name, signal.default_int_handler) for name in ENDING}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def _answer(outcome: Outcome, place: Path, *, stays: bool) -> Answer:
    waves = ", ".join(f"{count} in {wave}" for wave, count in WAVES)
    rows = [
        ("agents", f"{outcome.agents}: {waves}"),
        ("the bad release 1.1.0", f"tried by {', '.join(outcome.went_back)}, which went back on their own"),
        ("seen by other hosts", ", ".join(outcome.exposed_elsewhere) or "never"),
        ("now running", ", ".join(f"{version} on {count}" for version, count in outcome.versions.items())),
        ("took", f"{outcome.seconds:.0f} s"),
    ]
    everybody = {"1.2.0": outcome.agents}
    as_it_should = len(outcome.went_back) == WAVES[0][1] and not outcome.exposed_elsewhere
    failure = None
    if not as_it_should or outcome.versions != everybody:
        failure = TidegateError("the demo did not end as it should", f"look into {place}")
    address = outcome.dashboard if stays else None
    shown = [f"look at it in a browser: {address}"] if address else []
    data = vars(outcome) | {"dashboard": address}
    return Answer(data, [Sheet(("", "what happened"), rows), *shown], failure)
