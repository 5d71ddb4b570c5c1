"""A rollout's forecast in words: what comes to which wave, and what to think of before signing. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from repo_tools.collect.roster import Member
from repo_tools.gate.verdict import FEW
from repo_tools.output import Answer, Sheet, counted, sized, span, to_minute
from repo_tools.rollouts.plans import Plan
from repo_tools.rollouts.preparing import Prepared
from repo_tools.rollouts.state import State
from repo_tools.waves.forecast import Part, forecast, peak_bytes
from repo_tools.waves.reshaping import is_share

_UNKNOWN = "how many hosts each wave has, and what they download, is not known: nothing was collected yet"
_HINT = "tidegate fleet collect LOCATION reads what hosts reported"
_LATER = {"gated": "on evidence", "manual": "by hand"}
_COLUMNS = ["wave", "hosts", "take it", "run it", "held", "from", "until", "download", "an hour"]


def foretold(prepared: Prepared, plan: Plan, members: Sequence[Member] | None) -> Answer:
    """Return what a rollout that begins would bring; None: nothing was collected."""
    if members is None:
        return Answer({"known": False, "why": _UNKNOWN, "hint": _HINT}, [f"{_UNKNOWN}; {_HINT}"])
    parts = forecast(prepared.state, prepared.change, plan, members)
    later = _LATER.get(plan.strategy, "-")
    notes = [*_nobody(prepared.state, parts), *_lottery(prepared.state, parts)]
    data = {
        "known": True,
        "hosts": sum(part.hosts for part in parts),
        "waves": [_data(part) for part in parts],
        "later": later,
        "peak_hourly_bytes": peak_bytes(parts),
        "notes": notes,
    }
    sheet = Sheet(
        _COLUMNS, [_cells(part, later) for part in parts], spare=["held", "run it", "download", "until"]
    )
    peak = f"at most {sized(peak_bytes(parts))} in an hour, by what each host runs and the largest platform"
    return Answer(data, [sheet, peak, *notes])


def _nobody(state: State, parts: Sequence[Part]) -> Iterator[str]:
    """Yield a sentence for each wave that would tell nothing to the one after it."""
    for part in parts[:-1]:
        if not part.takes:
            hint = f"tidegate waves {state.channel} --count --wave {part.wave}=1 counts a host into it"
            yield f"nobody in {part.wave} would take it, and a gate on nobody never opens: {hint}"


def _lottery(state: State, parts: Sequence[Part]) -> Iterator[str]:
    """Yield an offer where percentages of a small fleet are a matter of luck."""
    hosts = sum(part.hosts for part in parts)
    first = [wave for wave in state.waves[:-1] if wave.routes]
    if 0 < hosts < FEW and any(map(is_share, (route for wave in first for route in wave.routes))):
        counts = [1, *[3] * len(first)]
        wishes = " ".join(f"--wave {wave.name}={count}" for wave, count in zip(first, counts, strict=False))
        hint = f"tidegate waves {state.channel} --count {wishes} counts hosts in instead"
        yield f"of {counted(hosts, 'host')} a percentage is a lottery: {hint}"


def _data(part: Part) -> dict[str, Any]:
    return {**asdict(part), "held": part.held, "until": part.until, "hourly_bytes": part.hourly_bytes}


def _cells(part: Part, later: str) -> list[str]:
    numbers = [part.hosts, part.takes, part.runs, part.held]
    until = to_minute(part.until) if part.since else span(part.spread_s)
    times = [to_minute(part.since) if part.since else later, until]
    return [
        part.wave,
        *(f"{number:,}" for number in numbers),
        *times,
        sized(part.download_bytes),
        sized(part.hourly_bytes),
    ]
