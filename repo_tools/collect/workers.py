"""Verify in several processes: signatures are most of the work, and each stands for itself."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import chain
from multiprocessing import get_context
from types import TracebackType

from repo_tools.collect.hearing import Heard, Work, hear_all
from repo_tools.collect.joining import Gate

ALONE = 200
"""Up to so many objects one process is faster than starting others."""
SLICE = 100
"""Objects that travel at once; fewer cost more to send, more leave processes idle at the end of a load."""

Verdict = Callable[[], list[Heard]]
"""Waits for what was heard."""


class Workers:
    """Processes that start when there is enough to do, and end with the block."""

    def __init__(self, processes: int | None = None) -> None:
        self.processes = processes or os.cpu_count() or 1
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> "Workers":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def hear(self, gate: Gate, work: Sequence[Work]) -> Verdict:
        """Begin to verify, and return how to get what was heard."""
        if self._pool is None and (self.processes == 1 or sum(len(one.parcels) for one in work) <= ALONE):
            return lambda: hear_all(gate, work)
        if self._pool is None:
            # Forked workers would share locks of the libraries that read stores.
            self._pool = ProcessPoolExecutor(self.processes, mp_context=get_context("spawn"))
        asked = [self._pool.submit(hear_all, gate, some) for some in _slices(work)]
        return lambda: list(chain.from_iterable(one.result() for one in asked))


def _slices(work: Iterable[Work]) -> Iterator[list[Work]]:
    some: list[Work] = []
    for one in work:
        some.append(one)
        if sum(len(piece.parcels) for piece in some) >= SLICE:
            yield some
            some = []
    if some:
        yield some
