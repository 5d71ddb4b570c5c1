"""One tick that dies, as by ``kill -9``, right after the journal has noted a state.

``python -m tests.agent.crashing STATE SETTINGS``
"""

import os
import signal
import sys
from pathlib import Path

from agent import settings
from agent import tick as ticking
from agent.host import opened
from agent.journal import Event, Journal
from agent.states import State, Update


class Doomed(Journal):
    """A journal whose process does not survive one state."""

    def __init__(self, path: Path, last: State) -> None:
        super().__init__(path)
        self.last = last

    def enter(self, product: str, state: State, update: Update | None, events: list[Event]) -> None:
        """Note the state, and end everything if it is the last one."""
        super().enter(product, state, update, events)
        if state is self.last:
            os.kill(os.getpid(), signal.SIGKILL)


def main(last: str, config: str) -> None:
    """Tick until the end comes."""
    found, _ = settings.load(Path(config))
    with opened(found) as host:
        host.journal.close()
        host.journal = Doomed(found.state_folder / "journal.db", State(last))
        ticking.tick(host)


if __name__ == "__main__":
    main(*sys.argv[1:])
