"""Decide from counts whether the next wave may open. Pure; it never opens on luck, and says why."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from repo_tools.gate.sequential import Rates
from repo_tools.output import when

Action = Literal["open", "ask", "wait", "halt"]
"""``ask``: the evidence is as good as it can be, and too small for a job; a person may sign."""

FEW = 200
"""With fewer expected hosts no statistic can tell a good release from a bad one."""
FEW_MAY_FAIL = 1
"""How many hosts of a small wave may fail before it halts."""
UNFIT_PERCENT = 10
"""Share of the hosts which tried a release that may tell nothing of it; beyond, a person looks at why."""
FEW_MAY_BE_UNFIT = 1
"""How many may, whatever their share is."""


@dataclass(frozen=True)
class Counts:
    """The enrolled hosts of a wave by what was heard of them since its order opened; one outcome each."""

    members: int = 0
    """Enrolled before the order opened, and not gone since."""
    expected: int = 0
    """Of these, heard of since then, and free to take the update."""
    started: int = 0
    """Of these, switched to it at least once."""
    ok: int = 0
    """Kept it through the soak, and never failed."""
    failed: int = 0
    """Failed at least once: nothing that came later outweighs that."""
    unfit: int = 0
    """Not among the expected: were unhealthy before the update and after going back, so they tell nothing."""
    lost: int = 0
    """Of the silent, those that missed even their heartbeat since."""

    @property
    def heard(self) -> int:
        """How many have an outcome."""
        return self.ok + self.failed

    @property
    def silent(self) -> int:
        """How many started and have none."""
        return self.started - self.heard


@dataclass(frozen=True)
class Bar:
    """What evidence must reach."""

    rates: Rates = field(default_factory=Rates)
    heard_percent: int = 80
    """Share of the expected hosts that must have an outcome."""
    soak: timedelta = timedelta(hours=4)
    """How long the wave must have been open."""


@dataclass(frozen=True)
class Verdict:
    """What to do about the next wave, and why."""

    action: Action
    rule: str
    text: str


def judge(counts: Counts, opened: datetime, now: datetime, bar: Bar) -> Verdict:
    """Return what the counts of a wave mean for the next one.

    Args:
        counts: What was heard.
        opened: From when on the wave's hosts could start.
        now: The present.
        bar: What must be reached.
    """
    if verdict := _halted(counts, bar) or _unfit(counts):
        return verdict
    if counts.expected == 0:
        return _nobody(counts)
    if now < opened + bar.soak:
        until = opened + bar.soak
        return Verdict("wait", "soak", f"the wave has to be open until {when(until)}")
    return _opened_few(counts) if counts.expected < FEW else _opened(counts, bar)


def _nobody(counts: Counts) -> Verdict:
    never = "a gate on nobody never opens"
    if counts.members:
        many = "its only host was" if counts.members == 1 else f"none of its {counts.members:,} hosts was"
        return Verdict("wait", "nobody", f"{many} heard of since it opened and free to take it; {never}")
    return Verdict("wait", "nobody", f"no host that had enrolled before it opened is in this wave; {never}")


def _halted(counts: Counts, bar: Bar) -> Verdict | None:
    few = counts.members < FEW  # early on few are heard of in a large wave, too
    failed = counts.failed + counts.lost
    lost = f", {counts.lost} of them without a sign of life" if counts.lost else ""
    if few and failed > FEW_MAY_FAIL:
        return Verdict("halt", "failures", f"{failed} of {counts.members} hosts failed{lost}")
    well = max(0, counts.started - failed)
    if not few and bar.rates.bad_enough(well, failed):
        text = f"{failed} of {counts.started} hosts that started failed{lost}"
        return Verdict("halt", "failures", f"{text}: {_odds(bar.rates, well, failed)}")
    return None


def _unfit(counts: Counts) -> Verdict | None:
    tried = counts.started + counts.unfit
    if counts.unfit <= FEW_MAY_BE_UNFIT or 100 * counts.unfit <= UNFIT_PERCENT * tried:
        return None
    text = f"{counts.unfit:,} of {tried:,} hosts that tried it went back as unfit, too many to leave out"
    return Verdict("wait", "unfit", f"{text}: a person looks at why, and widens it or pauses it")


def _opened_few(counts: Counts) -> Verdict:
    if counts.failed:
        text = (
            f"{counts.failed} of {counts.expected} hosts failed; with so few, one is too many to go on alone"
        )
        return Verdict("wait", "failure", text)
    if counts.heard < counts.expected:
        missing = counts.expected - counts.heard
        text = f"with {counts.expected} hosts everybody must be heard; {missing} still to come"
        return Verdict("wait", "unheard", text)
    whole = counts.members == counts.expected
    who = f"{counts.expected} hosts" if whole else f"{counts.expected} expected hosts of {counts.members}"
    text = f"all {who} are well; so few need a person who signs"
    return Verdict("ask", "few", text)


def _opened(counts: Counts, bar: Bar) -> Verdict:
    wanted = -(-counts.expected * bar.heard_percent // 100)
    if counts.heard < wanted:
        text = f"{counts.heard} of {counts.expected} hosts were heard; {wanted} must be"
        return Verdict("wait", "unheard", text)
    against = counts.failed + counts.silent
    if not bar.rates.good_enough(counts.ok, against):
        text = f"{counts.ok} hosts are well, {counts.failed} failed, {counts.silent} have no outcome yet"
        return Verdict("wait", "doubtful", f"{text}: not enough to call it good")
    text = f"{counts.ok} hosts are well, {counts.failed} failed, {counts.silent} are silent"
    return Verdict("open", "evidence", text)


def _odds(rates: Rates, well: int, failed: int) -> str:
    times = rates.odds(well, failed)
    shown = f"{times:,.0f}" if times < 1e6 else "over a million"
    return f"{shown} times likelier of a release that fails on {rates.bad:.0%} of hosts than of a good one"
