"""What the guard knows about one open trial: one small file for each product, written before the switch."""

import binascii
import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from agent import files, plain
from agent.processes import boot_id

MAX_BOOTS = 3
"""How many boots a trial may outlive; a version that takes its host down must come to an end."""

HINDERED_S = 1
"""When the file was changed last, by its own account, if the host came in the way of the trial."""
RUNTIME = Path("/run/tidegate")
"""Where that is noted of a file that is on a read-only disk; gone with the boot, as the trial's time is."""


class Watch(NamedTuple):
    """One open trial."""

    product: str
    folder: str
    """Where the product's versions and links are."""
    version: str
    """What is on trial."""
    before: str | None
    """Where it goes back to; None where nothing ran."""
    previous: str | None
    """The way back from ``before``."""
    stay: str
    """Why ``before`` must not run again: then what is on trial is only started again."""
    backup: str
    """The folder with the configuration as it was."""
    by_hand: dict[str, Any]
    """How the product is stopped and started."""
    budget_s: float
    """How long the trial may take, in seconds awake; each boot counts its own."""
    until_s: float = 0
    """Seconds awake of this boot when the trial is over."""
    boot: str = ""
    boots: int = 0
    """How often the host was booted since."""
    done: str = ""
    """What the guard did; empty as long as the trial is open."""
    hindered: bool = False
    """Whether the host itself, as by a full disk, kept the last tick from going on."""

    @property
    def overdue(self) -> bool:
        """Whether nobody kept the version in time, or it outlived too many boots."""
        return self.boots > MAX_BOOTS or (self.boot == boot_id() and time.monotonic() >= self.until_s)

    def begun(self, boots: int = 0) -> "Watch":
        """Return the same trial with its time beginning now."""
        return self._replace(until_s=time.monotonic() + self.budget_s, boot=boot_id(), boots=boots)


_KINDS = {
    "product": str,
    "folder": str,
    "version": str,
    "stay": str,
    "backup": str,
    "boot": str,
    "done": str,
    "before": plain.TEXT_OR_NOTHING,
    "previous": plain.TEXT_OR_NOTHING,
    "by_hand": dict,
    "boots": int,
    "budget_s": plain.NUMBER,
    "until_s": plain.NUMBER,
    "hindered": bool,
}


def place(state: Path, product: str) -> Path:
    """Return where the file of a product is."""
    return state / "guard" / f"{product}.json"


def read(path: Path) -> Watch | None:
    """Return an open trial, or None without one.

    Raises:
        ValueError: The file makes no sense.
    """
    try:
        fields = plain.table(path.read_bytes(), _KINDS)
        watch = Watch(**{name: fields[name] for name in fields.keys() & set(Watch._fields)})
        noted = path.stat().st_mtime == HINDERED_S or note_of(path, watch).exists()
        return watch._replace(hindered=watch.hindered or noted)
    except FileNotFoundError:
        return None
    except TypeError as error:  # something is missing
        raise ValueError(str(error)) from error


def keep(state: Path, watch: Watch) -> None:
    """Write the file of a trial, for good."""
    path = place(state, watch.product)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _note_forgotten(path):
        files.write(path, json.dumps(watch._asdict()).encode())


def note_hindrance(state: Path, product: str) -> None:
    """Note that the host hinders a trial; a disk that has no room for a word still takes a time."""
    path = place(state, product)
    with contextlib.suppress(OSError, ValueError):
        try:
            os.utime(path, (HINDERED_S, HINDERED_S))
        except OSError:
            if watch := read(path):
                RUNTIME.mkdir(parents=True, exist_ok=True)
                note_of(path, watch).touch(0o600)


def note_of(path: Path, watch: Watch) -> Path:
    """Return the name of the note that a trial, in this very stretch of its time, is hindered.

    A checksum is enough to tell the trials of one host apart, and hashlib would load OpenSSL for as long as
    the supervisor lives.
    """
    which = f"{path.absolute()}/{watch.boot}/{watch.until_s}"
    return RUNTIME / f"hindered-{binascii.crc32(os.fsencode(which)):08x}"


@contextlib.contextmanager
def _note_forgotten(path: Path) -> Iterator[None]:
    """Remove a trial's note once its file is another or gone."""
    note = None
    with contextlib.suppress(OSError, ValueError):
        note = note_of(path, known) if (known := read(path)) else None
    yield
    if note is not None:
        with contextlib.suppress(OSError):
            note.unlink(missing_ok=True)


def drop(state: Path, product: str) -> None:
    """Forget a trial: it was kept, or what went back is in the journal."""
    path = place(state, product)
    if path.exists():
        with _note_forgotten(path):
            path.unlink()
        files.sync_folder(path.parent)


def every(state: Path) -> Iterator[Path]:
    """Yield the files of all trials."""
    yield from sorted((state / "guard").glob("[!.]*.json"))
