"""Who holds what: nobody meets a threshold alone, and nobody both publishes a release and orders it. Pure."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from metadata.errors import UsageError
from repo_tools.roles import ONLINE

_TWO = "a person has one key for releases and one for rollouts, whatever roles they serve"


class Held(Protocol):
    """A key, as far as these rules look at it."""

    @property
    def keyid(self) -> str:
        """The key's id."""

    @property
    def name(self) -> str:
        """The key's name."""

    @property
    def person(self) -> str:
        """Whose key it is."""


def check_people(roles: Mapping[str, Iterable[Held]]) -> None:
    """Refuse keys that both sides share, and people who have two keys on one side.

    Args:
        roles: The keys of every role.

    Raises:
        UsageError: It says who, and which keys.
    """
    sides: dict[str, dict[str, Held]] = {"root": {}, "releases": {}, "rollouts": {}}
    for role, keys in roles.items():
        if role not in ONLINE:
            sides[_side(role)].update({key.keyid: key for key in keys})
    for keyid in sides["releases"].keys() & sides["rollouts"].keys():
        text = f"{sides['releases'][keyid].name} would sign both releases and rollouts"
        raise UsageError(text, "one thief could publish and order: give each side keys of its own")
    for side, keys_of in sides.items():
        owners: dict[str, str] = {}
        for key in keys_of.values():
            if key.person in owners:
                both = f"{owners[key.person]} and {key.name}"
                raise UsageError(f"{key.person} would have two keys for {side}: {both}", _TWO)
            owners[key.person] = key.name


def _side(role: str) -> str:
    if role in {"root", "targets"}:
        return "root"
    return "releases" if role.endswith(".releases") else "rollouts"
