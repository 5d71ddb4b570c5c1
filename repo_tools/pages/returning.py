"""What comes next in a recall: it goes back by itself where hosts can, and widens where a person says so."""

from metadata.documents import Recall
from repo_tools.output import counted
from repo_tools.pages.course import Course
from repo_tools.pages.model import NextStep
from repo_tools.pages.steps import reading, signing
from repo_tools.rollouts.state import leading_to


def going_back(found: Course, recall: Recall) -> NextStep | None:
    """Return what a recall asks for; None where every host went back."""
    return _widening(found, recall) or _waiting(found, recall)


def _widening(found: Course, recall: Recall) -> NextStep | None:
    """Return that waves which are not called back are ordered to run what is recalled."""
    orders = leading_to(found.state, recall.from_versions)
    on = [f"{order.wave} is ordered {order.version}" for order in orders if order.wave not in found.tallies]
    if not on or found.following is None:
        return None
    channel = found.state.channel
    said = f"widen the recall to “{found.following}”: {', '.join(on)}"
    return signing(found, channel.below(found.following), said, f"tidegate rollout promote {channel}", "stop")


def _waiting(found: Course, recall: Recall) -> NextStep | None:
    """Return what becomes of the hosts that did not go back yet."""
    channel = found.state.channel
    left = sum(one.hosts for one in found.recalled.values())
    failed = sum(one.failed for one in found.recalled.values())
    if not left:
        return None
    if over := next((one for one in found.reached if found.stands(one.order) == "over"), None):
        said = f"let {counted(left, 'host')} go back: the recall has ended"
        command = f"tidegate rollout resume {channel}"
        return signing(found, channel.below(over.name), said, command, "stop")
    if failed:
        wait = f", and wait for {counted(left - failed, 'other')}" if left > failed else ""
        said = f"look at {counted(failed, 'host')} that failed to go back{wait}"
        command = f'tidegate agents list {channel} --running "{recall.from_versions}"'
        return reading(said, command, "stop")
    said = f"wait for {counted(left, 'host')} to go back"
    return reading(said, f"tidegate rollout status {channel}")
