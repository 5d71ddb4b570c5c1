"""``tidegate key rotate`` and ``key revoke``."""

from collections.abc import Sequence
from dataclasses import asdict

import click

from metadata.errors import UsageError
from repo_tools.cli.app import App, changes
from repo_tools.keys.choice import public_key
from repo_tools.output import Answer, Sheet
from repo_tools.publishing.words import staged_changes
from repo_tools.recovery.compromise import Loss, Recovery, recover
from repo_tools.recovery.online import THREE, cosigning
from repo_tools.recovery.rotation import EVERY, find
from repo_tools.recovery.rotation import rotate as give
from repo_tools.signing import following

_KNOWN = "ask nobody for the old key any more: from the publication on, agents refuse what it signs"


@click.command()
@click.argument("role")
@click.option("--old", required=True, metavar="KEY", help="Name or key id of the key that signs it now.")
@click.option("--new", required=True, metavar="KEY", help="A key here, or a file of key export.")
@changes
def rotate(app: App, role: str, old: str, new: str) -> Answer:
    """Let another key sign ROLE, or all that the old key signs; both are trusted people's.

    \b
    Examples:
      tidegate key rotate agent.releases --old alice --new alice-2026
      tidegate key rotate all --old bob --new carol.json
    """
    desk = app.desk()
    roles = give(desk, EVERY if role == "all" else role, find(desk, old), public_key(desk.keys, new))
    wording = staged_changes(desk)
    three = [THREE] if cosigning(desk) else []
    return Answer({"rotated": roles, "changes": wording}, [*wording, *three, following(desk)])


@click.command()
@click.argument("name", metavar="KEY")
@click.option("--compromised", is_flag=True, help="It was stolen: nothing that it signed counts any more.")
@click.option("--new", metavar="KEY", help="What signs in its place: a key here, or a file of key export.")
@click.option(
    "--good",
    multiple=True,
    metavar="ROLE=VERSION",
    help="The last version that the thief did not sign; also for timestamp. Repeat it.",
)
@changes
def revoke(app: App, name: str, compromised: bool, new: str | None, good: tuple[str, ...]) -> Answer:
    """Take a key out of everything, and stage all that must be signed anew; half of it is not published.

    \b
    Examples:
      tidegate key revoke bob
      tidegate key revoke rollouts-2 --compromised --new rollouts-3
      tidegate key revoke online --compromised --new online-2 --good timestamp=41
    """
    desk = app.desk()
    loss = Loss(name, public_key(desk.keys, new) if new else None, _good(good), compromised)
    done = recover(desk, loss)
    wording = staged_changes(desk)
    steps = [asdict(step) for step in done.steps]
    data = {"key": done.key.name, "compromised": compromised, "steps": steps, "changes": wording}
    notes = [_KNOWN] if compromised else [THREE] if cosigning(desk) else []
    return Answer(data, [_sheet(done), *wording, *notes, following(desk)])


def _sheet(done: Recovery) -> Sheet:
    rows = [
        [
            step.role,
            step.delegator,
            str(step.live),
            str(step.next),
            f"version {step.restored}" if step.restored else "as published: read it",
        ]
        for step in done.steps
    ]
    return Sheet(["role", "says who signs it", "published", "prepared", "content"], rows, done.key.name)


def _good(texts: Sequence[str]) -> dict[str, int]:
    pairs = [text.partition("=") for text in texts]
    for role, _, version in pairs:
        if not (role and version.isascii() and version.isdigit() and int(version)):
            raise UsageError(f"not a version of a role: {role}={version}", "write --good agent.releases=12")
    return {role: int(version) for role, _, version in pairs}
