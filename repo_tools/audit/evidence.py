"""Whether waves were opened on evidence: it is there, it is what the order says, and it was enough.

Hosts follow whatever a wave's keys sign, with good evidence, weak or none: nothing here breaks trust. It
tells people whether those who sign did what the gate asks for.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from hashlib import sha256

import msgspec

from metadata import strict
from metadata.documents import Order
from metadata.errors import TidegateError
from metadata.evidence import WaveEvidence, names_of
from repo_tools.audit.findings import Finding
from repo_tools.audit.history import CLOCKS_DIFFER, History, Step
from repo_tools.audit.papers import Paper, Targets, entry
from repo_tools.gate.replaying import adds_up, replayed
from repo_tools.output import when
from repo_tools.roles import is_wave, parent
from repo_tools.rollouts.state import order_in
from repo_tools.store import Store

_Ask = Callable[[Paper], Order | None]
"""Returns what a paper of a wave orders."""


@dataclass(frozen=True)
class Opening:
    """A wave that a rollout came to after others."""

    paper: Paper
    order: Order
    earlier: Mapping[str, Order]
    """The orders of the waves that it had reached, by wave."""
    at: datetime | None
    """When it became public."""

    @property
    def text(self) -> str:
        """What people call it."""
        return f"{self.order.rollout} for {self.order.wave}"


def judged(history: History, store: Store) -> Iterator[Finding]:
    """Yield what is to be said about the evidence of a history, as it lies in a store."""
    by_hand: dict[tuple[str, str], list[Opening]] = {}
    for opening in openings(history):
        if opening.order.evidence is None:
            by_hand.setdefault((parent(opening.paper.role), opening.order.rollout), []).append(opening)
            continue
        text = _weakness(opening, store)
        if text:
            yield _finding(opening, f"{opening.paper.text} opens {opening.text} on {text}")
    yield from (_without(some) for some in by_hand.values())


def openings(history: History) -> Iterator[Opening]:
    """Yield every wave that a rollout came to after others, the oldest first; recalls go everywhere."""
    once = cache(order_of)
    for step in history.steps:
        for role, paper in step.brought.items():
            order = once(paper) if is_wave(role) and _comes(step, paper) else None
            if order is None or order.recall:
                continue
            earlier = _reached(step, parent(role), order.rollout, once)
            if earlier and order.wave not in earlier:
                yield Opening(paper, order, earlier, step.after.at)


def read(store: Store, order: Order) -> bytes | None:
    """Return the evidence that an order names; None where a store does not have it.

    Raises:
        UnreachableError: The store does not answer.
    """
    found = find(store, order)
    return found[1] if found else None


def find(store: Store, order: Order) -> tuple[str, bytes] | None:
    """Return the evidence that an order names as ``read`` does, with its name in the store."""
    found = ((name, store.read(name)) for name in names_of(order))
    wanted = order.evidence.sha256 if order.evidence else ""
    return next(((name, data) for name, data in found if data and sha256(data).hexdigest() == wanted), None)


def _weakness(opening: Opening, store: Store) -> str:
    """Return what is wrong with the evidence of an opening, or nothing."""
    try:
        data = read(store, opening.order)
        if data is None:
            return f"evidence that is not in {store.location}: nobody can check it (mirrors carry none)"
        found = strict.decode(data, WaveEvidence)
    except TidegateError as error:
        return f"evidence that cannot be read: {error.message}"
    return _strange(opening, found) or _weak(found)


def _strange(opening: Opening, found: WaveEvidence) -> str:
    order, judged_order = opening.order, opening.earlier.get(found.wave)
    ours = (order.product, order.channel, order.rollout, order.version)
    if judged_order is None or (found.product, found.channel, found.rollout, found.version) != ours:
        return f"evidence about {found.rollout} for {found.wave}, {found.version}"
    if order.evidence and order.evidence.counts != found.counts:
        return "evidence whose counts are not those in the order"
    if not adds_up(found):
        return "evidence whose counts do not add up"
    if found.opened != judged_order.not_before:
        return f"evidence that counts from {when(found.opened)}, when {found.wave} was not opened"
    if opening.at and found.at > opening.at + CLOCKS_DIFFER:
        return f"evidence that was counted at {when(found.at)}, after it was published"
    return ""


def _weak(found: WaveEvidence) -> str:
    verdict = replayed(found)
    if verdict.action in {"open", "ask"}:
        return ""
    return f"evidence on which the gate opens nothing ({verdict.action}): {verdict.text}"


def _without(some: list[Opening]) -> Finding:
    """Return one finding for all waves that a rollout came to without evidence."""
    first = some[0]
    waves = ", ".join(one.order.wave for one in some)
    found = _finding(
        first, f"{first.order.rollout} came to {waves} without evidence: people judged for themselves"
    )
    others = any(order.evidence for one in some for order in one.earlier.values())
    return found if others else replace(found, level="note")


def _finding(opening: Opening, text: str) -> Finding:
    return Finding("warning", "evidence", opening.paper.role, opening.paper.number, text, opening.at)


def _comes(step: Step, paper: Paper) -> bool:
    """Return whether a publication brought a wave another rollout than it had."""
    if step.before is None:
        return False
    before = step.before.roles.get(paper.role)
    return before is None or _rollout(before) != _rollout(paper)


class _Named(msgspec.Struct):
    """As much of an order as tells its rollout: most publications change something else."""

    rollout: str


class _Custom(msgspec.Struct):
    tidegate: _Named


_CUSTOM = msgspec.json.Decoder(_Custom)


def _rollout(paper: Paper) -> str:
    """Return the rollout that a wave follows; empty where that cannot be read."""
    files = paper.body.targets.values() if isinstance(paper.body, Targets) else ()
    raw = next((file.custom for file in files if file.custom is not msgspec.UNSET), None)
    try:
        return _CUSTOM.decode(raw).tidegate.rollout if raw else ""
    except msgspec.MsgspecError:
        return ""


def _reached(step: Step, channel: str, rollout: str, order_in_paper: _Ask) -> dict[str, Order]:
    """Return what a rollout had ordered in the waves of a channel before a publication."""
    roles = step.before.roles if step.before else {}
    found = [
        order_in_paper(paper) for role, paper in roles.items() if is_wave(role) and parent(role) == channel
    ]
    return {order.wave: order for order in found if order and order.rollout == rollout}


def order_of(paper: Paper) -> Order | None:
    """Return what a wave is ordered to run; None where it is nothing that can be read."""
    files = paper.body.targets.items() if isinstance(paper.body, Targets) else ()
    try:
        return next((order_in(entry(path, file)) for path, file in files), None)
    except TidegateError:
        return None  # the rules about what roles say tell of it
