"""Releases: add an artifact under a version, and read what is there.

A published version never changes. While it is only staged it may get artifacts for more platforms. ``seq``
counts every release ever added to a product; the highest is kept in the signed releases role.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import convert
from msgspec.structs import replace

from metadata import strict
from metadata.errors import UnsuitableError, UsageError
from metadata.release import Artifact, Hook, Probe, Release
from metadata.versions import same
from repo_tools import roles
from repo_tools.desk import Desk
from repo_tools.drafting import Ask, Draft, Progress, drafted
from repo_tools.names import check_platform, check_range
from repo_tools.rollouts.state import Catalog
from repo_tools.signed.views import Entry
from repo_tools.workspace import ReleaseDefaults

_ANEW = "or begin again: tidegate unstage {}"
_HEALTH_HINT = "write http://…, https://…, tcp:HOST:PORT, systemd:UNIT or exec:COMMAND"


@dataclass(frozen=True)
class Added:
    """What was staged."""

    release: Release
    draft: Draft


def add(desk: Desk, ask: Ask, progress: Progress) -> Added:
    """Pack or inspect an artifact, and stage its release.

    The workspace is taken for the last step alone, which takes no time: whoever brakes waits for nobody.

    Raises:
        UsageError: The version is published, or the request makes no sense.
        MalformedError: An agent would refuse the artifact.
    """
    roles.check_version(ask.version)
    check_platform(ask.platform)
    if ask.requires:
        check_range(ask.requires)
    _described(desk, ask)  # refuses nonsense before anything large is read
    with drafted(desk, ask, progress) as draft, desk.workspace.alone(lambda: None):
        desk.reread()
        release = _described(desk, ask, draft.artifact)
        draft.keep(desk.workspace.staged_targets)
        _stage(desk, release, draft.entries)
    return Added(release, draft)


def probe_of(text: str, version: str, expect: str | None) -> Probe:
    """Return the exec probe that a command line describes; ``{version}`` in ``expect`` is the version."""
    word = expect.replace("{version}", version) if expect else None
    return _probe(text, exec=_words(text), expect=word)


def health_of(text: str) -> Probe:
    """Return the health entry that a URL, ``tcp:HOST:PORT``, ``systemd:UNIT`` or ``exec:COMMAND`` describes.

    After a URL, ``expect=WORD`` asks for a word in the answer, and ``json=/POINTER`` says where it stands.

    Raises:
        UsageError: It describes none.
    """
    if text.startswith(("http://", "https://")):
        url, *asked = text.split()
        return _probe(text, http=url, **_asked(text, asked))
    kind, _, rest = text.partition(":")
    if kind in {"tcp", "systemd"}:
        return _probe(text, **{kind: rest})
    if kind == "exec":
        return _probe(text, exec=_words(rest))
    raise UsageError(f"not a health entry: {text!r}", _HEALTH_HINT)


def _asked(text: str, words: list[str]) -> dict[str, str]:
    """Return what a health entry asks of an HTTP answer."""
    pairs = [word.partition("=")[::2] for word in words]
    if wrong := [name for name, value in pairs if name not in {"expect", "json"} or not value]:
        raise UsageError(f"not a health entry: {text!r}: {wrong[0]}", "write expect=WORD or json=/POINTER")
    return dict(pairs)


def _probe(text: str, **fields: Any) -> Probe:
    try:
        return convert(fields, Probe)
    except ValueError as error:
        raise UsageError(f"not a health entry: {text!r}: {error}", _HEALTH_HINT) from error


def _words(text: str) -> list[str]:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"not a command: {text!r}: {error}", "close every quotation mark") from error
    if not words:
        raise UsageError("an empty command proves nothing", _HEALTH_HINT)
    return words


def _staged_release(desk: Desk, ask: Ask) -> Release | None:
    """Return the release under this version if it is only staged; refuse one that is published or ordered."""
    role, path = roles.releases(ask.product), roles.release_path(ask.product, ask.version)
    live = desk.tree.live_view(role)
    if live and path in live.entries:
        hint = "a version's document never changes: build it anew under a higher version"
        raise UsageError(f"{ask.product} {ask.version} is published already", hint)
    view = desk.tree.view(role)
    if ask.version in view.retired:
        hint = "whoever knew it would refuse another one: build it anew under a higher version"
        raise UsageError(f"{ask.product} {ask.version} was published, and retired", hint)
    entry = view.entries.get(path)
    if entry is None:
        return None
    for channel in desk.channels():
        for wave in desk.tree.view(channel.role).delegations:
            if any(found.sha256 == entry.sha256 for found in desk.tree.view(wave).entries.values()):
                hint = f"tidegate unstage {wave}; then add it again, and start the rollout anew"
                raise UnsuitableError(f"{ask.version} is already in a staged rollout of {channel}", hint)
    return strict.decode(desk.contents.read(entry), Release, refuse_unknown=True)


def _refuse_other_spelling(desk: Desk, ask: Ask) -> None:
    """Refuse a version that has a release under another spelling: ranges, and hosts, know them as one."""
    catalog = Catalog(desk, ask.product)
    known = catalog.ever | catalog.ever_public
    if found := next((one for one in sorted(known) if one != ask.version and same(one, ask.version)), None):
        hint = "build it anew under a higher version; a further platform is added under the same spelling"
        raise UsageError(f"{ask.version} is {found} in another spelling, and {found} is there already", hint)


def _described(desk: Desk, ask: Ask, artifact: Artifact | None = None) -> Release:
    """Return the release as it stands with an artifact, or before there is one."""
    _refuse_other_spelling(desk, ask)
    existing = _staged_release(desk, ask)
    seq = existing.seq if existing else desk.tree.view(roles.releases(ask.product)).highest_seq + 1
    found = _document(desk, ask, existing, seq)
    return replace(found, artifacts=_with(existing, artifact)) if artifact else found


def _document(desk: Desk, ask: Ask, existing: Release | None, seq: int) -> Release:
    defaults = desk.workspace.defaults(ask.product)
    probe, health = ask.probe or defaults.probe, list(ask.health) or defaults.health
    via = Catalog(desk, ask.product).pointer(ask.via) if ask.via else None
    placeholder = Artifact(
        platform=ask.platform, path="-.zip", kind="tree", payload_sha256="0" * 64, payload_bytes=0
    )
    try:
        made = Release(
            product=ask.product,
            version=ask.version,
            seq=seq,
            requires=ask.requires,
            via=via,
            notes=ask.notes,
            artifacts=[placeholder],
            probe=probe_of(probe, ask.version, ask.expect or defaults.expect) if probe else None,
            health=[health_of(text) for text in health],
            **_hooks(ask, defaults),
            start_s=_either(ask.start_s, defaults.start_s),
            trial_s=_either(ask.trial_s, defaults.trial_s),
            soak_s=_either(ask.soak_s, defaults.soak_s),
        )
        checked = strict.decode(strict.encode(made), Release, refuse_unknown=True)
    except ValueError as error:
        raise UsageError(f"the release cannot be described: {error}") from error
    if existing and replace(existing, artifacts=[placeholder]) != checked:
        hint = f"use the same options for every platform, {_ANEW.format(roles.releases(ask.product))}"
        raise UsageError(f"{ask.version} is staged with other conditions", hint)
    return checked


def _hooks(ask: Ask, defaults: ReleaseDefaults) -> dict[str, Any]:
    hook_s = _either(ask.hook_s, defaults.hook_s)
    named = {
        "pre_switch": ask.pre_switch or defaults.pre_switch,
        "post_switch": ask.post_switch or defaults.post_switch,
    }
    return {name: Hook(exec=_words(text), timeout_s=hook_s) if text else None for name, text in named.items()}


def _either(given: int | None, default: int) -> int:
    return default if given is None else given


def _with(existing: Release | None, artifact: Artifact) -> list[Artifact]:
    before = (
        [found for found in existing.artifacts if found.platform != artifact.platform] if existing else []
    )
    return sorted([*before, artifact], key=lambda found: found.platform)


def _stage(desk: Desk, release: Release, entries: Sequence[Entry]) -> None:
    """Stage a release with the files that it names, and none that an artifact before this one brought."""
    role = roles.releases(release.product)
    view = desk.tree.view(role)
    folder = roles.release_path(release.product, release.version, "")
    before = [entry for path, entry in view.entries.items() if path.startswith(folder)]
    document = desk.contents.stage(f"{folder}release.json", strict.encode(release))
    with desk.tree.edit(role) as draft:
        for entry in before:
            draft.drop(entry.path)
        named = [entry for entry in before if entry.path in release.paths()]
        for entry in (*named, *entries, document):
            draft.put(entry)
        draft.remember_seq(max(release.seq, view.highest_seq))
    now = desk.tree.view(role).entries
    for entry in before:
        if now.get(entry.path) != entry and (left := desk.contents.staged(entry)):
            left.unlink()
