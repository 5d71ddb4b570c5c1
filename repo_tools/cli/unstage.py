"""``tidegate unstage``."""

import click

from metadata.errors import TidegateError, UsageError
from repo_tools.cli.app import App, changes
from repo_tools.cli.signing import only_as_read
from repo_tools.desk import Desk
from repo_tools.output import Answer
from repo_tools.publishing.alone import chosen, refuse_orphaned, unreadable
from repo_tools.publishing.between import refuse_unread
from repo_tools.publishing.tidying import take_back
from repo_tools.publishing.words import staged_changes
from repo_tools.recovery import honest
from repo_tools.signing import following


@click.command()
@click.argument("roles", nargs=-1, metavar="[ROLE]...")
@click.option("--all", "everything", is_flag=True, help="Take back everything that is staged.")
@only_as_read
@click.option("--dry-run", is_flag=True, help="Say what would be taken back, and change nothing.")
@changes
def unstage(app: App, roles: tuple[str, ...], everything: bool, read: str | None, dry_run: bool) -> Answer:
    """Take staged changes back, with their signatures; what is published stays as it is.

    \b
    Examples:
      tidegate unstage agent.stable.early
      tidegate unstage --all --dry-run
    """
    if bool(roles) == everything:
        raise UsageError("say what to take back", "name roles, or say --all; tidegate status lists them")
    desk = app.desk()
    if read is not None:
        refuse_unread(desk, read)
    recovery = _given_up(desk) if everything else []
    roles = tuple(desk.tree.staged()) if everything else roles
    if not roles and not recovery:
        return Answer({"unstaged": [], "staged": []}, ["nothing is staged"])
    chosen(desk, roles)
    broken = unreadable(desk, roles)
    sound = [role for role in roles if role not in broken]
    wording = [*(staged_changes(desk.alone(sound)) if sound else []), *map("{}: unreadable".format, broken)]
    wording += recovery
    if not dry_run:
        take_back(desk, roles)
    elif not broken:
        refuse_orphaned(desk, roles)
    left = [role for role in desk.tree.staged() if role not in roles]
    data = {"dry_run": dry_run, "unstaged": list(roles), "changes": wording, "staged": left}
    said = "would be taken back" if dry_run else "taken back"
    return Answer(data, [*(f"{said}: {line}" for line in wording), *([] if dry_run else [following(desk)])])


def _given_up(desk: Desk) -> list[str]:
    """Return a line about the recovery that ends, if there is one; whatever it is, the desk can be read."""
    if not honest.there(desk.workspace):
        return []
    try:
        desk.start_from(honest.read(desk.workspace))
    except TidegateError:
        desk.start_from(None)
    return ["the timestamp from which a recovery was to start"]
