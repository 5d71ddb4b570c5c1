"""Whether a publication only calms things down: such a one must never be stopped by an expiry date. Pure."""

from repo_tools.checks.facts import Facts
from repo_tools.roles import BRAKE, is_wave
from repo_tools.rollouts.state import order_in
from repo_tools.signed.views import View


def calming(facts: Facts) -> bool:
    """Return whether everything staged only holds, recalls, revokes or renews."""
    return bool(facts.staged) and all(
        _calm(role, facts.before.get(role), facts.after[role]) for role in facts.staged & facts.after.keys()
    )


def _calm(role: str, before: View | None, after: View) -> bool:
    if role.endswith(f".{BRAKE}") or (before and _same(before, after)):
        return True
    if not is_wave(role):
        return before is not None and before.delegations == after.delegations and _only_policy(before, after)
    orders = [order_in(entry) for entry in after.entries.values()]
    return bool(orders) and all(order.state == "hold" or order.recall is not None for order in orders)


def _same(before: View, after: View) -> bool:
    return (before.entries, before.delegations) == (after.entries, after.delegations)


def _only_policy(before: View, after: View) -> bool:
    changed = {path for path in after.entries if before.entries.get(path) != after.entries[path]}
    return before.entries.keys() == after.entries.keys() and all(path.endswith("/policy") for path in changed)
