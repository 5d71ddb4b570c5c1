"""Releases: what a releases role adds, changes and retires, in words. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from repo_tools.output import counted, span
from repo_tools.signed.views import Entry, View
from repo_tools.words.text import changed, exact, listed, name, value

Json = Mapping[str, Any]
_DOCUMENT = "release.json"
_USUAL: Json = {
    "format": "tidegate.release/1",
    "start_s": 120,
    "trial_s": 600,
    "soak_s": 14_400,
    "health": [],
    "critical": [],
}


def listed_releases(view: View | None) -> dict[str, Entry]:
    """Return the release documents that a releases role lists, by version."""
    entries = view.entries.values() if view else ()
    found = ((version_in(entry.path), entry) for entry in entries if entry.path.endswith(f"/{_DOCUMENT}"))
    return {version: entry for version, entry in found if version}


def version_in(path: str) -> str | None:
    """Return the version that a target path belongs to, or None."""
    parts = path.split("/")
    return parts[2] if len(parts) == 4 and parts[0] == "releases" else None


def release_changes(new: View, old: View | None, documents: Mapping[str, Json | None]) -> list[str]:
    """Return a phrase for each release that is added, changed or retired.

    Args:
        new: The releases role from now on.
        old: The same before.
        documents: Release documents by their digests; None where one cannot be read.
    """
    before = old.entries if old else {}
    differ = [path for path in {**before, **new.entries} if before.get(path) != new.entries.get(path)]
    versions = dict.fromkeys(version for path in differ if (version := version_in(path)))
    parts = []
    for version in versions:
        now, was = (_of(version, entries) for entries in (new.entries, before))
        parts.append(_added(version, now, documents) if not was else _changed(version, was, now, documents))
    return [*parts, *_remembered(new, old, documents)]


def _of(version: str, entries: Mapping[str, Entry]) -> dict[str, Entry]:
    """Return the files of one version, by their names."""
    return {path.rpartition("/")[2]: entry for path, entry in entries.items() if version_in(path) == version}


def _added(version: str, now: Mapping[str, Entry], documents: Mapping[str, Json | None]) -> str:
    document = documents.get(now[_DOCUMENT].sha256) if _DOCUMENT in now else None
    said = _said(document, now[_DOCUMENT].path) if document else []
    first, *more = [*said, *(_file(leaf, entry) for leaf, entry in now.items())]
    return ", ".join([f"adds {name(version)} {first}", *more])


def _changed(
    version: str, was: Mapping[str, Entry], now: Mapping[str, Entry], documents: Mapping[str, Json | None]
) -> str:
    if not now:
        return f"retires {name(version)}"
    parts = [_file(one, entry) for one, entry in now.items() if was.get(one) != entry]
    parts += [f"without {name(one)}" for one in was if one not in now]
    pair = [documents.get(found[_DOCUMENT].sha256) if _DOCUMENT in found else None for found in (was, now)]
    return f"changes {name(version)}" + _tail([*_differences(pair[0] or {}, pair[1] or {}), *parts])


def _tail(parts: list[str]) -> str:
    return f": {', '.join(parts)}" if parts else ""


def _file(leaf: str, entry: Entry) -> str:
    custom = "" if entry.custom is None else f" and {value(entry.custom)}"
    return f"{name(leaf)} of {counted(entry.length, 'byte')} with sha256 {entry.sha256}{custom}"


def _said(document: Json, path: str) -> list[str]:
    """Return what a release document says that is not usual; its digest stands for the rest."""
    _, product, version, _ = path.split("/")
    usual = {**_USUAL, "product": product, "version": version}
    odd = [field for field in document if exact(document[field]) != exact(usual.get(field))]
    odd.sort(key=lambda field: list(_PHRASES).index(field) if field in _PHRASES else len(_PHRASES))
    return [
        _PHRASES[field](document[field]) if field in _PHRASES else f"{name(field)} {value(document[field])}"
        for field in odd
    ]


def _differences(before: Json, after: Json) -> list[str]:
    fields = [field for field in {**before, **after} if exact(before.get(field)) != exact(after.get(field))]
    return [f"{name(field)} {changed(before.get(field), after.get(field))}" for field in fields]


def _remembered(new: View, old: View | None, documents: Mapping[str, Json | None]) -> list[str]:
    """Return phrases for what the role keeps in mind, where it does not follow from what is listed."""
    was_seq, was_retired = (old.highest_seq, old.retired) if old else (0, {})
    seqs = [int(seq) for entry in new.entries.values() if (seq := _seq(entry, documents))]
    parts = []
    if new.highest_seq != max([was_seq, *seqs]):
        parts.append(f"highest number {was_seq} → {new.highest_seq}")
    expected = {**was_retired, **_gone(new, old)}
    differ = [one for one in {**expected, **new.retired} if expected.get(one) != new.retired.get(one)]
    return parts + [f"remembers {name(one)} as {name(new.retired.get(one, 'nothing'))}" for one in differ]


def _gone(new: View, old: View | None) -> dict[str, str]:
    """Return the digests of release documents that are listed no more, by version."""
    known = listed_releases(old)
    return {one: entry.sha256 for one, entry in known.items() if entry.path not in new.entries}


def _seq(entry: Entry, documents: Mapping[str, Json | None]) -> Any:
    found = documents.get(entry.sha256)
    return found.get("seq") if found else None


def _artifacts(found: Any) -> str:
    return "for " + " and ".join(_artifact(one) for one in found)


def _artifact(found: Json) -> str:
    what = f"a file {name(found['name'])}" if found["name"] else f"a {found['kind']}"
    parts = [f"{what} of {counted(found['payload_bytes'], 'byte')}"]
    if found["deltas"]:
        parts.append(f"patches from {listed(one['from'] for one in found['deltas'])}")
    if found["attestations"]:
        parts.append(f"with {listed(one['type'] for one in found['attestations'])}")
    return f"{found['platform']} ({', '.join(parts)})"


def _fields(found: Any) -> str:
    """Return a probe or a hook."""
    return " ".join(f"{field} {value(one)}" for field, one in found.items())


_PHRASES: Mapping[str, Callable[[Any], str]] = {
    "artifacts": _artifacts,
    "seq": lambda found: f"number {value(found)}",
    "requires": lambda found: f"requires {value(found)}",
    "via": lambda found: f"others go through {value(found.get('version'))} first",
    "probe": lambda found: f"probe {_fields(found)}",
    "health": lambda found: f"health {' and '.join(map(_fields, found))}",
    "pre_switch": lambda found: f"before the switch {_fields(found)}",
    "post_switch": lambda found: f"after the switch {_fields(found)}",
    "notes": lambda found: f"notes {value(found)}",
    "start_s": lambda found: f"starts within {span(found)}",
    "trial_s": lambda found: f"trial {span(found)}",
    "soak_s": lambda found: f"soak {span(found)}",
}
