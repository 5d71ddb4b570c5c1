"""``tidegate fleet``."""

from pathlib import Path
from typing import Any

import click

from metadata.errors import UsageError
from repo_tools.cli.app import App, changes, reads
from repo_tools.output import Answer, Sheet, counted


@click.group()
def fleet() -> None:
    """Let hosts enrol, and say where their reports go."""


@fleet.command("token")
@click.option("--product", "products", metavar="NAME", multiple=True, help="Every channel of this product.")
@click.option("--channel", "channels", metavar="CHANNEL", multiple=True, help="This channel. Repeat it.")
@click.option("--url", metavar="URL", help="Where hosts find the repository; the store, if it is a folder.")
@click.option("--ring", metavar="NAME", help="Hosts with this token belong to the ring.")
@click.option("--label", "labels", metavar="NAME=TEXT", multiple=True, help="What reports carry. Repeat it.")
@click.option("--expires", metavar="WHEN", default="7d", help="Nobody enrols from then on. [7d]")
@click.option(
    "--uses", metavar="N", type=click.IntRange(0), default=0, help="How many hosts; 0 for any number."
)
@click.option(
    "--header", "headers", metavar="NAME:TEXT", multiple=True, help="What the place for reports asks for."
)
@click.option("--key", metavar="NAME|URI", help="Sign with this key.")
@reads
def token(app: App, **options: Any) -> Answer:
    """Make a registration token: what a host needs to enrol, in one paste.

    \b
    Examples:
      tidegate fleet token --product agent --label site=fra1 --expires 30d
      tidegate fleet token --channel agent/stable --ring staging --uses 1
    """
    from repo_tools.fleet import tokens
    from repo_tools.keys.choice import chosen
    from repo_tools.moments import moment

    desk = app.desk()
    wish = tokens.Wish(
        channels=_channels(desk, options["products"], options["channels"]),
        url=tokens.address(desk, options["url"]),
        expires=moment(options["expires"], desk.now),
        ring=options["ring"],
        labels=_pairs("label", options["labels"], "="),
        uses=options["uses"],
        headers=_pairs("header", options["headers"], ":"),
    )
    named = [options["key"]] if options["key"] else []
    made = tokens.make(desk, wish, chosen(desk.keys, named, desk.passphrases))
    said = made.token
    data = {
        "token": made.text,
        "id": said.id,
        "channels": said.channels,
        "expires": said.expires,
        "key": made.key.name,
    }
    app.terminal.note(
        f"token {said.id} for {', '.join(said.channels)}, signed by {made.key.name},"
        f" until {said.expires:%Y-%m-%dT%H:%M:%SZ}; on a host: tidegate-agent enroll --token TOKEN"
    )
    return Answer(data, [made.text])


def _channels(desk: Any, products: tuple[str, ...], names: tuple[str, ...]) -> list[Any]:
    """Return the channels that a token allows; without a word, all of the only product."""
    wanted = {desk.product(name) for name in products} if products or names else {desk.product(None)}
    every = [channel for channel in desk.channels() if channel.product in wanted]
    if products and names:  # --product agent --channel stable means agent/stable
        return [_one(every, name) for name in names]
    return every or [desk.channel(name) for name in names]


def _one(channels: list[Any], name: str) -> Any:
    found = [channel for channel in channels if name in {channel.name, str(channel)}]
    if len(found) != 1:
        hint = f"one of: {', '.join(map(str, channels))}"
        raise UsageError(f"{'more than one' if found else 'no'} channel {name!r}", hint)
    return found[0]


def _pairs(what: str, texts: tuple[str, ...], between: str) -> dict[str, str]:
    pairs = [text.partition(between) for text in texts]
    if bad := [
        text for text, (name, sign, _) in zip(texts, pairs, strict=True) if not (sign and name.strip())
    ]:
        raise UsageError(f"not a {what}: {bad[0]!r}", f"write --{what} NAME{between}TEXT")
    return {name.strip(): value.strip() for name, _, value in pairs}


@fleet.command("collect")
@click.argument("box", metavar="LOCATION")
@click.option(
    "--lake",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Where it is kept. [lake/ in the workspace]",
)
@reads
def collect(app: App, box: str, lake: Path | None) -> Answer:
    """Verify what hosts dropped at LOCATION, a folder or s3://…, and count what is new.

    \b
    Example:
      tidegate fleet collect /srv/reports
    """
    from contextlib import closing

    from repo_tools.collect.lake import Lake
    from repo_tools.collect.placing import Maps
    from repo_tools.collect.run import Collector, gate_of
    from repo_tools.fleet import enrolment
    from repo_tools.store import open_store

    desk = app.desk().published()
    store = open_store(box, Path(), desk.workspace.settings.s3)
    with (
        closing(Lake(lake or desk.workspace.folder / "lake")) as opened,
        app.terminal.progress("collecting", count=True) as shown,
    ):
        collector = Collector(store, opened, gate_of(enrolment.read(desk)), Maps(desk), app.now())
        found = collector.run(shown)
    data = {
        "objects": found.objects,
        "counted": found.counted,
        "again": found.again,
        "enrolled": found.enrolled,
        "set_aside": dict(found.asides),
        "conflicts": [{"agent": agent, "seq": seq} for agent, seq in found.conflicts],
    }
    lines = [f"{counted(found.counted, 'report')} counted, from {counted(found.objects, 'new file')}"]
    lines += [f"enrolled: {', '.join(found.enrolled)}"] if found.enrolled else []
    lines += [f"set aside as {reason}: {number}" for reason, number in sorted(found.asides.items())]
    lines += (
        [f"two reports under one number: {', '.join(sorted({agent for agent, _ in found.conflicts}))}"]
        if found.conflicts
        else []
    )
    return Answer(data, lines)


@fleet.command("query")
@click.argument("name", required=False)
@click.option("--sql", metavar="TEXT", help="A question of your own to the table reports.")
@click.option(
    "--lake",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="What was collected. [lake/ in the workspace]",
)
@reads
def query(app: App, name: str | None, sql: str | None, lake: Path | None) -> Answer:
    """Ask what was collected; without NAME, list the questions.

    \b
    Examples:
      tidegate fleet query progress
      tidegate fleet query --sql "SELECT count(DISTINCT agent) FROM reports"
    """
    from repo_tools.collect import asking

    if name is None and sql is None:
        known = asking.names()
        return Answer(known, [Sheet(["query", "what it asks"], list(map(list, known.items())))])
    found = asking.ask(lake or app.folder / "lake", sql or asking.text(str(name)))
    data = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    rows = [["" if value is None else str(value) for value in row] for row in found.rows]
    return Answer(data, [Sheet(found.columns, rows) if rows else "nothing to say"])


@fleet.command("export")
@click.argument("target", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--query", "name", metavar="NAME", help="The answer to this question; everything by default.")
@click.option(
    "--lake",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="What was collected. [lake/ in the workspace]",
)
@reads
def export(app: App, target: Path, name: str | None, lake: Path | None) -> Answer:
    """Write what was collected to FILE, as CSV or Parquet by its suffix.

    \b
    Example:
      tidegate fleet export reports.csv
    """
    from repo_tools.collect import asking

    statement = asking.text(name) if name else "SELECT * FROM reports ORDER BY agent, seq"
    number = asking.export(lake or app.folder / "lake", target, statement)
    return Answer({"rows": number, "file": str(target)}, [f"{counted(number, 'row')} in {target}"])


@fleet.command("keys")
@click.option("--add", "added", metavar="NAME", multiple=True, help="Let this key sign tokens. Repeat it.")
@click.option("--remove", "removed", metavar="NAME", multiple=True, help="Its tokens enrol nobody any more.")
@changes
def keys(app: App, added: tuple[str, ...], removed: tuple[str, ...]) -> Answer:
    """Show or change the keys that may sign registration tokens.

    \b
    Examples:
      tidegate fleet keys
      tidegate fleet keys --add provisioning
    """
    from repo_tools.fleet import enrolment
    from repo_tools.keys.choice import public_key
    from repo_tools.signing import following

    desk = app.desk()
    document = enrolment.read(desk)
    if added or removed:
        document = enrolment.allow(document, [public_key(desk.keys, name) for name in added])
        document = enrolment.disallow(document, [public_key(desk.keys, name) for name in removed])
        enrolment.stage(desk, document)
    rows = [
        [str(entry.get("x-tidegate-name", "")), entry["scheme"], entry["keyid"][:16]]
        for entry in document.keys
    ]
    sheet = Sheet(["key", "scheme", "id"], rows) if rows else "no key may sign registration tokens"
    return Answer({"keys": document.keys}, [sheet, *([following(desk)] if added or removed else [])])


@fleet.command("revoke")
@click.option("--token", "tokens", metavar="ID", multiple=True, help="Nobody enrols with it any more.")
@click.option("--agent", "agents", metavar="ID", multiple=True, help="Its reports count no more.")
@changes
def revoke(app: App, tokens: tuple[str, ...], agents: tuple[str, ...]) -> Answer:
    """Revoke registration tokens or agents: their reports count no more; updates go on.

    \b
    Example:
      tidegate fleet revoke --token 5f0c2a9b1d3e4f60
    """
    from repo_tools.fleet import enrolment
    from repo_tools.signing import following

    if not tokens and not agents:
        raise UsageError("nothing is named", "say --token ID or --agent ID")
    desk = app.desk()
    document = enrolment.revoke(enrolment.read(desk), tokens, agents)
    enrolment.stage(desk, document)
    data = {"revoked_tokens": document.revoked_tokens, "revoked_agents": document.revoked_agents}
    return Answer(data, [f"revoked: {', '.join([*tokens, *agents])}", following(desk)])


@fleet.command("reports")
@click.argument("channel")
@click.option("--url", metavar="URL", help="Where hosts put reports, by HTTP PUT.")
@click.option("--heartbeat", metavar="SPAN", default="1d", help="How often a host with no news says so. [1d]")
@click.option("--off", is_flag=True, help="Hosts report nothing.")
@changes
def reports(app: App, channel: str, url: str | None, heartbeat: str, *, off: bool) -> Answer:
    """Say where the hosts of CHANNEL put their reports.

    \b
    Example:
      tidegate fleet reports stable --url https://reports.example.com --heartbeat 1d
    """
    import msgspec

    from metadata.documents import Reporting
    from repo_tools.moments import seconds
    from repo_tools.publishing.words import staged_changes
    from repo_tools.rollouts.staging import Change, stage
    from repo_tools.rollouts.state import read_state
    from repo_tools.signing import following

    if bool(url) == off:
        raise UsageError(
            "say where: --url URL, or --off", "hosts need a place that takes PUT and gives nothing"
        )
    if url and not url.startswith(("https://", "http://", "file:///")):
        raise UsageError(f"not a place for reports: {url!r}", "write it with https://")
    desk = app.desk()
    state = read_state(desk, desk.channel(channel))
    place = Reporting(url=url, heartbeat_s=seconds(heartbeat)) if url else None
    stage(desk, state, Change(policy=msgspec.structs.replace(state.policy, report=place)))
    data = {"channel": str(state.channel), "report": msgspec.to_builtins(place)}
    return Answer(data, [*staged_changes(desk), following(desk)])
