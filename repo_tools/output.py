"""The only module that prints, and does so through ``streams``.

Stdout is the result: tables for people, or one JSON document with ``--json``. Stderr is everything else:
notes, questions, progress, errors. Lower case, no full stop, what happened and then what to do. Progress
bars appear only when stderr is a terminal.
"""

import json
import shutil
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from getpass import getpass
from typing import TYPE_CHECKING, Any, TextIO

from metadata.errors import TidegateError, UsageError, document
from metadata.fields import time_text
from repo_tools import layout, streams
from repo_tools.files import OnBytes, silent
from repo_tools.progress import Steps

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))
_WIDE = 400
"""Columns of a table that nobody looks at in a terminal: nothing is cut off in pipes and files."""


@dataclass(frozen=True)
class Sheet:
    """A table for people."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""
    spare: Sequence[str] = ()
    """Columns that a narrow terminal may leave out, first the one that is missed least."""


@dataclass(frozen=True)
class Answer:
    """What a command found or did."""

    data: Any
    """The same for machines: plain JSON values."""
    text: Sequence[str | Sheet] = ()
    failure: TidegateError | None = None
    """Raised once the answer is shown."""


@dataclass
class Terminal:
    """Where answers go."""

    as_json: bool = False
    progress_fd: int | None = None
    """Where a program wants to read how far things are; None: nowhere."""
    notes: list[str] = field(default_factory=list)

    def answer(self, answer: Answer) -> None:
        """Show a result."""
        if self.as_json:
            streams.show(json.dumps(answer.data, indent=1, default=plain))
            return
        for part in answer.text:
            streams.show(_table(part) if isinstance(part, Sheet) else _folded(part, sys.stdout))

    def note(self, text: str) -> None:
        """Say something beside the result."""
        streams.tell(_folded(text, sys.stderr))

    def warn(self, text: str) -> None:
        """Say something that needs attention."""
        self.note(f"warning: {text}")

    @staticmethod
    def asks() -> bool:
        """Return whether somebody is there to answer."""
        return sys.stdin.isatty()

    def confirm(self, question: str) -> bool:
        """Return whether a person agrees."""
        sys.stderr.write(f"{question} [y/N] ")
        sys.stderr.flush()
        return sys.stdin.readline().strip().lower() in {"y", "yes"}

    @contextmanager
    def progress(self, what: str, total: int | None = None, *, count: bool = False) -> Iterator[OnBytes]:
        """Show how far something is, while it runs: in bytes, or as a count of things."""
        if self.progress_fd is not None:
            steps = Steps(self.progress_fd, what, total)
            yield steps.forward
            steps.tell()
            return
        if not sys.stderr.isatty():
            yield silent
            return
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        done = MofNCompleteColumn() if count else DownloadColumn()
        columns = (TextColumn("{task.description}"), BarColumn(), done, TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(what, total=total)
            yield lambda count: bar.advance(task, count)


def error(trouble: TidegateError, *, as_json: bool = False) -> None:
    """Say what went wrong and what to do about it, ``as_json`` also as the document that nothing else was."""
    if as_json:
        with suppress(TidegateError, streams.UnreadError):  # the output may be what went wrong
            streams.show(json.dumps(document(trouble), indent=1))
    lines = [f"error: {trouble.message}", *([f"hint: {trouble.hint}"] if trouble.hint else [])]
    streams.tell("\n".join(_folded(line, sys.stderr) for line in lines))


def visible(text: str) -> str:
    """Return one line of text as a terminal shows it: nothing that it would obey or hide.

    Names, reasons and sentences come from documents that others wrote; an escape code or a line break in one
    could write whatever it likes on the screen of whoever reads it.
    """
    return "".join(char if char.isprintable() or char == "\u00a0" else ascii(char)[1:-1] for char in text)


def _folded(text: str, stream: TextIO) -> str:
    """Return a text as one line; in a terminal folded between words, and indented after the first."""
    shown = visible(text)
    if not stream.isatty():
        return shown
    room = shutil.get_terminal_size().columns
    return "\n".join(layout.folded(shown, room))


def bug(trouble: Exception, hint: str) -> TidegateError:
    """Show where something happened that nobody thought of, and return it as an error."""
    streams.tell("".join(traceback.format_exception(trouble)).rstrip())
    return TidegateError(f"unexpected {type(trouble).__name__}: {trouble}", hint)


def ask_secret(question: str, twice: bool) -> str:
    """Return a secret that a person types unseen.

    Raises:
        UsageError: Typed twice, it differs.
    """
    secret = getpass(f"{question}: ")
    if twice and getpass("again: ") != secret:
        raise UsageError("the two passphrases differ", "try again")
    return secret


def plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, datetime):
        return moment(value)
    raise TypeError(f"{type(value).__name__} is no JSON value")


def moment(value: datetime | None) -> str:
    """Return a time as documents have it; a dash for none."""
    return time_text(value) if value else "-"


def when(value: datetime | None) -> str:
    """Return a time as people read it, to the minute unless it says more; a dash for none."""
    if value is None:
        return "-"
    exact = "%Y-%m-%d %H:%M:%S.%fZ" if value.microsecond else "%Y-%m-%d %H:%M:%SZ"
    return f"{value.astimezone(UTC):{exact if value.second or value.microsecond else '%Y-%m-%d %H:%MZ'}}"


def to_minute(value: datetime | None) -> str:
    """Return a time for a table, where seconds would only take room."""
    return when(value.replace(second=0, microsecond=0)) if value else "-"


def span(seconds: int) -> str:
    """Return a span of time, such as ``90 min`` or ``7 d``."""
    found = next(((seconds // unit, name) for unit, name in _UNITS if seconds and seconds % unit == 0), None)
    return f"{found[0]:,} {found[1]}" if found else f"{seconds:,} s"


def counted(number: int, what: str) -> str:
    """Return a number of things, such as ``1 file`` or ``2 files``."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def sized(number: int) -> str:
    """Return a number of bytes as people read it, such as ``18.8 MB``."""
    for unit, name in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if number >= unit:
            return f"{number / unit:,.1f} {name}"
    return f"{number} B"


def _table(sheet: Sheet) -> str:
    """Return a table as text for where the result goes."""
    if not sys.stdout.isatty() and (lines := straight(sheet)):
        return "\n".join(lines)
    from rich.console import Console

    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else _WIDE)
    if not console.is_terminal:
        return "\n".join(wrapped(console, sheet))
    with console.capture() as shown:
        console.print(_drawn(sheet, console.width))
    lines = [shown.get().rstrip("\n")]
    if gone := left_out(sheet, console.width):
        lines.append(_folded(f"left out, as this terminal is narrow: {', '.join(gone)}", sys.stdout))
    return "\n".join(lines)


def wrapped(console: "Console", sheet: Sheet) -> list[str]:
    """Return a table for pipes, as it is drawn for terminals."""
    with console.capture() as shown:
        console.print(_drawn(sheet, _WIDE))
    return [line for line in map(str.rstrip, shown.get().splitlines()) if line]


def straight(sheet: Sheet) -> list[str]:
    """Return the same in a hundredth of the time, where every cell stands on one line; else nothing."""
    rows = [[visible(cell) for cell in row] for row in (sheet.columns, *sheet.rows)]
    columns = list(zip(*rows, strict=True))
    *widths, last = layout.widths(columns, sys.maxsize)
    widths.append(max(1, last))
    across = sum(widths) + layout.GAP * (len(widths) - 1)
    if across > _WIDE:
        return []
    cells = (
        (cell + " " * (wide - layout.width(cell)) for cell, wide in zip(row, widths, strict=True))
        for row in rows
    )
    head, *rest = ((" " * layout.GAP).join(row) for row in cells)
    lines = [sheet.title, head, "─" * across, *rest]
    return [line for line in map(str.rstrip, lines) if line]


def left_out(sheet: Sheet, room: int) -> list[str]:
    """Return the columns that a table has no room for."""
    kept = _kept(sheet, room)
    return [name for index, name in enumerate(sheet.columns) if index not in kept]


def _kept(sheet: Sheet, room: int) -> list[int]:
    columns = [[name, *(visible(row[at]) for row in sheet.rows)] for at, name in enumerate(sheet.columns)]
    return layout.shown(columns, [sheet.columns.index(name) for name in sheet.spare], room)


def _drawn(sheet: Sheet, room: int) -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    rows = [[visible(cell) for cell in row] for row in sheet.rows]
    columns = [[name, *(row[index] for row in rows)] for index, name in enumerate(sheet.columns)]
    kept = _kept(sheet, room)
    title = Text(sheet.title, style="italic") if sheet.title else None
    padding = (0, layout.GAP - 1, 0, 0)
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False, padding=padding)
    table.pad_edge = False
    for index, width in zip(kept, layout.widths([columns[index] for index in kept], room), strict=True):
        table.add_column(sheet.columns[index], width=width, overflow="fold")
    for row in rows:
        table.add_row(*(Text(row[index]) for index in kept))  # what documents say is text, never markup
    return table
