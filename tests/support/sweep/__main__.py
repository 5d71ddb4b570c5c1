"""``make test-crash``: sweep an update, a way back and adoptions by service manager; print the points.

``python -m tests.support.sweep [--points 1200 | --all] [--seed N] [--lanes 2] [MANAGER …]``; exits 1 when a
point went wrong, and says which.
"""

import argparse
import contextlib
import secrets
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

from tests.support.sweep.lane import MANAGERS
from tests.support.sweep.power import PoweredLane, fast_folder
from tests.support.sweep.story import Stories, Story, tell
from tests.support.sweep.sweep import CUT, FAULTS, KILL, Tried, calls_of, every, run, sample

KINDS = {KILL: "killed", CUT: "cut off", **dict.fromkeys(FAULTS, "refused")}


class Count:
    """What was tried so far."""

    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()
        self.wrong = 0

    def told(self, tried: Tried) -> None:
        """Count a point, and print it if it went wrong."""
        self.kinds[KINDS[tried.point.action]] += 1
        if tried.wrong:
            self.wrong += 1
            _say(f"WRONG {tried.point}\n  " + "\n  ".join(tried.wrong))


def main() -> int:
    """Sweep, print, and return the exit code."""
    asked = _arguments()
    _say(f"seed {asked.seed}")
    total = Count()
    with fast_folder() as folder:
        stories = tell(folder / "repositories")
        asked.share = asked.points // sum(len(stories.of(manager)) for manager in asked.managers)
        for manager in asked.managers:
            with laid(manager, folder, stories, asked.lanes) as lanes:
                for story in stories.of(manager):
                    _sweep(asked, lanes, story, total)
    points = ", ".join(f"{count:,} {kind}" for kind, count in sorted(total.kinds.items()))
    _say(f"{total.kinds.total():,} points tried ({points}): {total.wrong} wrong")
    return 1 if total.wrong else 0


@contextlib.contextmanager
def laid(manager: str, folder: Path, stories: Stories, count: int) -> Iterator[list[PoweredLane]]:
    """Open some lanes of one manager."""
    with contextlib.ExitStack() as stack:
        lanes = []
        for number in range(count):
            lane = PoweredLane(manager, folder / f"{manager}-{number}", stories)
            stack.callback(lane.close)
            lanes.append(lane)
        yield lanes


def _sweep(asked: argparse.Namespace, lanes: list[PoweredLane], story: Story, total: Count) -> None:
    before = total.kinds.total()
    if asked.all:
        run(lanes, every(lanes[0], story), total.told)
        _cut_everywhere(lanes[0], story, total)
    else:
        lots = Random(f"{asked.seed} {lanes[0].manager} {story.name}")
        run(lanes, sample(lanes[0], story, asked.share, lots), total.told)
    _say(f"{lanes[0].manager}, {story.name}: {total.kinds.total() - before:,} points")


def _cut_everywhere(lane: PoweredLane, story: Story, total: Count) -> None:
    """Cut the power after each call; what leaves the same disk is tried once."""
    calls = calls_of(lane, story)
    cuts = lane.cuts(story)
    for cut in cuts:
        if wrong := lane.survive(story, cut):
            total.wrong += 1
            _say(
                f"WRONG {lane.manager}, {story.name}, power cut after stop {cut.after}\n  "
                + "\n  ".join(wrong)
            )
    total.kinds["cut off"] += len(calls)
    _say(f"{lane.manager}, {story.name}: {len(calls):,} power cuts left {len(cuts)} different disks")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.support.sweep", description=__doc__)
    parser.add_argument("managers", nargs="*", metavar="MANAGER")
    parser.add_argument("--points", type=int, default=1200)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--lanes", type=int, default=2)
    asked = parser.parse_args()
    asked.managers = asked.managers or list(MANAGERS)
    return asked


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
