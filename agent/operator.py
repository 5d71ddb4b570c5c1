"""What an operator may ask of a host by hand: go back, pin, lift a quarantine."""

from agent import clock, machine
from agent.backoff import forgotten, is_put_off
from agent.journal import Event
from agent.states import State, Update
from agent.together import on_trial
from agent.withdrawal import withdrawn
from agent.work import Work
from metadata.errors import ConflictError, UnhealthyError, UnsuitableError, UsageError
from metadata.versions import parse, within


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
    if busy := on_trial(work.neighbours()):
        raise ConflictError(f"{busy} is on trial", "wait until it has come to its end")
    if work.watched:
        raise UnsuitableError(f"{work.name} is only watched: {work.watched}", "manage it first, then go back")
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


def lift(work: Work, which: str) -> list[str]:
    """Lift the quarantine of a version or of a payload digest, and its backoff; return the versions.

    Raises:
        UsageError: It is neither quarantined nor put off.
    """
    given_up = work.journal.given_up(work.name)
    found = [one for one in given_up if which in {one["version"], one["payload_sha256"]}]
    names = [one["version"] for one in found] or [which] * is_put_off(work, which)
    if not names:
        hint = "see: tidegate-agent quarantine list"
        raise UsageError(f"{which} of {work.name} is neither quarantined nor put off", hint)
    for one in found:
        work.journal.take_back(work.name, one["payload_sha256"])
    for name in names:
        work.journal.remember(forgotten(work, name))
        work.journal.add(_lifted(work, name))
    work.journal.remember({f"decision/{work.name}": None})
    return names


def _lifted(work: Work, version: str) -> Event:
    return Event(product=work.name, stage="refusal", outcome="ok", reason="lifted", to_version=version)


def set_pin(work: Work, span: str | None) -> str:
    """Set or take off the operator's pin; return the pin in force. The next tick decides by it."""
    pin = {"range": span} if span else None
    work.journal.remember({f"pin/{work.name}": pin, f"decision/{work.name}": None})
    return work.pin()


def outside(work: Work, span: str) -> str | None:
    """Return the version that runs where a pin excludes it."""
    running = work.slots.running()
    return running if running and span and not within(running, span) else None
