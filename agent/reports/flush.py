"""Say what is due, when a trial begins and when a tick ends: what goes wrong here changes nothing else."""

import contextlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from agent import clock
from agent import identity as identities
from agent.identity import Identity
from agent.journal import Journal, timestamp
from agent.reports import outbox
from agent.reports.outbox import Lane
from agent.settings import ProductSettings, Settings
from agent.slots import Slots
from agent.transport import origin
from metadata.documents import Reporting
from metadata.errors import TidegateError

if TYPE_CHECKING:
    from agent.reports.sending import Voice


_turn = threading.Lock()
"""One flush at a time: numbers are given out in it."""


def flush(settings: Settings, journal: Journal, identity: Identity) -> None:
    """Send what is due; never raises, so that reporting can fail no update."""
    if not identity.token:
        return  # nobody could tell who speaks
    with _turn, contextlib.suppress(TidegateError):
        sender = _Sender(settings, journal, identity, clock.now())
        for lane in sender.lanes():
            sender.try_lane(lane)


def flush_aside(settings: Settings, identity: Identity) -> None:
    """Send what is due while something else goes on, which waits for nothing here."""
    if identity.token:
        threading.Thread(target=_flush_aside, args=(settings, identity), daemon=True).start()


def _flush_aside(settings: Settings, identity: Identity) -> None:
    with (
        contextlib.suppress(TidegateError),
        contextlib.closing(Journal(settings.state_folder / "journal.db")) as journal,
    ):
        flush(settings, journal, identity)


@dataclass(frozen=True)
class _Sender:
    """Sends what is due now."""

    settings: Settings
    journal: Journal
    identity: Identity
    now: datetime

    @cached_property
    def places(self) -> dict[str, Reporting]:
        """Where each product reports."""
        return reporting_places(self.settings, self.journal)

    def lanes(self) -> list[Lane]:
        """Return the places that may be tried now, each with its products."""
        products: dict[str, list[str]] = {}
        for name, place in self.places.items():
            products.setdefault(place.url, []).append(name)
        return [
            Lane(place=url, products=names)
            for url, names in products.items()
            if outbox.due(self.journal, url, self.now)
        ]

    def try_lane(self, lane: Lane) -> None:
        """Send what waits for one place, or note why it did not arrive."""
        try:
            self._send(lane)
        except Exception as error:  # noqa: BLE001  # our own bug must not stop the product either
            why = error.message if isinstance(error, TidegateError) else repr(error)
            outbox.failed(self.journal, lane.place, self.now, why)

    def _send(self, lane: Lane) -> None:
        urls = {place.url for place in self.places.values()}
        batch = outbox.again(self.journal, lane, urls)
        batch = batch or outbox.gather(self.journal, lane, self._beats(lane), self._running())
        if batch is None:
            return
        # before anybody hears a number: it must not be given out again, not even by a new journal
        here = outbox.cursor(self.journal)
        identities.keep_number(self.settings.state_folder, self.identity.agent, here.seq)
        from agent.reports.sending import paths_of, put  # noqa: PLC0415 (most ticks say nothing)

        voice = self._voice()
        paths = paths_of(voice, batch.first_seq, self.now)
        put(lane.place, paths, voice.body(batch), self._headers(lane), self.settings.network)
        outbox.arrived(self.journal, batch)
        outbox.recovered(self.journal, lane.place)
        heard = {event["product"] for event in batch.events}
        self.journal.remember({f"heartbeat/{name}": self.now.isoformat() for name in heard})

    def _voice(self) -> "Voice":
        from agent.reports.sending import Voice  # noqa: PLC0415 (as above)

        return Voice(
            self.identity,
            {**self.identity.labels, **self.settings.labels},
            channels(self.settings, self.identity),
            self.journal.recall("clock") or "",
            identities.machine(f"tidegate/{self.identity.agent}") or "",
        )

    def _running(self) -> dict[str, str | None]:
        """Return what runs now, by product."""
        return {entry.name: _slots(self.settings, entry).running() for entry in self.settings.product}

    def _beats(self, lane: Lane) -> list[dict[str, Any]]:
        """Return the heartbeats that are due; a host that has left lives for nobody."""
        return [
            beat(self.settings, self.journal, entry)
            for entry in self.settings.product
            if entry.name in lane.products and not self.identity.left_at and self._silent(entry.name)
        ]

    def _silent(self, product: str) -> bool:
        """Return whether nothing was said of a product for as long as the policy allows."""
        kept = self.journal.recall(f"heartbeat/{product}")
        gone = self.now - datetime.fromisoformat(kept) if kept else timedelta.max
        return gone < timedelta(0) or gone >= timedelta(seconds=self.places[product].heartbeat_s)

    def _headers(self, lane: Lane) -> Mapping[str, str]:
        """Return what the token tells the place of its first channel here, and nobody else."""
        known = {f"{entry.name}/{entry.channel}": entry.name for entry in self.settings.product}
        mine = [known[stream] for stream in self.identity.scope or () if stream in known]
        own = [self.places[name].url for name in mine if name in self.places]
        return self.identity.headers if own and origin(own[0]) == origin(lane.place) else {}


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
        "running": _slots(settings, entry).running(),
        "decision": decision,
        "pin": pin.get("range", entry.pin),
        "windows": entry.windows,
    }


def _slots(settings: Settings, entry: ProductSettings) -> Slots:
    return Slots(settings.products_folder / entry.name)
