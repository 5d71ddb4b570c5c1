"""Which wave an agent is in, worked out from what is published: never from what the agent says."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from metadata import places
from metadata.errors import UsageError
from repo_tools.collect.records import Standing
from repo_tools.desk import Desk
from repo_tools.rollouts.state import State, read_state


@dataclass(frozen=True)
class Map:
    """The waves of one channel, by route."""

    salt: str
    waves: Mapping[str, str]

    def wave(self, agent: str, standing: Standing) -> str | None:
        """Return the wave whose role answers for an agent; batches of selected agents are no wave."""
        asked = places.routes(self.salt, agent, standing.ring, cohort_id=standing.cohort_id)[1:]
        return next((self.waves[route] for route in asked if route in self.waves), None)


@dataclass
class Maps:
    """The channels of a repository, as they are published."""

    desk: Desk

    @cached_property
    def _by_name(self) -> dict[str, Map]:
        return {str(channel): map_of(read_state(self.desk, channel)) for channel in self.desk.channels()}

    def wave(self, channel: str, agent: str, standing: Standing) -> str | None:
        """Return an agent's wave in ``product/channel``; None where there is no such channel."""
        found = self.channel(channel)
        return found.wave(agent, standing) if found else None

    def channel(self, name: str) -> Map | None:
        """Return the waves of ``product/channel``; None where there is no such channel."""
        try:
            return self._by_name.get(name)
        except UsageError:
            return None


def map_of(state: State) -> Map:
    """Return the waves of a channel."""
    return Map(state.policy.salt, {route: wave.name for wave in state.waves for route in wave.routes})
