"""What a doctor sees of the host itself: disk, permissions, identity, proxy, who is at work."""

import errno
import os
import shutil
import socket
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from requests.utils import get_environ_proxies, select_proxy

from agent import commands, files, identity, locking
from agent.guard.duty import ASK_S, TIMER
from agent.settings import Network, Settings
from agent.steps.download import SPARE_BYTES
from metadata.errors import TidegateError, UnreachableError, UnsuitableError

LONGEST_TICK_S = 26 * 3_600
"""As ``tidegate-tick.service`` has it: a day of trial, and what surrounds it."""
PROXY_S = 5


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    check: str
    ok: bool
    text: str
    mend: str = ""


def attempt(check: str, look: Callable[[], str]) -> Finding:
    """Return what a look says, or what it raises."""
    try:
        return Finding(check, True, look())
    except TidegateError as error:
        return Finding(check, False, error.message, error.hint or "see the text")
    except OSError as error:
        return Finding(check, False, files.told(error), files.mend(error))


def disk(found: Settings) -> str:
    """Return how much room there is, or raise for too little."""
    texts = []
    for folder in found.folders:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700 if folder == found.state_folder else 0o755)
        free = shutil.disk_usage(folder).free
        if free < SPARE_BYTES:
            text = f"{folder} has only {free:,} bytes free"
            raise UnsuitableError(text, f"free some space on that disk: {SPARE_BYTES:,} bytes at least")
        texts.append(f"{folder} {free >> 20:,} MiB free")
    return ", ".join(texts)


def permissions(config: Path, found: Settings) -> str:
    """Return that everything belongs to whoever asks, or raise for what does not."""
    for folder in found.folders:
        if files.is_read_only(folder):
            text = f"{folder} is on a read-only file system"
            raise UnsuitableError(text, files.MENDS[errno.EROFS])
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise UnsuitableError(
                f"{folder} cannot be written", "run this as the agent's user; check the mount"
            )
    state, about = found.state_folder, found.state_folder.stat()
    if about.st_uid != os.geteuid():
        mend = f"run this as that user, or: chown -R {os.geteuid()} {state}"
        raise UnsuitableError(f"{state} belongs to user {about.st_uid}", mend)
    if (mode := stat.S_IMODE(about.st_mode)) & 0o077:
        raise UnsuitableError(f"{state} is open to others (mode {mode:04o})", f"chmod 700 {state}")
    if found.network.is_secret and stat.S_IMODE(config.stat().st_mode) & stat.S_IROTH:
        raise UnsuitableError(f"{config} holds credentials, and may be read by others", f"chmod 600 {config}")
    if (mode := stat.S_IMODE(config.stat().st_mode)) & stat.S_IWOTH:
        raise UnsuitableError(f"{config} may be changed by others (mode {mode:04o})", f"chmod 644 {config}")
    return "folders and settings are the agent's own"


def left_for_others(found: Settings) -> str:
    """Return that what each tick leaves for monitoring has a place, or raise for what has none."""
    for name, path in (("status", found.status), ("metrics", found.metrics)):
        if why := path and _unwritable(Path(path)):
            hint = (
                f"correct {name} in the settings, or the permissions; the packaged unit needs ReadWritePaths="
            )
            raise UnsuitableError(f"the {name} file {path} cannot be written: {why}", hint)
    return ", ".join(filter(None, (found.status, found.metrics)))


def _unwritable(path: Path) -> str:
    """Return why a file cannot be put at a path, whose folders need not be there; empty if it can."""
    if path.is_dir():
        return "it is a folder"
    folder = next(parent for parent in path.parents if os.path.lexists(parent))
    if not folder.is_dir():
        return f"{folder} is no folder"
    if files.is_read_only(folder):
        return f"{folder} is on a read-only file system"
    return "" if os.access(folder, os.W_OK | os.X_OK) else f"{folder} is not for this user to write"


def who(found: Settings) -> str:
    """Return who this host is, or raise when its identity was made on another machine."""
    one, _ = identity.load(found.state_folder)
    if one.machine and (here := identity.machine()) and one.machine != here:
        text = f"{one.agent} was enrolled on another machine: this disk is a copy of its disk"
        raise UnsuitableError(text, "make a new identity here: tidegate-agent enroll --again")
    if one.left_at:
        raise UnsuitableError(f"{one.agent} left {one.url} at {one.left_at}", identity.ENROLL_HINT)
    return f"{one.agent} at {one.url}"


def proxy(url: str, network: Network) -> str:
    """Return which proxy stands between this host and the repository, or raise when it does not answer."""
    set_here = network.proxy or select_proxy(url, get_environ_proxies(url))
    address = set_here if url.startswith("http") else None
    if not address:
        return "none is set"
    parts = urlsplit(address if "://" in address else f"http://{address}")
    shown = f"{parts.hostname}:{parts.port or 80}"
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=PROXY_S):
            return f"{shown} answers"
    except OSError as error:
        hint = (
            "correct proxy in the settings, or http_proxy, https_proxy or no_proxy in the agent's environment"
        )
        raise UnreachableError(f"the proxy {shown} does not answer: {error}", hint) from error


def guard() -> str:
    """Return whether trials are guarded from outside of what is changed."""
    ran = commands.run(["systemctl", "is-enabled", "--", TIMER], Path("/"), ASK_S)
    if not ran.ok:
        text = f"{TIMER} is not enabled: without the agent nobody would end a trial"
        raise UnsuitableError(text, f"install it from infra/systemd, then: systemctl enable --now {TIMER}")
    return f"{TIMER} is enabled"


def lock(found: Settings) -> Finding:
    """Return who is at work, when somebody is; one that overstays is stuck."""
    holder = locking.holder(found.state_folder)
    if holder is None:
        return Finding("lock", True, "another tidegate-agent is at work; the other checks must wait")
    return held(holder.pid, holder.age_s())


def held(pid: int, age_s: float) -> Finding:
    """Return what there is to say of a process that has held the lock for so long."""
    text = f"process {pid} has been at work for {age_s / 60:.0f} min"
    if age_s <= LONGEST_TICK_S:
        return Finding("lock", True, f"{text}; the other checks must wait")
    return Finding("lock", False, text, f"end it: kill -9 {pid}; the next tick goes on from the journal")
