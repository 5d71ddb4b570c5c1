"""The time that a timestamp is signed with: publishers' clocks differ, and history may not run backwards."""

from datetime import datetime, timedelta

from metadata.errors import UnsuitableError
from repo_tools.desk import Desk
from repo_tools.output import moment
from repo_tools.signed.views import ISSUED_FIELD

TOLERATED = timedelta(minutes=5)
"""What clocks differ by where nobody looks after them; Kerberos allows the same."""


def issue_time(desk: Desk) -> datetime:
    """Return the present, or the last publication's time when that is a little later.

    Raises:
        UnsuitableError: This clock is far behind the last publisher's.
    """
    said = desk.live.timestamp.unrecognized_fields.get(ISSUED_FIELD) if desk.live.timestamp else None
    last = datetime.fromisoformat(said) if isinstance(said, str) else desk.now
    if desk.now >= last:
        return desk.now
    if last - desk.now > TOLERATED:
        text = f"the last publication is from {moment(last)}, and here it is {moment(desk.now)}"
        raise UnsuitableError(text, "set this machine's clock; if it is right, the last publisher's was not")
    return last
