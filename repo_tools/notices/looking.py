"""Look at a repository, and at a lake where there is one, for what people should be told."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from metadata.documents import Brake
from metadata.errors import TidegateError
from metadata.fields import time_text
from metadata.strict import decode
from repo_tools.audit.history import History
from repo_tools.audit.papers import Paper
from repo_tools.audit.past import NOWHERE
from repo_tools.collect import duck
from repo_tools.collect.lake import AGENTS
from repo_tools.contents import Contents
from repo_tools.gate.counting import LOST
from repo_tools.notices import events
from repo_tools.notices.events import Event
from repo_tools.roles import BRAKE
from repo_tools.store import Store

_SILENT = """
SELECT product || '.' || channel, count(*) FROM agents
WHERE presence = 'present' AND received < $since
GROUP BY ALL ORDER BY ALL
"""


def everything(history: History, store: Store, lake: Path, since: datetime, now: datetime) -> Iterator[Event]:
    """Yield what happened since a time, and what stands now.

    Args:
        history: All that was published.
        store: Where it is.
        lake: What was collected; it need not be there.
        since: What was published before is not told.
        now: The present.
    """
    contents = Contents(NOWHERE, store)

    def read(paper: Paper) -> Brake:
        try:
            found = [entry for path, entry in paper.view().entries.items() if path.endswith(f"/{BRAKE}")]
            return decode(contents.read(found[0]), Brake) if found else Brake()
        except TidegateError:
            return Brake()  # an audit says what cannot be read

    yield from events.published(history, since, read)
    yield from events.expiring(history, now)
    yield from _silent(lake, now)


def _silent(lake: Path, now: datetime) -> Iterator[Event]:
    if (lake / AGENTS).exists():
        with duck.opened(lake) as engine:
            rows = engine.db.execute(_SILENT, {"since": time_text(now - LOST)}).fetchall()
        yield from (events.silent(channel, hosts, now) for channel, hosts in rows)
