"""``tidegate fleet``."""

from typing import Any

import click

from metadata.errors import UsageError
from repo_tools.cli import lake
from repo_tools.cli.app import App, changes, reads
from repo_tools.output import Answer, Sheet


@click.group()
def fleet() -> None:
    """Let hosts enrol, say where their reports go, and count what they said."""


for command in (lake.collect, lake.query, lake.export):
    fleet.add_command(command)


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
