"""Patches from the payloads of older releases to a new one's, made in parallel, kept where worth it."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO

from metadata import archives
from metadata.errors import UnsuitableError, UntrustedError
from metadata.paths import suffix_of
from metadata.release import Artifact, Delta
from repo_tools import roles
from repo_tools.contents import Contents
from repo_tools.desk import Desk
from repo_tools.rollouts.state import Catalog
from repo_tools.signed.views import Entry

WORTH_PERCENT = 60
"""Of the full artifact: a larger patch costs memory and saves little."""
LEVEL = 9
"""Of LZMA2: a twentieth smaller than zstd, for a tenth of a second on each host."""


@dataclass(frozen=True)
class Made:
    """A patch, and whether it is worth its place."""

    delta: Delta
    entry: Entry
    data: bytes
    percent: int
    """Of the full artifact."""

    @property
    def worth(self) -> bool:
        """Whether hosts should be offered it."""
        return self.percent <= WORTH_PERCENT


def make(
    desk: Desk, catalog: Catalog, new: tuple[Artifact, Entry, Contents], old: Sequence[str]
) -> list[Made]:
    """Return the patches from some older versions.

    Args:
        desk: Has the older versions.
        catalog: Knows them.
        new: The artifact, its entry, and where its file is.
        old: The versions.

    Raises:
        UnsuitableError: One of them has nothing for this platform.
    """
    artifact, entry, contents = new
    if not old:
        return []
    import hdiffpatch  # noqa: PLC0415 (few commands make patches)

    compression = hdiffpatch.Lzma2Config(level=LEVEL)
    befores = [(one, _payload(desk.contents, *_older(desk, catalog, one, artifact.platform))) for one in old]
    after = _payload(contents, artifact, entry)

    def one(before: tuple[str, bytes]) -> Made:
        data = hdiffpatch.diff(before[1], after, compression=compression)
        name = f"{artifact.platform}.from-{before[0]}.patch"
        path = f"{artifact.path.rpartition('/')[0]}/{name}"
        made = Entry(path, len(data), sha256(data).hexdigest())
        return Made(Delta(from_version=before[0], path=path), made, data, 100 * len(data) // entry.length)

    with ThreadPoolExecutor(min(len(befores), os.cpu_count() or 1)) as pool:
        return list(pool.map(one, befores))


def _older(desk: Desk, catalog: Catalog, version: str, platform: str) -> tuple[Artifact, Entry]:
    found = catalog.release(version).artifact_for(platform)
    if found is None:
        raise UnsuitableError(f"{version} has nothing for {platform}", "leave out --delta-from for it")
    return found, desk.tree.view(roles.releases(catalog.product)).entries[found.path]


def _payload(contents: Contents, artifact: Artifact, entry: Entry) -> bytes:
    data = contents.read(entry)
    if artifact.kind == "tree" and (suffix := suffix_of(artifact.path)) != ".zip":
        data = archives.payload(BytesIO(data), suffix).read()
    if sha256(data).hexdigest() != artifact.payload_sha256:
        raise UntrustedError(f"the payload of {artifact.path} is not what was signed")
    return data
