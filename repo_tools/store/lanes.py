"""Do several things at once, and stop at the first that fails."""

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")


def lanes_of(store: object) -> int:
    """Return how many files a store takes at once; one, when it does not say."""
    lanes = getattr(store, "lanes", 1)
    return lanes if isinstance(lanes, int) else 1


def in_lanes(count: int, work: Callable[[T], object], things: Iterable[T]) -> None:
    """Call ``work`` with each thing, ``count`` at once; what has not begun when one fails never does."""
    waiting = list(things)
    if count < 2 or len(waiting) < 2:
        for thing in waiting:
            work(thing)
        return
    with ThreadPoolExecutor(min(count, len(waiting))) as pool:
        futures = [pool.submit(work, thing) for thing in waiting]
        try:
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            for future in futures:
                future.cancel()
    for future in done:
        future.result()
