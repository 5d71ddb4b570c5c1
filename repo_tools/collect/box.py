"""The drop box: objects named ``reports/v1/dt=<date>/hh=<hour>/<agent>/<seq>.json``, in a folder or on S3.

Hosts file by their own clocks, so that a day's folder may be of any year. Days near the present are looked
at in each run, all others once a day.
"""

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import msgspec

from metadata.errors import UnreachableError
from repo_tools.store import FolderStore, FullStore, S3Options, open_store

TOP = "reports/v1"
LOOK_BACK = timedelta(days=14)
"""Copies between stores are late, and so are hosts that slept while they sent."""
AHEAD = timedelta(days=2)
"""Clocks of hosts may be ahead, and so may their day be."""
_DAY = re.compile(r"dt=(\d{4}-\d\d-\d\d)")
_NAME = re.compile(
    r"reports/v1/dt=(\d{4}-\d\d-\d\d)/hh=\d\d/([A-Za-z0-9._-]{1,64})/(\d{1,16})(?:\.[0-9a-f]{8})?\.json"
)


class Dropped(msgspec.Struct, frozen=True):
    """One object."""

    name: str
    day: str
    """The day's folder that it lies in: by the host's clock."""
    agent: str
    seq: int
    """The number of its first report, as its name says."""
    size_bytes: int
    received: datetime
    """By the store's clock: a host may file where it likes, but not when."""
    mark: str
    """Another one when the content is: what was read too early is read again."""


def opened(location: str, s3: S3Options | None) -> FullStore:
    """Return a drop box.

    Raises:
        UsageError: It is no location of a store.
        UnreachableError: It is a folder that is not there: a job that reads the wrong one would stay green.
    """
    store = open_store(location, Path(), s3)
    if isinstance(store, FolderStore) and not store.folder.exists():
        hint = "is it mounted, and spelled so? make it where hosts have sent nothing yet"
        raise UnreachableError(f"there is no folder {store.folder}", hint)
    return store


def days(store: FullStore) -> list[str]:
    """Return the days that have a folder, the oldest first."""
    found = (_DAY.fullmatch(name) for name in store.folders(TOP))
    return sorted(match[1] for match in found if match)


def near(day: str, today: date) -> bool:
    """Return whether a day is looked at in each run."""
    return (today - LOOK_BACK).isoformat() <= day <= (today + AHEAD).isoformat()


def dropped(store: FullStore, day: str) -> Iterator[Dropped]:
    """Yield what lies in a day's folder; what does not belong there as if by nobody.

    Names that begin with a dot are those of files that are still being written.
    """
    for item in store.below(f"{TOP}/dt={day}"):
        if not item.name.rpartition("/")[2].startswith("."):
            name = item.name.encode(errors="backslashreplace").decode()
            yield placed(name, day, item.size_bytes, item.modified_at, item.mark)


def placed(name: str, day: str, size_bytes: int, received: datetime, mark: str) -> Dropped:
    """Return an object with what its name says."""
    found = _NAME.fullmatch(name)
    agent, seq = (found[2], int(found[3])) if found else ("", 0)
    return Dropped(name, day, agent, seq, size_bytes, received, mark)
