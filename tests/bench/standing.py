"""The supervisor after a day: as many polls as a day has, of real ticks, one after the other.

A day at the usual pace is 96 polls, of which the supervisor knows only that it started and ended a process;
how long it slept between them leaves nothing in its memory. So the policy makes hosts ask every second.
"""

from pathlib import Path

from tests.bench.lean import LeanHost
from tests.bench.measure import Row
from tests.bench.polling import RESIDENT_LIMIT_MB, resident_mb, settled
from tests.support.host import eventually
from tests.support.web import Web

POLLS_A_DAY = 96
"""At ``poll_s`` 900."""
WARM_POLLS = 8
"""After so many, everything that a poll needs has been needed."""
GROWTH_LIMIT_MB = 0.1
"""A page or two are no growth; a kilobyte kept of each poll would be."""
PATIENCE_S = 3_600


def rows(folder: Path, python: str, _runs: int) -> list[Row]:
    """Measure a day of the supervisor."""
    with settled(folder, python) as (_, web, host):
        warm_mb, after_mb = stood(host, web, POLLS_A_DAY)
    note = f"{POLLS_A_DAY} polls, a child service"
    return [
        Row("supervisor after a day: resident", after_mb, "MB", RESIDENT_LIMIT_MB, note=note),
        Row("supervisor: growth in a day", max(0.0, after_mb - warm_mb), "MB", GROWTH_LIMIT_MB),
    ]


def stood(host: LeanHost, web: Web, polls: int) -> tuple[float, float]:
    """Return the supervisor's resident memory when it is warm, and after so many polls."""
    web.forget()
    host.supervise()
    eventually(lambda: web.asked("/timestamp.json") >= WARM_POLLS, limit_s=PATIENCE_S)
    warm_mb = resident_mb(host.supervisor_pid)
    eventually(lambda: web.asked("/timestamp.json") >= polls, limit_s=PATIENCE_S)
    after_mb = resident_mb(host.supervisor_pid)
    assert host.end_supervisor() == 0
    return warm_mb, after_mb
