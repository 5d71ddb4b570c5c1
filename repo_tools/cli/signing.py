"""``tidegate sign``, and what every command that signs or publishes asks and says."""

from dataclasses import asdict, replace
from typing import Any

import click

from metadata.errors import UsageError
from repo_tools.cli.app import App, changes
from repo_tools.desk import Desk
from repo_tools.keys.choice import chosen
from repo_tools.output import Answer, Sheet
from repo_tools.publishing import alone, evidence
from repo_tools.publishing.between import refuse_overtaken, refuse_unread
from repo_tools.publishing.tidying import settle
from repo_tools.publishing.words import staged_changes
from repo_tools.signed.signing import drop_stale
from repo_tools.signing import following, missing, sign_staged
from repo_tools.workspace import LAKE

only_roles = click.option(
    "--role", "roles", multiple=True, metavar="ROLE", help="Only this staged role. Repeat it. [all]"
)
only_as_read = click.option(
    "--if-staged",
    "read",
    metavar="DIGEST",
    help="Only while exactly that is staged which status --json told with this digest.",
)


@click.command()
@click.option(
    "--key", "keys", multiple=True, metavar="KEY", help="A key's name, or file:PATH. All at hand by default."
)
@only_roles
@only_as_read
@click.option("--yes", is_flag=True, help="Do not ask; needed where there is no terminal.")
@changes
def sign(app: App, keys: tuple[str, ...], roles: tuple[str, ...], read: str | None, yes: bool) -> Answer:
    """Sign what is staged, with every key at hand that still counts.

    With --role, only that role is shown and signed, as if nothing else were staged.

    \b
    Examples:
      tidegate sign
      tidegate sign --key rollouts-1 --yes
      tidegate sign --role agent.stable.brake
    """
    whole = app.desk()
    if read is not None:
        refuse_unread(whole, read)
    public = tidied(app, whole)
    left = [role for role in roles if role not in public]
    if roles and not left:
        return Answer({"signed": [], "missing": [], "changes": []}, [following(whole)])
    desk = alone.chosen(whole, left)
    refuse_overtaken(desk)
    alone.refuse_undelegated(desk)
    forget_stale(app, whole)
    desk = alone.chosen(whole, left)  # as its files are now
    wording = staged_changes(desk)
    if wording:
        refuse_unasked(app, yes=yes)
        doubt(app, desk)
    shown = bool(wording) and agree(app, wording, "signed", yes=yes)
    for text in [] if keys else desk.keys.broken():
        app.terminal.warn(text)
    done = sign_staged(desk, chosen(desk.keys, keys, desk.passphrases))
    answer = _signed(desk, wording, [asdict(item) for item in done])
    return answer if shown else replace(answer, text=[*wording, *answer.text])


def doubt(app: App, desk: Desk) -> None:
    """Warn where hosts fell ill after something was prepared on what they said before."""
    opening = evidence.opening(desk)
    if opening and not (desk.workspace.folder / LAKE).exists():
        text = "would open on evidence, and what hosts reported since is not known here"
        app.terminal.warn(f"{', '.join(opening)} {text}: nothing was collected")
    elif opening:
        from repo_tools.gate.job import doubts

        for text in doubts(desk):
            app.terminal.warn(text)


def tidied(app: App, desk: Desk) -> list[str]:
    """Forget what is public already, say so, and return the roles."""
    done = settle(desk)
    if done:
        app.terminal.note(f"published before, and tidied up now: {', '.join(done)}")
    return done


def forget_stale(app: App, desk: Desk) -> None:
    """Drop signatures that no longer count, and say whose they were."""
    for role, names in drop_stale(desk.tree).items():
        app.terminal.warn(f"{role} is not what {', '.join(names)} signed: dropped, sign again")


def refuse_unasked(app: App, *, yes: bool) -> None:
    """Refuse to sign where nobody can be asked, and nobody has said yes.

    Raises:
        UsageError: It is so.
    """
    if not yes and not app.terminal.asks():
        hint = "read what tidegate status says; --yes says that somebody did"
        raise UsageError("nobody is here to be asked before this is signed", hint)


def agree(app: App, wording: list[str], done: str, *, yes: bool) -> bool:
    """Show what is about to be done, and go on only if a person agrees.

    Args:
        app: Where to ask.
        wording: What is changed.
        done: What becomes of it: signed, or published.
        yes: Somebody agreed before.

    Returns:
        Whether a person has just read it, so that nobody shows it again.

    Raises:
        UsageError: They do not agree.
    """
    if yes or not app.terminal.asks():
        return False
    for line in wording:
        app.terminal.note(line)
    if not app.terminal.confirm(f"is this to be {done}?"):
        raise UsageError(f"not confirmed; nothing was {done}")
    return True


def _signed(desk: Desk, wording: list[str], done: list[dict[str, Any]]) -> Answer:
    rows = [[item["role"], str(item["version"]), item["key"]] for item in done]
    said = (
        [Sheet(["role", "version", "signed by"], rows)] if rows else ["no key at hand had anything to sign"]
    )
    data = {"signed": done, "missing": [asdict(found) for found in missing(desk)], "changes": wording}
    return Answer(data, [*said, following(desk)])
