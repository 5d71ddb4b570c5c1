"""One download as one request, and as four ranges at a time: over a long thin line, and over a fast one.

The way is that of ``make test-link``: nginx, Varnish and nginx with TLS at the far end of a line between two
networks of their own; both ends share this machine. curl fetches: the agent makes one request at a time.
"""

import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

import pytest

from tests.bench.measure import Row
from tests.support.link import Weather, inside, joined
from tests.support.path import served
from tests.support.tls import Authority

THIN = Weather(delay_s=0.05, loss=0.02, bytes_per_s=1_000_000)
LINES = {
    "8 Mbit/s, 100 ms, 2 % loss, bbr": (THIN, "bbr", 2_000_000),
    "8 Mbit/s, 100 ms, 2 % loss, reno": (THIN, "reno", 2_000_000),
    "8 Mbit/s, 100 ms, no loss, reno": (replace(THIN, loss=0.0), "reno", 2_000_000),
    "100 Mbit/s, 2 ms, no loss, reno": (Weather(0.001, 0.0, 12_500_000), "reno", 20_000_000),
}
"""What each line is like, how its far end answers loss (RFC 5681, or by BBR), and how much comes over it."""
CONTROL = "echo {control} >/proc/sys/net/ipv4/tcp_congestion_control"
AT_A_TIME = 4


def rows(folder: Path, _python: str, runs: int) -> list[Row]:
    """Measure every line."""
    try:
        return [_compared(folder / str(number), name, runs) for number, name in enumerate(LINES)]
    except pytest.skip.Exception as error:
        sys.stderr.write(f"bench: cannot be measured here: {error}\n")
        return []


def _compared(folder: Path, name: str, runs: int) -> Row:
    weather, control, size_bytes = LINES[name]
    shutil.rmtree(folder, ignore_errors=True)
    store = folder / "store"
    (store / "metadata").mkdir(parents=True)
    (store / "metadata" / "1.root.json").write_text("{}")
    (store / "artifact").write_bytes(os.urandom(size_bytes))
    authority = Authority(folder / "authority")
    with joined(folder, weather) as line, served(folder / "path", store, line, authority) as url:
        subprocess.run([*inside(line.far), "sh", "-c", CONTROL.format(control=control)], check=True)
        fetch = [*inside(line.near), "curl", "--silent", "--fail", "--cacert", str(authority.file)]
        command = [*fetch, "--output", "/dev/null", f"{url}/artifact"]
        _fetched(command, size_bytes, 1)  # fills the cache
        taken = [[_fetched(command, size_bytes, many) for many in (1, AT_A_TIME)] for _ in range(runs)]
    one, several = (median(column) for column in zip(*taken, strict=True))
    note = f"{size_bytes / 1e6:.0f} MB as {AT_A_TIME} ranges, to one request"
    return Row(f"{name}: time", several, "s", None, one, note)


def _fetched(command: list[str], size_bytes: int, many: int) -> float:
    """Fetch everything in so many parts at a time; return the seconds that it took."""
    share, begun = -(-size_bytes // many), time.monotonic()
    spans = [f"{start}-{min(start + share, size_bytes) - 1}" for start in range(0, size_bytes, share)]
    started = [subprocess.Popen([*command, "--range", span]) for span in spans]
    assert [one.wait() for one in started] == [0] * len(spans)
    return time.monotonic() - begun
