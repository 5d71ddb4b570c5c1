"""Releases that two people added at once: both took the next sequence number, and only one may keep it.

A new number makes another document with another digest, which every order that names the release follows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from metadata import strict
from metadata.release import Release
from repo_tools.desk import Desk
from repo_tools.signed.views import Entry


@dataclass
class Renamed:
    """What is called otherwise now."""

    entries: dict[str, Entry] = field(default_factory=dict)
    """New documents by the digest of the old."""
    highest_seq: dict[str, int] = field(default_factory=dict)
    """By releases role."""


def in_sequence(desk: Desk, role: str, entries: dict[str, Entry], renamed: Renamed) -> None:
    """Number the releases that were added here after those that were published meanwhile.

    Args:
        desk: The workspace.
        role: A role that is prepared again; only releases roles have numbers.
        entries: Its entries; documents that change are replaced.
        renamed: Told what changed.
    """
    live = desk.tree.live_view(role)
    if live is None or not role.endswith(".releases"):
        return
    added = [path for path in entries if path.endswith("/release.json") and path not in live.entries]
    found = [(path, strict.decode(desk.contents.read(entries[path]), Release)) for path in added]
    seq = live.highest_seq
    for path, document in sorted(found, key=lambda pair: pair[1].seq):
        seq += 1
        data = strict.encode(msgspec.structs.replace(document, seq=seq))
        for old, new in renamed.entries.items():
            data = data.replace(old.encode(), new.sha256.encode())  # a barrier may name one of them
        before = entries[path].sha256
        entries[path] = desk.contents.stage(path, data)
        renamed.entries[before] = entries[path]
    renamed.highest_seq[role] = seq


def renamed_entry(entry: Entry, renamed: Renamed) -> Entry:
    """Return an entry that names documents as they are called now; orders name them in ``base``, too."""
    custom = _replaced(entry.custom, {old: new.sha256 for old, new in renamed.entries.items()})
    new = renamed.entries.get(entry.sha256)
    if new is None:
        return replace(entry, custom=custom)
    return replace(entry, length=new.length, sha256=new.sha256, custom=custom)


def _replaced(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [_replaced(inner, names) for inner in value]
    return names.get(value, value) if isinstance(value, str) else value
