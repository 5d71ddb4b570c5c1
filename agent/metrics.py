"""A host's status as OpenMetrics text, for a scrape or a textfile collector. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from metadata.errors import TidegateError
from metadata.openmetrics import END, Labels, gauge

Products = list[Mapping[str, Any]]


def openmetrics(status: Mapping[str, Any], errors: Iterable[TidegateError], now: datetime) -> str:
    """Return what one tick came to.

    Args:
        status: The status document, as ``status --json`` has it.
        errors: What went wrong in the tick.
        now: When it ended.
    """
    return "\n".join([*_lines(status, errors, now), END, ""])


def _lines(status: Mapping[str, Any], errors: Iterable[TidegateError], now: datetime) -> Iterator[str]:
    products: Products = status["products"]
    running = [({"product": one["name"], "version": one["running"] or ""}, "1") for one in products]
    yield from gauge("tidegate_agent_running", "What runs here.", running)
    states = [({"product": one["name"], "state": one["state"]}, "1") for one in products]
    yield from gauge("tidegate_agent_state", "Where an update stands.", states)
    yield from gauge("tidegate_agent_decision", "What was decided last.", list(_decisions(products)))
    given_up = [({"product": one["name"]}, str(len(one.get("quarantine", [])))) for one in products]
    yield from gauge("tidegate_agent_quarantined", "Versions that were given up here.", given_up)
    kinds = [({"error": name}, "1") for name in sorted({error.name() for error in errors})]
    yield from gauge("tidegate_agent_error", "What went wrong in the last tick.", kinds)
    wrong = "1" if status.get("clock") else "0"
    yield from gauge("tidegate_agent_clock_wrong", "Whether this host's clock is behind.", [({}, wrong)])
    at = f"{now.timestamp():.0f}"
    yield from gauge("tidegate_agent_ticked_timestamp_seconds", "When the last tick ended.", [({}, at)])


def _decisions(products: Products) -> Iterator[tuple[Labels, str]]:
    for one in products:
        if found := one["decision"]:
            named = {name: found[name] or "" for name in ("action", "rule", "version")}
            yield {"product": one["name"], **named}, "1"
