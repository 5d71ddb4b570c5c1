"""``tidegate status``."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import click

from repo_tools.checks.facts import gather
from repo_tools.cli.app import App, reads
from repo_tools.desk import Desk
from repo_tools.output import Answer, Sheet, counted, moment, to_minute
from repo_tools.publishing.words import staged_changes
from repo_tools.recovery.online import THREE, cosigning, due_at
from repo_tools.renewal import due, overlong
from repo_tools.roles import ONLINE
from repo_tools.signed.signing import digest, signings
from repo_tools.signed.signing import stale as stale_in
from repo_tools.signed.views import Signing
from repo_tools.signing import following, hands, who


@click.command()
@reads
def status(app: App) -> Answer:
    """Show what is staged, who has signed it, who still must, and what expires when.

    \b
    Example:
      tidegate status
    """
    desk = app.desk()
    roles = desk.tree.staged()
    wording, found = staged_changes(desk), [one for role in roles for one in signings(desk.tree, role)]
    expiries = dict(sorted(gather(desk, publishing=False).expiries.items(), key=lambda item: item[1]))
    stale = {role: len(ids) for role in roles if (ids := stale_in(desk.tree, role))}
    data = {
        "store": desk.store.location,
        "published": desk.live.timestamp.version if desk.live.timestamp else None,
        "staged": wording,
        "digest": digest(desk.tree),
        "signatures": [_data(one) for one in found],
        "hands": [asdict(one) for one in hands(desk)],
        "overtaken": [role for role in roles if desk.tree.overtaken(role)],
        "stale": stale,
        "expiries": {role: moment(at) for role, at in expiries.items()},
        "expired": [role for role, at in expiries.items() if at <= desk.now],
    }
    staged = (
        [Sheet(["role", "version", "signed by", "still needed"], _rows(found), "staged")] if found else []
    )
    soon = [[role, to_minute(at) + (", expired" if at <= desk.now else "")] for role, at in expiries.items()]
    ends = [*_stale(stale), *upkeep(desk, expiries), *_rotation(desk), following(desk, told=True)]
    return Answer(data, [*wording, *staged, Sheet(["role", "expires"], soon), *ends])


def _rotation(desk: Desk) -> list[str]:
    """Return what comes next where the online key is being changed."""
    due = due_at(desk)
    if due is None:
        return [THREE] if desk.tree.staged() and cosigning(desk) else []
    command = "publish" if "root" in desk.tree.staged() else "refresh"
    at = "now" if due <= desk.now else f"at {moment(due)}"
    return [
        f"the online key is being changed: the next of three publications is due {at}: tidegate {command}"
    ]


def upkeep(desk: Desk, expiries: Mapping[str, datetime]) -> list[str]:
    """Return what must be signed anew, and how, for what has expired or will before anybody looks again."""
    late = [role for role, at in expiries.items() if at <= desk.now]
    people = [role for role in late if role not in ONLINE]
    long = overlong(desk)
    soon = [role for role in due(desk, None) if role not in {*late, *long}]
    lines = []
    if people:
        lines.append(f"{counted(len(people), 'role')} expired, and hosts start nothing: next: tidegate renew")
    elif soon:
        lines.append(f"half of its life is over for {', '.join(soon)}: tidegate renew")
    if long:
        lines.append(
            f"signed by a clock that was ahead, and lasts too long: {', '.join(long)}: tidegate renew"
        )
    if len(late) > len(people):
        after = ", once the rest is published" if people else ""
        lines.append(
            f"{' and '.join(role for role in late if role in ONLINE)} expired: tidegate refresh{after}"
        )
    return lines


def _data(one: Signing) -> dict[str, Any]:
    return {
        "role": one.role,
        "version": one.version,
        "keys_of": one.keys_of or None,
        "threshold": one.threshold,
        "signed": [key.name for key in one.signed],
        "unsigned": [key.name for key in one.unsigned],
        "missing": one.missing,
    }


def _rows(found: list[Signing]) -> list[list[str]]:
    return [
        [
            one.what,
            str(one.version),
            who(one.signed) if one.signed else "-",
            f"{one.missing} more of {who(one.unsigned)}" if one.missing else "-",
        ]
        for one in found
    ]


def _stale(stale: Mapping[str, int]) -> list[str]:
    return [
        f"{role} changed after it was signed: {counted(count, 'signature')} on it no longer counted"
        for role, count in stale.items()
    ]
