"""A release of 100 MB, packed, made of real programs: a Python library, then programs of this system."""

import shutil
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import zstandard

from repo_tools.pack import pack
from tests.conftest import ROOT

FOLDER = ROOT / ".cache" / "bench"
PACKED = FOLDER / "payload.tar.zst"
WANTED_BYTES = 100_000_000
ESTIMATE_LEVEL = 3
GAIN = 0.86
"""What the level of releases makes of the estimate."""
LARGE_BYTES = 1 << 16
LEFT_OUT = {"__pycache__", "site-packages", "test", "tests"}


def packed() -> Path:
    """Return the archive, packed once as ``release add`` packs."""
    if not PACKED.exists():
        tree = FOLDER / "payload"
        shutil.rmtree(tree, ignore_errors=True)
        _collect(tree)
        fresh = PACKED.with_suffix(".part")
        pack(tree, fresh)
        fresh.rename(PACKED)
        shutil.rmtree(tree)
    return PACKED


def _collect(tree: Path) -> None:
    left, compressor = float(WANTED_BYTES), zstandard.ZstdCompressor(level=ESTIMATE_LEVEL)
    for number, path in enumerate(_candidates()):
        data = path.read_bytes()
        estimate = len(compressor.compress(data)) * GAIN
        if estimate > left:
            continue
        left -= estimate
        target = tree / f"part-{number // 100:02}" / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        target.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
        if left < WANTED_BYTES / 100:
            return
    raise RuntimeError(f"this system has too little to pack: {left:,.0f} bytes are missing")


def _candidates() -> Iterator[Path]:
    library = Path(sysconfig.get_path("stdlib"))
    for path in sorted(library.rglob("*.py")):
        if not LEFT_OUT & set(path.relative_to(library).parts):
            yield path
    for folder in (Path(sysconfig.get_path("purelib")), Path("/usr/lib"), Path("/usr/bin")):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink() and path.stat().st_size >= LARGE_BYTES:
                yield path
