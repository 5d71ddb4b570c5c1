"""``tidegate init``."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from shlex import quote
from typing import Any

import click

from metadata.errors import UsageError
from repo_tools.cli.app import App, reads
from repo_tools.founding.plan import GROUPS, Plan, WavePlan, wave_plans
from repo_tools.founding.steps import Founded, found_repository
from repo_tools.keys.choice import public_key
from repo_tools.keys.folder import KeyFile, KeyFolder
from repo_tools.names import check_name
from repo_tools.output import Answer, Sheet, counted
from repo_tools.roles import Channel
from repo_tools.signing import needed
from repo_tools.waves.said import parse_waves
from repo_tools.workspace import Settings, Workspace

_WAVES = ("canary=5", "early=25", "full=100")
_COUNTED = ("canary=1", "early=3", "full=rest")
_SOLO = "--solo gives up every second signature: whoever steals two of these keys owns the fleet"
_HOLDERS = {
    "root": "the repository's owners, offline, each on their own",
    "releases": "release managers, each their own",
    "rollouts": "whoever starts, widens and stops rollouts, each their own",
    "online": "whoever or whatever publishes",
}


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--product", required=True, metavar="NAME", help="What is updated.")
@click.option(
    "--channel", default="stable", show_default=True, metavar="NAME", help="The stream agents follow."
)
@click.option(
    "--wave",
    "waves",
    multiple=True,
    metavar="NAME=PERCENT",
    help="A wave and its cumulative share, or NAME=id:HOST,HOST. Repeat it. [canary=5 early=25 full=100]",
)
@click.option(
    "--count", is_flag=True, help="Waves are numbers of hosts; full=rest. [canary=1 early=3 full=rest]"
)
@click.option("--ring", "rings", multiple=True, metavar="NAME", help="A ring of the first wave. Repeat it.")
@click.option(
    "--key",
    "keys",
    multiple=True,
    metavar="GROUP=KEY",
    help=f"A key that exists: a name here, or a file of key export. Groups: {', '.join(GROUPS)}. Repeat it.",
)
@click.option(
    "--threshold", "needs", multiple=True, metavar="GROUP=N", help="Signatures that a group needs. Repeat it."
)
@click.option(
    "--store", required=True, metavar="URL", help="Where it is published: a folder, or s3://BUCKET/PREFIX."
)
@click.option("--solo", is_flag=True, help="One key for each purpose and thresholds of 1.")
@click.option("--no-passphrase", is_flag=True, help="Leave the new private keys unencrypted.")
@click.option("--use-existing-keys", is_flag=True, help="Take keys of the usual names that exist already.")
@click.option(
    "--poll-s", type=click.IntRange(1, 86_400), default=900, show_default=True, help="How often agents ask."
)
@click.option("--fine", is_flag=True, help="Divide the fleet into 65,536 shares instead of 4,096.")
@reads
def init(app: App, folder: Path, **options: Any) -> Answer:
    """Found a repository: its keys, its roles, and a workspace in DIR.

    Everything is staged, and signed with the keys that are here; then it is published.

    \b
    Examples:
      tidegate init updates --product agent --store /srv/updates
      tidegate init updates --product agent --store /srv/updates \\
        --key releases=alice.json --key releases=bob.json --key online=publisher.json
      tidegate init trial --product agent --store /srv/trial --solo \\
        --wave canary=id:host-1,host-2 --wave early=25 --wave full=100
      tidegate init updates --product agent --store /srv/updates \\
        --count --wave canary=1 --wave early=3 --wave full=rest
    """
    plan = _plan(options, app.keys())
    desk = app.desk(Workspace(folder, Settings(store=options["store"])))
    founded = found_repository(
        desk, plan, encrypted=not options["no_passphrase"], reuse=options["use_existing_keys"]
    )
    if plan.solo:
        app.terminal.warn(_SOLO)
    return _answer(folder, plan, founded, str(desk.keys.folder))


def _plan(options: dict[str, Any], folder: KeyFolder) -> Plan:
    check_name("product", options["product"])
    check_name("channel", options["channel"])
    for ring in options["rings"]:
        check_name("ring", ring)
    usual = _COUNTED if options["count"] else _WAVES
    return Plan(
        Channel(options["product"], options["channel"]),
        wave_plans(parse_waves(options["waves"] or usual, counted=options["count"])),
        options["store"],
        solo=options["solo"],
        rings=options["rings"],
        digits=4 if options["fine"] else 3,
        poll_s=options["poll_s"],
        given=_given(folder, options["keys"]),
        needs={group: _number(count) for group, count in _pairs("--threshold", options["needs"])},
    )


def _pairs(option: str, texts: Sequence[str]) -> list[tuple[str, str]]:
    pairs = [(group, rest) for group, _, rest in (text.partition("=") for text in texts)]
    if any(group not in GROUPS or not rest for group, rest in pairs):
        raise UsageError(
            f"not a value for {option}: {', '.join(texts)}", f"one of {', '.join(GROUPS)}, =, value"
        )
    return pairs


def _given(folder: KeyFolder, texts: Sequence[str]) -> dict[str, tuple[KeyFile, ...]]:
    found: dict[str, tuple[KeyFile, ...]] = {}
    for group, text in _pairs("--key", texts):
        found[group] = (*found.get(group, ()), public_key(folder, text))
    return found


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 100):
        raise UsageError(f"not a number of signatures: {text!r}", "write --threshold root=2")
    return int(text)


def _answer(folder: Path, plan: Plan, founded: Founded, keys: str) -> Answer:
    waves = [(wave, len(routes)) for wave, routes in zip(plan.waves, plan.routes(), strict=True)]
    groups = {group: [key.name for key in found] for group, found in founded.keys.items()}
    still = needed(founded.missing)
    data = {
        "workspace": str(folder),
        "channel": str(plan.channel),
        "waves": [{**asdict(wave), "routes": routes} for wave, routes in waves],
        "keys": groups,
        "key_folder": keys,
        "missing": still,
    }
    hand = [[", ".join(names), _HOLDERS[group]] for group, names in groups.items()]
    rows = [[wave.name, _share(wave), str(routes)] for wave, routes in waves]
    where, root = quote(str(folder)), quote(str(folder / "root.json"))
    return Answer(
        data,
        [
            f"founded {plan.channel} in {folder}; everything is staged" + ("" if still else " and signed"),
            Sheet(["wave", "up to", "routes"], rows),
            Sheet(["keys", "who should hold them"], hand, f"keys in {keys}"),
            *(f"still to sign, where the key is: {line}" for line in still),
            f"hosts enrol with {root}",
            *_filling(plan),
            f"next: tidegate -C {where} {'sign, with these keys, then publish' if still else 'publish'}",
        ],
    )


def _share(wave: WavePlan) -> str:
    if wave.count:
        return counted(wave.count, "host")
    return counted(len(wave.hosts), "host") if wave.hosts else f"{wave.percent} %"


def _filling(plan: Plan) -> list[str]:
    """Return what to do once there are hosts that can be counted in."""
    wishes = " ".join(f"--wave {wave.name}={wave.count}" for wave in plan.waves if wave.count)
    if not wishes:
        return []
    hint = f"tidegate waves {plan.channel.name} --count {wishes}"
    return [f"once hosts have enrolled and reported, count them in: {hint}"]
