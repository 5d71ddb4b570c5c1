"""Which of the places of a repository is asked first: those that failed lately come last."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from agent import clock
from agent.journal import Journal
from agent.repository import Repository
from metadata.errors import MalformedError, TidegateError, UnreachableError, UntrustedError

KEY = "mirrors"
REMEMBERED = timedelta(hours=1)
"""How long a place that failed comes last."""
FAULTS = (UnreachableError, UntrustedError, MalformedError)
"""What another place may not have."""


def in_order(places: Sequence[str], failed: Mapping[str, str], now: datetime) -> list[str]:
    """Return the places in the order in which they are asked.

    Args:
        places: As the operator wrote them, the repository's own address first.
        failed: When each of them failed last.
        now: The present; what failed in the future was noted by a wrong clock, and is forgotten.
    """
    return sorted(places, key=lambda place: place in failed and _is_lately(failed[place], now))


def _is_lately(at: str, now: datetime) -> bool:
    return timedelta(0) <= now - datetime.fromisoformat(at) < REMEMBERED


def read_first(
    journal: Journal, places: Sequence[str], read: Callable[[Sequence[str]], Repository]
) -> Repository:
    """Return the repository as the first place gives it that can be trusted.

    Args:
        journal: Where failures are remembered.
        places: Where the repository is.
        read: Reads it from the first of some places; the others may stand in for single files.

    Raises:
        UnreachableError, UntrustedError, MalformedError: No place was any good; what the first one said.
    """
    if len(places) == 1:
        return read(places)
    ordered = in_order(places, journal.recall(KEY, {}), clock.now())
    errors: list[TidegateError] = []
    for number, place in enumerate(ordered):
        try:
            found = read([place, *ordered[:number], *ordered[number + 1 :]])
        except FAULTS as error:
            errors.append(error)
            note(journal, place, failed=True)
        else:
            note(journal, place, failed=False)
            return found
    raise errors[0]


def note(journal: Journal, place: str, *, failed: bool) -> None:
    """Remember that a place failed, or that it did not."""
    kept = {name: at for name, at in journal.recall(KEY, {}).items() if name != place}
    journal.remember({KEY: (kept | ({place: clock.now().isoformat()} if failed else {})) or None})
