"""The most likely problems of a host, each with its mend."""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from agent import attestations, checkup, clock, identity, settings, updater
from agent.checkup import Finding, attempt
from agent.guard.duty import BOOTED
from agent.host import Host, opened
from agent.repository import CLOCK_HINT, OWNER_HINT, Repository
from agent.services import NoManagerError
from agent.settings import Commands, ProductSettings, Settings, Systemd
from agent.states import State
from agent.steps.choose import look
from agent.work import NEAR_FUTURE_S, Work, platform
from metadata.errors import ConflictError, TidegateError

ANEW = "put it back from a backup, or see whether this installs it anew: tidegate-agent tick"


def examine(config: Path) -> list[dict[str, Any]]:
    """Return what every check found; a check that cannot be made is a finding too."""
    findings: list[Finding] = []
    found = _settings(config, findings)
    if found is not None:
        findings.append(attempt("disk", lambda: checkup.disk(found)))
        if findings[-1].ok:
            findings.append(attempt("permissions", lambda: checkup.permissions(config, found)))
        if found.status or found.metrics:
            findings.append(attempt("monitoring", lambda: checkup.left_for_others(found)))
        findings.append(attempt("identity", lambda: checkup.who(found)))
        if identity.exists(found.state_folder) and _usable(findings):
            findings += _open_host(found)
    return [vars(entry) for entry in findings]


def _usable(findings: list[Finding]) -> bool:
    """Whether the journal may be opened: what is merely not right there keeps nobody from looking."""
    return all(entry.ok for entry in findings if entry.check in {"settings", "disk"})


def _settings(config: Path, findings: list[Finding]) -> Settings | None:
    try:
        found, unknown = settings.load(config)
    except TidegateError as error:
        findings.append(Finding("settings", False, error.message, error.hint))
        return None
    text = f"unknown keys: {', '.join(unknown)}" if unknown else f"{len(found.product)} product(s)"
    findings.append(Finding("settings", not unknown, text, "remove or correct them" if unknown else ""))
    return found


def _open_host(found: Settings) -> list[Finding]:
    try:
        with opened(found) as host:
            return list(_host(host))
    except ConflictError:
        return [checkup.lock(found)]
    except TidegateError as error:
        return [Finding("journal", False, error.message, error.hint)]


def _host(host: Host) -> Iterator[Finding]:
    seen: list[Repository] = []
    yield _journal(host)
    if BOOTED.is_dir():
        yield attempt("guard", checkup.guard)
    yield attempt("proxy", lambda: checkup.proxy(host.identity.url, host.settings.network))
    yield from _repository(host, seen)
    if seen:
        yield _clock(seen[0])
    for work in host.works():
        yield from _stuck(host, work)
        yield from _place(host, work)
        yield _service(host, work)
        yield from _config(work)
        yield from _keyring(work)
        if seen:
            yield _decision(work)


def _journal(host: Host) -> Finding:
    """A journal that knows nothing beside a version that runs was lost, with all that it remembered."""
    lost = [
        work.name
        for work in host.works()
        if work.slots.running()
        and work.name != updater.PRODUCT  # which was there before its journal
        and not host.journal.recall(f"highest_seq/{work.name}")
        and not host.journal.recall(f"adopted/{work.name}")
    ]
    text = f"is new although {', '.join(lost)} is installed" if lost else "can be read"
    mend = "find out who removed it; the next update fills it again"
    if host.identity.token:  # numbers lie beside the key; a key that came back alone begins at 1 again
        mend += "; if identity/next-report was lost with it: tidegate-agent enroll --again"
    return Finding("journal", not lost, text, mend)


def _stuck(host: Host, work: Work) -> Iterator[Finding]:
    """Name what keeps an update from its end, or from its beginning."""
    state, _ = host.journal.state(work.name)
    trouble = host.journal.recall(f"trouble/{work.name}")
    if trouble and state is not State.STRANDED:
        stuck = "every tick has failed" if state is State.IDLE else f"{state} cannot go on"
        text = f"{stuck} since {trouble['at']}: {trouble['text']}"
        yield Finding(
            f"update {work.name}", False, text, "mend what the text names, then: tidegate-agent tick"
        )


def _place(host: Host, work: Work) -> Iterator[Finding]:
    """Name what stands in the way of a version, and a version that was installed and is gone."""
    current, folder = work.slots.current, work.slots.versions
    name, known = f"place {work.name}", host.journal.recall(f"highest_seq/{work.name}")
    if os.path.lexists(folder) and not folder.is_dir():
        yield Finding(name, False, f"{folder} is no folder", f"move it away: mv {folder} {folder}.aside")
    elif os.path.lexists(current) and not current.is_symlink():
        yield Finding(name, False, f"{current} is no link", f"move it away: mv {current} {current}.aside")
    elif current.is_symlink() and not current.is_dir():
        text = f"{current} points to {current.readlink()}, which is gone"
        yield Finding(name, False, text, ANEW)
    elif known and not current.is_symlink():
        text = f"{current} is gone, although a version was installed"
        yield Finding(name, False, text, ANEW)


def _service(host: Host, work: Work) -> Finding:
    name = f"product {work.name}"
    state, _ = host.journal.state(work.name)
    installed = work.slots.running()
    text = f"{installed or 'not installed'} [{state}], service"
    try:
        status = work.service.status()
    except NoManagerError as error:
        return Finding(name, False, f"{text} unknown: {error.message}", error.hint)
    except TidegateError as error:
        return Finding(name, installed is None, f"{text} unknown: {error.message}", error.hint)
    ok = status.running or installed is None
    return Finding(name, ok, f"{text} {status.text}", "" if ok else _service_mend(work.product))


def _service_mend(product: ProductSettings) -> str:
    match product.service:
        case Systemd() as systemd:
            return f"see: journalctl --unit {systemd.unit}"
        case Commands():
            return "see the service's own log; if it does run, correct service.status in the settings"
    return "see the service's own log"


def _config(work: Work) -> Iterator[Finding]:
    """Name what the settings call configuration and is not there: no way back would restore it."""
    missing = [place for place in work.product.config if not os.path.lexists(place)]
    if missing and work.slots.running():
        text = f"{', '.join(missing)} of the settings is not there, and is not kept for a way back"
        yield Finding(f"config {work.name}", False, text, "correct config in the settings")


def _keyring(work: Work) -> Iterator[Finding]:
    """Look after the keys whose signatures this host demands: without them nothing is installed."""
    if "gpg" in work.product.attestations:
        keyring = Path(work.product.gpg_keyring)
        yield attempt(f"keyring {work.name}", partial(attestations.believed, keyring))


def _repository(host: Host, seen: list[Repository]) -> Iterator[Finding]:
    """Ask each place by itself: while one stands in for another, a tick notices nothing."""

    def asked(place: str) -> str:
        seen.append(host.read_at([place]))
        return f"{place} answers and is trusted, signed at {seen[-1].issued}"

    for place in host.places:
        name = "repository" if place == host.identity.url else f"mirror {place}"
        yield attempt(name, partial(asked, place))


def _clock(repository: Repository) -> Finding:
    """Compare with the signed issue time; a clock cannot be judged by itself."""
    if repository.issued is None:
        return Finding("clock", True, "the repository does not say when it was signed")
    ahead = (repository.issued - clock.now()).total_seconds()
    if ahead > NEAR_FUTURE_S:
        return Finding("clock", False, f"behind the repository by {ahead:.0f} s", "set this host's clock")
    return Finding("clock", True, "not behind the repository")


def _decision(work: Work) -> Finding:
    """Ask what would be done now, and say what stands in the way."""
    name = f"decision {work.name}"
    try:
        decision, _ = look(work)
    except TidegateError as error:
        return Finding(name, False, error.message, error.hint or OWNER_HINT)
    mends = {
        "foreign": f"this host is {platform()}: correct the product's settings, or ask for a release for it",
        "quarantined": f"mend what made it fail, then: tidegate-agent quarantine lift {decision.version}",
        "stale": CLOCK_HINT,
    }
    ok = decision.action != "refuse" and decision.rule not in mends
    return Finding(name, ok, decision.text, "" if ok else mends.get(decision.rule, OWNER_HINT))
