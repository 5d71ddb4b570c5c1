"""Many agents that speak at times of a story's choosing: what the store says of when they came."""

import itertools
import os
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from repo_tools.collect.placing import Maps
from repo_tools.collect.records import Standing
from tests.support.collection import Collection
from tests.support.voices import Voice

SWITCHED = ({"stage": "update_install"}, {"stage": "update_healthcheck"})
SOAKED = ({"stage": "soak"},)
WELL = (*SWITCHED, *SOAKED)
BACK = (
    {"stage": "update_install"},
    {"stage": "update_healthcheck", "outcome": "failed", "reason": "unhealthy"},
    {"stage": "update_rollback", "reason": "version"},
)
UNFIT = (*BACK[:2], {"stage": "update_rollback", "reason": "environment"})
"""What hosts say of an update, stage by stage."""


class Chorus:
    """Agents of one collection by name; ``at`` is when the store takes what they say."""

    def __init__(self, collection: Collection, at: datetime) -> None:
        self.collection = collection
        self._voices: dict[str, Voice] = {}
        self.at = at

    def names(self, wave: str, count: int) -> list[str]:
        """Return names of agents that stand in a wave."""
        desk = self.collection.repo.desk().published()
        maps, channel = Maps(desk), str(desk.only_channel())
        names = (f"host-{number}" for number in itertools.count())
        fits = (name for name in names if maps.now.wave(channel, name, Standing()) == wave)
        return list(itertools.islice(fits, count))

    def join(self, names: Iterable[str]) -> None:
        """Enrol agents."""
        for name in names:
            self._voices[name] = self.collection.voice(name)
            self._drop(name, self._voices[name].enrolment())

    def join_again(self, names: Iterable[str], **fields: Any) -> None:
        """Enrol agents once more, with what they say otherwise."""
        for name in names:
            self._drop(name, self._voices[name].enrolment(**fields))

    def say(self, names: Iterable[str], *events: dict[str, Any], **fields: Any) -> None:
        """Let each agent report events, each with the same fields."""
        for name in names:
            voice = self._voices[name]
            self._drop(name, *(voice.report(at=self.at, **fields, **event) for event in events))

    def _drop(self, name: str, *reports: Any) -> None:
        voice = self._voices[name]
        path = voice.drop(*map(voice.envelope, reports), day=f"{self.at:%Y-%m-%d}")
        os.utime(path, (self.at.timestamp(),) * 2)
