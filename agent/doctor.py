"""The most likely problems of a host, each with its mend."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent import clock, identity, settings
from agent.repository import Repository
from agent.settings import Settings
from agent.steps.download import SPARE_BYTES
from agent.tick import Host, opened
from agent.work import NEAR_FUTURE_S, Work
from metadata.errors import ConflictError, TidegateError


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    check: str
    ok: bool
    text: str
    mend: str = ""


def examine(config: Path) -> list[dict[str, Any]]:
    """Return what every check found; a check that cannot be made is a finding too."""
    findings: list[Finding] = []
    found = _settings(config, findings)
    if found is not None:
        findings.append(_try("disk", lambda: _disk(found)))
        findings.append(_try("identity", lambda: _identity(found)))
        if all(entry.ok for entry in findings):
            findings += _open_host(found)
    return [vars(entry) for entry in findings]


def _try(check: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(check, True, look())
    except TidegateError as error:
        return Finding(check, False, error.message, error.hint or "see the text")
    except OSError as error:
        return Finding(check, False, str(error), "check permissions and disk")


def _settings(config: Path, findings: list[Finding]) -> Settings | None:
    try:
        found, unknown = settings.load(config)
    except TidegateError as error:
        findings.append(Finding("settings", False, error.message, error.hint))
        return None
    text = f"unknown keys: {', '.join(unknown)}" if unknown else f"{len(found.product)} product(s)"
    findings.append(Finding("settings", not unknown, text, "remove or correct them" if unknown else ""))
    return found


def _disk(found: Settings) -> str:
    texts = []
    for folder in (found.state_folder, found.products_folder):
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
        if free < SPARE_BYTES:
            raise OSError(f"{folder} has only {free:,} bytes free")
        texts.append(f"{folder} {free >> 20:,} MiB free")
    return ", ".join(texts)


def _identity(found: Settings) -> str:
    who, _ = identity.load(found.state_folder)
    return f"{who.agent} at {who.url}"


def _open_host(found: Settings) -> list[Finding]:
    try:
        with opened(found) as host:
            return list(_host(host))
    except ConflictError as error:
        return [Finding("lock", True, f"{error.message}; the other checks must wait")]
    except TidegateError as error:
        return [Finding("journal", False, error.message, error.hint)]


def _host(host: Host) -> Iterator[Finding]:
    seen: list[Repository] = []
    yield _journal(host)
    yield _try("repository", lambda: _repository(host, seen))
    if seen:
        yield _clock(seen[0])
    for work in host.works():
        state, _ = host.journal.state(work.name)
        installed = work.slots.running()
        ok, said = _service(work)
        ok = ok or installed is None
        text = f"{installed or 'not installed'} [{state}], service {said}"
        yield Finding(f"product {work.name}", ok, text, "" if ok else "see the service's own log")


def _journal(host: Host) -> Finding:
    """A journal that knows nothing beside a version that runs was lost, with all that it remembered."""
    lost = [
        work.name
        for work in host.works()
        if work.slots.running() and not host.journal.recall(f"highest_seq/{work.name}")
    ]
    text = f"is new although {', '.join(lost)} is installed" if lost else "can be read"
    return Finding("journal", not lost, text, "find out who removed it; the next update fills it again")


def _service(work: Work) -> tuple[bool, str]:
    try:
        status = work.service.status()
    except TidegateError as error:
        return False, f"unknown: {error.message}"
    return status.running, status.text


def _repository(host: Host, seen: list[Repository]) -> str:
    seen.append(host.read())
    return f"{host.identity.url} answers and is trusted, signed at {seen[0].issued}"


def _clock(repository: Repository) -> Finding:
    """Compare with the signed issue time; a clock cannot be judged by itself."""
    if repository.issued is None:
        return Finding("clock", True, "the repository does not say when it was signed")
    ahead = (repository.issued - clock.now()).total_seconds()
    if ahead > NEAR_FUTURE_S:
        return Finding("clock", False, f"behind the repository by {ahead:.0f} s", "set this host's clock")
    return Finding("clock", True, "not behind the repository")
