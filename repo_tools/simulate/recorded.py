"""The hosts of a simulation as a lake knows them: who they are, who is there, who went back last time."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from metadata.errors import UnsuitableError
from metadata.fields import time_text
from repo_tools.collect import asking, duck
from repo_tools.collect.records import Standing
from repo_tools.gate.counting import LOST
from repo_tools.output import counted
from repo_tools.roles import Channel
from repo_tools.simulate.fleet import DAY_S, Fleet, Hours, Member

_HOSTS = """
WITH ended AS (
  SELECT agent, max_by(stage, seq) = 'update_rollback' AND max_by(reason, seq) <> 'environment' AS failed
  FROM reports
  WHERE product = $product AND stage IN ('update_rollback', 'soak')
  GROUP BY agent
)
SELECT agent, ring, cohort_id, running, received, received < $silent_since, coalesce(failed, FALSE)
FROM agents LEFT JOIN ended USING (agent)
WHERE product = $product AND channel = $channel AND presence = 'present'
ORDER BY agent
"""


@dataclass(frozen=True)
class Recorded(Fleet):
    """Hosts of a lake; of the shares only that of the release counts."""

    hosts: tuple[Member, ...] = ()

    @property
    def there(self) -> float:
        """How many hosts are there."""
        return sum(not host.hours.never for host in self.hosts)

    @property
    def text(self) -> str:
        """What people call it."""
        return counted(self.agents, "recorded host")

    @property
    def versions(self) -> frozenset[str]:
        """What they run."""
        return frozenset(host.running for host in self.hosts if host.running)

    def member(self, number: int) -> Member:
        """Return a host; the release fails where the last one failed, and on its own share."""
        host = self.hosts[number]
        return replace(host, fails=host.fails or self.chance(number, "fails") < self.bad)


def recorded(lake: Path, channel: Channel, now: datetime, like: Fleet) -> Recorded:
    """Return the hosts of a channel as they were last heard.

    Args:
        lake: The lake's folder.
        channel: Whose hosts.
        now: The present; who was silent for two days before is not there.
        like: Says on how many hosts the release fails, and which.

    Raises:
        UnsuitableError: Nothing was collected, or no host of this channel.
    """
    asking.refuse_empty(lake)
    about = {"product": channel.product, "channel": channel.name, "silent_since": time_text(now - LOST)}
    with duck.opened(lake) as engine:
        rows = engine.db.execute(_HOSTS, about).fetchall()
    if not rows:
        raise UnsuitableError(
            f"no host of {channel} was heard of", "leave --recorded out for a made-up fleet"
        )
    hosts = tuple(_member(*row) for row in rows)
    return Recorded(agents=len(hosts), bad=like.bad, seed=like.seed, hosts=hosts)


def _member(agent: str, ring: str | None, cohort_id: str | None, running: str | None, *rest: Any) -> Member:
    received, silent, failed = rest
    heard = datetime.fromisoformat(received)
    midnight = heard.replace(hour=0, minute=0, second=0)
    phase = (heard - midnight) / timedelta(seconds=DAY_S)
    return Member(agent, Standing(ring, cohort_id), Hours(never=silent), failed, phase, running or "")
