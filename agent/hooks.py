"""Hooks: commands around a switch, the release's own first, then those of the settings.

``pre_switch`` runs while the old version still does, and may say "not now" by exit status 75; nothing that
it says touches what runs. ``post_switch`` runs when the new version has been started, and when it fails the
trial is lost. After a way back the settings' own ``post_switch`` runs again, so that it undoes what their
``pre_switch`` did, and so it does when no switch followed. After a crash a hook may be run a second time.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from agent import commands
from agent.states import Update
from agent.work import Work
from metadata.errors import TidegateError, UnhealthyError, UnsuitableError
from metadata.release import Hook

DEFER = 75
"""EX_TEMPFAIL of sysexits.h: a failure that is over at another time."""
SPARE_S = 60
"""What a hook may cost beyond its own limit, on a busy host."""
MOST_TOLD = 1_200
"""Characters of a hook's output that stand in history: its end."""

RELEASE, SETTINGS = "release", "settings"
PRE, POST = "pre_switch", "post_switch"


Answer = Literal["ok", "deferred", "failed"]


class HookError(UnhealthyError):
    """A hook failed."""


class _Call(NamedTuple):
    """One hook, ready to run."""

    moment: str
    owner: str
    hook: Hook
    command: list[str]
    folder: Path


class Said(NamedTuple):
    """What a hook said."""

    answer: Answer
    text: str = ""
    """One line, for a status."""
    output: str = ""
    """What the hook printed, where that is more than a line."""
    started: bool = True

    @property
    def detail(self) -> str:
        """Return everything, for history."""
        return f"{self.text}\n{self.output}".strip()


def before(work: Work, update: Update) -> Said:
    """Ask whether the switch may happen now; the first that does not agree ends the round."""
    for call in _calls(work, update, PRE):
        if call.owner == SETTINGS:
            work.journal.remember({_ready(work): update.version})
        said = _ask(work, update, call, update.action)
        if said.answer != "ok" and call.owner == SETTINGS:
            work.journal.remember({_ready(work): None})
        if said.answer != "ok":
            return said
        _note(work, update, call, said)
    return Said("ok")


def after(work: Work, update: Update) -> None:
    """Tell that the new version was started.

    Raises:
        HookError: One of them did not exit 0.
        UnsuitableError: One of the settings could not be started, which is this host's trouble.
    """
    for call in _calls(work, update, POST):
        said = _ask(work, update, call, update.action)
        if not said.started and call.owner == SETTINGS:
            raise UnsuitableError(said.detail)
        if said.answer != "ok":
            raise HookError(said.detail)
        _note(work, update, call, said)
    work.journal.remember({_ready(work): None})


def unready(work: Work, update: Update) -> None:
    """Tell the operator's own hook that no switch follows, if their ``pre_switch`` was told of one."""
    if work.journal.recall(_ready(work)) is not None:
        back(work, update)


def back(work: Work, update: Update) -> None:
    """Tell the operator's own hook that the old version runs on, or again; what it says changes nothing."""
    for call in _calls(work, update, POST):
        if call.owner == SETTINGS:
            # a full disk: what runs again must not count as lost for it
            with contextlib.suppress(OSError, TidegateError):
                _note(work, update, call, _ask(work, update, call, "back"))
    with contextlib.suppress(TidegateError):  # told once more by the next tick
        work.journal.remember({_ready(work): None})


def patience_s(work: Work, update: Update) -> float:
    """Return how long the hooks of one moment may take."""
    return max(sum(call.hook.timeout_s for call in _calls(work, update, moment)) for moment in (PRE, POST))


def _ready(work: Work) -> str:
    """Return under which name the journal keeps that the host was made ready for a switch."""
    return f"ready/{work.name}"


def _calls(work: Work, update: Update, moment: str) -> Iterator[_Call]:
    slot, current = work.slots.slot(update.version), work.slots.current
    if (own := getattr(update.release, moment)) is not None:
        yield _Call(moment, RELEASE, own, commands.resolve(own.exec, slot), slot)
    if (local := getattr(work.product, moment)) is not None:
        command = commands.resolve(local.exec, current, search_path=True)
        yield _Call(moment, SETTINGS, local, command, current if current.is_dir() else Path("/"))


def _ask(work: Work, update: Update, call: _Call, action: str) -> Said:
    told = {
        "TIDEGATE_PRODUCT": work.name,
        "TIDEGATE_ACTION": action,
        "TIDEGATE_FROM": update.before or "",
        "TIDEGATE_TO": update.version,
    }
    work.announce(call.hook.timeout_s + SPARE_S, f"{call.moment} of the {call.owner} for {update.version}")
    ran = commands.run(call.command, call.folder, call.hook.timeout_s, told, work.slots.mark)
    text = f"{call.moment} of the {call.owner}, {' '.join(call.hook.exec)}, {ran.text()}"
    printed = ran.output.strip()
    more = printed[-MOST_TOLD:] if "\n" in printed else ""
    return Said(_answer(ran, call.moment), text, more, ran.started)


def _answer(ran: commands.Ran, moment: str) -> Answer:
    if ran.ok:
        return "ok"
    return "deferred" if ran.status == DEFER and moment == PRE else "failed"


def _note(work: Work, update: Update, call: _Call, said: Said) -> None:
    stage = "update_verify" if call.moment == PRE else "update_install"
    work.journal.add(work.event(update, stage, said.answer, call.moment, said.detail))
