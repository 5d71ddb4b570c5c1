"""``rollout promote``, ``sign`` and ``publish`` in a large repository, each a process of its own.

What changes is one wave with nine routes. Requests are counted by somebody between the commands and
SeaweedFS, and compared with what the changed objects need: each is written once, what a client reads of them
is read back once, and each of the three commands asks for the next root and the timestamp, because somebody
else may have published.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from statistics import median

from tests.bench.large import CHANNELS, PRODUCTS, founded
from tests.bench.measure import Cost, Row, cost
from tests.support import seaweed
from tests.support.middleman import Middleman, between
from tests.support.seaweed import Bucket, credentials
from tests.support.workspace import Workspace

FOLDER_LIMIT_S = 2
S3_LIMIT_S = 4
REQUESTS_LIMIT = 1.3
ASKED = 2
"""Requests with which a command learns what is live: the next root and the timestamp."""
_WHAT = "promote, sign, publish"


def rows(folder: Path, _python: str, runs: int) -> list[Row]:
    """Measure both stores."""
    shutil.rmtree(folder, ignore_errors=True)
    return [*_in_a_folder(folder / "one", runs), *_in_s3(folder / "two", runs)]


def channels() -> Iterator[str]:
    """Yield each channel; a promotion of each goes to its second wave."""
    yield from (f"{product}/{name}" for product in PRODUCTS for name in CHANNELS)


def promoted(work: Workspace, channel: str) -> Cost:
    """Promote, sign and publish, and return what the three took together."""
    taken = [
        _command(work, *words) for words in (("rollout", "promote", channel), ("sign", "--yes"), ("publish",))
    ]
    return Cost(
        sum(one.wall_s for one in taken), sum(one.cpu_s for one in taken), max(one.peak_mb for one in taken)
    )


def needed(before: set[str], after: set[str]) -> int:
    """Return how many requests a publication needs that created what is new."""
    new = after - before
    read = [name for name in new if "/metadata/" in name and not name.endswith(".timestamp.json")]
    replaced = 1  # timestamp.json, which is read back, too
    return len(new) + replaced + len(read) + replaced + 3 * ASKED


def counted(bucket: Bucket, middleman: Middleman, act: Callable[[], object]) -> tuple[int, int]:
    """Return how many requests a promotion took, and how many it needed."""
    before = set(bucket.names())
    middleman.forget()
    act()
    asked = len(middleman.requests)
    return asked, needed(before, set(bucket.names()))


def moved(work: Workspace, before: str, after: str) -> None:
    """Let a workspace reach its store at another address."""
    settings = work.folder / "tidegate.toml"
    settings.write_text(settings.read_text().replace(json.dumps(before), json.dumps(after)))


def _command(work: Workspace, *words: str) -> Cost:
    environ: Mapping[str, str] = {**os.environ, **credentials(), **work.environ}
    line = [sys.executable, "-P", "-m", "repo_tools", "-C", str(work.folder), "--json", *words]
    return cost(sys.executable, line, env=environ, stderr=subprocess.DEVNULL)  # type: ignore[arg-type]  # as run takes them


def _in_a_folder(folder: Path, runs: int) -> list[Row]:
    work = founded(folder / "work", str(folder / "store"))
    taken = [promoted(work, channel) for _, channel in zip(range(runs + 1), channels(), strict=False)][1:]
    return _times("a folder", taken, FOLDER_LIMIT_S)


def _in_s3(folder: Path, runs: int) -> list[Row]:
    (folder / "server").mkdir(parents=True)
    os.environ |= credentials()
    with seaweed.running(folder / "server") as server:
        bucket, order = server.bucket(), channels()
        work = founded(folder / "work", bucket.location)
        taken = [promoted(work, channel) for _, channel in zip(range(runs + 1), order, strict=False)][1:]
        with between(server.url) as middleman:
            moved(work, bucket.location, middleman.before(bucket).location)
            for _ in range(2):  # what is remembered is remembered by address
                promoted(work, next(order))
            asked, least = counted(bucket, middleman, lambda: promoted(work, next(order)))
    return [
        *_times("SeaweedFS", taken, S3_LIMIT_S),
        Row(f"{_WHAT} to SeaweedFS: requests, to those needed", asked, "", REQUESTS_LIMIT, least),
    ]


def _times(where: str, taken: list[Cost], limit_s: float) -> list[Row]:
    return [
        Row(f"{_WHAT} to {where}", median(one.wall_s for one in taken), "s", limit_s),
        Row("the CPU time of it", median(one.cpu_s for one in taken), "s", None),
    ]
