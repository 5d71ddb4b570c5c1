"""What the check about moves prevents: hosts that take a version along to where no recall finds it."""

from metadata import places
from repo_tools.rollouts.moving import redrawn
from repo_tools.rollouts.staging import Change, stage
from tests.support.disasters import disaster


@disaster("moved")
def test_places_that_are_drawn_in_the_midst_of_a_rollout_hide_hosts_from_a_recall(danger):
    """A canary that runs 1.5.1 becomes one of everybody, who never had it: the recall does not reach it."""
    for version in ("1.5.0", "1.5.1"):
        danger.start(version)
        danger.publish_anyway()
    host = danger.host("canary")
    salts = (f"salt-{number}" for number in range(1_000))
    salt = next(one for one in salts if int(places.place(one, host)[:3], 16) >= 1024)
    stage(danger.work.desk(), danger.state(), redrawn(danger.state(), Change(), salt))
    assert (
        "agent.stable would move hosts to other waves while canary 1.5.1 and full 1.4.2 run"
        in danger.refusal()
    )
    danger.publish_anyway()
    danger.work.do("rollout", "recall", "stable", "1.5.0", "--from", "==1.5.1", "--reason", "loses data")
    danger.publish_anyway()
    told = danger.decision(host, "1.5.1")
    assert (told["wave"], told["decision"]["rule"]) == ("full", "ahead")
