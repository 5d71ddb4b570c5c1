"""What a release's artifact becomes before the workspace is touched: packed, hashed, patched, beside it.

All that takes time happens here, in a folder of its own, while other commands go on.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from msgspec.structs import replace

from metadata.errors import UsageError
from metadata.release import Artifact, Attestation
from repo_tools import deltas, files, gpg, pack, roles
from repo_tools.contents import Contents
from repo_tools.deltas import Made
from repo_tools.desk import Desk
from repo_tools.files import OnBytes
from repo_tools.rollouts.state import Catalog
from repo_tools.signed.views import Entry

_ROOM, _MARK = ".pack-", ".gitignore"
Progress = Callable[[str, int], AbstractContextManager[OnBytes]]


@dataclass(frozen=True)
class Ask:
    """What a person says about a new release; None takes the workspace's default."""

    product: str
    version: str
    source: Path
    platform: str
    kind: Literal["tree", "file"] | None = None
    name: str | None = None
    probe: str | None = None
    expect: str | None = None
    health: Sequence[str] = ()
    pre_switch: str | None = None
    post_switch: str | None = None
    hook_s: int | None = None
    start_s: int | None = None
    trial_s: int | None = None
    soak_s: int | None = None
    requires: str | None = None
    via: str | None = None
    notes: str | None = None
    gpg: str | None = None
    """The GnuPG key that signs the artifact, too."""
    delta_from: Sequence[str] = ()
    """Versions whose hosts get a patch."""


@dataclass(frozen=True)
class Draft:
    """An artifact and its patches, in a folder that is gone when nobody keeps them."""

    artifact: Artifact
    entries: Sequence[Entry]
    """The artifact's own first."""
    files: int
    """In the artifact."""
    patches: Sequence[Made]
    """Those too that save too little to be kept."""
    contents: Contents

    @property
    def length(self) -> int:
        """The bytes of the artifact as it is downloaded."""
        return self.entries[0].length

    def keep(self, folder: Path) -> None:
        """Move all files to where files are prepared."""
        for entry in self.entries:
            target = folder / entry.stored_as
            target.parent.mkdir(parents=True, exist_ok=True)
            (self.contents.folder / entry.stored_as).replace(target)


@contextmanager
def drafted(desk: Desk, ask: Ask, progress: Progress) -> Iterator[Draft]:
    """Yield what becomes of an artifact.

    Raises:
        UsageError: It is not what was said of it.
        MalformedError: An agent would refuse it.
    """
    with _room(desk.workspace.folder) as folder:
        contents = Contents(folder / "targets", desk.store)
        packed, path = _packed(ask, folder, progress)
        name = f"{ask.platform}{packed.suffix}"
        entry = Entry(roles.release_path(ask.product, ask.version, name), packed.length, packed.sha256)
        _put(path, contents.folder / entry.stored_as, own=path.parent == folder)
        statements = _attested(contents, ask, entry)
        plain = _artifact(ask, entry, packed)
        patches = deltas.make(desk, Catalog(desk, ask.product), (plain, entry, contents), ask.delta_from)
        kept = [one for one in patches if one.worth]
        artifact = replace(
            plain,
            attestations=[Attestation(type=kind, path=found.path) for kind, found in statements.items()],
            deltas=[one.delta for one in kept],
        )
        staged = [contents.stage(one.entry.path, one.data) for one in kept]
        yield Draft(artifact, [entry, *statements.values(), *staged], packed.entries, patches, contents)


@contextmanager
def _room(workspace: Path) -> Iterator[Path]:
    """Give a folder to work in, once those are gone that killed commands left behind."""
    for left in workspace.glob(f"{_ROOM}*"):
        with suppress(OSError), _held(left):  # whoever is at work in one holds it
            if (left / _MARK).exists():
                shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=_ROOM, dir=workspace) as folder, _held(Path(folder)):
        (Path(folder) / _MARK).write_text("*\n")  # held by now; what a kill leaves behind is not committed
        yield Path(folder)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Keep a folder from others who would hold it, until the block or this process ends."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _packed(ask: Ask, folder: Path, progress: Progress) -> tuple[pack.Packed, Path]:
    size = pack.size_of(ask.source)
    if ask.source.is_dir():
        if ask.kind == "file":
            raise UsageError(f"{ask.source} is a folder, not a single file", "leave --kind out")
        target = folder / "packed.tar.zst"
        with progress(f"packing {ask.source.name}", size) as on_bytes:
            return pack.pack(ask.source, target, on_bytes), target
    if ask.kind is None and not pack.is_archive(ask.source):
        pack.refuse_packed(ask.source)
    with progress(f"reading {ask.source.name}", size) as on_bytes:
        if ask.kind == "file" or (ask.kind is None and not pack.is_archive(ask.source)):
            return pack.single(ask.source, ask.name or ask.source.name, on_bytes), ask.source
        try:
            return pack.inspect(ask.source, on_bytes), ask.source
        except ValueError as error:
            raise UsageError(str(error), "pack it, or say --kind file") from error


def _put(path: Path, target: Path, *, own: bool) -> None:
    """Put a file where its entry says, in a copy where it is somebody's."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if own:
        path.chmod(0o644)
        path.replace(target)
    else:
        files.create(target, files.chunks_of(path))


def _artifact(ask: Ask, entry: Entry, packed: pack.Packed) -> Artifact:
    if ask.name is not None and packed.kind == "tree":
        raise UsageError("--name is for a single file", "leave it out, or say --kind file")
    try:
        return Artifact(
            platform=ask.platform,
            path=entry.path,
            kind=packed.kind,
            name=packed.name,
            payload_sha256=packed.payload_sha256,
            payload_bytes=packed.payload_bytes,
        )
    except ValueError as error:
        raise UsageError(f"the artifact cannot be described: {error}") from error


def _attested(contents: Contents, ask: Ask, entry: Entry) -> dict[str, Entry]:
    """Return what others demand beside TUF's signatures, by kind."""
    if ask.gpg is None:
        return {}
    signature = gpg.sign(contents.folder / entry.stored_as, ask.gpg)
    return {"gpg": contents.stage(f"{entry.path}.asc", signature)}
