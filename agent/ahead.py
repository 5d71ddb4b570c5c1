"""Reading ahead: one thread decompresses while another hashes, unpacks and writes."""

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from types import TracebackType

BLOCK_BYTES = 1 << 18
"""Large enough to hide the hand-over, small enough to stay in a processor's cache."""
DEPTH = 8
"""Blocks that wait at most: 2 MB."""


class Ahead:
    """A readable stream whose source is read in a thread of its own; errors come out of ``read``."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._source = read
        self._room: SimpleQueue[None] = SimpleQueue()
        self._blocks: SimpleQueue[bytes | Exception] = SimpleQueue()
        self._over = self._left = False
        for _ in range(DEPTH):
            self._room.put(None)
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        block: bytes | Exception = b"-"
        while block and not isinstance(block, Exception):
            self._room.get()
            if self._left:
                return
            try:
                block = self._source(BLOCK_BYTES)
            except Exception as error:  # noqa: BLE001 (raised again where the block is missed)
                block = error
            self._blocks.put(block)

    def read(self, _size: int = BLOCK_BYTES) -> bytes:
        """Return the next block, of the source's own size; nothing at the end."""
        if self._over:
            return b""
        block = self._blocks.get()
        self._room.put(None)
        self._over = not block or isinstance(block, Exception)
        if isinstance(block, Exception):
            raise block
        return block

    def __enter__(self) -> "Ahead":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._left = True
        self._room.put(None)
        self._thread.join()
