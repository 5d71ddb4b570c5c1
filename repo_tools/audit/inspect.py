"""One role or one document with everything resolved: names, ages, waves in percent, when it expires."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from metadata import strict
from metadata.documents import Brake, Enrollment, Policy
from metadata.errors import UsageError
from metadata.evidence import WaveEvidence
from metadata.release import Release
from repo_tools.audit.evidence import read
from repo_tools.desk import Desk
from repo_tools.output import counted
from repo_tools.roles import BRAKE, ENROLLMENT_PATH, ONLINE, POLICY, Channel, is_wave, parent
from repo_tools.rollouts.state import order_in, read_state
from repo_tools.rollouts.tables import share_text
from repo_tools.signed.views import Delegation, Entry, View
from repo_tools.words.documents import brake_changes


@dataclass(frozen=True)
class Standing:
    """How a role stands now."""

    role: str
    version: int
    expires_at: datetime
    left: timedelta
    """Until it expires; below zero afterwards."""
    delegation: Delegation | None
    """Who may sign it."""
    share: str
    """The part of the fleet, for a wave."""


def roles(desk: Desk) -> Iterator[str]:
    """Yield every role that is live, as clients walk them."""
    yield from ("root", *ONLINE, "targets")
    for name in desk.tree.view("targets").delegations:
        yield name
        yield from desk.tree.view(name).delegations


def standing(desk: Desk, role: str) -> Standing:
    """Return how a role stands.

    Raises:
        UsageError: There is no such role.
    """
    version, expires_at = _version(desk, role)
    above = desk.tree.view(parent(role)).delegations.get(role)
    return Standing(role, version, expires_at, expires_at - desk.now, above, _share(desk, role))


def target(desk: Desk, path: str) -> tuple[str, Entry]:
    """Return the role that answers for a target path, and its entry.

    Raises:
        UsageError: No role lists it.
    """
    for role in roles(desk):
        view = desk.tree.find(role) if role not in ONLINE else None
        if view and path in view.entries:
            return role, view.entries[path]
    hint = "name a role such as agent.stable, or a path such as rollout/agent/stable/policy"
    raise UsageError(f"no role and no path {path!r} here", hint)


def document(desk: Desk, entry: Entry) -> dict[str, Any] | None:
    """Return what a target file says, or None when it is no document of ours."""
    kinds = {POLICY: Policy, BRAKE: Brake, "release.json": Release}
    leaf = entry.path.rpartition("/")[2]
    kind: Any = Enrollment if entry.path == ENROLLMENT_PATH else kinds.get(leaf)
    if entry.custom is not None:
        kind = Release  # a route downloads to the release document
    return strict.to_json(strict.decode(desk.contents.read(entry), kind)) if kind else None


def order(entry: Entry) -> dict[str, Any] | None:
    """Return the order on a route, or None when the path is no route."""
    return strict.to_json(order_in(entry)) if entry.custom is not None else None


def evidence(desk: Desk, entry: Entry) -> dict[str, Any] | None:
    """Return the evidence that the order on a route names, or None where there is none."""
    data = read(desk.store, order_in(entry)) if entry.custom is not None else None
    return strict.to_json(strict.decode(data, WaveEvidence)) if data else None


def entries(desk: Desk, view: View) -> list[dict[str, str]]:
    """Return what a role lists: for a wave one line for all its routes, for a brake what it holds."""
    found = list(view.entries.values())
    if is_wave(view.role) and found:
        said = order_in(found[0])
        return [
            {"path": counted(len(found), "route"), "what": f"{said.version}, {said.state}, {said.rollout}"}
        ]
    held = [brake_changes({}, document(desk, one) or {}) for one in found if view.role.endswith(f".{BRAKE}")]
    if held:
        return [{"path": one.path, "what": said} for one, [said] in zip(found, held, strict=True)]
    return [{"path": one.path, "what": f"{one.length:,} bytes, sha256 {one.sha256[:12]}…"} for one in found]


def _version(desk: Desk, role: str) -> tuple[int, datetime]:
    live = desk.live
    if role == "timestamp" and live.timestamp:
        return live.timestamp.version, live.timestamp.expires
    if role == "snapshot" and live.snapshot:
        return live.snapshot.version, live.snapshot.expires
    if role not in set(roles(desk)):
        raise UsageError(f"there is no role {role}", f"one of: {', '.join(roles(desk))}")
    view = desk.tree.view(role)
    return view.version, view.expires_at


def _share(desk: Desk, role: str) -> str:
    if not is_wave(role):
        return ""
    product, channel, wave = role.split(".")
    return share_text(read_state(desk, Channel(product, channel)), wave)
