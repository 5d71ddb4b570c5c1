"""How wide the columns of a table are where there is little room. Pure.

A word is never broken while anything else can give way: first columns that can be spared are left out, then
cells are wrapped between words, and only then are words broken.
"""

import textwrap
from collections.abc import Sequence
from unicodedata import combining, east_asian_width

GAP = 2
"""Columns of the terminal between two columns of a table."""
LONGEST_WORD = 36
"""As long as a UUID; what is longer, such as a digest or a URL, may be broken."""


def shown(columns: Sequence[Sequence[str]], spare: Sequence[int], room: int) -> list[int]:
    """Return which columns are shown.

    Args:
        columns: The cells of each column, its heading among them.
        spare: Columns that can be left out, first the one that is missed least.
        room: Width of the terminal.
    """
    kept = list(range(len(columns)))
    for one in spare:
        if _total([_natural(columns[index]) for index in kept]) <= room:
            break
        kept.remove(one)
    return kept


def widths(columns: Sequence[Sequence[str]], room: int) -> list[int]:
    """Return the width of each column: the widest give way first, none below its longest word if possible."""
    found = [_natural(cells) for cells in columns]
    least = [_least(cells) for cells in columns]
    floors = least if _total(least) <= room else [1] * len(columns)
    while _total(found) > room:
        loose = [index for index, floor in enumerate(floors) if found[index] > floor]
        if not loose:
            break
        found[max(loose, key=lambda index: found[index] - floors[index])] -= 1
    return found


def folded(text: str, room: int) -> list[str]:
    """Return a text as lines that break between words; a word that is wider than the terminal stays whole."""
    lines = textwrap.wrap(
        text,
        room,
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
        replace_whitespace=False,
    )
    return lines or [""]


def width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(char) else 1 + (east_asian_width(char) in "WF") for char in text)


def _natural(cells: Sequence[str]) -> int:
    return max((width(cell) for cell in cells), default=0)


def _least(cells: Sequence[str]) -> int:
    words = (width(word) for cell in cells for word in cell.split())
    return min(max(words, default=0), LONGEST_WORD)


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)
