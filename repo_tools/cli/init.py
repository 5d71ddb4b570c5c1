"""``tidegate init``."""

from pathlib import Path
from shlex import quote
from typing import Any

import click

from repo_tools.cli.app import App, reads
from repo_tools.cli.options import fine, shape, trusted
from repo_tools.founding import said
from repo_tools.founding.plan import GROUPS, Plan
from repo_tools.founding.steps import Founded, found_repository
from repo_tools.founding.tables import filling, wave_rows
from repo_tools.names import check_name
from repo_tools.output import Answer, Sheet
from repo_tools.roles import Channel
from repo_tools.signing import needed
from repo_tools.workspace import Settings, Workspace

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
@shape
@trusted(GROUPS)
@click.option(
    "--store", required=True, metavar="URL", help="Where it is published: a folder, or s3://BUCKET/PREFIX."
)
@click.option("--solo", is_flag=True, help="One key for each purpose and thresholds of 1.")
@click.option("--no-passphrase", is_flag=True, help="Leave the new private keys unencrypted.")
@click.option("--use-existing-keys", is_flag=True, help="Take keys of the usual names that exist already.")
@click.option(
    "--poll-s", type=click.IntRange(1, 86_400), default=900, show_default=True, help="How often agents ask."
)
@fine
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
    check_name("product", options["product"])
    check_name("channel", options["channel"])
    plan = said.planned(Channel(options["product"], options["channel"]), options, app.keys())
    desk = app.desk(Workspace(folder, Settings(store=options["store"])))
    founded = found_repository(
        desk, plan, encrypted=not options["no_passphrase"], reuse=options["use_existing_keys"]
    )
    if plan.solo:
        app.terminal.warn(_SOLO)
    return _answer(folder, plan, founded, str(desk.keys.folder))


def _answer(folder: Path, plan: Plan, founded: Founded, keys: str) -> Answer:
    waves, sheet = wave_rows(plan)
    groups = {group: [key.name for key in found] for group, found in founded.keys.items()}
    still = needed(founded.missing)
    data = {
        "workspace": str(folder),
        "channel": str(plan.channel),
        "waves": waves,
        "keys": groups,
        "key_folder": keys,
        "missing": still,
    }
    hand = [[", ".join(names), _HOLDERS[group]] for group, names in groups.items()]
    where, root = quote(str(folder)), quote(str(folder / "root.json"))
    return Answer(
        data,
        [
            f"founded {plan.channel} in {folder}; everything is staged" + ("" if still else " and signed"),
            sheet,
            Sheet(["keys", "who should hold them"], hand, f"keys in {keys}"),
            *(f"still to sign, where the key is: {line}" for line in still),
            f"hosts enrol with {root}",
            *filling(plan),
            f"next: tidegate -C {where} {'sign, with these keys, then publish' if still else 'publish'}",
        ],
    )
