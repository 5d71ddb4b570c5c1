"""One sentence for a new version of a role: what it changes, the main thing first. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from repo_tools.output import counted, when
from repo_tools.roles import SELECTED, is_wave
from repo_tools.rollouts.state import order_in
from repo_tools.signed.views import Entry, View
from repo_tools.words.documents import KINDS, document_changes
from repo_tools.words.orders import Asked, order_changes
from repo_tools.words.releases import release_changes, version_in
from repo_tools.words.text import changed, exact, listed, name, value
from repo_tools.words.trust import trust_changes

Json = Mapping[str, Any]
_TO_THE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Around:
    """What a role's words need that does not stand in the role."""

    share: str = "-"
    """A wave's part of the fleet."""
    routes: frozenset[str] = frozenset()
    """The paths for which a wave is asked, by its delegation."""
    releases: Mapping[str, Entry] = field(default_factory=dict)
    """The release documents that the releases role lists, by version."""
    documents: Mapping[str, Json | None] = field(default_factory=dict)
    """The documents that changed, by digest; None where one cannot be read."""
    expires_at: datetime | None = None
    """When a version that is made now expires, if nobody says otherwise."""
    hosts: Mapping[str, str] | None = None
    """Ids of selected hosts, by the last part of their routes; None where nobody can know them."""


NOTHING = Around()


def sentence(new: View, old: View | None, around: Around) -> str:
    """Return what a new version of a role changes.

    Args:
        new: The new version.
        old: The one before; None before the first.
        around: What else is known.
    """
    parts = [*_listed(new, old, around), *trust_changes(new, old), *_other(new, old)]
    ends = list(_expiry(new, around))
    if old is None:
        return "; ".join(["founded", *parts, *ends])
    if new.version != old.version + 1:
        ends.append(f"version {new.version} comes after {old.version}")
    return "; ".join([*(parts or [_renewed(new)]), *ends])


def about(new: View, old: View | None) -> list[str]:
    """Return the paths whose entries changed, those that are gone at the end."""
    before = old.entries if old else {}
    return [path for path in {**new.entries, **before} if new.entries.get(path) != before.get(path)]


def is_ordering(role: str) -> bool:
    """Return whether a role lists orders: a wave, or the selected."""
    return is_wave(role) or (role.count(".") == 2 and role.endswith(f".{SELECTED}"))


def _listed(new: View, old: View | None, around: Around) -> list[str]:
    if is_ordering(new.role):
        return list(_orders(new, old, around))
    if new.role.endswith(".releases"):
        told = release_changes(new, old, around.documents)
        return [*told, *_files(new, old, [path for path in about(new, old) if version_in(path) is None])]
    known = [path for path in about(new, old) if _readable(path, new, old, around)]
    parts = [part for path in known for part in _document(path, new, old, around)]
    return [*parts, *_files(new, old, [path for path in about(new, old) if path not in known])]


def _orders(new: View, old: View | None, around: Around) -> Iterator[str]:
    """Yield what is ordered; routes are named unless all that clients ask for say the same."""
    before = old.entries if old else {}
    alike: dict[str, list[str]] = {}
    for path, entry in new.entries.items():
        alike.setdefault(exact([_plain(entry), _plain(before.get(path))]), []).append(path)
    for paths in alike.values():
        share = around.share if is_wave(new.role) else counted(len(paths), "host")
        asked = Asked(new.role, share, around.releases)
        where = "" if set(paths) == around.routes else f"on {_leaves(paths, around)}: "
        told = order_changes(new.entries[paths[0]], before.get(paths[0]), asked)
        first, *rest = told or [f"{order_in(new.entries[paths[0]]).version}, {_renewed(new)}"]
        yield from (f"{where}{first}", *rest)
    if gone := [path for path in before if path not in new.entries]:
        yield f"orders nothing on {_leaves(gone, around)} any more"


def _plain(entry: Entry | None) -> list[Any]:
    return [entry.length, entry.sha256, entry.custom] if entry else []


def _leaves(paths: list[str], around: Around) -> str:
    """Return routes by name: selected hosts by their ids, where these are known."""
    leaves = [path.rpartition("/")[2] for path in paths]
    ids = around.hosts or {}
    known = [ids[one] for one in leaves if one in ids]
    rest = [one for one in leaves if one not in ids]
    unknown = "" if around.hosts is None else ", whose ids are not known here"
    parts = [(known, "host", ""), (rest, "route", unknown)]
    return " and ".join(
        f"{what}{'' if len(some) == 1 else 's'} {listed(some)}{end}" for some, what, end in parts if some
    )


def _readable(path: str, new: View, old: View | None, around: Around) -> bool:
    """Return whether a document is there, and what was there before can be read, if anything was."""
    now, was = new.entries.get(path), old.entries.get(path) if old else None
    if now is None or path.rpartition("/")[2] not in KINDS:
        return False
    return bool(around.documents.get(now.sha256)) and (was is None or bool(around.documents.get(was.sha256)))


def _document(path: str, new: View, old: View | None, around: Around) -> list[str]:
    now, was = new.entries[path], old.entries.get(path) if old else None
    before, after = around.documents.get(was.sha256) if was else None, around.documents[now.sha256]
    assert after is not None  # it is readable
    told = document_changes(new.role, path, before, after)
    beside = exact(now.custom) != exact(was.custom if was else None)
    return told + ([] if told and not beside else _files(new, old, [path]))


def _files(new: View, old: View | None, paths: list[str]) -> list[str]:
    before = old.entries if old else {}
    told = []
    for path in paths:
        entry = new.entries.get(path)
        if entry is None:
            told.append(f"removes {name(path)}")
            continue
        custom = "" if entry.custom is None else f", {value(entry.custom)}"
        what = "changes" if path in before else "adds"
        told.append(f"{what} {name(path)}: {counted(entry.length, 'byte')}, sha256 {entry.sha256}{custom}")
    return told


def _other(new: View, old: View | None) -> list[str]:
    """Return phrases for fields that have no words of their own."""
    was = old.other if old else {"consistent_snapshot": True}
    fields = [one for one in {**was, **new.other} if exact(was.get(one)) != exact(new.other.get(one))]
    if old is None:
        fields = [one for one in fields if one != "spec_version" and one in new.other]
    return [f"{name(one)} {changed(was.get(one), new.other.get(one))}" for one in fields]


def _renewed(new: View) -> str:
    return f"renewed until {when(new.expires_at)}"


def _expiry(new: View, around: Around) -> Iterator[str]:
    usual = around.expires_at
    if usual and not usual - _TO_THE_DAY < new.expires_at <= usual:
        yield f"expires {when(new.expires_at)}"
