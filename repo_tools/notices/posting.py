"""Post one message to a server that may be anything: bounded in time, and in what is read of its answer.

Of an answer only the status counts. Its body is not read, and where it leads nobody goes: a message is meant
for one place.
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from urllib.parse import urljoin, urlsplit

import requests

from metadata.errors import UnreachableError

TRY_S = 15
"""For one try; the least that the Standard Webhooks specification gives a receiver."""
MESSAGE_S = 30
"""For all tries of a message, and the pauses between them."""
MOST_PAUSE_S = 10
"""What a server may ask to be waited for; one that asks for more is told by the next run."""
LATER = "what it took is noted; run this again for the rest"
_PAUSES_S = (0.5, 1, 2)
"""After each try but the last."""
_PASSING = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True)
class _Answer:
    """What came of one try."""

    said: str = ""
    """What is wrong with it."""
    hint: str = LATER
    passing: bool = False
    """Whether another try may help."""
    pause_s: int = 0
    """The least pause that the server asks for."""


class _Session(requests.Session):
    """Leaves redirects alone; otherwise it would read the whole body of one, even to follow none."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return no target."""


def post(url: str, body: bytes, headers: Mapping[str, str], limit_s: float = MESSAGE_S) -> None:
    """Post a message, and again where that may help.

    Args:
        url: Where to.
        body: The message.
        headers: What goes with it.
        limit_s: When to give up.

    Raises:
        UnreachableError: It was not taken in time.
    """
    until_s = time.monotonic() + limit_s
    for usual_s in (*_PAUSES_S, None):
        answer = _in_time(url, body, headers, min(TRY_S, until_s - time.monotonic()))
        if not answer.said:
            return
        pause_s = max(usual_s or 0, answer.pause_s)
        left_s = until_s - time.monotonic()
        if usual_s is None or not answer.passing or pause_s > MOST_PAUSE_S or pause_s >= left_s:
            break
        time.sleep(pause_s)
    raise UnreachableError(f"the webhook at {urlsplit(url).hostname} {answer.said}", answer.hint)


def _in_time(url: str, body: bytes, headers: Mapping[str, str], limit_s: float) -> _Answer:
    answers: SimpleQueue[_Answer] = SimpleQueue()
    # A socket's time limit starts anew with each byte; a dripping server needs a limit around it.
    threading.Thread(target=lambda: answers.put(_send(url, body, headers)), daemon=True).start()
    try:
        return answers.get(timeout=max(0, limit_s))
    except Empty:
        return _Answer(f"does not answer in {limit_s:.0f} s", passing=True)


def _send(url: str, body: bytes, headers: Mapping[str, str]) -> _Answer:
    try:
        with (
            _Session() as session,
            session.post(
                url, data=body, headers=headers, timeout=TRY_S, stream=True, allow_redirects=False
            ) as answer,
        ):
            return _judged(url, answer.status_code, answer.headers)
    except (OSError, ValueError) as error:
        reason = type(error).__name__  # its text has the URL, which may be a secret
        return _Answer(f"does not answer: {reason}", passing=True)


def _judged(url: str, status: int, headers: Mapping[str, str]) -> _Answer:
    if 200 <= status < 300:
        return _Answer()
    if 300 <= status < 400 and "Location" in headers:
        place = urlsplit(urljoin(url, headers["Location"]))
        where = f"{place.scheme}://{place.netloc.rpartition('@')[2]}"  # the rest may be a secret
        hint = "nothing was sent there; give the address that it has now"
        return _Answer(f"answered HTTP {status}, which leads to {where}", hint)
    asked = headers.get("Retry-After", "")
    pause_s = int(asked) if asked.isdecimal() else 0
    return _Answer(f"answered HTTP {status}", passing=status in _PASSING, pause_s=pause_s)
