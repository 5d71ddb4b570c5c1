"""What an operator may ask of a host by hand: go back, pin."""

from agent import clock, machine
from agent.states import State, Update
from agent.withdrawal import withdrawn
from agent.work import Work
from metadata.errors import ConflictError, UnhealthyError, UnsuitableError
from metadata.versions import parse


def go_back(work: Work) -> None:
    """Go back to the version before, by the same steps and the same trial as any update.

    Raises:
        UnsuitableError: There is none, or it must not run again.
        ConflictError: An update is on its way.
        UnhealthyError: It failed its trial; the newer version runs again.
    """
    state, _ = work.journal.state(work.name)
    if state is not State.IDLE:
        raise ConflictError(f"{work.name} is {state}", "run: tidegate-agent tick, and then try again")
    update = _update_back(work)
    work.journal.enter(work.name, State.STAGED, update, [])
    work.journal.remember({f"decision/{work.name}": None})
    machine.run_to_rest(work)
    if work.slots.running() != update.version:
        raise UnhealthyError(f"{update.version} failed its trial; {work.slots.running()} runs again")


def _update_back(work: Work) -> Update:
    running, version = work.slots.running(), work.slots.before()
    if version is None or running is None:
        raise UnsuitableError(f"{work.name} has no version to go back to")
    if parse(version) > parse(running):
        hint = "take the pin off to go up again: tidegate-agent unpin"
        raise UnsuitableError(f"{running} is what {version} went back to already", hint)
    release = work.old_release(version)
    if release is None:
        raise UnsuitableError(f"the release document of {version} is not known here")
    now = clock.now()
    host, facts = work.facts(now)
    if reason := withdrawn(facts, release, version, now):
        raise UnsuitableError(f"no way back: {reason}", "wait for a release that is higher")
    artifact = release.artifact_for(work.platform)
    if artifact and artifact.payload_sha256 in host.quarantine:
        raise UnsuitableError(f"no way back: {version} failed on this host")
    return Update(
        action="rollback",
        rule="operator",
        wave=facts.directed.wave if facts.directed else "",
        rollout=facts.directed.order.rollout if facts.directed else "",
        release=release,
        sha256=host.known.get(version, ""),
        platform=work.platform,
        before=running,
        previous=version,
        chosen_at=now,
    )


def set_pin(work: Work, span: str | None) -> str:
    """Set or take off the operator's pin; return the pin in force. The next tick decides by it."""
    pin = {"range": span} if span else None
    work.journal.remember({f"pin/{work.name}": pin, f"decision/{work.name}": None})
    return work.pin()
