"""``tidegate release``."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from metadata import strict
from metadata.release import Release
from repo_tools.cli.app import App, changes, reads
from repo_tools.cli.listing import Listing
from repo_tools.cli.revoking import revoke
from repo_tools.deltas import Made
from repo_tools.desk import Desk
from repo_tools.drafting import Ask
from repo_tools.moments import seconds
from repo_tools.output import Answer, Sheet, counted, span
from repo_tools.pack import empty_programs
from repo_tools.releases import add
from repo_tools.retiring import retire
from repo_tools.rollouts.refusals import withdrawal
from repo_tools.rollouts.state import Catalog, State, read_state
from repo_tools.signing import following


@click.group(cls=Listing)
def release() -> None:
    """Add releases, and see what is there."""


release.add_command(revoke)


@release.command("add")
@click.argument("version")
@click.argument("source", metavar="PATH", type=click.Path(path_type=Path))
@click.option("--platform", required=True, help="<system>-<machine> as uname has them: linux-x86_64.")
@click.option("--product", metavar="NAME", help="Needed when there is more than one.")
@click.option("--kind", type=click.Choice(["tree", "file"]), help="A folder or archive, or one executable.")
@click.option("--name", metavar="NAME", help="File name under which a single executable is installed.")
@click.option("--probe", metavar="COMMAND", help="What the new version must answer before anything stops.")
@click.option(
    "--expect", metavar="WORD", help="Word in the probe's answer; {version} stands for the version."
)
@click.option(
    "--health",
    multiple=True,
    metavar="URL",
    help="http://…, tcp:HOST:PORT, systemd:UNIT, exec:COMMAND; repeat it.",
)
@click.option("--pre-switch", metavar="COMMAND", help="Run before what runs is stopped; exit 75 puts it off.")
@click.option("--post-switch", metavar="COMMAND", help="Run when the new version is started; must exit 0.")
@click.option("--hook-s", metavar="SPAN", help="How long each of these two may take. [60]")
@click.option("--start-s", metavar="SPAN", help="Within which health must begin. [120]")
@click.option("--trial-s", metavar="SPAN", help="For how long health must hold. [600]")
@click.option("--soak-s", metavar="SPAN", help="After which health is reported once more. [14400]")
@click.option("--requires", metavar="RANGE", help="Versions that may update to this one directly.")
@click.option("--via", metavar="VERSION", help="Where all others go first.")
@click.option("--notes", metavar="URL", help="Where people read what is new.")
@click.option(
    "--delta-from", multiple=True, metavar="VERSION", help="Make a patch for its hosts, too; repeat it."
)
@click.option("--gpg", metavar="KEYID", help="Sign the artifact with this GnuPG key, too.")
@reads  # and takes the workspace for the last step alone
def add_command(app: App, version: str, source: Path, **options: Any) -> Answer:
    """Add an artifact to a release: a folder, an archive, or one executable.

    Agents unpack .tar.zst, .tar.gz, .tar.xz and .zip; what is packed otherwise is refused.

    \b
    Examples:
      tidegate release add 1.5.0 build/ --platform linux-x86_64 --probe "bin/agent --version"
      tidegate release add 1.5.0 agent --platform linux-x86_64 --health http://127.0.0.1:8222/healthz
    """
    desk = app.desk()
    for name in ("hook_s", "start_s", "trial_s", "soak_s"):
        options[name] = seconds(options[name]) if options[name] is not None else None
    product = desk.product(options.pop("product"))
    added = add(desk, Ask(product, version, source, **options), app.terminal.progress)
    draft = added.draft
    what = f"{product} {version} (number {added.release.seq}) for {draft.artifact.platform}"
    data = {"release": strict.to_json(added.release), "bytes": draft.length, "files": draft.files}
    data["patches"] = [
        {"from": one.delta.from_version, "percent": one.percent, "offered": one.worth}
        for one in draft.patches
    ]
    for name in empty_programs(source):
        app.terminal.warn(f"{name} is empty: a host could not run it")
    if not (added.release.probe or added.release.health):
        span_s = span(added.release.trial_s)
        app.terminal.note(f"no probe and no health: hosts keep it when the service runs for {span_s}")
    every = desk.channels()
    own = [one.name if len(every) == 1 else str(one) for one in every if one.product == product]
    begin = f"rollout start {own[0] if len(own) == 1 else 'CHANNEL'} {version}"
    following = f"next: {desk.workspace.program} {begin}"
    return Answer(
        data,
        [f"staged {what}: {counted(draft.length, 'byte')}", *map(_patch, draft.patches), following],
    )


def _patch(made: Made) -> str:
    said = f"patch from {made.delta.from_version}: {made.percent} % of the artifact"
    return said if made.worth else f"no {said}, which saves too little"


@release.command("retire")
@click.argument("versions", metavar="VERSION...", nargs=-1, required=True)
@click.option("--product", metavar="NAME", help="Needed when there is more than one.")
@changes
def retire_command(app: App, versions: tuple[str, ...], product: str | None) -> Answer:
    """List releases no more that nothing orders and nothing leads through; history keeps them.

    \b
    Examples:
      tidegate release retire 1.3.0 1.3.1
      tidegate gc --forget-before 2026-01-01T00:00:00Z
    """
    desk = app.desk()
    done = retire(desk, desk.product(product), versions)
    said = f"staged: {', '.join(done.versions)} retired, {counted(done.left, 'release')} left"
    return Answer({"retired": done.versions, "left": done.left}, [said, following(desk)])


@release.command("list")
@click.option("--product", metavar="NAME", help="Needed when there is more than one.")
@reads
def list_command(app: App, product: str | None) -> Answer:
    """List the live and the staged releases of a product.

    \b
    Example:
      tidegate release list
    """
    desk = app.desk()
    catalog = Catalog(desk, desk.product(product))
    found = sorted((catalog.release(version) for version in catalog.versions), key=lambda one: -one.seq)
    states = _states(desk, catalog)
    gone = {one.version: _withdrawn(states, one, app.now()) for one in found}
    data = [
        {
            **strict.to_json(one),
            "published": catalog.published(one.version),
            "withdrawn": gone[one.version],
        }
        for one in found
    ]
    rows = [
        [
            one.version,
            str(one.seq),
            ", ".join(part.platform for part in one.artifacts),
            "; ".join([_where(catalog, one.version), *_said(gone[one.version])]),
        ]
        for one in found
    ]
    return Answer(data, [Sheet(["version", "number", "platforms", "state"], rows)])


@release.command("show")
@click.argument("version")
@click.option("--product", metavar="NAME", help="Needed when there is more than one.")
@reads
def show_command(app: App, version: str, product: str | None) -> Answer:
    """Show one release as it is signed.

    \b
    Example:
      tidegate release show 1.5.0
    """
    desk = app.desk()
    catalog = Catalog(desk, desk.product(product))
    found = catalog.release(version)
    gone = _withdrawn(_states(desk, catalog), found, app.now())
    data = {
        **strict.to_json(found),
        "published": catalog.published(version),
        "withdrawn": gone,
        "sha256": catalog.entry(version).sha256,
    }
    rows = [[part.platform, part.kind, part.path, f"{part.payload_bytes:,}"] for part in found.artifacts]
    lines = [
        "; ".join(
            [f"{found.product} {version}, number {found.seq}, {_where(catalog, version)}", *_said(gone)]
        ),
        f"updates from {found.requires or 'any version'}" + _via(found),
        f"probe {found.probe.text() if found.probe else 'none'}",
        f"health {'; '.join(one.text() for one in found.health) or 'the service runs'}",
        f"hooks {_hooks(found)}",
        f"starts within {span(found.start_s)}, trial {span(found.trial_s)}, soak {span(found.soak_s)}",
    ]
    return Answer(data, [*lines, Sheet(["platform", "kind", "artifact", "payload bytes"], rows)])


def _via(found: Release) -> str:
    return f"; all others go to {found.via.version} first" if found.via else ""


def _hooks(found: Release) -> str:
    named = {"pre_switch": found.pre_switch, "post_switch": found.post_switch}
    told = [f"{name} {' '.join(hook.exec)}" for name, hook in named.items() if hook]
    return "; ".join(told) or "none"


def _where(catalog: Catalog, version: str) -> str:
    return "published" if catalog.published(version) else "staged"


def _states(desk: Desk, catalog: Catalog) -> list[State]:
    return [read_state(desk, one) for one in desk.channels() if one.product == catalog.product]


def _withdrawn(states: Sequence[State], found: Release, at: datetime) -> dict[str, str]:
    said = {str(state.channel): withdrawal(state, found, at) for state in states}
    return {channel: why for channel, why in said.items() if why}


def _said(gone: Mapping[str, str]) -> list[str]:
    return [f"{why} in {channel}" for channel, why in gone.items()]
