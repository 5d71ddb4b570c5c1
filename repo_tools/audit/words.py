"""Which versions of the product a change is about: what an auditor filters the log by. Pure."""

from collections.abc import Mapping
from typing import Any

from repo_tools.rollouts.state import order_in
from repo_tools.signed.views import View
from repo_tools.words.releases import version_in
from repo_tools.words.roles import about, is_ordering

Documents = Mapping[str, Mapping[str, Any] | None]
"""Policies and brakes by their digests; None where one cannot be read."""


def concerned(new: View, old: View | None, documents: Documents) -> frozenset[str]:
    """Return the versions of the product that a change is about."""
    before = old.entries if old else {}
    found = set()
    for path in about(new, old):
        was, now = before.get(path), new.entries.get(path)
        found |= {version for version in [version_in(path)] if version}
        found ^= _mentioned(documents.get(was.sha256) if was else None)
        found ^= _mentioned(documents.get(now.sha256) if now else None)
    return frozenset(found | (_ordered(new, old) if is_ordering(new.role) else set()))


def _ordered(new: View, old: View | None) -> set[str]:
    changed = [path for path in about(new, old) if path in new.entries]
    orders = {repr(entry.custom): entry for entry in map(new.entries.__getitem__, changed)}
    found = [order_in(entry) for entry in orders.values()]
    return {order.version for order in found} | {order.base.version for order in found if order.base}


def _mentioned(document: Mapping[str, Any] | None) -> set[str]:
    listed = [*(document or {}).get("revoked", ()), *(document or {}).get("hold", ())]
    return {one["version"] for one in listed if one.get("version")}
