"""The updater as a product: where its slots are, which of them works, and which one judges.

``current`` is what runs, ``settled`` what was kept last. While a new updater is on trial the settled one does
the ticks, so that none judges itself. Standard library only: the supervisor imports this.
"""

import os
import time
from pathlib import Path

from agent import files
from agent.bare import Bare
from agent.guard import watch

PRODUCT = "tidegate-agent"
PROGRAM = "tidegate-agent"
REFRESHED = "refreshed"
"""A file in the state folder, touched by every good look at the repository."""
STALE_S = 7 * 86_400
"""Without one good look for so long, the updater before this one is let try."""
_HERE = Path(__file__).resolve()
"""Where this code was loaded from: the links may name another version by now."""


def program(root: Path, link: str) -> Path:
    """Return the updater's program in the slot that a link names."""
    return root / PRODUCT / link / PROGRAM


def own_version(root: Path) -> str | None:
    """Return the version that this code belongs to; None when it runs from elsewhere."""
    versions = (root / PRODUCT / "versions").resolve()
    return _HERE.relative_to(versions).parts[0] if _HERE.is_relative_to(versions) else None


def judge(places: Bare) -> Path | None:
    """Return the program that must do the ticks while a new updater is on trial; None when this one may."""
    settled = program(places.root, "settled")
    if not watch.place(places.state, PRODUCT).exists() or not os.access(settled, os.X_OK):
        return None
    return settled if settled.resolve().parent.name != own_version(places.root) else None


def hand_over(places: Bare, arguments: list[str]) -> None:
    """Let the settled version go on as this process, if this one is on trial."""
    if settled := judge(places):
        os.execv(settled, [str(settled), *arguments])  # noqa: S606 (as meant)


def elder(places: Bare) -> Path | None:
    """Return the program of the updater before this one, if this one has not seen the repository for long."""
    try:
        silent_s = time.time() - (places.state / REFRESHED).stat().st_mtime
    except OSError:  # it has not seen it once: a new host, whose elder would know no more
        return None
    before = program(places.root, "previous")
    return before if silent_s > STALE_S and os.access(before, os.X_OK) else None


def note_refresh(state: Path) -> None:
    """Note that the repository was seen just now."""
    (state / REFRESHED).touch()


def settle(root: Path, version: str) -> None:
    """Make a version the settled one: from now on it guards and judges."""
    files.point(root / PRODUCT / "settled", f"versions/{version}")
