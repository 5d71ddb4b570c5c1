"""Reading ahead: one thread decompresses while another hashes, unpacks and writes."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType

BLOCK_BYTES = 1 << 16
"""Small enough to stay in a processor's cache between the two threads, large enough to hide the hand-over."""
DEPTH = 16
"""Blocks that wait at most: 1 MB."""


class Ahead:
    """A readable stream whose source is read in a thread of its own; errors come out of ``read``."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._thread = ThreadPoolExecutor(1)
        self._blocks = deque(self._thread.submit(read, BLOCK_BYTES) for _ in range(DEPTH))

    def read(self, _size: int = BLOCK_BYTES) -> bytes:
        """Return the next block, of the source's own size; nothing at the end."""
        self._blocks.append(self._thread.submit(self._read, BLOCK_BYTES))
        return self._blocks.popleft().result()

    def __enter__(self) -> "Ahead":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._thread.shutdown(cancel_futures=True)
