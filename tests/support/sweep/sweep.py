"""One point after the other: which there are, how each is tried, and what came of it."""

import tempfile
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from random import Random

from metadata.errors import UnsuitableError
from tests.support.sweep import judge
from tests.support.sweep.calls import Call, changes_of, recording, spoiling
from tests.support.sweep.power import PoweredLane
from tests.support.sweep.story import Story

KILL, CUT = "signal=KILL", "power cut"
FAULTS = tuple(f"error={name}" for name in ("ENOSPC", "EIO", "EROFS", "EDQUOT"))
KILLED = -9
MAY_EXIT = {KILLED, 0, UnsuitableError.exit_code}


@dataclass(frozen=True)
class Point:
    """One place in one story, and what happens there."""

    manager: str
    story: Story
    action: str
    call: Call

    def __str__(self) -> str:
        """Say where and what, so that it can be found again."""
        where = f"{self.call.name} #{self.call.nth}: {self.call.text}"
        return f"{self.manager}, {self.story.name}, {self.action} at {where}"


@dataclass(frozen=True)
class Tried:
    """What came of a point; ``wrong`` is empty when all was well."""

    point: Point
    wrong: tuple[str, ...]


def calls_of(lane: PoweredLane, story: Story) -> list[Call]:
    """Record an undisturbed command, which must be right itself, and return its calls."""
    lane.prepare(story)
    with tempfile.NamedTemporaryFile("r") as file:
        done = lane.agent(*lane.words(story), strace=recording(Path(file.name)))
        assert done["status"] == 0, done["err"]
        calls = changes_of(file.read(), lane.host.folder)
    wrong = judge.healed(lane, story, lane.heal(story), disk_failed=False)
    assert not wrong, wrong
    return calls


def sample(lane: PoweredLane, story: Story, count: int, random: Random) -> list[Point]:
    """Return some points: two fifths are killed, two fifths refused by the disk, a fifth cut off."""
    calls = random.choices(calls_of(lane, story), k=count)
    kinds = [(KILL,), (CUT,), FAULTS, (KILL,), FAULTS]
    return [
        Point(lane.manager, story, random.choice(kinds[number % len(kinds)]), call)
        for number, call in enumerate(calls)
    ]


def every(lane: PoweredLane, story: Story) -> list[Point]:
    """Return every point at which a tick can be killed or refused."""
    return [
        Point(lane.manager, story, action, call)
        for call in calls_of(lane, story)
        for action in (KILL, *FAULTS)
    ]


def attempt(lane: PoweredLane, point: Point) -> Tried:
    """Spoil one command, look, tick again, and look again."""
    if point.action == CUT:
        (cut,) = lane.cuts(point.story, {point.call.stop})
        return Tried(point, tuple(lane.survive(point.story, cut)))
    lane.prepare(point.story)
    spoiled = lane.agent(*lane.words(point.story), strace=spoiling(point.call, point.action))
    wrong = judge.half(lane, point.story)
    if spoiled["status"] not in MAY_EXIT:
        wrong.append(f"the spoiled tick exits {spoiled['status']}: {spoiled['err']}")
    if spoiled["status"] != KILLED and point.action == KILL:
        wrong.append("the tick was not killed")
    done = lane.heal(point.story)
    wrong += judge.healed(lane, point.story, done, disk_failed=point.action in FAULTS)
    return Tried(point, tuple(wrong))


def run(
    lanes: Sequence[PoweredLane], points: Iterable[Point], told: Callable[[Tried], None] = lambda _: None
) -> list[Tried]:
    """Try points on lanes of one manager, side by side."""
    waiting: SimpleQueue[Point] = SimpleQueue()
    for point in points:
        waiting.put(point)
    tried: list[Tried] = []
    lock = threading.Lock()

    def work(lane: PoweredLane) -> None:
        while True:
            try:
                one = attempt(lane, waiting.get_nowait())
            except Empty:
                return
            with lock:
                tried.append(one)
                told(one)

    with ThreadPoolExecutor(len(lanes)) as pool:
        for future in [pool.submit(work, lane) for lane in lanes]:
            future.result()
    return tried
