"""The drop box: objects named ``reports/v1/dt=<date>/hh=<hour>/<agent>/<seq>.json``, in a folder or on S3."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from repo_tools.store import FullStore

TOP = "reports/v1"
LOOK_BACK = timedelta(days=14)
"""Copies between stores and clocks of hosts are late; what is filed longer ago was collected, or is lost."""
AHEAD = timedelta(days=2)
"""Clocks of hosts, which file their reports themselves, may be ahead."""
_NAME = re.compile(r"reports/v1/dt=(\d{4}-\d\d-\d\d)/hh=(\d\d)/([A-Za-z0-9._-]{1,64})/(\d{1,16})\.json")


@dataclass(frozen=True)
class Dropped:
    """One object."""

    name: str
    agent: str
    seq: int
    """The number of its first report, as its name says."""
    size_bytes: int
    received: datetime
    """By the store's clock: a host may file where it likes, but not when."""


def dropped(store: FullStore, today: date) -> Iterator[Dropped]:
    """Yield what lies in the days that are looked at, and what does not belong there as if by nobody."""
    day = today - LOOK_BACK
    while day <= today + AHEAD:
        for item in store.below(f"{TOP}/dt={day.isoformat()}"):
            found = _NAME.fullmatch(item.name)
            agent, seq = (found[3], int(found[4])) if found else ("", 0)
            yield Dropped(item.name, agent, seq, item.size_bytes, item.modified_at)
        day += timedelta(days=1)
