"""``tidegate publish`` and ``refresh``."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import click

from metadata.errors import TidegateError, UnsuitableError, UsageError
from repo_tools import moments
from repo_tools.checks import table
from repo_tools.checks.facts import Finding, gather
from repo_tools.cli.app import App, changes, reads
from repo_tools.cli.signing import agree, doubt, forget_stale, only_as_read, only_roles, tidied
from repo_tools.cli.status import upkeep
from repo_tools.desk import Desk
from repo_tools.output import Answer, Sheet, counted, moment
from repo_tools.publishing import alone
from repo_tools.publishing import publish as work
from repo_tools.publishing import rebase as rebasing
from repo_tools.publishing.between import refuse_unread
from repo_tools.publishing.mirror import mirror_all
from repo_tools.publishing.objects import planned
from repo_tools.publishing.rehearsing import rehearse
from repo_tools.publishing.tidying import carry_on
from repo_tools.publishing.words import staged_changes
from repo_tools.recovery.online import cosigning, due_at
from repo_tools.renewal import due
from repo_tools.signing import following, missing
from repo_tools.store import FolderStore

_NOTHING = "nothing is staged"
NOW = {"dry_run": False, "yes": True, "at_once": False}
"""The options of somebody who has looked at everything already."""
_at_once = click.option(
    "--at-once", is_flag=True, help="While the online key changes: do not wait until caches are fresh."
)
_FIRST_OF_THREE = "1 of 3: both online keys sign now; publish again in two minutes, when caches are fresh"


@click.command()
@click.option(
    "--dry-run", is_flag=True, help="List every object, its headers and the order; publish nothing."
)
@click.option(
    "--rebase", is_flag=True, help="Prepare overtaken roles again on what is live; publish nothing."
)
@only_roles
@only_as_read
@click.option("--yes", is_flag=True, help="Do not ask.")
@_at_once
@changes
def publish(app: App, roles: tuple[str, ...], read: str | None, **options: Any) -> Answer:
    """Publish what is staged, timestamp last, and read it back with a client of its own.

    When somebody else published first, it says who published what and exits with 15. With --rebase, staged
    roles then get versions above the published ones and both sides' changes; they must be signed again.
    With --role, only that role goes out, and the rest stays staged with its signatures; a role that cannot
    go without another one is refused.

    \b
    Examples:
      tidegate publish --dry-run
      tidegate publish --rebase
      tidegate publish --role agent.stable.brake
      tidegate publish --yes
    """
    desk = app.desk()
    if read is not None:
        refuse_unread(desk, read)
    if options["rebase"]:
        if roles:
            raise UsageError("--rebase prepares all that was overtaken", "leave --role out")
        return _rebased(desk)
    done = tidied(app, desk)
    left = [role for role in roles if role not in done]
    if not left and (roles or not desk.tree.staged()):
        count = work.verify(desk.published()) if done else 0
        found = [f"read back by a new client ({count} files)"] if done else []
        data = {"published": {}, "settled": done, "read_back": count, "mirrors": _mirrored(app, desk)}
        rest = desk.tree.staged()
        return Answer(data, [_still(rest) if rest else _NOTHING, *found])
    alone.chosen(desk, left)
    alone.refuse_torn(desk, left)
    forget_stale(app, desk)
    doubt(app, alone.chosen(desk, left))
    answer = go_out(app, alone.chosen(desk, left), options)
    return _with_rest(desk, left, answer) if left and not options["dry_run"] else answer


def go_out(app: App, desk: Desk, options: Mapping[str, Any]) -> Answer:
    """Publish what is on a desk, after every check; ``options`` are those of the command."""
    publication = work.prepare(desk)
    work.refuse_unsigned(desk)
    _check(app, desk)
    wording = staged_changes(desk)
    data = {"published": dict(publication.roles), "files": publication.names, "changes": wording}
    if options["dry_run"]:
        return _planned(desk, publication, data, wording)
    _doubt_clock(app)
    _pace(app, desk, at_once=options["at_once"])
    shown = agree(app, wording, "published", yes=options["yes"])
    if cosigning(desk):
        version = work.cosign(desk)
        return Answer({"published": {}, "rotation": "1 of 3", "timestamp": version}, [_FIRST_OF_THREE])
    seals = work.sealed(desk, publication)  # may ask for a passphrase, which no bar may overwrite
    _judge(app, rehearse(desk, publication, seals))
    for role in sorted(work.lapsed(desk)):
        app.terminal.warn(f"{role} is expired: tidegate renew")
    with app.terminal.progress("publishing", publication.size_bytes) as on_bytes:
        count = work.publish(desk, publication, seals, on_bytes)
    said = f"published to {_place(desk)} and read back by a new client ({counted(count, 'file')})"
    return Answer({**data, "mirrors": _mirrored(app, desk)}, [*([] if shown else wording), said])


def _with_rest(desk: Desk, roles: Sequence[str], answer: Answer) -> Answer:
    """Say what is still staged after some roles went out alone."""
    desk.reread()
    again = carry_on(desk, roles)
    rest = desk.tree.staged()
    lines = [_still(rest)] if rest else []
    lines += [f"prepared again, to be signed by its new keys: {role}" for role in again]
    return Answer({**answer.data, "staged": rest, "again": again}, [*answer.text, *lines])


def _still(roles: Sequence[str]) -> str:
    return f"still staged: {', '.join(roles)}"


@click.command()
@click.option("--lasting", metavar="SPAN", help="Let the timestamp last so long. [what root allows]")
@click.option(
    "--after-future", is_flag=True, help="Go on from a timestamp that was signed by a clock that was ahead."
)
@_at_once
@reads
def refresh(app: App, lasting: str | None, after_future: bool, at_once: bool) -> Answer:
    """Sign a new timestamp, and a new snapshot when it is due; run this at least daily.

    It warns of roles that people must renew: hosts start nothing once one of theirs has expired.

    \b
    Examples:
      tidegate refresh
      tidegate refresh --lasting 12h
    """
    desk = app.desk()
    _doubt_clock(app)
    _pace(app, desk.published(), at_once=at_once)
    span = timedelta(seconds=moments.seconds(lasting)) if lasting else None
    version = work.refresh(desk, span, after_future=after_future)
    for text in _to_renew(desk.published()):
        app.terminal.warn(text)
    said = f"timestamp {version} is published to {_place(desk)}"
    return Answer({"timestamp": version, "mirrors": _mirrored(app, desk)}, [said])


def _to_renew(desk: Desk) -> list[str]:
    """Return what people must renew; a role that cannot be read is told, and undoes no timestamp."""
    try:
        return upkeep(desk, {role: desk.tree.view(role).expires_at for role in due(desk, None)})
    except TidegateError as error:
        return [f"what expires could not be read: {error.message}; tidegate check says more"]


def _doubt_clock(app: App) -> None:
    """Warn before a time that somebody tries out is signed as the present."""
    if now := app.pretended():
        app.terminal.warn(f"TIDEGATE_NOW is set: {moment(now)} is signed as the present; unset TIDEGATE_NOW")


def _pace(app: App, desk: Desk, *, at_once: bool) -> None:
    """Keep the three publications that change the online key apart."""
    due = due_at(desk)
    if due is None or due <= desk.now:
        return
    if not at_once:
        text = "the online key changes, and caches may still serve the timestamp before"
        raise UnsuitableError(text, f"go on at {moment(due)}; with --at-once, some polls fail once")
    app.terminal.warn("clients behind a cache may fail a poll: it may still serve the timestamp before")


def _rebased(desk: Desk) -> Answer:
    done = rebasing.rebase(desk)
    rows = [[role, str(version)] for role, version in done.roles.items()]
    gone = [f"public already, and dropped here: {', '.join(done.gone)}"] if done.gone else []
    said = [Sheet(["prepared again", "version"], rows)] if rows else ["nothing staged was overtaken"]
    data = {"rebased": dict(done.roles), "gone": done.gone, "missing": [asdict(one) for one in missing(desk)]}
    return Answer(data, [*said, *gone, *staged_changes(desk), following(desk)])


def _planned(desk: Desk, publication: work.Publication, data: dict[str, Any], wording: list[str]) -> Answer:
    plan = planned(desk, publication)
    rows = [[one.how, one.name, str(one.size_bytes), one.cache_control, one.content_type] for one in plan]
    sheet = Sheet(["how", "object, in this order", "bytes", "cache-control", "content-type"], rows)
    objects = [asdict(one) for one in plan]
    return Answer({**data, "dry_run": True, "objects": objects}, [*wording, sheet, "nothing was published"])


def _place(desk: Desk) -> str:
    """Return where it is published, as it would be found from anywhere on this machine."""
    store = desk.store
    return str(store.folder.resolve()) if isinstance(store, FolderStore) else store.location


def _mirrored(app: App, desk: Desk) -> dict[str, int]:
    """Bring every mirror to what is live, and say how many files each was given."""
    with app.terminal.progress("mirroring") as on_bytes:
        return mirror_all(desk, on_bytes)


def _check(app: App, desk: Desk) -> None:
    _judge(app, table.run(gather(desk, publishing=True)))


def _judge(app: App, found: list[Finding]) -> None:
    if failure := table.failure(found):
        raise failure
    if found:
        more = f"; and {len(found) - 1} more" if len(found) > 1 else ""
        app.terminal.warn(
            f"tidegate check has {counted(len(found), 'thing')} to look at: {found[0].text}{more}"
        )
