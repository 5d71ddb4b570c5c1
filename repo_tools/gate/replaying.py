"""Judge published evidence once more, as anybody can who has nothing but the document. Pure."""

from datetime import timedelta

from metadata.evidence import WaveEvidence
from repo_tools.gate.verdict import Bar, Counts, Verdict, judge
from repo_tools.rollouts.plans import Preset, preset, presets


def bar_of(pace: Preset) -> Bar:
    """Return what evidence must reach at a pace."""
    return Bar(heard_percent=pace.heard_percent, soak=timedelta(seconds=pace.soak_s))


def adds_up(found: WaveEvidence) -> bool:
    """Return whether counts agree with each other."""
    counts = found.counts
    return (
        counts.heard == counts.ok + counts.failed
        and counts.silent == found.started - counts.heard
        and found.started <= counts.expected <= found.members
    )


def replayed(found: WaveEvidence) -> Verdict:
    """Return what the gate says of published counts, at the pace that asks for least."""
    counts = Counts(
        members=found.members,
        expected=found.counts.expected,
        started=found.started,
        ok=found.counts.ok,
        failed=found.counts.failed,
        unfit=found.unfit,
    )
    least = min((bar_of(preset(name)) for name in presets()), key=lambda bar: (bar.soak, bar.heard_percent))
    return judge(counts, found.opened, found.at, least)
