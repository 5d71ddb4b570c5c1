"""What people and scripts see; the only module on this side that prints.

Stdout is the result (text, or one JSON document with ``--json``); stderr is everything else: lower case,
what happened, then what to do.
"""

import contextlib
import json
import shutil
import sys
import textwrap
from typing import Any

from agent.streams import UnreadError, unread
from metadata import errors
from metadata.errors import TidegateError, UnsuitableError

LEAST_ROOM = 20
"""Columns in which words can be folded; with less they get lines of their own."""


def result(document: Any, lines: list[str], *, as_json: bool) -> None:
    """Print a command's result.

    Raises:
        UnreadError: Nobody reads it.
        UnsuitableError: It cannot be written.
    """
    text = json.dumps(document, indent=2) if as_json else "\n".join(map(plain, lines))
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError as pipe:
        raise UnreadError from pipe
    except OSError as problem:
        told = f"the result cannot be written: {problem.strerror}"
        raise UnsuitableError(told, "what was done is done; see where the output goes") from problem


def mention(document: Any, lines: list[str], *, as_json: bool) -> None:
    """Print a result for whoever looks; that nobody does, or can, says nothing of what was done."""
    try:
        result(document, lines, as_json=as_json)
    except UnreadError:
        unread()
    except UnsuitableError as problem:
        warning(problem.message)


def error(problem: TidegateError, *, as_json: bool = False) -> None:
    """Print an error and what to do about it, ``as_json`` also as the document that nothing else was."""
    if as_json:
        with contextlib.suppress(TidegateError, UnreadError):  # the output may be what went wrong
            result(errors.document(problem), [], as_json=True)
    _tell(f"error: {plain(problem.message)}")
    if problem.hint:
        _tell(f"hint: {plain(problem.hint)}")


def warning(text: str) -> None:
    """Print what is not as it should be, and does not stop the command."""
    _tell(f"warning: {plain(text)}")


def _tell(line: str) -> None:
    """Print a line beside the result; a log on a full disk keeps nobody from the work."""
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def plain(text: str) -> str:
    """Return a line that a terminal cannot take for a command: what was signed is text, whoever signed it."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def table(rows: list[list[str]]) -> list[str]:
    """Return rows as aligned lines; the first row is the heading."""
    *widths, _ = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        lines += _folded("".join(f"{cell}  " for cell in cells), row[-1])
    return lines


def _folded(start: str, text: str) -> list[str]:
    """Return a row as lines that a terminal has room for; scripts get it as one."""
    room = shutil.get_terminal_size().columns
    if not sys.stdout.isatty() or len(start) + len(text) <= room:
        return [f"{start}{text}".rstrip()]
    below = room - len(start) < LEAST_ROOM
    margin = " " * (4 if below else len(start))
    fold = textwrap.TextWrapper(room, initial_indent=margin, subsequent_indent=margin)
    fold.break_long_words = fold.break_on_hyphens = False  # a path is of no use in two parts
    lines = fold.wrap(text)
    return [start.rstrip(), *lines] if below else [start + lines[0].lstrip(), *lines[1:]]


def product_lines(status: dict[str, Any]) -> list[str]:
    """Return a status document in words, one line for each product."""
    lines = [f"agent {status['agent']}"]
    lines += [f"warning: {status[about]}" for about in ("clock", "disk") if status.get(about)]
    lines += [] if status["products"] else ["no product in the settings"]
    for entry in status["products"]:
        decision = entry["decision"]
        trouble = entry.get("trouble")
        text = f"{decision['text']} ({decision['rule']})" if decision else "the next tick decides"
        text = f"last decided: {text}" if decision and trouble else text
        wave = f", wave {entry['wave']}" if entry["wave"] else ""
        wave += ", only watched" if entry.get("watched") else ""
        lines.append(f"{entry['name']} {entry['running'] or 'not installed'} [{entry['state']}{wave}] {text}")
        if failed := entry.get("unrestored"):
            lines.append(f"  the last way back could not restore {', '.join(failed)}")
        if trouble:
            lines.append(trouble_line(trouble))
    return lines


def trouble_line(trouble: dict[str, Any]) -> str:
    """Return since when what keeps a product from its turn."""
    return f"  since {trouble['at']}, {trouble['error']}: {trouble['text']}"
