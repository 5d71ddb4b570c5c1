"""Who may sign what: delegations, their keys, and keys that were stolen, in words. Pure."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any

from repo_tools.keys.folder import NAME_FIELD, OWNER_FIELD
from repo_tools.output import counted, span
from repo_tools.signed.canonical import canonical
from repo_tools.signed.views import Delegation, KeyInfo, View
from repo_tools.words.text import changed, exact, listed, name, value


def trust_changes(new: View, old: View | None) -> list[str]:
    """Return a phrase for each change in a role's delegations and in the keys that it calls stolen."""
    before = old.delegations if old else {}
    known, kept = _keys(before.values()), _keys(new.delegations.values())
    called = _names({**known, **kept})
    fresh = [presented(key) for one, key in kept.items() if one not in known]
    parts = [f"new {'key' if len(fresh) == 1 else 'keys'} {', '.join(fresh)}"] if fresh else []
    parts += [_other_key(known[one], kept[one]) for one in kept if one in known and known[one] != kept[one]]
    for role, after in new.delegations.items():
        parts += _changes(before[role], after, called) if role in before else _begun(after, called)
    parts += [f"delegates {name(role)} no more" for role in before if role not in new.delegations]
    both = [role for role in before if role in new.delegations]
    if list(new.delegations) != [*both, *(role for role in new.delegations if role not in before)]:
        parts.append(f"clients search in another order: {listed(new.delegations)}")
    return [*parts, *_stolen(new.revoked, old.revoked if old else {})]


def _keys(delegations: Iterable[Delegation]) -> dict[str, KeyInfo]:
    return {key.keyid: key for found in delegations for key in found.keys}


def _names(keys: Mapping[str, KeyInfo]) -> dict[str, str]:
    """Return what each key is called here; two of one name are told apart by their ids."""
    plain = {keyid: _known_as(key) for keyid, key in keys.items()}
    often = Counter(plain.values())
    return {keyid: text if often[text] == 1 else f"{text} [{keyid}]" for keyid, text in plain.items()}


def _known_as(key: KeyInfo) -> str:
    return f"{name(key.owner)} ({name(key.name)})" if key.owner else name(key.name)


def presented(key: KeyInfo) -> str:
    """Return a key that was not known before, with the id that people compare."""
    odd = "" if _proper(key) else f", whose public part is {value(json.loads(key.public))}"
    kind = key.scheme if key.keytype == key.scheme else f"{key.keytype} {key.scheme}"
    return f"{_known_as(key)} [{name(kind)} {key.keyid}{odd}]"


def key_of(entry: Mapping[str, Any]) -> KeyInfo | None:
    """Return a key as a document lists it; None when there is more than a key has."""
    match entry:
        case {
            "keyid": str(keyid),
            "keytype": str(kind),
            "scheme": str(scheme),
            "keyval": dict(keyval),
            **rest,
        }:
            known = rest.pop(NAME_FIELD, keyid[:12]), rest.pop(OWNER_FIELD, "")
            if not rest and all(isinstance(one, str) for one in known):
                return KeyInfo(
                    keyid, known[0], kind, scheme, known[1], public=json.dumps(keyval, sort_keys=True)
                )
    return None


def _proper(key: KeyInfo) -> bool:
    """Return whether a key's id is the digest of the key, as securesystemslib makes it."""
    said = {"keytype": key.keytype, "scheme": key.scheme, "keyval": json.loads(key.public)}
    return sha256(canonical(said)).hexdigest() == key.keyid


def _other_key(before: KeyInfo, after: KeyInfo) -> str:
    fields = ("name", "owner", "keytype", "scheme", "public")
    pairs = [(field, getattr(before, field), getattr(after, field)) for field in fields]
    told = ", ".join(f"{field} {changed(was, now)}" for field, was, now in pairs if was != now)
    return f"key {after.keyid} is described otherwise: {told}"


def _begun(after: Delegation, called: Mapping[str, str]) -> list[str]:
    keys = ", ".join(called[key.keyid] for key in after.keys) or "nobody"
    paths = f", for {_paths(after.role, after.paths)}" if after.paths else ""
    parts = [f"{after.role} needs {counted(after.threshold, 'signature')} of {keys}{paths}"]
    if not after.terminating:
        parts.append(f"{after.role} does not end a client's search")
    if after.lifetime_s is not None:
        parts.append(f"{after.role} may last {span(after.lifetime_s)}")
    return [*parts, *_rest(after.role, {}, after.other)]


def _changes(before: Delegation, after: Delegation, called: Mapping[str, str]) -> Iterator[str]:
    known, kept = [key.keyid for key in before.keys], [key.keyid for key in after.keys]
    for key in (one for one in kept if one not in known):
        yield f"lets {called[key]} sign {after.role}"
    for key in (one for one in known if one not in kept):
        yield f"lets {called[key]} sign {after.role} no more"
    if known != kept and set(known) == set(kept):
        yield f"{after.role} lists the same keys in another order"
    if before.threshold != after.threshold:
        many = counted(after.threshold, "signature")
        yield f"{after.role} needs {many} instead of {before.threshold}"
    yield from _routes(before, after)
    if before.terminating != after.terminating:
        yield f"{after.role} {'ends' if after.terminating else 'no longer ends'} a client's search"
    if before.lifetime_s != after.lifetime_s:
        yield f"{after.role} may last {_life(after.lifetime_s)} instead of {_life(before.lifetime_s)}"
    yield from _rest(after.role, before.other, after.other)


def _routes(before: Delegation, after: Delegation) -> Iterator[str]:
    more = [path for path in after.paths if path not in before.paths]
    fewer = [path for path in before.paths if path not in after.paths]
    moved = [(word, some) for word, some in (("gains", more), ("loses", fewer)) if some]
    if moved:
        yield f"{after.role} " + " and ".join(f"{word} {_paths(after.role, some)}" for word, some in moved)
    elif before.paths != after.paths:
        yield f"{after.role} lists the same routes in another order"


def _paths(role: str, paths: Iterable[str]) -> str:
    """Return paths; routes of a channel without the part that all of them share."""
    found = list(paths)
    product, _, rest = role.partition(".")
    common = f"rollout/{product}/{rest.partition('.')[0]}/"
    if role.count(".") == 2 and all(path.startswith(common) for path in found):
        many = "route" if len(found) == 1 else f"{len(found):,} routes"
        return f"{many} {listed(path.removeprefix(common) for path in found)}"
    return listed(found)


def _life(seconds: int | None) -> str:
    return "as long as it says" if seconds is None else span(seconds)


def _rest(role: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for field in {**before, **after}:
        if exact(before.get(field)) != exact(after.get(field)):
            yield f"{role} {name(field)} {changed(before.get(field), after.get(field))}"


def _stolen(after: Mapping[str, str], before: Mapping[str, str]) -> list[str]:
    calls = [
        f"calls {name(text)} [{keyid}] stolen" for keyid, text in after.items() if before.get(keyid) != text
    ]
    return [
        *calls,
        *(f"no longer calls {name(text)} stolen" for one, text in before.items() if one not in after),
    ]
