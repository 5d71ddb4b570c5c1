"""``tidegate explain``, and how a decision is shown."""

import platform as system
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from metadata import strict
from metadata.errors import UsageError
from metadata.facts import Host
from metadata.schedule import whole
from metadata.windows import Window
from repo_tools import moments
from repo_tools.audit.history import Publication, ordered
from repo_tools.audit.past import desk_then
from repo_tools.audit.walk import Walk
from repo_tools.cli.app import App, reads
from repo_tools.cli.reading import published
from repo_tools.desk import Desk
from repo_tools.explain import Explained, given_up, highest_seq, local_facts
from repo_tools.explain import explain as decided
from repo_tools.names import check_agent_id, check_range, check_version
from repo_tools.output import Answer, moment
from repo_tools.roles import Channel


@click.command()
@click.argument("url")
@click.option(
    "--root", type=click.Path(path_type=Path), metavar="FILE", help="Root you trust. [the workspace's]"
)
@click.option("--agent", metavar="ID", required=True, help="The agent.")
@click.option("--at", metavar="TIME", default="now", help="When it decided.  [default: now]")
@click.option("--product", metavar="NAME", help="Needed when there is more than one.")
@click.option("--channel", metavar="CHANNEL", help="Needed when there is more than one.")
@click.option("--running", metavar="VERSION", help="What it ran; nothing by default.")
@click.option("--platform", metavar="PLATFORM", help="Its platform; this machine's by default.")
@click.option("--ring", metavar="NAME", help="The ring that its token carries.")
@click.option("--cohort-id", metavar="ID", help="The cohort whose place it takes.")
@click.option("--pin", metavar="RANGE", help="Its local pin.")
@click.option("--quarantine", metavar="VERSION", multiple=True, help="What it had given up. Repeat it.")
@click.option("--window", "window", metavar="WINDOW", multiple=True, help="A maintenance window. Repeat it.")
@click.option("--zone", metavar="ZONE", default="UTC", show_default=True, help="The zone of its windows.")
@reads
def explain(app: App, url: str, root: Path | None, agent: str, at: str, **options: Any) -> Answer:
    """Say what an agent decided at a time, and why, from what was published by then.

    The repository is taken back to that time by its signed issue times, and the agent's own rules decide.
    What only the host knows is what you say; the rest is assumed, and named in the answer.

    \b
    Example:
      tidegate explain https://updates.example.com --root root.json --agent host-17 \\
        --at 2026-11-22T12:00:00Z --running 1.4.2
    """
    check_agent_id(agent)
    when = moments.moment(at, app.now())
    store, trusted = published(app, url, root)
    with app.terminal.progress("reading", None, count=True) as on_count:
        history = ordered(Walk(store, on_count).collect(trusted))
    desk = desk_then(store, trusted, history, when)
    channel = _channel(desk, options["product"], options["channel"])
    host = _host(desk, channel, agent, options)
    answer = show(host, decided(desk, channel, host, when), options, when)
    return _warned(answer, history.ahead(app.now()))


def _warned(answer: Answer, ahead: Sequence[Publication]) -> Answer:
    """Return an answer that also says what it had to leave out."""
    data = {**answer.data, "future": [one.number for one in ahead]}
    left = [
        f"left out: timestamp {one.number}, which claims to be signed in the future, at {moment(one.at)}: "
        "somebody else has its key, or a publisher's clock is wrong"
        for one in ahead
    ]
    return replace(answer, data=data, text=[*left, *answer.text])


def show(host: Host, found: Explained, options: Mapping[str, Any], at: datetime | None = None) -> Answer:
    """Return a decision for people and for machines.

    Args:
        host: Whose decision it is.
        found: What it decides.
        options: What was said about the host; everything else was assumed.
        at: The past moment at which it decides; None for what is live.
    """
    facts = local_facts(host)
    said = [text for name, text in facts.items() if options.get(name)]
    assumed = [text for name, text in facts.items() if not options.get(name)]
    past = {"at": moment(at), "issued": moment(found.issued)} if at else {}
    data = {**_facts(host, found), "said": said, "assumed": assumed, **past}
    return Answer(data, _lines(host, found, said, assumed, past))


def _facts(host: Host, found: Explained) -> dict[str, Any]:
    directed, decision = found.directed, found.decision
    return {
        "agent": host.agent_id,
        "cohort_id": host.cohort_id,
        "channel": f"{host.product}/{host.channel}",
        "place": found.place,
        "fraction": f"{found.fraction:.6f}",
        "route": found.route,
        "asked": found.asked,
        "wave": directed.wave if directed else None,
        "order": strict.to_json(directed.order) if directed else None,
        "decision": {
            "action": decision.action,
            "rule": decision.rule,
            "version": decision.version,
            "until": moment(whole(decision.until)) if decision.until else None,
            "text": decision.text,
        },
    }


def _lines(
    host: Host, found: Explained, said: list[str], assumed: list[str], past: Mapping[str, str]
) -> list[str]:
    directed, decision = found.directed, found.decision
    where = f"wave {directed.wave} answers on route {found.route}" if directed else "no route answers"
    text = decision.text if directed else "nothing was ordered yet for this host's wave"
    then = [f"at {past['at']} it saw what was signed at {past['issued']}"] if past else []
    given = [f"it is known: {'; '.join(said)}"] if said else []
    return [
        *then,
        f"{host.agent_id} stands at {found.place[:16]}… in {host.product}/{host.channel}: {where}",
        f"its turn in a spread comes after {found.fraction:.1%} of it",
        f"{decision.action} ({decision.rule}): {text}",
        *given,
        f"assumed: {'; '.join(assumed)}",
    ]


def _channel(desk: Desk, product: str | None, channel: str | None) -> Channel:
    if channel and "/" in channel:
        return desk.channel(channel)
    known = [one for one in desk.channels() if product in {None, one.product}]
    found = [one for one in known if channel in {None, one.name}]
    if len(found) == 1:
        return found[0]
    hint = f"--channel, one of: {', '.join(map(str, known or desk.channels()))}"
    raise UsageError("which channel it follows is not clear" if found else "there was no such channel", hint)


def _host(desk: Desk, channel: Channel, agent: str, options: Mapping[str, Any]) -> Host:
    if options["pin"]:
        check_range(options["pin"])
    if options["running"]:
        check_version(options["running"])
    platform = options["platform"] or f"{system.system()}-{system.machine()}".lower()
    return Host(
        agent_id=agent,
        product=channel.product,
        channel=channel.name,
        platform=platform,
        ring=options["ring"],
        cohort_id=options["cohort_id"],
        running=options["running"],
        highest_seq=highest_seq(desk, channel, options["running"]),
        pin=options["pin"] or "",
        windows=tuple(Window.parse(text) for text in options["window"]),
        zone=_zone(options["zone"]),
        quarantine=given_up(desk, channel, options["quarantine"], platform),
    )


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise UsageError(f"no time zone {name!r}", "write it like Europe/Berlin") from error
