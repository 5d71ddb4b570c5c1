"""At the end of a tick: say what is due. Whatever goes wrong here is noted and changes nothing else."""

import contextlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from agent import clock
from agent.identity import Identity
from agent.journal import Journal, timestamp
from agent.reports import outbox
from agent.settings import ProductSettings, Settings
from agent.slots import Slots
from metadata.documents import Reporting
from metadata.errors import TidegateError


def flush(settings: Settings, journal: Journal, identity: Identity) -> None:
    """Send what is due; never raises, so that reporting can fail no update."""
    if not identity.token:
        return  # nobody could tell who speaks
    now = clock.now()
    try:
        _flush(settings, journal, identity, now)
    except Exception as error:  # noqa: BLE001  # our own bug must not stop the product either
        why = error.message if isinstance(error, TidegateError) else repr(error)
        with contextlib.suppress(TidegateError):
            outbox.failed(journal, now, why)


def _flush(settings: Settings, journal: Journal, identity: Identity, now: datetime) -> None:
    places = reporting_places(settings, journal)
    if not places or not outbox.due(journal, now):
        return
    beats = [
        beat(settings, journal, entry)
        for entry in settings.product
        if entry.name in places and _silent(journal, entry.name, places[entry.name], now)
    ]
    batch = outbox.gather(journal, channels(settings, identity), beats)
    if batch is None:
        return
    from agent.reports.sending import Voice, path_of, put  # noqa: PLC0415 (most ticks say nothing)

    labels = {**identity.labels, **settings.labels}
    voice = Voice(identity, labels, channels(settings, identity), journal.recall("clock") or "")
    url = next(iter(places.values())).url
    put(url, path_of(identity.agent, batch.first_seq, now), voice.body(batch), identity.headers)
    outbox.arrived(journal, batch)
    beaten = {f"heartbeat/{name}": now.isoformat() for name in {event["product"] for event in batch.events}}
    journal.remember(beaten)


def reporting_places(settings: Settings, journal: Journal) -> dict[str, Reporting]:
    """Return where each product reports, as its channel's policy said last."""
    kept = {entry.name: journal.recall(f"reporting/{entry.name}") for entry in settings.product}
    return {name: msgspec.convert(value, Reporting) for name, value in kept.items() if value}


def channels(settings: Settings, identity: Identity) -> dict[str, str]:
    """Return the channel of each product that may be reported on."""
    allowed = dict(reversed([text.split("/") for text in identity.scope or ()]))
    return {**allowed, **{entry.name: entry.channel for entry in settings.product}}


def beat(settings: Settings, journal: Journal, entry: ProductSettings) -> dict[str, Any]:
    """Return a heartbeat: what runs, what was decided last, and what the operator set."""
    decision = journal.recall(f"decision/{entry.name}")
    pin: Mapping[str, Any] = journal.recall(f"pin/{entry.name}") or {}
    return {
        "at": timestamp(),
        "product": entry.name,
        "wave": (decision or {}).get("wave"),
        "rollout": (decision or {}).get("rollout"),
        "stage": "heartbeat",
        "outcome": "ok",
        "running": Slots(settings.products_folder / entry.name).running(),
        "decision": decision,
        "pin": pin.get("range", entry.pin),
        "windows": entry.windows,
    }


def _silent(journal: Journal, product: str, place: Reporting, now: datetime) -> bool:
    """Return whether nothing was said of a product for as long as the policy allows."""
    kept = journal.recall(f"heartbeat/{product}")
    gone = now - datetime.fromisoformat(kept) if kept else timedelta.max
    return gone < timedelta(0) or gone >= timedelta(seconds=place.heartbeat_s)
