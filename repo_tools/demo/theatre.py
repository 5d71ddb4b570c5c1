"""The demo as people see it: what is typed, and for each wave a block per host in its version's colour.

In a terminal the table is live; elsewhere a line is printed whenever something changed. All of it goes to
stderr: the result alone goes to stdout.
"""

import shlex
import time
from pathlib import Path
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from repo_tools.demo.fleet import Fleet, Host
from repo_tools.demo.story import Stage

COLOURS = {"1.0.0": "cyan", "1.1.0": "red", "1.2.0": "green"}
BLOCK = "■ "
INDENT = "       $ "
SHORT = 110
"""Columns of a command line that is shown; long lists of hosts are cut."""


class Theatre(Stage):
    """Shows the story on stderr."""

    def __init__(self, place: Path) -> None:
        self._place = f"{place}/"
        self._console = Console(stderr=True, highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=False)
        self._begun = time.monotonic()
        self._last = ""

    def __enter__(self) -> "Theatre":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the last picture standing."""
        self._live.stop()

    def say(self, text: str) -> None:
        """Tell what happens next."""
        self._console.print(f"\n{self._clock()} [bold]{text}[/bold]")

    def doing(self, text: str) -> None:
        """Tell what takes a while."""
        self._console.print(f"{self._clock()} {text}…", soft_wrap=True)

    def typed(self, arguments: list[str]) -> None:
        """Show a command line."""
        line = ["tidegate", *(part.replace(self._place, "") for part in arguments)]
        room = min(SHORT, self._console.width - len(INDENT)) if self._console.is_terminal else SHORT
        self._console.print(Text(f"{INDENT}{_cut(line, room)}", style="dim"), soft_wrap=True)

    def enrolling(self, count: int, total: int) -> None:
        """Show how many hosts are enrolled by now; outside of a terminal only that it begins and ends."""
        said = f"{self._clock()} enrolling {total} agents… {count}"
        if self._console.is_terminal:
            self._live.update(Group("", Text(said)), refresh=True)
        elif count in {0, total}:
            self._console.print(said, soft_wrap=True)

    def fleet(self, fleet: Fleet, versions: dict[str, str | None]) -> None:
        """Show which version answers on which host."""
        if self._console.is_terminal:
            self._live.update(Group("", _picture(fleet, versions)), refresh=True)
        elif (line := _line(fleet, versions)) != self._last:
            self._console.print(f"{self._clock()} {line}", soft_wrap=True)
            self._last = line

    def _clock(self) -> str:
        seconds = int(time.monotonic() - self._begun)
        return f"{seconds // 60}:{seconds % 60:02}  "


def _cut(line: list[str], room: int) -> str:
    """Return a command line as a shell would take it, without the last arguments where it is too long."""
    whole = shlex.join(line)
    while len(whole) > room and len(line) > 1:
        line = line[:-1]
        whole = f"{shlex.join(line)} …"
    return whole


def _waves(fleet: Fleet) -> list[str]:
    return list(dict.fromkeys(host.wave for host in fleet.hosts))


def _picture(fleet: Fleet, versions: dict[str, str | None]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("wave", "hosts", "versions"):
        table.add_column(column, header_style="bold")
    for wave in _waves(fleet):
        blocks = Text()
        for host in fleet.wave(wave):
            answers = versions.get(host.name)
            colour = COLOURS.get(_known(host, answers) or "", "bright_black")
            blocks.append(BLOCK, colour if answers else f"dim {colour}")
        table.add_row(
            wave, blocks, _counts([_known(host, versions.get(host.name)) for host in fleet.wave(wave)])
        )
    return table


def _line(fleet: Fleet, versions: dict[str, str | None]) -> str:
    waves = (
        (wave, [_known(host, versions.get(host.name)) for host in fleet.wave(wave)]) for wave in _waves(fleet)
    )
    return "; ".join(f"{wave}: {_counts(found)}" for wave, found in waves)


def _known(host: Host, answers: str | None) -> str | None:
    """Return what a host runs, or what it ran last: while it restarts it is neither lost nor empty."""
    return answers or next(iter(host.seen[-1:]), None)


def _counts(found: list[str | None]) -> str:
    names = [version or "none" for version in found]
    return ", ".join(f"{name} on {names.count(name)}" for name in sorted(set(names)))
