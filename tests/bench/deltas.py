"""Patches between released versions of the NATS server, against the best of hdiffpatch's ways and bsdiff4.

Both payloads are tars of one Go binary, as ``release add`` packs them. tufup makes its patches with bsdiff4.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import hdiffpatch
import pytest

from metadata import archives
from repo_tools.deltas import LEVEL
from repo_tools.pack import pack
from tests.bench.clients import tufup
from tests.bench.measure import Row
from tests.support import nats

PAIRS = (("2.11.8", "2.12.1"), ("2.14.6", "2.15.1"), ("2.15.0", "2.15.1"))
"""Two steps to another minor version, and one to the next patch version."""
LIMIT, BSDIFF_LIMIT = 1.05, 1.0
BSDIFF = """
import sys, bsdiff4
before, after = (open(path, "rb").read() for path in sys.argv[1:])
print(len(bsdiff4.diff(before, after)))
"""
OURS = "LZMA2"
WAYS: dict[str, Callable[[], Any]] = {
    OURS: lambda: hdiffpatch.Lzma2Config(level=LEVEL),
    "LZMA": lambda: hdiffpatch.LzmaConfig(level=9),
    "zstd": lambda: hdiffpatch.ZStdConfig(level=22),
    "bzip2": lambda: hdiffpatch.BZip2Config(level=9),
}


def rows(folder: Path, _python: str, _runs: int) -> list[Row]:
    """Make every patch in every way, and compare what came of it."""
    folder.mkdir(parents=True, exist_ok=True)
    versions = sorted({one for pair in PAIRS for one in pair})
    try:
        for one in versions:
            nats.server(one)
    except pytest.skip.Exception as error:
        sys.stderr.write(f"bench: cannot be measured here: {error}\n")
        return []
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        packed = {one: _packed(Path(scratch), one) for one in versions}
        return [row for old, new in PAIRS for row in _compared(f"{old} to {new}", packed[old], packed[new])]


def _packed(folder: Path, version: str) -> tuple[Path, int]:
    """Return where a build's payload lies, and how long its artifact is."""
    artifact, payload = folder / f"{version}.tar.zst", folder / f"{version}.tar"
    pack(nats.build(folder / "trees", version), artifact)
    with artifact.open("rb") as file:
        payload.write_bytes(archives.payload(file, ".tar.zst").read())
    return payload, artifact.stat().st_size


def _compared(what: str, old: tuple[Path, int], new: tuple[Path, int]) -> list[Row]:
    (before, _), (after, full) = old, new
    with ThreadPoolExecutor(1) as pool:
        theirs = pool.submit(_bsdiff, before, after)
        sizes = _sizes(before.read_bytes(), after.read_bytes())
    ours, best = sizes[OURS], min(sizes, key=lambda name: sizes[name])
    others = [
        Row(f"{what}: patch, to {name}", ours, "B", None, sizes[name]) for name in sizes if name != OURS
    ]
    return [
        Row(f"{what}: patch, to the artifact", ours, "B", None, full),
        Row(f"{what}: patch, to hdiffpatch's best", ours, "B", LIMIT, sizes[best], best),
        Row(f"{what}: patch, to bsdiff4", ours, "B", BSDIFF_LIMIT, theirs.result()),
        *others,
    ]


def _sizes(before: bytes, after: bytes) -> dict[str, int]:
    """Return how long a patch is in each way: what is found is the same, and packed otherwise."""
    patch = hdiffpatch.diff(before, after, compression=WAYS[OURS]())
    others = {name: hdiffpatch.recompress(patch, way()) for name, way in WAYS.items() if name != OURS}
    return {OURS: len(patch), **{name: len(one) for name, one in others.items()}}


def _bsdiff(before: Path, after: Path) -> int:
    """Return the length of what bsdiff4 makes, in the environment of tufup, which brings it."""
    done = subprocess.run([tufup(), "-c", BSDIFF, before, after], check=True, capture_output=True, text=True)
    return int(done.stdout)
