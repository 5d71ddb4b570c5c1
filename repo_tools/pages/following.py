"""What comes next in a rollout, and who can do it."""

from metadata.documents import Order
from repo_tools.gate.verdict import Counts, Verdict
from repo_tools.pages.course import Course
from repo_tools.pages.model import NextStep
from repo_tools.pages.returning import going_back
from repo_tools.pages.steps import reading, signing
from repo_tools.roles import BRAKE


def next_step(found: Course) -> NextStep | None:
    """Return what a person may do now; None where nothing is to be done."""
    order = found.order
    if order is None:
        return None
    name, below = str(found.state.channel), found.state.channel.below
    otherwise = "" if order.recall else ", or recall it"
    stopped = found.brake or any(one.order and one.order.state == "hold" for one in found.reached)
    if stopped and not order.recall and _all_failed(found):
        back = f'tidegate rollout recall {name} VERSION --from "=={order.version}"'
        said = "recall it, or start what mends it"
        return signing(found, below(found.reached[0].name), said, back, "stop")
    if found.brake:
        said = f"lift the brake{otherwise}"
        return signing(found, below(BRAKE), said, f"tidegate brake {name} --release", "wait")
    if paused := next((one.name for one in found.reached if one.order and one.order.state == "hold"), None):
        command = f"tidegate rollout resume {name}"
        return signing(found, below(paused), f"resume it{otherwise}", command, "wait")
    if order.recall:
        return going_back(found, order.recall)
    if found.verdict.action == "halt":
        return signing(found, below(BRAKE), "hold it", f"tidegate brake {name}", "stop")
    if _all_failed(found):
        said = "look at what failed, then hold it or recall it"
        return signing(found, below(BRAKE), said, f"tidegate brake {name}", "stop")
    return _further(found)


def _all_failed(found: Course) -> bool:
    """Return whether hosts of a wave failed and none did well."""
    return any(one.counts.failed and not one.counts.ok for one in found.tallies.values())


def _further(found: Course) -> NextStep | None:
    """Return how a rollout goes on that nothing holds."""
    state, newest = found.state, found.reached[-1].order
    if all(found.stands(wave.order) == "done" for wave in state.inhabited):
        return None
    if newest and found.stands(newest) == "waiting":
        return reading(f"wait until {newest.wave} begins", f"tidegate rollout status {state.channel}")
    deciding = found.deciding
    assert deciding is not None  # something was ordered
    verdict, counts = found.judged(deciding), found.tallies[deciding.wave].counts
    if verdict.action != "wait" or not counts.members:
        return _on(found, found.gated and verdict.rule != "nobody")
    if _is_settled(verdict, counts):
        return _on(found, False, "look at what failed; then {}, or recall it", "wait")
    if found.stands(deciding) == "over" and counts.members > counts.unfit + counts.started:
        return _anew(found, deciding)
    return _on(found, found.gated, f"wait for {deciding.wave}, then {{}}", "wait")


def _is_settled(verdict: Verdict, counts: Counts) -> bool:
    """Return whether the gate would wait whatever is still heard: a person has to look."""
    in_doubt = verdict.rule == "doubtful" and counts.heard == counts.expected
    return in_doubt or verdict.rule in {"failure", "unfit"}


def _on(found: Course, gated: bool, text: str = "{}", tone: str = "go") -> NextStep:
    """Return the step that opens the next wave, by the gate or by hand, or completes the rollout."""
    channel, wave = found.state.channel, found.following
    role = channel.below(wave or found.reached[-1].name)
    command = f"tidegate rollout {'advance' if gated and wave else 'promote'} {channel}"
    then = f"open the wave “{wave}”" if wave else "complete it"
    return signing(found, role, text.format(then), command, tone)


def _anew(found: Course, order: Order) -> NextStep:
    """Return that the hosts which are left of a wave start by no order any more."""
    channel = found.state.channel
    said = f"let the rest of {order.wave} start anew, or go on without them"
    command = f"tidegate rollout resume {channel} --wave {order.wave}"
    return signing(found, channel.below(order.wave), said, command, "wait")
