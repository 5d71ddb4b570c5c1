"""What one line of the table says, and what all lines share."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from metadata.errors import TidegateError


@dataclass(frozen=True)
class Parser:
    """Something that reads bytes which others wrote."""

    name: str
    read: Callable[[bytes], object]
    """Reads them as the product does; it may refuse them by our own errors alone."""
    seeds: Callable[[], Sequence[bytes]]
    """Sound documents, from which broken ones are made."""
    rooms: tuple[str, ...]
    """The modules whose reading this is, as paths."""
    refusals: tuple[type[Exception], ...] = (TidegateError,)
    """How it says no; a room that may not load our tree of errors documents another one."""

    def try_on(self, data: bytes) -> bool:
        """Read the bytes and return whether they were taken; what is no refusal is a finding, and leaves."""
        try:
            self.read(data)
        except self.refusals:
            return False
        return True


MEMORY = Path("/dev/shm")
"""Where nothing waits for a disk."""


PLACE_IN = "FUZZ_SCRATCH"
"""The variable by which a hunt is told where to work: libFuzzer ends at once, and cleans nothing up."""


@cache
def _scratch() -> tempfile.TemporaryDirectory[str]:
    usual = str(MEMORY) if MEMORY.is_dir() else None
    return tempfile.TemporaryDirectory(prefix="tidegate-fuzz-", dir=os.environ.get(PLACE_IN, usual))


def scratch(*names: str) -> Path:
    """Return a folder of this process alone, which is removed when it ends."""
    place = Path(_scratch().name, *names)
    place.mkdir(parents=True, exist_ok=True)
    return place


@contextlib.contextmanager
def fresh(name: str) -> Iterator[Path]:
    """Give an empty folder for one reading."""
    place = scratch(name)
    try:
        yield place
    finally:
        shutil.rmtree(place)


def from_file(name: str, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    """Return a reader of bytes for a reader of a file of this name."""

    def reads(data: bytes) -> object:
        path = scratch("files", name.replace("/", "-").replace(".", "-")) / name.rpartition("/")[2]
        path.write_bytes(data)
        return read(path)

    return reads
