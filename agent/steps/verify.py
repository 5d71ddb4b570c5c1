"""FETCHED: unpack into a private folder, verify the payload, ask the staged version who it is."""

from agent import attestations, commands, kept, trees
from agent.health import Answer
from agent.states import Update, changed
from agent.steps.choose import is_staged
from agent.unpack import unpack
from agent.work import Result, Work
from metadata.errors import MalformedError, TidegateError, UnsuitableError, UntrustedError

STEP_S = 3_600


def verify(work: Work, update: Update | None) -> Result:
    """Unpack, verify and probe; nothing that runs is touched."""
    assert update is not None
    if is_staged(work, update.version):
        return Result(True, update)
    work.announce(STEP_S, f"verifying {update.version}")
    packed = kept.fetched(work, update)
    attestations.demand(work, update, packed)
    known = f"slot/{work.name}/{update.version}"
    work.journal.remember({known: None})  # a slot of that name counts only once it was probed
    if not packed.exists():
        raise UnsuitableError(f"{packed} is gone", "the next tick fetches it again")
    try:
        unpack(packed, kept.as_packed(update.artifact, packed), work.slots.staging(update.version))
        work.slots.settle(update.version)
    except (TidegateError, OSError) as error:
        work.slots.clear_staging(update.version)  # half a version must not keep a full disk full
        if isinstance(error, MalformedError | UntrustedError):
            packed.unlink()  # it would fail again; otherwise it is kept until the journal says STAGED
        raise
    answer = _probe(work, update)
    if not answer.ok:
        trees.remove(work.slots.slot(update.version))
        work.journal.give_up(work.name, changed(update, blame="version"))
        event = work.event(update, "update_verify", "failed", "probe", answer.text)
        return Result(False, event=event)
    work.journal.remember({known: update.artifact.payload_sha256})
    return Result(True, update, work.event(update, "update_verify", "ok", detail=answer.text))


def _probe(work: Work, update: Update) -> Answer:
    """Run the release's own question; only an answer that is wrong speaks against the version."""
    probe = update.release.probe
    if probe is None or probe.exec is None:
        return Answer(True, "the release has no probe")
    folder = work.slots.slot(update.version)
    ran = commands.run(commands.resolve(probe.exec, folder), folder, probe.timeout_s)
    if ran.status is None:
        text = f"the probe of {update.version}, {probe.text()}, {ran.text()}"
        trees.remove(folder)
        raise UnsuitableError(text, "the release does not run on this host; what runs is left alone")
    if not ran.ok:
        return Answer(False, f"{probe.text()} {ran.text()}")
    if probe.expect is not None and not commands.says(ran.output, probe.expect):
        return Answer(False, f"{probe.text()} does not say {probe.expect}")
    return Answer(True, f"{probe.text()} says {probe.expect or 'that it runs'}")
