"""Adoption: an installation that stands already becomes the first version, and products are let go again.

Neither touches the service or its configuration: files are copied, a link is made, a note is kept. What was
published is compared with the installation, and the copy is the one that was signed.
"""

import contextlib
import filecmp
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from agent import files, trees
from agent.installed import differences
from agent.journal import Event, timestamp
from agent.resolve import release_path
from agent.states import State
from agent.steps.download import check_space
from agent.unpack import unpack
from agent.work import Work
from metadata import versions
from metadata.errors import ConflictError, UnsuitableError, UntrustedError, UsageError
from metadata.release import Artifact, Release
from metadata.strict import decode

AS_SIGNED = "as it was signed"
MOST_NAMED = 10
"""Differences that a message names; the rest are counted."""


def adopt(work: Work, version: str, source: Path, *, as_it_is: bool) -> str:
    """Make the installation at ``source`` the version that runs here; return what was found about it.

    Args:
        work: The product.
        version: What is installed.
        source: A folder, or the one executable.
        as_it_is: Take it although it differs from what was signed.

    Raises:
        ConflictError: A version is in place already, or an update is on its way.
        UntrustedError: It differs from what was signed under that version.
    """
    versions.parse(version)
    state, _ = work.journal.state(work.name)
    if state is not State.IDLE or work.slots.running() is not None:
        here = work.slots.running() or f"an update ({state})"
        raise ConflictError(f"{here} of {work.name} is here already", "adopt only what nothing manages yet")
    if not source.exists():
        raise UsageError(f"there is nothing at {source}", "name the folder, or the one executable")
    work.slots.versions.mkdir(parents=True, exist_ok=True)
    check_space({work.slots.versions: 2 * _size(source)})
    with _readable(source):
        release = _release(work, version)
        found = _bring(work, release, source, as_it_is=as_it_is) if release else _copy(work, version, source)
    work.slots.settle(version)
    _remember(work, version, release, f"{source}: {found}")
    work.slots.switch(version)
    return found


def let_go(work: Work, target: Path | None) -> str:
    """Leave what runs as it is and only watch it from now on; return the version.

    Args:
        work: The product.
        target: Where a plain copy of the version is put, for a service that no longer needs the link.

    Raises:
        ConflictError: An update is on its way, or something else stands at ``target``.
        UnsuitableError: There is no version to let go.
        UsageError: ``target`` lies in the agent's own folders.
    """
    state, _ = work.journal.state(work.name)
    running = work.slots.running()
    if state not in {State.IDLE, State.STRANDED}:
        raise ConflictError(f"{work.name} is {state}", "run: tidegate-agent tick, and then try again")
    if running is None:
        raise UnsuitableError(f"no version of {work.name} is in place")
    if target is not None:
        _refuse_own_folders(work, target)
        _copy_out(work.slots.slot(running), target)
    work.journal.remember({_note(work): {"at": timestamp(), "version": running}, _decision(work): None})
    _tell(work, running, "let_go", str(target or ""))
    return running


def take_back(work: Work) -> str:
    """Manage a product again that was let go; return its version.

    Raises:
        UsageError: It was not let go, or its version is gone: adopt it anew.
    """
    running = work.slots.running()
    let_go = work.journal.recall(_note(work)) is not None
    if running is None or not let_go:
        why = (
            f"the version of {work.name} that was let go is gone" if let_go else f"{work.name} was not let go"
        )
        raise UsageError(why, "say what is installed: --version VERSION --from PATH")
    work.journal.remember({_note(work): None, _decision(work): None})
    _tell(work, running, "adopted", "taken back")
    return running


def _release(work: Work, version: str) -> Release | None:
    repository = work.read()
    target = repository.find(release_path(work.name, version))
    if target is None or target.role != f"{work.name}.releases":
        return None
    body = repository.read(target)
    work.journal.keep_document(work.name, version, target.sha256, body)
    return decode(body, Release)


def _bring(work: Work, release: Release, source: Path, *, as_it_is: bool) -> str:
    """Stage what was signed, or the installation itself where it differs and is wanted as it is."""
    artifact = release.artifact_for(work.platform)
    if artifact is None:
        raise UnsuitableError(f"{release.version} has nothing for {work.platform}")
    staging = work.slots.staging(release.version)
    _fetch(work, artifact, staging)
    if source.is_file():
        one = staging / source.name
        same = one.is_file() and filecmp.cmp(one, source, shallow=False) and artifact.kind == "file"
        found = [] if same else [f"{source.name} is not the executable"]
    else:
        found = differences(staging, source, modes=False)
    if not found:
        return AS_SIGNED
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    text = ", ".join(found[:MOST_NAMED]) + more
    if not as_it_is:
        work.slots.clear_staging(release.version)
        hint = "mend the installation, name the right version, or take it with --as-it-is"
        raise UntrustedError(f"{source} is not {release.version} as it was signed: {text}", hint)
    _copy(work, release.version, source)
    return f"as it is: {text}"


def _fetch(work: Work, artifact: Artifact, staging: Path) -> None:
    """Unpack what was signed, verified as for any update."""
    repository = work.read()
    target = repository.find(artifact.path)
    if target is None or target.role != f"{work.name}.releases":
        raise UnsuitableError(f"{artifact.path} is no longer published", "adopt a version that is")
    with tempfile.TemporaryDirectory(dir=work.slots.versions, prefix=".adopt-") as scratch:
        packed = Path(scratch, "packed")
        repository.download(target, packed)
        unpack(packed, artifact, staging)


def _copy(work: Work, version: str, source: Path) -> str:
    staging = work.slots.staging(version)
    if source.is_dir():
        shutil.copytree(source, staging, symlinks=True, dirs_exist_ok=True)
    else:
        shutil.copy2(source, staging / source.name)
    return "unverified: no such release is published"


def _refuse_own_folders(work: Work, target: Path) -> None:
    """Raise for a copy among what the agent itself makes and removes."""
    for folder in work.settings.folders:
        if target.resolve().is_relative_to(folder.resolve()):
            hint = f"name a path of your own, such as /srv/{work.name}"
            raise UsageError(f"{target} lies in the agent's own folder {folder}", hint)


def _copy_out(slot: Path, target: Path) -> None:
    """Make ``target`` a copy, unless it is one; it has its name only when it is whole."""
    fresh = target.with_name(f".{target.name}.tidegate")
    with _readable(slot):
        if target.exists() or target.is_symlink():
            if target.is_symlink() or not target.is_dir() or differences(slot, target):
                raise ConflictError(f"{target} exists", "name a path at which nothing stands")
            return  # as it is when a command that was killed is given again
        trees.remove(fresh)
        shutil.copytree(slot, fresh, symlinks=True)
        trees.sync_tree(fresh)
        fresh.rename(target)
        files.sync_folder(target.parent)


@contextlib.contextmanager
def _readable(source: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:  # copytree's own error is one
        raise UnsuitableError(f"{source} cannot be copied: {files.told(error)}", files.mend(error)) from error


def _remember(work: Work, version: str, release: Release | None, found: str) -> None:
    artifact = release.artifact_for(work.platform) if release else None
    signed = artifact is not None and found.endswith(AS_SIGNED)
    seq = release.seq if release else 0
    work.journal.remember(
        {
            f"adopted/{work.name}": {"at": timestamp(), "version": version},
            f"highest_seq/{work.name}": max(seq, work.journal.recall(f"highest_seq/{work.name}", 0)),
            f"slot/{work.name}/{version}": artifact.payload_sha256 if artifact and signed else None,
            _note(work): None,
            _decision(work): None,
        }
    )
    _tell(work, version, "adopted", found)


def _tell(work: Work, version: str, reason: str, detail: str) -> None:
    work.journal.add(
        Event(
            product=work.name,
            stage="update_install",
            outcome="ok",
            reason=reason,
            detail=detail,
            to_version=version,
        )
    )


def _note(work: Work) -> str:
    return f"let_go/{work.name}"


def _decision(work: Work) -> str:
    return f"decision/{work.name}"


def _size(source: Path) -> int:
    inside = [path for path in source.rglob("*") if path.is_file()] if source.is_dir() else [source]
    return sum(path.lstat().st_size for path in inside)
