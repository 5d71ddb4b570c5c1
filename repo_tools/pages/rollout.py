"""The page of a channel's newest rollout: its waves, what the gate waits for, and who takes the next step."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from metadata.documents import Order
from repo_tools.gate.verdict import Counts
from repo_tools.output import counted
from repo_tools.pages import recalled
from repo_tools.pages.course import NOBODY, NOBODY_LEFT, STANDS, Course
from repo_tools.pages.fleet import STATES
from repo_tools.pages.following import next_step
from repo_tools.pages.heard import Heard
from repo_tools.pages.model import EarlierRollout, Part, RolloutPage, SignedChange, WavePart
from repo_tools.roles import Channel
from repo_tools.rollouts.state import State, Wave, complete
from repo_tools.rollouts.tables import share_text

MOST_SIGNED = 12
"""Changes that a rollout's page shows; the audit page has the others."""


def page_of(channel: Channel) -> str:
    """Return the name of the page of a channel's rollout."""
    return f"rollout.{channel.product}.{channel.name}.html"


def rollout_page(
    found: Course, heard: Heard, signed: Sequence[SignedChange], earlier: Sequence[EarlierRollout]
) -> RolloutPage:
    """Return the page of a channel's newest rollout.

    Args:
        found: What is published, and what was counted.
        heard: The lake, in which it was worked out what each host does.
        signed: All published changes, newest first.
        earlier: The rollouts that came before it.
    """
    channel, order = found.state.channel, found.order
    orders = [wave.order for wave in found.reached if wave.order]
    found = replace(found, recalled=recalled.by_wave(heard, orders, found.now))
    back, present = (heard.back(order) if order else {}), heard.present(channel.product, channel.name)
    return RolloutPage(
        channel=str(channel),
        page=page_of(channel),
        rollout=order.rollout if order else "",
        version=order.version if order else "",
        strategy=found.plan.strategy if found.plan else "",
        by=order.by if order else "",
        reason=order.reason if order else "",
        recall=order.recall.from_versions if order and order.recall else "",
        brake=found.brake,
        verdict=_known(found, order) if order else "",
        waves=tuple(
            _wave(found, wave, back.get(wave.name, 0), present.get(wave.name, {}))
            for wave in found.state.waves
        ),
        next_step=next_step(found),
        signed=tuple(_signed(channel, order, signed)[:MOST_SIGNED]),
        earlier=tuple(earlier),
    )


def _signed(channel: Channel, order: Order | None, told: Sequence[SignedChange]) -> list[SignedChange]:
    """Return a channel's changes since its rollout began, whose first order names it."""
    mine = [one for one in told if f"{one.role}.".startswith(f"{channel.role}.")]
    first = max((at for at, one in enumerate(mine) if order and order.rollout in one.text), default=len(mine))
    return mine[: first + 1]


def _known(found: Course, order: Order) -> str:
    """Return what is known of the hosts."""
    if order.recall:
        left = sum(one.hosts for one in found.recalled.values())
        failed = sum(one.failed for one in found.recalled.values())
        said = f"{counted(left, 'host')} still to go back from {order.recall.from_versions}"
        return f"{said}; {failed:,} of them tried, and failed" if failed else said
    return found.verdict.text


def _wave(found: Course, wave: Wave, back: int, present: Mapping[str, int]) -> WavePart:
    order = wave.order
    mine = order if wave.name in found.tallies else None
    earlier = order if order and not mine and _goes_on(found, order) else None
    counts = found.tallies[wave.name].counts if mine else NOBODY
    stands = "earlier" if earlier else found.stands(mine)
    # who runs already where a recall leads is nobody that it waits for, so its hosts are shown as they are
    settled = stands == "done" or not counts.members or bool(mine and mine.recall)
    return WavePart(
        name=wave.name,
        share=share_text(found.state, wave.name),
        state=stands,
        version=order.version if order else "",
        opens=order.not_before if order else None,
        spread_until=_last_start(order) if order else None,
        closes=order.not_after if order else None,
        members=counts.members,
        expected=counts.expected,
        settled=settled,
        unheard=bool(mine) and not counts.members and stands != "done",
        parts=() if not (mine or earlier) else _standing(present) if settled else _parts(counts),
        back=back,
        recalled=found.recalled.get(wave.name, NOBODY_LEFT).hosts if mine and mine.recall else None,
        earlier=f"{earlier.rollout}: {earlier.version}, {STANDS[found.stands(earlier)]}" if earlier else "",
        # one that is complete, or a recall, waits for nothing
        verdict=found.judged(mine).text if mine and stands != "done" and not mine.recall else "",
        evidence=found.evidence.get(wave.name, ""),
    )


def _goes_on(found: Course, order: Order) -> bool:
    """Return whether the rollout of an order was not completed."""
    return not complete(order) and found.stands(order) != "done"


def _last_start(order: Order) -> datetime | None:
    return (
        order.not_before + timedelta(seconds=order.spread_s) if order.not_before and order.spread_s else None
    )


def _parts(counts: Counts) -> tuple[Part, ...]:
    """Return what a wave's hosts came to, as the gate counts them."""
    return (
        Part("ok", "healthy", counts.ok),
        Part("trial", "started", max(0, counts.silent - counts.lost)),
        Part("waiting", "to come", max(0, counts.members - counts.unfit - counts.started)),
        Part("failed", "failed", counts.failed),
        Part("silent", "silent", counts.lost),
    )


def _standing(present: Mapping[str, int]) -> tuple[Part, ...]:
    """Return what a wave's hosts do now."""
    return tuple(Part(kind, label, present.get(kind, 0)) for kind, label in STATES.items())


def live_orders(states: Iterable[State]) -> list[Order]:
    """Return what the waves of several channels are ordered."""
    return [wave.order for state in states for wave in state.waves if wave.order]
