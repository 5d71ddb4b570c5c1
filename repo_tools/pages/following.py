"""What comes next in a rollout, and who can do it."""

from collections.abc import Sequence

from repo_tools.output import counted
from repo_tools.pages.course import Course
from repo_tools.pages.model import NextStep
from repo_tools.roles import BRAKE
from repo_tools.signing import who


def next_step(found: Course) -> NextStep | None:
    """Return what a person may do now; None where nothing is to be done."""
    order = found.order
    if order is None:
        return None
    name, below = str(found.state.channel), found.state.channel.below
    otherwise = "" if order.recall else ", or recall it"
    stopped = found.brake or any(one.order and one.order.state == "hold" for one in found.reached)
    if stopped and not order.recall and _all_failed(found):
        back = f"tidegate rollout recall {name} VERSION --from =={order.version}"
        said = "recall it, or start what mends it"
        return _step(found, below(found.reached[0].name), said, back, "stop")
    if found.brake:
        said = f"lift the brake{otherwise}"
        return _step(found, below(BRAKE), said, f"tidegate brake {name} --release", "wait")
    if paused := next((one.name for one in found.reached if one.order and one.order.state == "hold"), None):
        return _step(found, below(paused), f"resume it{otherwise}", f"tidegate rollout resume {name}", "wait")
    if order.recall:
        return _going_back(found, found.reached[0].name)
    if found.verdict.action == "halt":
        return _step(found, below(BRAKE), "hold it", f"tidegate brake {name}", "stop")
    if _all_failed(found):
        said = "look at what failed, then hold it or recall it"
        return _step(found, below(BRAKE), said, f"tidegate brake {name}", "stop")
    return _further(found, [wave.name for wave in found.reached])


def _all_failed(found: Course) -> bool:
    """Return whether hosts of a wave failed and none did well."""
    return any(one.counts.failed and not one.counts.ok for one in found.tallies.values())


def _going_back(found: Course, wave: str) -> NextStep | None:
    """Return that a recall is waited for, which goes on by itself."""
    left = sum(found.recalled.values())
    if not left:
        return None
    name, role = str(found.state.channel), found.state.channel.below(wave)
    said = f"wait for {counted(left, 'host')} to go back"
    return _step(found, role, said, f"tidegate rollout status {name}", "wait")


def _further(found: Course, reached: Sequence[str]) -> NextStep | None:
    """Return how a rollout goes on that nothing holds."""
    state, name = found.state, str(found.state.channel)
    if all(found.stands(wave.order) == "done" for wave in state.inhabited):
        return None
    last = state.channel.below(reached[-1])
    if any(wave.name == reached[-1] and found.stands(wave.order) == "waiting" for wave in state.waves):
        said = f"wait until {reached[-1]} begins"
        return _step(found, last, said, f"tidegate rollout status {name}", "wait")
    following = next((wave.name for wave in state.inhabited if wave.name not in reached), None)
    if following is None:
        return _step(found, last, "complete it", f"tidegate rollout promote {name}")
    waits = _waits(found, reached[-1])
    text = f"wait for {reached[-1]}, then open" if waits else "open"
    command = f"tidegate rollout {'advance' if found.gated else 'promote'} {name}"
    role = state.channel.below(following)
    return _step(found, role, f"{text} the wave “{following}”", command, "wait" if waits else "go")


def _waits(found: Course, last: str) -> bool:
    """Return whether the newest wave is to be waited for; one without hosts opens by hand alone."""
    return found.verdict.action == "wait" and (found.gated or bool(found.tallies[last].counts.members))


def _step(found: Course, role: str, text: str, command: str, tone: str = "go") -> NextStep:
    delegation = found.delegations[role]
    return NextStep(text, f"{delegation.threshold} of {who(delegation.keys)}", command, tone)
