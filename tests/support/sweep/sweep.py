"""One point after the other: which there are, how each is tried, and what came of it."""

import random
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue

from tests.support.sweep import judge
from tests.support.sweep.calls import Call, changes_of, recording, spoiling
from tests.support.sweep.lane import Lane
from tests.support.sweep.story import Stories, Story

KILL = "signal=KILL"
FAULTS = ("error=ENOSPC", "error=EIO", "error=EROFS", "error=EDQUOT")
WRITES_ONLY = {"unlink", "unlinkat", "rmdir", "fchmod", "chmod", "fchown", "chown", "lchown", "utimensat"}


@dataclass(frozen=True)
class Point:
    """One place in one story, and what happens there."""

    manager: str
    story: str
    action: str
    call: Call

    def __str__(self) -> str:
        return f"{self.manager} {self.story} {self.action} at {self.call.name} #{self.call.nth}: {self.call.text[:140]}"


@dataclass(frozen=True)
class Tried:
    """What came of a point."""

    point: Point
    wrong: tuple[str, ...]
    exit_code: int
    """How the spoiled tick ended; -9 when it was killed."""


def points_of(lane: Lane, story: Story, actions: Sequence[str]) -> list[Point]:
    """Record an undisturbed tick, which must be right itself, and return every point in it."""
    lane.prepare(story)
    with tempfile.NamedTemporaryFile("r") as file:
        done = lane.agent("tick", "--json", strace=recording(Path(file.name)))
        calls = changes_of(file.read(), lane.host.folder)
    wrong = judge.healed(lane, story, done, may_wait=False)
    assert not wrong, wrong
    return [Point(lane.manager, story.name, action, call) for call in calls for action in actions]


def attempt(lane: Lane, stories: Stories, point: Point) -> Tried:
    """Spoil one tick, look, tick again, and look again."""
    story = next(one for one in stories.all if one.name == point.story)
    lane.prepare(story)
    spoiled = lane.agent("tick", "--json", strace=spoiling(point.call, point.action))
    wrong = judge.half(lane, story)
    may_wait = point.action != KILL
    if spoiled["status"] not in {-9, 0, 10, 11, 12, 13}:
        wrong.append(f"the spoiled tick exits {spoiled['status']}: {spoiled['err']}")
    done = lane.agent("tick", "--json")
    wrong += judge.healed(lane, story, done, may_wait=may_wait)
    return Tried(point, tuple(wrong), spoiled["status"])


def run(lanes: Sequence[Lane], stories: Stories, points: Iterable[Point], told: Callable[[Tried], None]) -> list[Tried]:
    """Try points on lanes of one manager, side by side."""
    waiting: SimpleQueue[Point] = SimpleQueue()
    for point in points:
        waiting.put(point)
    tried: list[Tried] = []
    lock = threading.Lock()

    def work(lane: Lane) -> None:
        while True:
            try:
                point = waiting.get_nowait()
            except Empty:
                return
            one = attempt(lane, stories, point)
            with lock:
                tried.append(one)
                told(one)

    with ThreadPoolExecutor(len(lanes)) as pool:
        for future in [pool.submit(work, lane) for lane in lanes]:
            future.result()
    return tried
