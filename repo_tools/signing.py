"""Sign what is staged with the keys at hand."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from securesystemslib.signer import Signer

from repo_tools.desk import Desk
from repo_tools.keys.folder import KeyFile
from repo_tools.output import counted
from repo_tools.roles import ONLINE
from repo_tools.signed.signing import sign, signings
from repo_tools.signed.views import KeyInfo, Signing

_MUCH = 120
"""Characters about missing signatures behind the next command; where they are more, ``status`` shows them."""


@dataclass(frozen=True)
class Signed:
    """A signature that was added."""

    role: str
    version: int
    key: str


@dataclass
class Pen:
    """The signers of one run, each opened once."""

    desk: Desk
    _open: dict[str, Signer] = field(default_factory=dict)

    def signer(self, key: KeyFile) -> Signer:
        """Return a key's signer."""
        if key.keyid not in self._open:
            self._open[key.keyid] = self.desk.keys.signer(key, self.desk.passphrases)
        return self._open[key.keyid]


def at_hand(desk: Desk) -> list[KeyFile]:
    """Return the keys whose private part can be used here."""
    return [key for key in desk.keys.all() if desk.keys.at_hand(key)]


@dataclass(frozen=True)
class Hand:
    """A key that would be used here, before anybody types what opens it."""

    name: str
    owner: str
    keyid: str
    asks: str
    """What opens it: a passphrase, a PIN, or nothing that is typed."""
    signs: list[str]
    """Staged roles that still need its signature."""
    publishes: bool
    """Whether each publication is signed with it."""


def hands(desk: Desk) -> list[Hand]:
    """Return the keys at hand that signing or publishing what is staged would use."""
    found = [one for role in desk.tree.staged() for one in signings(desk.tree, role)]
    online = _online(desk)
    rows = [
        (key, [one.role for one in found if wants(one, key)], key.keyid in online) for key in at_hand(desk)
    ]
    return [
        Hand(key.name, key.person, key.keyid, desk.keys.asks(key), list(dict.fromkeys(signs)), publishes)
        for key, signs, publishes in rows
        if signs or publishes
    ]


def sign_staged(desk: Desk, keys: Sequence[KeyFile]) -> list[Signed]:
    """Sign every staged role that still needs a signature which one of ``keys`` can give."""
    pen, done = Pen(desk), []
    for role in desk.tree.staged():
        for key in _people_first(desk, keys):
            if not any(wants(found, key) for found in signings(desk.tree, role)):
                continue
            sign(desk.tree, role, pen.signer(key))
            done.append(Signed(role, desk.tree.view(role).version, key.name))
    return done


def _people_first(desk: Desk, keys: Sequence[KeyFile]) -> list[KeyFile]:
    """Return keys with the online ones last: where both may sign, a name says more than a job."""
    online = _online(desk)
    return sorted(keys, key=lambda key: key.keyid in online)


def _online(desk: Desk) -> set[str]:
    root = desk.tree.view("root")
    return {info.keyid for role in ONLINE for info in root.delegations[role].keys}


def wants(signing: Signing, key: KeyFile) -> bool:
    """Return whether a role still needs a signature and this key may give it."""
    return signing.missing > 0 and any(info.keyid == key.keyid for info in signing.unsigned)


def missing(desk: Desk) -> list[Signing]:
    """Return the staged roles that need more signatures."""
    found = [signing for role in desk.tree.staged() for signing in signings(desk.tree, role)]
    return [signing for signing in found if signing.missing]


def who(infos: Iterable[KeyInfo]) -> str:
    """Return keys as a sentence has them."""
    return ", ".join(map(full_name, infos)) or "nobody"


def full_name(info: KeyInfo) -> str:
    """Return a key as people are asked for it."""
    return f"{info.owner} ({info.name})" if info.owner else info.name


def needed(found: Sequence[Signing]) -> list[str]:
    """Return what roles still need, in words: those that need the same together."""
    alike: dict[str, list[str]] = {}
    for one in found:
        alike.setdefault(f"{one.missing} more of {who(one.unsigned)}", []).append(one.what)
    return [f"{', '.join(roles)}: {text}" for text, roles in alike.items()]


def following(desk: Desk, *, told: bool = False) -> str:
    """Return what comes next, in words.

    Args:
        desk: The workspace.
        told: It is shown already whose signatures are missing.
    """
    if not desk.tree.staged():
        return "nothing is staged"
    program = desk.workspace.program
    if any(desk.tree.overtaken(role) for role in desk.tree.staged()):
        return f"next: {program} publish --rebase prepares what was overtaken again, on what is live"
    still = missing(desk)
    if not still:
        return f"next: {program} publish{only(desk)}"
    here = any(wants(one, key) for one in still for key in at_hand(desk))
    where = "" if here else ", where one of the keys is; none of them is here"
    whose = "; ".join(needed(still))
    if len(whose) > _MUCH:
        whose = f"{counted(len({one.role for one in still}), 'role')} to sign, tidegate status shows by whom"
    return f"next: {program} sign{only(desk)}{where}" + ("" if told else f" ({whose})")


def only(desk: Desk) -> str:
    """Return the options that name the staged roles which are looked at; nothing for all of them."""
    return options(desk.tree.staged()) if desk.only is not None else ""


def options(roles: Iterable[str]) -> str:
    """Return the options that name roles."""
    return "".join(f" --role {role}" for role in roles)
