"""The demo as people see it: what is typed, and for each wave a block per host in its version's colour.

In a terminal the table is live; elsewhere a line is printed whenever something changed. All of it goes to
stderr: the result alone goes to stdout.
"""

import time
from pathlib import Path
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from repo_tools.demo.fleet import Fleet
from repo_tools.demo.story import Stage

COLOURS = {"1.0.0": "cyan", "1.1.0": "red", "1.2.0": "green"}
BLOCK = "■ "
SHORT = 110
"""Columns of a command line that is shown; long lists of hosts are cut."""


class Theatre(Stage):
    """Shows the story on stderr."""

    def __init__(self, place: Path) -> None:
        self._place = f"{place}/"
        self._console = Console(stderr=True, highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=False)
        self._begun = time.monotonic()
        self._last: dict[str, str | None] = {}

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

    def typed(self, arguments: list[str]) -> None:
        """Show a command line."""
        line = f"$ tidegate {' '.join(arguments)}".replace(self._place, "")
        shown = line if len(line) <= SHORT else f"{line[: SHORT - 1]}…"
        self._console.print(Text(f"       {shown}", style="dim"), soft_wrap=True)

    def fleet(self, fleet: Fleet, versions: dict[str, str | None]) -> None:
        """Show which version answers on which host."""
        if self._console.is_terminal:
            self._live.update(Group("", _picture(fleet, versions)), refresh=True)
        elif versions != self._last:
            self._console.print(f"{self._clock()} {_line(fleet, versions)}", soft_wrap=True)
        self._last = versions

    def _clock(self) -> str:
        seconds = int(time.monotonic() - self._begun)
        return f"{seconds // 60}:{seconds % 60:02}  "


def _waves(fleet: Fleet) -> list[str]:
    return list(dict.fromkeys(host.wave for host in fleet.hosts))


def _picture(fleet: Fleet, versions: dict[str, str | None]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("wave", "hosts", "versions"):
        table.add_column(column, header_style="bold")
    for wave in _waves(fleet):
        found = [versions.get(host.name) for host in fleet.wave(wave)]
        blocks = Text()
        for version in found:
            blocks.append(BLOCK, COLOURS.get(version or "", "bright_black"))
        table.add_row(wave, blocks, _counts(found))
    return table


def _line(fleet: Fleet, versions: dict[str, str | None]) -> str:
    waves = ((wave, [versions.get(host.name) for host in fleet.wave(wave)]) for wave in _waves(fleet))
    return "; ".join(f"{wave}: {_counts(found)}" for wave, found in waves)


def _counts(found: list[str | None]) -> str:
    names = [version or "none" for version in found]
    return ", ".join(f"{name} on {names.count(name)}" for name in sorted(set(names)))
