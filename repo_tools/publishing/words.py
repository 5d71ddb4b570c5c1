"""What is staged, in words: what a person reads before signing."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

from metadata.strict import encode, to_json
from repo_tools.desk import Desk
from repo_tools.publishing.alone import unreadable
from repo_tools.publishing.rebase import base_view
from repo_tools.roles import BRAKE, POLICY, SELECTED, is_wave, lifetime, parent, releases
from repo_tools.rollouts.staging import Change, routes_of, routes_picked
from repo_tools.rollouts.state import State, read_state
from repo_tools.rollouts.tables import share_text
from repo_tools.signed.views import Entry, View
from repo_tools.words.reading import changed_documents
from repo_tools.words.releases import listed_releases
from repo_tools.words.roles import Around, is_ordering, sentence


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
    entries = {state.channel.below(wave): routes_of(state, order) for wave, order in change.orders.items()}
    if change.picked is not None:
        entries[state.channel.below(SELECTED)] = routes_picked(state, change.picked)
    documents = {}
    pairs = ((state.channel.role, POLICY, change.policy), (state.channel.below(BRAKE), BRAKE, change.brake))
    for role, leaf, document in pairs:
        if document is not None:
            data = encode(document)
            entry = Entry(state.channel.path(leaf), len(data), sha256(data).hexdigest())
            entries[role], documents[entry.sha256] = [entry], to_json(document)
    return [f"{role}: {_planned(desk, role, entries[role], documents, state)}" for role in entries]


def _planned(
    desk: Desk, role: str, entries: Sequence[Entry], documents: Mapping[str, Any], state: State
) -> str:
    now, old = desk.tree.view(role), desk.tree.live_view(role)
    kept = {} if role == state.channel.below(SELECTED) else now.entries
    new = replace(
        now,
        entries={**kept, **{entry.path: entry for entry in entries}},
        version=old.version + 1 if old else 1,
        expires_at=desk.now + lifetime(role),
    )
    return sentence(new, old, _around(desk, new, old, state, documents))


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


def _around(
    desk: Desk, new: View, old: View | None, state: State | None, known: Mapping[str, Any] | None = None
) -> Around:
    role, tree = new.role, desk.tree
    delegation = tree.view(parent(role)).delegations.get(role) if role.count(".") == 2 else None
    return Around(
        share_text(state, role.rpartition(".")[2]) if state and is_wave(role) else "-",
        frozenset(delegation.paths) if delegation else frozenset(),
        _releases(desk, releases(role.partition(".")[0])) if is_ordering(role) else {},
        changed_documents(desk.contents, new, old, known or {}),
        tree.now + lifetime(role),
    )


def _releases(desk: Desk, role: str) -> dict[str, Entry]:
    """Return the releases that an order may name, those that are staged beside what is looked at, too."""
    whole = desk.whole()
    return listed_releases((desk if unreadable(whole, [role]) else whole).tree.find(role))
