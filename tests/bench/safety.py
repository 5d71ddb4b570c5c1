"""``make bench-safety``: hosts that a bad release hurts before it is halted, here and under models of others.

The same hosts, all there, poll every fifteen minutes; a trial takes twelve minutes, and a host on which the
release fails says so within them. 0.2 % fail whatever is released. What is compared is fair only at equal
hours for a good release: for each of the others the gate is given a pace by which such a one is everywhere no
later than with them.

The others are in ``tests.bench.peers``.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from msgspec import structs
from rich.console import Console
from rich.table import Table

from repo_tools.rollouts.plans import Plan, Preset
from repo_tools.rollouts.state import State, read_state
from repo_tools.simulate.fleet import Fleet
from repo_tools.simulate.run import Course, Plot, simulate
from tests.bench.peers import BACKGROUND, Bottlerocket, Fleetwide, Offer, hawkbit, ubuntu
from tests.conftest import ROOT
from tests.support.workspace import HERE, Workspace

HOSTS = 100_000
RATES = (1.0, 0.1, 0.05, 0.02)
LIMIT = 1 / 3
WAVES = ("--wave", "canary=1", "--wave", "early=10", "--wave", "full=100")
_NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Peer:
    """One of the others, and the pace of ours that is as fast."""

    name: str
    offer: Callable[[], Offer]
    version: str
    """The release of ours; its soak fits the pace."""
    pace: Preset
    look_s: int = 300


def _pace(soak_s: int, *spread_s: int) -> Preset:
    return Preset(
        after_s=0, spread_s=spread_s, open_for_s=30 * 86_400, soak_s=soak_s, heard_percent=80, urgent=False
    )


PEERS = (
    Peer("hawkBit", lambda: hawkbit, "1.5.0", _pace(900, 300, 600, 900)),
    Peer("Bottlerocket", Bottlerocket, "1.6.0", _pace(14_400, 86_400, 86_400, 172_800)),
    Peer("Ubuntu", lambda: ubuntu, "1.6.0", _pace(14_400, 36_000, 36_000, 72_000)),
)


@dataclass(frozen=True)
class Outcome:
    """One release under one regime."""

    hurt: int
    hours: float | None
    """Until all hosts have a good release, or a bad one is halted; None where it never was."""


def theirs(peer: Peer, rate: float, hosts: int) -> Outcome:
    """Return what a model of the others makes of a release that fails on a share of hosts."""
    fleet, offer = Fleetwide(hosts, rate), peer.offer()
    for minute in range(60 * 24 * 14):
        wanted = offer(minute, fleet)
        if wanted is None:
            while fleet.done < fleet.offered - 1:  # who was offered it may have begun
                fleet.pass_minute(fleet.offered)
            return Outcome(round(fleet.failed), minute / 60)
        fleet.pass_minute(wanted)
        if fleet.done >= hosts - 1:
            return Outcome(round(fleet.failed), minute / 60 if rate == BACKGROUND else None)
    raise AssertionError("a release is everywhere or halted within two weeks")


def ours(state: State, peer: Peer, bad: float, lasts: timedelta, hosts: int) -> Outcome:
    """Return what the gate makes of the same release, at a pace that is as fast."""
    plan = Plan(strategy="gated", preset="", pace=peer.pace)
    fleet = Fleet(hosts, offline=0.0, background=BACKGROUND, bad=bad)
    plot = Plot(
        peer.version, "1.4.2", plan, fleet, HERE, begins=_NOON, lasts=lasts, look_s=peer.look_s, processes=2
    )
    course = simulate(state, plot)
    return Outcome(course.failed, _hours(course, peer.version, hosts))


def _hours(course: Course, version: str, hosts: int) -> float | None:
    begun = course.points[0].at
    if course.halted:
        return (course.events[-1].at - begun).total_seconds() / 3600
    wanted = hosts * (1 - 1.5 * BACKGROUND)
    reached = next((one.at for one in course.points if one.versions.get(version, 0) >= wanted), None)
    return (reached - begun).total_seconds() / 3600 if reached else None


@dataclass(frozen=True)
class Row:
    """One comparison."""

    peer: str
    rate: float
    theirs: Outcome
    ours: Outcome

    @property
    def ratio(self) -> float:
        """Return our hurt hosts to theirs."""
        return self.ours.hurt / max(1, self.theirs.hurt)


def ready(folder: Path) -> State:
    """Return a channel that runs 1.4.2, with two releases: a soak of five minutes, and one of four hours."""
    work = Workspace(folder, _NOON).found(*WAVES)
    work.publish_release("1.4.2")
    work.add("1.5.0", None, "--soak-s", "5m")
    work.add("1.6.0", None, "--soak-s", "4h")
    desk = work.desk()
    state = read_state(desk, desk.only_channel())
    return replace(state, policy=structs.replace(state.policy, salt="the same in every run"))


def compared(state: State, peers: Sequence[Peer], rates: Sequence[float], hosts: int = HOSTS) -> list[Row]:
    """Compare; the first row of each peer is the good release."""
    rows = []
    for peer in peers:
        good = theirs(peer, BACKGROUND, hosts)
        assert good.hours is not None  # at the background's rate nobody halts
        lasts = timedelta(hours=good.hours)
        rows.append(Row(peer.name, 0.0, good, ours(state, peer, 0.0, lasts, hosts)))
        rows += [
            Row(peer.name, rate, theirs(peer, rate, hosts), ours(state, peer, rate, lasts, hosts))
            for rate in rates
        ]
    return rows


def main() -> int:
    """Compare, print and draw; return 1 where a limit is missed."""
    parser = argparse.ArgumentParser(prog="make bench-safety", description=__doc__)
    parser.add_argument("--picture", type=Path, default=ROOT / ".cache" / "bench" / "safety.png")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = compared(ready(Path(folder)), PEERS, RATES)
    Console(width=110).print(_table(rows))
    asked.picture.parent.mkdir(parents=True, exist_ok=True)
    _draw(rows, asked.picture)
    sys.stdout.write(f"drawn: {asked.picture}\n")
    return 0 if all(holds(row) for row in rows) else 1


def holds(row: Row) -> bool:
    """Return whether a good release is as fast as theirs, and a bad one hurts at most a third as many."""
    if not row.rate:
        return row.ours.hours is not None
    return row.ratio <= LIMIT


def _table(rows: Sequence[Row]) -> Table:
    table = Table(title=f"Hosts hurt of {HOSTS:,}, at equal hours for a good release", title_justify="left")
    for name in (
        "to",
        "fails on",
        "theirs",
        "halted after",
        "ours",
        "halted after",
        "ratio",
        "limit",
        "verdict",
    ):
        table.add_column(name, justify="left" if name in {"to", "verdict"} else "right")
    for row in rows:
        rate = f"{row.rate:.0%}" if row.rate else "good"
        ratio = (f"{row.ratio:.3f}", f"{LIMIT:.2f}") if row.rate else ("", "")
        told = [_told(row.theirs, good=not row.rate), _told(row.ours, good=not row.rate)]
        numbers = (f"{row.theirs.hurt:,}", told[0], f"{row.ours.hurt:,}", told[1])
        table.add_row(row.peer, rate, *numbers, *ratio, "holds" if holds(row) else "MISSED")
    return table


def _told(outcome: Outcome, *, good: bool) -> str:
    if outcome.hours is None:
        return "never" if not good else "not in time"
    return f"{outcome.hours:.1f} h" if not good else f"everywhere {outcome.hours:.0f} h"


def _draw(rows: Sequence[Row], target: Path) -> None:
    bad = [row for row in rows if row.rate]
    peers = list(dict.fromkeys(row.peer for row in bad))
    with mpl.rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(9, 3.6), layout="constrained")
        for place, peer in enumerate(peers):
            axes = figure.add_subplot(1, len(peers), place + 1)
            mine = [row for row in bad if row.peer == peer]
            spots = range(len(mine))
            axes.bar(
                [x - 0.2 for x in spots], [row.theirs.hurt for row in mine], 0.4, color="#b8c4ce", label=peer
            )
            axes.bar(
                [x + 0.2 for x in spots],
                [row.ours.hurt for row in mine],
                0.4,
                color="#1f6f8b",
                label="Tidegate",
            )
            axes.set_yscale("log")
            axes.set_ylim(1, HOSTS)
            axes.set_xticks(list(spots), [f"{row.rate:.0%}" for row in mine])
            axes.set_xlabel("hosts on which it fails")
            axes.legend(frameon=False, loc="upper right")
            if not place:
                axes.set_ylabel(f"hosts hurt, of {HOSTS:,}")
        figure.savefig(target, dpi=150)


if __name__ == "__main__":
    sys.exit(main())
