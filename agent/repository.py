"""The trusted read of a repository; the only module on this side that imports tuf.

What python-tuf verifies is believed; what it does not know is added here: which role answered a path,
and that timestamp and snapshot pin lengths and digests. Its errors are translated here.

python-tuf keeps each role it verified as ``<role>.json``; those files are read back right after the walk
that verified them, since its in-memory set is not public.
"""

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
from tuf.api import exceptions as tuf_errors
from tuf.api.metadata import Metadata, Root, TargetFile, Targets
from tuf.api.serialization import DeserializationError
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from agent.fetch import AbsentError, Fetcher
from metadata.errors import (
    MalformedError,
    TidegateError,
    UnreachableError,
    UnsuitableError,
    UntrustedError,
)

T = TypeVar("T")
ISSUED = "x-tidegate-issued"
TOP = "targets"
MOST_DOCUMENTS = 64
"""Policies, brakes and release documents that are kept: far more than one decision reads for each product."""
CLOCK_HINT = "compare this host's clock with the real time; otherwise tell the repository's owner to renew it"
OWNER_HINT = "nothing was changed on this host; tell the repository's owner"
UNREADABLE_HINT = f"{OWNER_HINT}, unless a proxy or a login page in between answers in its place"


class Target(msgspec.Struct, frozen=True):
    """A verified target: where it is, what it must be, and who signed for it."""

    path: str
    length: int
    sha256: str
    role: str
    custom: dict[str, Any]

    @property
    def place(self) -> str:
        """The path below ``targets/`` under which a consistent repository keeps it."""
        folder, slash, name = self.path.rpartition("/")
        return f"{folder}{slash}{self.sha256}.{name}"


class _Bridge(FetcherInterface):
    """Our fetcher behind python-tuf's interface."""

    def __init__(self, fetcher: Fetcher, places: Sequence[str]) -> None:
        self._fetcher = fetcher
        self._places = places

    def _fetch(self, url: str) -> Iterator[bytes]:
        try:
            yield from self._anywhere(url)
        except AbsentError as error:
            raise tuf_errors.DownloadHTTPError(error.message, error.status) from error
        except UnreachableError as error:
            raise tuf_errors.DownloadError(error.message) from error

    def _anywhere(self, url: str) -> Iterator[bytes]:
        """Yield what the first place has, or the next where it has nothing.

        How new a repository is, is for the first alone to say: the others have turns of their own.
        """
        path = url.removeprefix(self._places[0])
        alone = path.endswith(("/timestamp.json", ".root.json"))
        *others, last = self._places[:1] if alone else self._places
        for place in others:
            begun = False
            try:
                for block in self._fetcher.stream(f"{place}{path}"):
                    begun = True
                    yield block
            except UnreachableError:
                if begun:
                    raise
            else:
                return
        yield from self._fetcher.stream(f"{last}{path}")


class Repository:
    """One refreshed, verified view of a repository.

    Args:
        folder: python-tuf's cache.
        places: The store's base, to which ``/metadata/`` and ``/targets/`` are appended; others may have what
            the first one lacks.
        root: The pinned root metadata.
        fetcher: How bytes come.

    Raises:
        UnreachableError, UntrustedError, MalformedError, UnsuitableError: No trusted view was to be had.
    """

    def __init__(self, folder: Path, places: Sequence[str], root: bytes, fetcher: Fetcher) -> None:
        self._places = [place.rstrip("/") for place in places]
        self.url = self._places[0]
        self._folder = folder
        self._fetcher = fetcher
        self._documents = folder / "documents"
        with translated(self.url):
            self._documents.mkdir(parents=True, exist_ok=True, mode=0o700)
            config = UpdaterConfig(prefix_targets_with_hash=True)
            base = f"{self.url}/metadata/"
            self._updater = Updater(
                str(folder), base, None, None, _Bridge(fetcher, self._places), config, bootstrap=root
            )
            self._updater.refresh()
        self._roles: dict[str, Targets] = {}
        for name in ("timestamp", "snapshot"):
            _require_digests(name, self._signed(name))

    def _signed(self, role: str) -> dict[str, Any]:
        path = self._folder / f"{quote(role, '')}.json"
        signed: dict[str, Any] = json.loads(path.read_bytes())["signed"]
        return signed

    def _role(self, name: str) -> Targets:
        if name not in self._roles:
            path = self._folder / f"{quote(name, '')}.json"
            self._roles[name] = Metadata[Targets].from_file(str(path)).signed
        return self._roles[name]

    @cached_property
    def issued(self) -> datetime | None:
        """When the timestamp was signed; None when it does not say."""
        text = self._signed("timestamp").get(ISSUED)
        try:
            issued = datetime.fromisoformat(text) if isinstance(text, str) else None
        except ValueError as error:
            raise MalformedError(f"{ISSUED} is no time: {text!r}", OWNER_HINT) from error
        return issued if issued and issued.tzinfo else None

    def find(self, path: str) -> Target | None:
        """Return a target, or None when the roles that may speak for the path do not have it."""
        with translated(self.url):
            info = self._updater.get_targetinfo(path)
            if info is None:
                return None
            return _target(info, self._answering_role(path))

    def _answering_role(self, path: str) -> str:
        """Return which role has the path, by the walk of the TUF specification (5.6.7)."""
        waiting, visited = [TOP], set()
        while waiting:
            name = waiting.pop()
            if name in visited:
                continue
            visited.add(name)
            role = self._role(name)
            if path in role.targets:
                return name
            children: list[str] = []
            for child, terminating in role.delegations.get_roles_for_target(path) if role.delegations else ():
                children.append(child)
                if terminating:
                    waiting = []
                    break
            waiting.extend(reversed(children))
        raise UntrustedError(f"no role answers for {path}", OWNER_HINT)

    def listing(self, role: str) -> dict[str, str]:
        """Return a role's target paths and their digests; the role must have been visited by ``find``."""
        with translated(self.url):
            targets = self._role(role).targets
            return {path: info.hashes["sha256"] for path, info in targets.items() if "sha256" in info.hashes}

    def read(self, target: Target) -> bytes:
        """Return a small target's bytes, from the cache or from the repository."""
        kept = self._documents / target.sha256
        with translated(self.url):
            if kept.is_file() and _digest(data := kept.read_bytes()) == target.sha256:
                return data
            data = self._first(lambda place: self._get(f"{place}/targets/{target.place}", target))
            self._make_room()
            kept.write_bytes(data)  # a cache: a torn file has another digest and is fetched again
        return data

    def _get(self, url: str, target: Target) -> bytes:
        data = self._fetcher.get(url, target.length)
        if _digest(data) != target.sha256 or len(data) != target.length:
            raise UntrustedError(f"{target.path} is not what was signed", OWNER_HINT)
        return data

    def _first(self, attempt: Callable[[str], T]) -> T:
        """Return what the first place gives that has it whole; the first one's word counts if none has."""
        errors: list[TidegateError] = []
        for place in self._places:
            try:
                return attempt(place)
            except (UnreachableError, UntrustedError) as error:
                errors.append(error)
        raise errors[0]

    def _make_room(self) -> None:
        """Remove the oldest documents: one that is still needed is small, and is fetched again."""
        kept = sorted(self._documents.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        for path in kept[: max(0, len(kept) + 1 - MOST_DOCUMENTS)]:
            path.unlink(missing_ok=True)

    def download(self, target: Target, path: Path) -> None:
        """Put a large target at ``path``, verified; a cut download is continued."""
        way = target.place

        def attempt(place: str) -> None:
            self._fetcher.download(f"{place}/targets/{way}", path, target.length, target.sha256)

        self._first(attempt)

    def versions(self, *delegated: tuple[str, str]) -> dict[str, dict[str, Any]]:
        """Return version and keys of timestamp, snapshot and some (role, parent) pairs, to be remembered."""
        roles = self._signed("root")["roles"]
        found = {name: self._seen(name, roles[name]["keyids"]) for name in ("timestamp", "snapshot")}
        for name, parent in delegated:
            delegations = self._role(parent).delegations
            role = delegations.roles.get(name) if delegations and delegations.roles else None
            found[name] = self._seen(name, role.keyids if role else [])
        return found

    def _seen(self, role: str, keyids: list[str]) -> dict[str, Any]:
        keys = hashlib.sha256(" ".join(sorted(keyids)).encode()).hexdigest()
        return {"version": self._signed(role)["version"], "keys": keys}


def _target(info: TargetFile, role: str) -> Target:
    if "sha256" not in info.hashes:
        raise UntrustedError(f"{info.path} has no SHA-256", OWNER_HINT)
    custom = info.custom if isinstance(info.custom, dict) else {}
    return Target(info.path, info.length, info.hashes["sha256"], role, custom)


def _require_digests(role: str, signed: dict[str, Any]) -> None:
    """Refuse metadata that leaves out what pins the files below it."""
    for name, meta in signed["meta"].items():
        if "length" not in meta or "sha256" not in meta.get("hashes", {}):
            raise UntrustedError(f"{role} names {name} without length and SHA-256", OWNER_HINT)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def check_root(name: Path, data: bytes) -> None:
    """Refuse a file that is no root metadata, before a repository is blamed for it.

    Raises:
        MalformedError: It is none.
    """
    try:
        Metadata[Root].from_bytes(data)
    except DeserializationError as error:
        hint = "give the root.json that the repository's owner published"
        raise MalformedError(f"{name} is no root metadata: {error}", hint) from error


@contextlib.contextmanager
def translated(url: str) -> Iterator[None]:
    """Turn what python-tuf and the disk raise into our errors."""
    try:
        yield
    except TidegateError:
        raise
    except tuf_errors.DownloadError as error:
        reason = str(error.__cause__ or error) or "no answer"
        said = error.__cause__.hint if isinstance(error.__cause__, AbsentError) else ""
        hint = said or "check network, proxy and URL; what runs is left alone"
        raise UnreachableError(reason, hint) from error
    except tuf_errors.ExpiredMetadataError as error:
        raise UntrustedError(f"{url} has expired metadata: {error}", CLOCK_HINT) from error
    except DeserializationError as error:
        raise MalformedError(
            f"{url} serves metadata that cannot be read: {error}", UNREADABLE_HINT
        ) from error
    except tuf_errors.RepositoryError as error:
        raise UntrustedError(f"{url} cannot be trusted: {error}", OWNER_HINT) from error
    except OSError as error:
        hint = "check the disk and the permissions of the state folder"
        raise UnsuitableError(f"the cache cannot be written: {error}", hint) from error
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedError(f"{url} serves metadata that makes no sense: {error!r}", OWNER_HINT) from error
