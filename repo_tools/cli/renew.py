"""``tidegate renew``."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

import click

from metadata.errors import UsageError
from repo_tools import moments
from repo_tools.cli.app import App, changes
from repo_tools.cli.signing import agree, refuse_unasked
from repo_tools.keys.choice import chosen
from repo_tools.output import Answer, Sheet
from repo_tools.publishing.words import staged_changes
from repo_tools.renewal import due
from repo_tools.renewal import renew as stage
from repo_tools.signing import following, missing, sign_staged


@click.command()
@click.option(
    "--within",
    metavar="SPAN",
    help="Renew what expires within this time. [half of each life, and what lasts too long]",
)
@click.option(
    "--limit",
    "limits",
    multiple=True,
    metavar="ROLE=SPAN",
    help="How long an online role may last. Repeat it.",
)
@click.option("--key", "keys", multiple=True, metavar="KEY", help="A key's name, or file:PATH.")
@click.option("--yes", is_flag=True, help="Do not ask; needed where there is no terminal.")
@changes
def renew(app: App, keys: tuple[str, ...], yes: bool, **options: Any) -> Answer:
    """Renew everything that expires soon, and sign what the keys at hand can, in one sitting.

    \b
    Examples:
      tidegate renew
      tidegate renew --within 90d --key alice
      tidegate renew --limit timestamp=2d
    """
    desk = app.desk()
    within = timedelta(seconds=moments.seconds(options["within"])) if options["within"] else None
    limits = dict(_limit(text) for text in options["limits"])
    if limits or due(desk, within) or desk.tree.staged():
        refuse_unasked(app, yes=yes)
    renewed = stage(desk, within, limits)
    wording = staged_changes(desk)
    shown = agree(app, wording, "signed", yes=yes or not wording)
    done = sign_staged(desk, chosen(desk.keys, keys, desk.passphrases))
    data = {
        "renewed": renewed,
        "signed": [asdict(item) for item in done],
        "missing": [asdict(found) for found in missing(desk)],
    }
    rows = [[item.role, str(item.version), item.key] for item in done]
    said = [Sheet(["role", "version", "signed by"], rows)] if rows else []
    return Answer(data, [*([] if shown else wording or ["nothing is due"]), *said, following(desk)])


def _limit(text: str) -> tuple[str, timedelta]:
    role, mark, span = text.partition("=")
    if not mark:
        raise UsageError(f"not a limit: {text!r}", "write --limit timestamp=3d")
    return role, timedelta(seconds=moments.seconds(span))
