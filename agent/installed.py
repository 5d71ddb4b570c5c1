"""Is what is installed still what was signed? Compared with a fresh copy, file by file."""

import filecmp
import tempfile
from pathlib import Path

from agent.unpack import unpack
from agent.work import Work
from metadata.errors import UnsuitableError


def compare(work: Work) -> list[str]:
    """Return how the running version's folder differs from its artifact; empty when it does not.

    Raises:
        UnsuitableError: Nothing is installed, or the release is no longer published.
        UntrustedError: The repository names another document for this version.
    """
    version = work.slots.running()
    release = work.old_release(version) if version else None
    artifact = release.artifact_for(work.platform) if release else None
    if version is None or release is None or artifact is None:
        raise UnsuitableError(f"{work.name}: nothing is installed that could be verified")
    target = work.read().find(artifact.path)
    if target is None:
        raise UnsuitableError(f"{artifact.path} is no longer published")
    with tempfile.TemporaryDirectory(dir=work.slots.versions, prefix=".verify-") as scratch:
        packed, fresh = Path(scratch, "packed"), Path(scratch, "fresh")
        fresh.mkdir()
        work.read().download(target, packed)
        unpack(packed, artifact, fresh)
        return differences(fresh, work.slots.slot(version))


def differences(signed: Path, here: Path, *, modes: bool = True) -> list[str]:
    """Return how a folder differs from what was signed, file by file; ``modes`` count unless told."""
    wanted = {path.relative_to(signed) for path in signed.rglob("*")}
    present = {path.relative_to(here) for path in here.rglob("*")}
    found = [f"{name} is missing" for name in sorted(wanted - present)]
    found += [f"{name} was added" for name in sorted(present - wanted)]
    return found + [
        f"{name} was changed"
        for name in sorted(wanted & present)
        if _differ(signed / name, here / name, modes=modes)
    ]


def _differ(one: Path, other: Path, *, modes: bool) -> bool:
    if one.is_symlink() or other.is_symlink():
        return not (one.is_symlink() and other.is_symlink() and one.readlink() == other.readlink())
    if one.is_dir() or other.is_dir():
        return one.is_dir() != other.is_dir()
    if modes and one.stat().st_mode != other.stat().st_mode:
        return True
    return not filecmp.cmp(one, other, shallow=False)
