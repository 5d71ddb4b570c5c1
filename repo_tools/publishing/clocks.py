"""The time that a timestamp is signed with: publishers' clocks differ, and history may not run backwards."""

from datetime import datetime, timedelta

from metadata.errors import UnsuitableError, UsageError
from repo_tools.desk import Desk
from repo_tools.output import moment
from repo_tools.signed import reading
from repo_tools.signed.live import Live
from repo_tools.store import Store
from repo_tools.store.base import Clocked

TOLERATED = timedelta(minutes=5)
"""What clocks differ by where nobody looks after them; Kerberos allows the same."""


def issued(live: Live) -> datetime | None:
    """Return when the live timestamp was signed, as it says; None before the first."""
    return reading.issued(live.timestamp) if live.timestamp else None


def issue_time(desk: Desk, *, after_future: bool = False) -> datetime:
    """Return the present, or the last publication's time when that is a little later.

    Args:
        desk: The workspace.
        after_future: The last publisher's clock was ahead: take the present all the same.

    Raises:
        UnsuitableError: This clock is far behind the last publisher's.
        UsageError: Nothing from the future is live.
    """
    last = issued(desk.live) or desk.now
    if last - desk.now > TOLERATED and not after_future:
        text = f"the last publication is from {moment(last)}, and here it is {moment(desk.now)}"
        hint = "set this machine's clock; if it is right, the last publisher's was ahead: "
        raise UnsuitableError(text, f"{hint}tidegate refresh --after-future")
    if after_future and last - desk.now <= TOLERATED:
        raise UsageError(
            f"the last publication is from {moment(last)}: that is no future", "tidegate refresh"
        )
    return desk.now if after_future else max(desk.now, last)


def refuse_wrong_clock(store: Store) -> None:
    """Refuse to publish by a clock that is not the store's.

    A time of the future would lock every other publisher out, and hide from hosts that nothing new comes.

    Raises:
        UnsuitableError: They differ by more than is tolerated.
    """
    ahead = store.ahead() if isinstance(store, Clocked) else None
    if ahead is not None and abs(ahead) > TOLERATED:
        way = "ahead of" if ahead > timedelta(0) else "behind"
        minutes = abs(ahead) // timedelta(minutes=1)
        text = f"this machine's clock is {minutes} minutes {way} that of the store {store.location}"
        raise UnsuitableError(text, "set the one that is wrong; nothing was published")
