"""Leaving: a host stops following its repository by its own word; what runs here is left as it is."""

import msgspec

from agent import identity
from agent.host import Host
from agent.journal import Event, timestamp
from agent.reports.flush import flush
from agent.states import State
from agent.steps.choose import Noted
from metadata.errors import ConflictError

RESTING = {State.IDLE, State.STRANDED}


def leave(host: Host) -> identity.Identity:
    """Say that this host leaves, and stop; enrolling it again brings it back under the same id.

    Raises:
        ConflictError: An update is on its way.
    """
    who = host.identity
    if who.left_at:
        return who
    for work in host.works():
        state, _ = host.journal.state(work.name)
        if state not in RESTING:
            raise ConflictError(f"{work.name} is {state}", "run: tidegate-agent tick, and then try again")
    who = msgspec.structs.replace(who, left_at=timestamp())
    if who.scope:
        product = who.scope[0].partition("/")[0]
        host.journal.add(Event(product=product, stage="leave", outcome="ok"))
    identity.keep(host.settings.state_folder, who, host.root)
    noted = Noted(action="stay", rule="left", version=None, until=None, text=_text(who))
    host.journal.remember({f"decision/{work.name}": msgspec.to_builtins(noted) for work in host.works()})
    flush(host.settings, host.journal, who)
    return who


def _text(who: identity.Identity) -> str:
    return f"this host left at {who.left_at}; enrolling it again brings it back"
