"""Who is still there: one table of all agents, as they stand, for questions.

A host ends by its own word (``leave``), by a person's (``forget``), or when nothing is heard of it for
long. Nothing that it said is removed, and an enrolment that comes later brings it back.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from metadata.errors import UsageError
from metadata.fields import time_text
from repo_tools.collect.lake import AGENTS, Lake

ABSENT = timedelta(days=30)
"""A host that was not heard of for so long is not waited for: a month of holidays is shorter."""
_TABLE = """
WITH told AS (
  SELECT agent, max(received) AS heard, max(seq) FILTER (left_at IS NOT NULL) AS parting
  FROM agent GROUP BY agent
), moved AS (
  SELECT agent, list({'since': since, 'ring': ring, 'cohort_id': cohort_id} ORDER BY seq) AS stood
  FROM stood GROUP BY agent HAVING count(*) > 1
)
SELECT agent.* EXCLUDE (left_at), roster.enrolled, roster.ring, roster.cohort_id, moved.stood,
       clone.both_heard AS cloned,
       CASE WHEN forgotten.ended >= roster.enrolled THEN 'forgotten'
            WHEN told.parting > roster.seq THEN 'left'
            WHEN told.heard < $absent_since THEN 'absent'
            ELSE 'present' END AS presence,
       CASE WHEN forgotten.ended >= roster.enrolled THEN forgotten.reason ELSE '' END AS why
FROM agent JOIN roster USING (agent) JOIN told USING (agent)
LEFT JOIN clone USING (agent) LEFT JOIN forgotten USING (agent)
LEFT JOIN moved USING (agent)
ORDER BY agent, product
"""


def write_agents(lake: Lake, now: datetime) -> None:
    """Write the table anew."""
    lake.write(AGENTS, _TABLE, {"absent_since": time_text(now - ABSENT)})


def clones(lake: Lake, since: datetime) -> list[str]:
    """Return the agents whose identity two machines were heard to use since then."""
    statement = "SELECT agent FROM clone WHERE both_heard >= $since ORDER BY agent"
    found = lake.db.execute(statement, {"since": time_text(since)}).fetchall()
    return [agent for (agent,) in found]


def forget(lake: Lake, agents: Sequence[str], reason: str, now: datetime) -> None:
    """Let hosts be waited for no more.

    Raises:
        UsageError: One of them never enrolled.
    """
    known = lake.people(agents)
    if strangers := [agent for agent in agents if agent not in known]:
        raise UsageError(f"no agent {strangers[0]} is enrolled", "see: tidegate agents list")
    with lake.load() as load:
        load.forget([(agent, time_text(now), reason) for agent in dict.fromkeys(agents)])
    write_agents(lake, now)
