"""Audits in stories: from the first root of a workspace's store on."""

from typing import Any

from tests.support.workspace import Result, Workspace


def audit(work: Workspace, *options: str, url: str = "") -> Result:
    """Audit a store from its first root on."""
    first = work.store / "metadata" / "1.root.json"
    return work.run("--json", "audit", url or str(work.store), "--root", first, *options)


def found(work: Workspace, *options: str) -> dict[str, list[dict[str, Any]]]:
    """Return what an audit finds, by rule."""
    by_rule: dict[str, list[dict[str, Any]]] = {}
    for one in audit(work, *options).json["findings"]:
        by_rule.setdefault(one["rule"], []).append(one)
    return by_rule


def serious(work: Workspace, *options: str) -> dict[str, list[dict[str, Any]]]:
    """Return what is more than a note."""
    more = {
        rule: [one for one in some if one["level"] != "note"] for rule, some in found(work, *options).items()
    }
    return {rule: some for rule, some in more.items() if some}
