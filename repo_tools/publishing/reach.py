"""Which files of a store a published version needs: what is kept, exported and copied.

What is live is read verified. History is read as plain JSON: to believe too much keeps a file too many.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from metadata.errors import MalformedError
from repo_tools.signed.live import Live
from repo_tools.signed.reading import view
from repo_tools.signed.views import ISSUED_FIELD, Entry
from repo_tools.store import TIMESTAMP, Store
from repo_tools.store.memory import read_signed


def needed_now(live: Live) -> dict[str, Entry | None]:
    """Return the files that a client may ask for today, from the first root on; targets with their entry."""
    if live.timestamp is None:
        return {}
    found: dict[str, Entry | None] = {
        TIMESTAMP: None,
        f"metadata/{live.timestamp.version}.timestamp.json": None,
    }
    found |= {f"metadata/{version}.root.json": None for version in range(1, live.root.signed.version + 1)}
    found[f"metadata/{live.timestamp.snapshot_meta.version}.snapshot.json"] = None
    for role, meta in live.meta.items():
        found[f"metadata/{meta.version}.{role}.json"] = None
        parsed = live.targets(role)
        entries = view(role, parsed.signed).entries.values() if parsed else ()
        found |= {f"targets/{entry.stored_as}": entry for entry in entries}
    return found


def needed_before(store: Store, newest: int, since: datetime | None) -> set[str]:
    """Return the files that published versions need, back to the first timestamp or to a time.

    Args:
        store: Where they are.
        newest: The live timestamp's version; later ones were never public.
        since: Keep no timestamp that was issued before.
    """
    found: set[str] = set()
    seen: set[str] = set()
    for version in range(newest, 0, -1):
        name = f"metadata/{version}.timestamp.json"
        try:
            signed = _signed(store, name, None)
            issued = signed.get(ISSUED_FIELD)
            if not signed or (since and isinstance(issued, str) and datetime.fromisoformat(issued) < since):
                continue
            found.add(name)
            found |= set(_below(store, signed, seen))
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            hint = "nothing was removed; take the file away by hand if it was never public"
            raise MalformedError(f"{name}, or what it needs, makes no sense: {error!r}", hint) from error
    return found


def _below(store: Store, timestamp: Mapping[str, Any], seen: set[str]) -> Iterator[str]:
    """Yield what a timestamp needs; files that were looked at before are passed over."""
    for name, digest in _listed(timestamp):
        yield name
        if name in seen:
            continue
        seen.add(name)
        for role, inner in _listed(_signed(store, name, digest)):
            yield role
            if role in seen:
                continue
            seen.add(role)
            targets = _signed(store, role, inner).get("targets", {})
            for path, target in targets.items():
                yield f"targets/{Entry(path, 0, target['hashes']['sha256']).stored_as}"


def _listed(signed: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    for name, meta in signed.get("meta", {}).items():
        yield f"metadata/{meta['version']}.{name}", meta.get("hashes", {}).get("sha256")


def _signed(store: Store, name: str, digest: str | None) -> dict[str, Any]:
    data = read_signed(store, name, digest)
    try:
        value = msgspec.json.decode(data or b"{}", type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        return {}  # somebody's debris
    found: dict[str, Any] = value.get("signed", {})
    return found
