"""A rollout that is under way, and the agents in its waves; by the real clock, as stores keep it."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from metadata import strict
from repo_tools.collect.placing import map_of
from repo_tools.gate.counting import Tally, tally
from repo_tools.rollouts.state import read_state
from tests.support.chorus import Chorus
from tests.support.collection import Collection

BRIEF = ("--spread-s", "600")
"""What began a day ago can have no spread that is over by now."""
ROLLOUT = "stable-0002"
VERSION = "1.5.0"


class Underway:
    """1.5.0 follows 1.4.2, from some time ago on."""

    def __init__(self, collection: Collection, start: datetime, *options: str) -> None:
        self.collection = collection
        self.repo = collection.repo
        self.start = start
        self.repo.add(VERSION)
        opens = f"{start:%Y-%m-%dT%H:%M:%SZ}"
        self.repo.do("rollout", "start", "stable", VERSION, "--not-before", opens, *BRIEF, *options)
        self.repo.sign_and_publish()
        self.chorus = Chorus(collection, start - timedelta(hours=1))

    def join(self, wave: str, count: int) -> list[str]:
        """Enrol agents of a wave, before the rollout began."""
        self.chorus.at = self.start - timedelta(hours=1)
        names = self.chorus.names(wave, count)
        self.chorus.join(names)
        return names

    def tell(
        self,
        names: Iterable[str],
        *events: dict[str, Any],
        after: timedelta = timedelta(hours=1),
        **fields: Any,
    ) -> None:
        """Let agents report about the rollout, some time after it began."""
        self.chorus.at = self.start + after
        self.chorus.say(names, *events, **{"rollout": ROLLOUT, "to": VERSION, **fields})

    def tally(self, wave: str = "canary", opened: datetime | None = None) -> Tally:
        """Collect, and count the hosts of a wave, whose order opened with the rollout or anew."""
        self.collection.collect()
        desk = self.repo.desk().published()
        state = read_state(desk, desk.only_channel())
        order = next(one.order for one in state.waves if one.name == wave)
        assert order is not None
        return tally(self.repo.folder / "lake", order, opened or self.start, map_of(state), desk.now)

    def advance(self, *options: str) -> Any:
        """Collect, and let the job take its step."""
        self.collection.collect()
        return self.repo.do("rollout", "advance", "stable", *options)

    def orders(self) -> dict[str, Any]:
        """Return what each wave is ordered, staged over live."""
        desk = self.repo.desk()
        state = read_state(desk, desk.only_channel())
        return {wave.name: strict.to_json(wave.order) for wave in state.waves if wave.order}
