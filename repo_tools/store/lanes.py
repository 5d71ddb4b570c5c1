"""Do several things at once, and stop at the first that fails."""

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def lanes_of(store: object) -> int:
    """Return how many files a store takes at once; one, when it does not say."""
    lanes = getattr(store, "lanes", 1)
    return lanes if isinstance(lanes, int) else 1


def in_lanes(count: int, work: Callable[[T], R], things: Iterable[T]) -> list[R]:
    """Call ``work`` with each thing, ``count`` at once, and return what comes of them, in their order.

    What has not begun when one fails never does.
    """
    waiting = list(things)
    if count < 2 or len(waiting) < 2:
        return [work(thing) for thing in waiting]
    with ThreadPoolExecutor(min(count, len(waiting))) as pool:
        futures = [pool.submit(work, thing) for thing in waiting]
        try:
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            for future in futures:
                future.cancel()
    for future in done:
        future.result()
    return [future.result() for future in futures]
