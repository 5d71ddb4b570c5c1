"""Staged metadata over live metadata: what the repository will say once everything staged is published.

``edit`` is the one place that sets versions and expiry dates and drops old signatures.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from tuf.api.metadata import Metadata, Root, Targets

from metadata.errors import ConflictError, UnsuitableError
from repo_tools import files
from repo_tools.roles import lifetime
from repo_tools.signed import signatures
from repo_tools.signed.draft import Draft
from repo_tools.signed.live import Live
from repo_tools.signed.reading import load, view
from repo_tools.signed.views import Signing, View


class Tree:
    """The whole signed tree of a workspace.

    Args:
        live: What is published.
        folder: Where staged metadata lies, one ``<role>.json`` for each role, and beside it
            ``signatures/<role>/<key id>.json``; None for what is live alone.
        now: The present, UTC.
        only: Staged roles that count, as if no other were staged; None: all of them.
    """

    def __init__(
        self, live: Live, folder: Path | None, now: datetime, only: frozenset[str] | None = None
    ) -> None:
        self.live = live
        self.folder = folder
        self.now = now
        self.only = only
        self._staged: dict[str, Metadata[Any]] = {}
        self._views: dict[tuple[str, bool], View | None] = {}
        self.signings: dict[str, list[Signing]] = {}
        """How far signing is, by role, until something changes: each look costs a canonical form."""

    def staged(self) -> list[str]:
        """Return the roles that are being prepared, parents first."""
        paths = self.folder.glob("*.json") if self.folder else ()
        names = [name for path in paths if self._counts(name := path.name.removesuffix(".json"))]
        return sorted(names, key=lambda name: (name != "root", name != "targets", name.count("."), name))

    def _counts(self, role: str) -> bool:
        return self.only is None or role in self.only

    def view(self, role: str) -> View:
        """Return what a role says, staged before live.

        Raises:
            UnsuitableError: There is no such role.
        """
        found = self.find(role)
        if found is None:
            raise UnsuitableError(f"this repository has no role {role}")
        return found

    def find(self, role: str) -> View | None:
        """Return what a role says, staged before live, or None when it exists in neither."""
        if (role, True) not in self._views:
            staged = self.staged_metadata(role)
            found = view(role, staged.signed) if staged else self.live_view(role)
            self._views[role, True] = found
        return self._views[role, True]

    def live_view(self, role: str) -> View | None:
        """Return what a role says in public, or None."""
        if (role, False) not in self._views:
            found = self._live_metadata(role)
            self._views[role, False] = view(role, found.signed) if found else None
        return self._views[role, False]

    @contextmanager
    def edit(self, role: str, *, renew: bool = False) -> Iterator[Draft]:
        """Change a targets role; unless nothing changed, stage it as the next version, unsigned.

        Args:
            role: Its name.
            renew: Make a new version even when nothing else changed.

        Raises:
            ConflictError: What is staged was overtaken by a publication.
        """
        with self.changing(role, renew=renew) as signed:
            yield Draft(signed)

    @contextmanager
    def changing(self, role: str, *, renew: bool = False) -> Iterator[Any]:
        """Do as ``edit`` does with whatever a role says, for this room's own use."""
        self.refuse_overtaken(role)
        found = copy.deepcopy(self.metadata(role))
        before = _content(found)
        if self.staged_metadata(role) is None:
            self.remember_base(role)
        yield found.signed
        if _content(found) == before and not renew:
            return
        found.signed.version = self._next_version(role)
        found.signed.expires = (self.now + lifetime(role)).replace(microsecond=0)
        found.signatures.clear()
        self.save(role, found)

    def refuse_overtaken(self, role: str) -> None:
        """Refuse to go on with a staged role when a newer or equal one was published meanwhile."""
        if self.overtaken(role):
            hint = f"tidegate unstage {role}, and prepare the change again on what is live"
            raise ConflictError(
                f"somebody published {role} version {self.live.version(role)} meanwhile", hint
            )

    def overtaken(self, role: str) -> bool:
        """Return whether somebody published a role after it was staged here.

        A version above the published one does not prove the contrary: it may have skipped the name that a
        publisher at work had just created, and would take that publication back.
        """
        staged, live = self.staged_metadata(role), self.live.version(role)
        return staged is not None and (staged.signed.version <= live or 0 < self.base(role) < live)

    def staged_metadata(self, role: str) -> Metadata[Any] | None:
        """Return a staged role with the signatures it has, or None."""
        if role not in self._staged:
            path = self._path(role) if self.folder and self._counts(role) else None
            if path is None or not path.is_file():
                return None
            kind = Root if role == "root" else Targets
            hint = f"mend {path}, or give it up: tidegate unstage {role}"
            found: Metadata[Any] = load(path.read_bytes(), kind, f"staged {role}", hint)
            found.signatures |= signatures.read(self.signatures_of(role))
            self._staged[role] = found
        return self._staged[role]

    def metadata(self, role: str) -> Metadata[Any]:
        """Return a role, staged before live."""
        found = self.staged_metadata(role) or self._live_metadata(role)
        if found is None:
            raise UnsuitableError(f"this repository has no role {role}")
        return found

    def save(self, role: str, metadata: Metadata[Any]) -> None:
        """Write a staged role, and its signatures beside it."""
        bare = Metadata(metadata.signed)
        files.write(self._path(role), bare.to_bytes())
        signatures.write(self.signatures_of(role), metadata.signatures)
        self._staged[role] = metadata
        self._forget(role)

    def drop(self, role: str) -> None:
        """Forget a staged role."""
        self._path(role).unlink(missing_ok=True)
        signatures.write(self.signatures_of(role), {})
        self._base(role).unlink(missing_ok=True)
        self._staged.pop(role, None)
        self._forget(role)

    def _forget(self, role: str) -> None:
        self._views.pop((role, True), None)
        self.signings.clear()  # of the roles below, too: their keys may be others now

    def remember_base(self, role: str) -> None:
        """Write down which published version a staged role is made from."""
        files.write(self._base(role), f"{self.live.version(role)}\n".encode())

    def base(self, role: str) -> int:
        """Return the published version that a staged role was made from; 0 when nobody wrote it down.

        A merge by git keeps the lines of both sides; the older one is safe to go on from.
        """
        path = self._base(role)
        lines = path.read_text().split() if path.is_file() else ()
        return min((int(line) for line in lines if line.isdecimal()), default=0)

    def _base(self, role: str) -> Path:
        assert self.folder is not None  # what is live is made from nothing here
        return self.folder.parent / "base" / role

    def signatures_of(self, role: str) -> Path:
        """Return the folder of a staged role's signatures."""
        assert self.folder is not None  # nobody signs what is live
        return self.folder.parent / "signatures" / role

    def _path(self, role: str) -> Path:
        assert self.folder is not None  # nobody edits what is live
        return self.folder / f"{role}.json"

    def live_metadata(self, role: str) -> Metadata[Any]:
        """Return a role as it is published.

        Raises:
            UnsuitableError: It is not.
        """
        found = self._live_metadata(role)
        if found is None:
            raise UnsuitableError(f"{role} is not published")
        return found

    def _live_metadata(self, role: str) -> Metadata[Any] | None:
        if role == "root":
            return self.live.root if self.live.version("root") else None
        return self.live.targets(role)

    def _next_version(self, role: str) -> int:
        version = self.live.version(role) + 1
        while self.live.store.has(f"metadata/{version}.{role}.json"):
            version += 1  # a publisher that was killed left this name behind
        return version


def _content(metadata: Metadata[Any]) -> bytes:
    return msgspec.json.encode(metadata.signed.to_dict(), order="sorted")
