"""What is staged, in words: what a person reads before signing."""

from collections.abc import Sequence

from metadata.documents import Order
from repo_tools.desk import Desk
from repo_tools.output import moment
from repo_tools.publishing.documents import document_changes, is_told
from repo_tools.roles import is_wave, parent
from repo_tools.rollouts.state import order_in, read_state
from repo_tools.rollouts.tables import share_text
from repo_tools.signed.difference import trust_changes
from repo_tools.signed.views import View


def staged_changes(desk: Desk) -> list[str]:
    """Return a sentence for each staged role."""
    staged = desk.tree.staged()
    channels = [
        channel
        for channel in desk.channels()
        if any(is_wave(role) and parent(role) == channel.role for role in staged)
    ]
    states = [read_state(desk, channel) for channel in channels]
    shares = {
        state.channel.below(wave.name): share_text(state, wave.name)
        for state in states
        for wave in state.waves
    }
    tree = desk.tree
    said = {
        role: sentence(
            tree.view(role), tree.live_view(role), shares.get(role, ""), document_changes(desk, role)
        )
        for role in staged
    }
    return [f"{role}: {words}" for role, words in said.items()]


def sentence(new: View, old: View | None, share: str, inside: Sequence[str] = ()) -> str:
    """Return what a new version of a role changes, in words.

    Args:
        new: The new version.
        old: The one before; None before the first.
        share: The wave's part of the fleet.
        inside: What changes in the documents that it lists; their paths then tell nobody anything.
    """
    if is_wave(new.role) and new.entries:
        return _wave(new, old, share)
    if old is None:
        return "founded"
    added = sorted(new.entries.keys() - old.entries.keys())
    gone = sorted(old.entries.keys() - new.entries.keys())
    changed = sorted(
        path for path in new.entries.keys() & old.entries.keys() if new.entries[path] != old.entries[path]
    )
    if inside:
        added, changed = ([path for path in paths if not is_told(path)] for paths in (added, changed))
    parts = [
        f"{what} {', '.join(paths)}"
        for what, paths in (("adds", added), ("removes", gone), ("changes", changed))
        if paths
    ]
    parts += trust_changes(new, old)
    return "; ".join([*parts, *inside]) or "renewed"


def _wave(new: View, old: View | None, share: str) -> str:
    after = order_in(next(iter(new.entries.values())))
    before = order_in(next(iter(old.entries.values()))) if old and old.entries else None
    if before == after:
        return f"{after.version}, renewed"
    if before and (before.version, before.rollout) == (after.version, after.rollout):
        return f"{after.version}, {_difference(before, after)}"
    way = f"{before.version} → {after.version}" if before else f"nothing → {after.version}"
    kind = " (recall)" if after.recall else ""
    return f"{way}{kind} for {share}, {_terms(after)}"


def _difference(before: Order, after: Order) -> str:
    if before.state != after.state:
        return "held" if after.state == "hold" else f"goes on, {_terms(after)}"
    if before.base != after.base and after.base and after.not_after is None:
        return "complete: the base from now on, without an end"
    return _terms(after)


def _terms(order: Order) -> str:
    parts = [f"from {moment(order.not_before)}"] if order.not_before else ["at once"]
    if order.spread_s:
        parts.append(f"spread over {order.spread_s} s")
    if order.not_after:
        parts.append(f"until {moment(order.not_after)}")
    return ", ".join(parts)
