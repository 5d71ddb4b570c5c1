"""What is staged, in words: what a person reads before signing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

from metadata.strict import encode, to_json
from repo_tools.desk import Desk
from repo_tools.publishing.alone import unreadable
from repo_tools.publishing.rebase import base_view
from repo_tools.roles import BRAKE, POLICY, SELECTED, is_wave, lifetime, parent, releases
from repo_tools.rollouts import hosts
from repo_tools.rollouts.staging import Change, reshaped, roles_of, routes_of, routes_picked
from repo_tools.rollouts.state import State, read_state
from repo_tools.rollouts.tables import share_text
from repo_tools.signed.views import Entry, View
from repo_tools.words.reading import changed_documents
from repo_tools.words.releases import listed_releases
from repo_tools.words.roles import NOTHING, Around, is_ordering, sentence


def staged_changes(desk: Desk) -> list[str]:
    """Return a sentence for each staged role."""
    staged = desk.tree.staged()
    states = {
        channel.role: read_state(desk, channel)
        for channel in desk.channels()
        if any(is_wave(role) and parent(role) == channel.role for role in staged)
    }
    return [f"{role}: {_told(desk, role, states.get(parent(role)))}" for role in staged]


def planned_changes(desk: Desk, state: State, change: Change) -> list[str]:
    """Return a sentence for each role that a change would stage."""
    below, after = state.channel.below, reshaped(state, change)
    entries = {below(wave): routes_of(after, order) for wave, order in change.orders.items()}
    if change.picked is not None:
        entries[below(SELECTED)] = routes_picked(state, change.picked)
    documents = {}
    pairs = ((state.channel.role, POLICY, change.policy), (below(BRAKE), BRAKE, change.brake))
    for role, leaf, document in pairs:
        if document is not None:
            data = encode(document)
            entry = Entry(state.channel.path(leaf), len(data), sha256(data).hexdigest())
            entries[role], documents[entry.sha256] = [entry], to_json(document)
    known, told = Around(documents=documents, hosts=hosts.named(change.hosts)), []
    for role in roles_of(state.channel, change):
        new, old = _planned(desk, role, entries.get(role, ()), after), desk.tree.live_view(role)
        told.append(f"{role}: {sentence(new, old, _around(desk, new, old, after, known))}")
    return told


def planned_roles(desk: Desk, views: Sequence[View], documents: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each role of which a version would be staged.

    Args:
        desk: The workspace.
        views: What they would say.
        documents: By digest, the documents that they would list.
    """
    told = []
    for new in views:
        old = desk.tree.live_view(new.role)
        found = changed_documents(desk.contents, new, old, documents)
        around = Around(documents=found, expires_at=desk.now + lifetime(new.role))
        told.append(f"{new.role}: {sentence(new, old, around)}")
    return told


def _planned(desk: Desk, role: str, entries: Sequence[Entry], after: State) -> View:
    """Return a role as a change would make it; an order or a selection is all that its role says."""
    now, old = desk.tree.view(role), desk.tree.live_view(role)
    kept = {} if is_ordering(role) else now.entries
    found = dict(now.delegations)
    for wave in after.waves if role == after.channel.role else ():
        paths = tuple(map(after.channel.path, wave.routes))
        found[after.channel.below(wave.name)] = replace(found[after.channel.below(wave.name)], paths=paths)
    return replace(
        now,
        entries={**kept, **{entry.path: entry for entry in entries}},
        delegations=found,
        version=old.version + 1 if old else 1,
        expires_at=desk.now + lifetime(role),
    )


def _told(desk: Desk, role: str, state: State | None) -> str:
    tree = desk.tree
    new, old = tree.view(role), tree.live_view(role)
    if not tree.overtaken(role):
        return sentence(new, old, _around(desk, new, old, state))
    made_on = base_view(desk, role)
    behind = f"overtaken by version {desk.live.version(role)}"
    if made_on is None:
        return f"{behind}, and nobody knows what it was made on: prepare it again"
    return f"{behind}; made on version {made_on.version}, it says: " + sentence(
        new, made_on, _around(desk, new, made_on, state)
    )


def _around(desk: Desk, new: View, old: View | None, state: State | None, known: Around = NOTHING) -> Around:
    role, tree = new.role, desk.tree
    leaf = role.rpartition(".")[2]
    return Around(
        share_text(state, leaf) if state and is_wave(role) else "-",
        frozenset(_asked(desk, role, state)),
        _releases(desk, releases(role.partition(".")[0])) if is_ordering(role) else {},
        changed_documents(desk.contents, new, old, known.documents),
        tree.now + lifetime(role),
        {**hosts.kept(desk.workspace), **(known.hosts or {})} if role.endswith(f".{SELECTED}") else None,
    )


def _asked(desk: Desk, role: str, state: State | None) -> Iterable[str]:
    """Return the paths for which clients ask a role below a channel."""
    if state and (routes := {state.channel.below(wave.name): wave.routes for wave in state.waves}.get(role)):
        return map(state.channel.path, routes)
    found = desk.tree.view(parent(role)).delegations.get(role) if role.count(".") == 2 else None
    return found.paths if found else ()


def _releases(desk: Desk, role: str) -> dict[str, Entry]:
    """Return the releases that an order may name, those that are staged beside what is looked at, too."""
    whole = desk.whole()
    return listed_releases((desk if unreadable(whole, [role]) else whole).tree.find(role))
