"""The time that a timestamp is signed with: publishers' clocks differ, and history may not run backwards."""

from datetime import datetime, timedelta

from metadata.errors import UnsuitableError
from repo_tools.desk import Desk
from repo_tools.output import moment
from repo_tools.signed.live import Live
from repo_tools.signed.views import ISSUED_FIELD

TOLERATED = timedelta(minutes=5)
"""What clocks differ by where nobody looks after them; Kerberos allows the same."""


def issued(live: Live) -> datetime | None:
    """Return when the live timestamp was signed, as it says; None before the first."""
    said = live.timestamp.unrecognized_fields.get(ISSUED_FIELD) if live.timestamp else None
    return datetime.fromisoformat(said) if isinstance(said, str) else None


def issue_time(desk: Desk) -> datetime:
    """Return the present, or the last publication's time when that is a little later.

    Raises:
        UnsuitableError: This clock is far behind the last publisher's.
    """
    last = issued(desk.live) or desk.now
    if desk.now >= last:
        return desk.now
    if last - desk.now > TOLERATED:
        text = f"the last publication is from {moment(last)}, and here it is {moment(desk.now)}"
        raise UnsuitableError(text, "set this machine's clock; if it is right, the last publisher's was not")
    return last
