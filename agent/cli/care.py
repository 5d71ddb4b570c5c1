"""Commands for operators: enroll, leave, rollback, pin, unpin, verify, doctor."""

import contextlib
from pathlib import Path
from typing import Any

import click

from agent import control, departure, output, settings
from agent import doctor as checks
from agent.enrolment import Invitation, by_identity, by_root, by_token, enrol
from agent.host import opened
from agent.installed import compare
from agent.operator import go_back, outside, set_pin
from agent.unattended import show
from metadata import versions
from metadata.errors import TidegateError, UnhealthyError, UntrustedError, UsageError

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
one_product = click.option("--product", metavar="NAME", help="Only this product.")


@click.command()
@click.option("--token", metavar="TOKEN", help="A registration token: it names the repository and its root.")
@click.option("--token-file", type=click.Path(path_type=Path, dir_okay=False), help="A file that holds one.")
@click.option("--url", help="Without a token: the store's base; /metadata/ and /targets/ are appended.")
@click.option(
    "--root", type=click.Path(path_type=Path, dir_okay=False), help="Without a token: the root to trust."
)
@click.option("--agent-id", metavar="ID", help="This host's id; a random one unless given.")
@click.option(
    "--cohort-id", metavar="ID", help="Take the place of this id: hosts that share it move together."
)
@click.option("--again", is_flag=True, help="Make a new identity: for a host that was copied from another.")
@as_json
@click.pass_obj
def enroll(config: Path, /, agent_id: str | None, *, again: bool, as_json: bool, **said: Any) -> None:
    """Pin a root of trust and give this host its id; checks that the repository answers to that root.

    --cohort-id "" gives an enrolled host its own place again.

    Example: tidegate-agent enroll --url https://updates.example.com --root root.json
    """
    found, unknown = settings.load(config)
    settings.refuse_unknown(config, unknown)
    cohort_id = said.pop("cohort_id")
    invitation = _invitation(found, again=again, **said)
    who = enrol(found, invitation, agent_id, cohort_id=cohort_id, again=again)
    with contextlib.suppress(control.NoSupervisorError):
        control.ask(found.state_folder, {"op": "look"})  # its last tick found nobody enrolled
    document: dict[str, Any] = {"agent": who.agent, "url": who.url, "root_sha256": who.root_sha256}
    if who.scope:
        document["channels"] = who.scope
    if who.cohort_id:
        document["cohort_id"] = who.cohort_id
    follows = f", to follow {', '.join(who.scope)}" if who.scope else ""
    output.result(document, [f"enrolled as {who.agent} at {who.url}{follows}"], as_json=as_json)


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError as error:
        raise UsageError(f"token file {file} cannot be read: {error.strerror}") from error


def _invitation(
    found: settings.Settings, *, again: bool, token: str | None, token_file: Path | None, **by: Any
) -> Invitation:
    """Return what the host is to be enrolled with; a copied host has the token of the other."""
    if token_file is not None:
        token = _text(token_file)
        if not token.strip():
            raise UsageError(f"{token_file} is empty", "let tidegate fleet token write it anew")
    if again and not (token or by["url"]):
        return by_identity(found)
    if bool(token) == bool(by["url"] or by["root"]):
        raise UsageError("name a token, or a URL and a root", "say --token TOKEN, or --url URL --root FILE")
    if token:
        return by_token(token, found.network)
    if not (by["url"] and by["root"]):
        raise UsageError("a URL and a root belong together", "say --url URL --root FILE")
    return by_root(by["url"], by["root"])


@click.command()
@as_json
@click.pass_obj
def leave(config: Path, *, as_json: bool) -> None:
    """Stop following the repository; what runs here runs on, and enroll brings this host back.

    Example: tidegate-agent leave
    """
    found, unknown = settings.load(config)
    settings.refuse_unknown(config, unknown)
    with opened(found) as host:
        who = departure.leave(host)
    document = {"agent": who.agent, "url": who.url, "left_at": who.left_at}
    text = f"{who.agent} left {who.url} at {who.left_at}; what runs here runs on and is not updated any more"
    output.result(document, [text], as_json=as_json)


@click.command()
@one_product
@as_json
@click.pass_obj
def rollback(config: Path, product: str | None, *, as_json: bool) -> int:
    """Go back to the version before, and stay there until a higher release is ordered."""
    found, unknown = settings.load(config)
    settings.refuse_unknown(config, unknown)
    with opened(found) as host:
        for work in host.works(product):
            go_back(work)
        return show(host, [], as_json=as_json)


@click.command()
@click.argument("range", metavar="RANGE")
@one_product
@as_json
@click.pass_obj
def pin(config: Path, range: str, product: str | None, *, as_json: bool) -> None:  # noqa: A002 (shown in help)
    """Keep to a range of versions, such as ">=1.4,<1.5"; what runs now is left as it is."""
    if not str(versions.span(range)):
        raise UsageError("an empty range pins nothing", "take a pin off with: tidegate-agent unpin")
    _pin(config, product, range, as_json=as_json)


@click.command()
@one_product
@as_json
@click.pass_obj
def unpin(config: Path, product: str | None, *, as_json: bool) -> None:
    """Take a pin off; the settings' own pin counts again."""
    _pin(config, product, None, as_json=as_json)


def _pin(config: Path, product: str | None, span: str | None, *, as_json: bool) -> None:
    found, unknown = settings.load(config)
    settings.refuse_unknown(config, unknown)
    with opened(found) as host:
        pins = {work.name: set_pin(work, span) for work in host.works(product)}
        excluded = {work.name: outside(work, pins[work.name]) for work in host.works(product)}
    lines = [f"{name}: {f'pinned to {text}' if text else 'no pin'}" for name, text in pins.items()]
    output.result({"pins": pins}, lines, as_json=as_json)
    for name, running in excluded.items():
        if running:
            text = (
                f"{name} runs {running}, which the pin excludes: it stays until one in the range is ordered"
            )
            output.warning(text)


@click.command()
@one_product
@as_json
@click.pass_obj
def verify(config: Path, product: str | None, *, as_json: bool) -> int:
    """Fetch what is installed once more and compare every file with it; exits 12 when something differs."""
    found, _ = settings.load(config)
    with opened(found) as host:
        differences = {work.name: compare(work) for work in host.works(product)}
    lines = [f"{name}: {', '.join(found) or 'as it was signed'}" for name, found in differences.items()]
    output.result({"differences": differences}, lines, as_json=as_json)
    if not any(differences.values()):
        return 0
    hint = "find out who changed them; the next release replaces them"
    return _failed(UntrustedError("files differ from what was signed", hint))


def _failed(error: TidegateError) -> int:
    """Say what the answer above amounts to, and return the exit code."""
    output.error(error)
    return error.exit_code


@click.command()
@as_json
@click.pass_obj
def doctor(config: Path, *, as_json: bool) -> int:
    """Look for the most likely problems and say how each is mended; exits 14 when it finds one."""
    findings: list[dict[str, Any]] = checks.examine(config)
    rows = [["", "check", "what was found"]]
    for entry in findings:
        rows.append(["ok" if entry["ok"] else "!!", entry["check"], entry["text"]])
        if not entry["ok"]:
            rows.append(["", "", f"mend: {entry['mend']}"])
    output.result({"checks": findings}, output.table(rows), as_json=as_json)
    bad = [entry["check"] for entry in findings if not entry["ok"]]
    if not bad:
        return 0
    return _failed(UnhealthyError(f"something is wrong with {', '.join(bad)}", "see the lines marked mend"))
