"""The target ``fleet/enrollment``: who may sign registration tokens, which tokens and agents were revoked."""

import re
from collections.abc import Collection, Mapping

import msgspec

from metadata.documents import Enrollment
from metadata.envelope import public_entry, public_keys
from metadata.errors import UsageError
from metadata.strict import convert, decode, encode, to_json
from repo_tools.desk import Desk
from repo_tools.keys.choice import public_key
from repo_tools.keys.folder import KeyFile
from repo_tools.names import check_agent_id
from repo_tools.roles import ENROLLMENT_PATH, FLEET
from repo_tools.signed.reading import key_info
from repo_tools.signed.views import Delegation, KeyInfo

_TOKEN_ID = re.compile("[0-9a-f]{16}")
"""As ``repo_tools.fleet.tokens`` draws them."""


def read(desk: Desk) -> Enrollment:
    """Return the enrollment document as it is staged, or else published."""
    entry = desk.tree.view(FLEET).entries.get(ENROLLMENT_PATH)
    return decode(desk.contents.read(entry), Enrollment, refuse_unknown=True) if entry else Enrollment()


def stage(desk: Desk, document: Enrollment) -> None:
    """Stage another enrollment document."""
    convert(to_json(document), Enrollment, refuse_unknown=True)
    with desk.tree.edit(FLEET) as draft:
        draft.put(desk.contents.stage(ENROLLMENT_PATH, encode(document)))


def keyids(document: Enrollment) -> list[str]:
    """Return the ids of the keys that may sign tokens."""
    return [str(entry["keyid"]) for entry in document.keys]


def signers(document: Enrollment) -> dict[str, KeyInfo]:
    """Return the keys that may sign tokens, by key id.

    Raises:
        MalformedError: One of them is no key.
    """
    return {keyid: key_info(key) for keyid, key in public_keys(document.keys).items()}


def change_keys(desk: Desk, added: Collection[str], removed: Collection[str]) -> Enrollment:
    """Stage other keys that may sign tokens, by their names; return the document, also where nothing changes.

    Raises:
        UsageError: There is no such key, or one to be removed may sign no tokens.
    """
    document = read(desk)
    if added or removed:
        document = allow(document, [public_key(desk.keys, name) for name in added])
        for text in removed:
            document = disallow(document, find(desk, document, text))
        stage(desk, document)
    return document


def allow(document: Enrollment, keys: Collection[KeyFile]) -> Enrollment:
    """Return the document with keys that may sign tokens from now on, once it is published."""
    known = set(keyids(document))
    new = [public_entry(key.key()) for key in keys if key.keyid not in known]
    return msgspec.structs.replace(document, keys=[*document.keys, *new])


def disallow(document: Enrollment, keyid: str) -> Enrollment:
    """Return the document without a key: tokens that it signed enrol nobody any more."""
    return msgspec.structs.replace(document, keys=[one for one in document.keys if one["keyid"] != keyid])


def find(desk: Desk, document: Enrollment, text: str) -> str:
    """Return the id of the key that a name, the start of a key id, or a file of a public part means.

    Raises:
        UsageError: There is no such key, it may sign no tokens, or more than one is meant.
    """
    named = [str(one["keyid"]) for one in document.keys if one.get("x-tidegate-name") == text]
    begun = [keyid for keyid in keyids(document) if len(text) >= 8 and keyid.startswith(text)]
    found = named or begun or [public_key(desk.keys, text).keyid]
    if len(found) > 1:
        raise UsageError(f"more than one key {text!r} may sign tokens", f"name its id: {', '.join(found)}")
    if found[0] not in keyids(document):
        raise UsageError(f"{text} may sign no tokens", "tidegate fleet keys shows who may")
    return found[0]


def alone(desk: Desk, text: str, delegations: Mapping[str, Delegation]) -> KeyInfo | None:
    """Return the key that a name or the start of a key id means, if it signs tokens and no role."""
    if FLEET not in delegations:
        return None
    roles = {key.keyid for found in delegations.values() for key in found.keys}
    names = {key.name for found in delegations.values() for key in found.keys}
    keys = [key for keyid, key in signers(read(desk)).items() if keyid not in roles]
    found = [
        key
        for key in keys
        if (key.name == text and text not in names) or (len(text) >= 8 and key.keyid.startswith(text))
    ]
    return found[0] if len(found) == 1 else None


def replace_key(desk: Desk, old: str, new: KeyFile | None) -> None:
    """Let a key sign tokens no more, and another one in its stead; stage nothing where it may not anyway."""
    document = read(desk)
    if old in keyids(document):
        stage(desk, allow(disallow(document, old), [new] if new else []))


def revoke(desk: Desk, tokens: Collection[str], agents: Collection[str]) -> Enrollment:
    """Stage the document with more tokens and agents revoked; what they run is left alone.

    Raises:
        UsageError: Nothing is named, or a name is no agent id or no token's.
    """
    if not tokens and not agents:
        raise UsageError("nothing is named", "say --token ID or --agent ID")
    for token in tokens:
        if not _TOKEN_ID.fullmatch(token):
            raise UsageError(f"not the id of a token: {token!r}", "it has 16 digits of 0-9 and a-f")
    for agent in agents:
        check_agent_id(agent)
    before = read(desk)
    document = msgspec.structs.replace(
        before,
        revoked_tokens=_joined(before.revoked_tokens, tokens),
        revoked_agents=_joined(before.revoked_agents, agents),
    )
    stage(desk, document)
    return document


def _joined(before: Collection[str], more: Collection[str]) -> list[str]:
    return [*before, *(one for one in dict.fromkeys(more) if one not in before)]
