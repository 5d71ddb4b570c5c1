"""Names that people type, held to the limits that documents have."""

from collections.abc import Sequence
from typing import Any
from unicodedata import category

import msgspec

from metadata import versions
from metadata.errors import MalformedError, UsageError
from metadata.fields import RESERVED_NAMES, AgentId, Name, Platform


def check_name(kind: str, name: str) -> None:
    """Refuse what is not a name for a product, channel, wave or ring.

    Raises:
        UsageError: It is none, or reserved.
    """
    _check(name, Name, f"a name for a {kind}", "use lower-case letters, digits and -, at most 64")
    if name in RESERVED_NAMES:
        raise UsageError(f"{name!r} is reserved and cannot name a {kind}", "choose another name")


def check_agent_id(agent_id: str) -> None:
    """Refuse what is not an agent id.

    Raises:
        UsageError: It is none.
    """
    _check(agent_id, AgentId, "an agent id", "use letters, digits and . _ -, at most 64, but not . or ..")


def check_platform(platform: str) -> None:
    """Refuse what is not a platform.

    Raises:
        UsageError: It is none.
    """
    hint = "write <system>-<machine> as uname has them, in lower case: linux-x86_64"
    _check(platform, Platform, "a platform", hint)


def check_visible(name: str, value: object) -> None:
    """Refuse text with characters that a terminal obeys or hides, in what a person typed.

    Raises:
        UsageError: It has some; a document would carry them to every terminal that shows it.
    """
    if isinstance(value, tuple):
        for one in value:
            check_visible(name, one)
    elif isinstance(value, str) and any(category(char)[0] == "C" for char in value):
        hint = "leave line breaks, escape codes and invisible characters out"
        raise UsageError(f"{name.replace('_', '-')} {value!a} has control characters", hint)


def check_version(text: str) -> None:
    """Refuse what is not a version in normal form.

    Raises:
        UsageError: It is none.
    """
    try:
        versions.parse(text)
    except MalformedError as error:
        raise UsageError(error.message, error.hint) from error


def check_range(text: str) -> None:
    """Refuse what is not a range of versions.

    Raises:
        UsageError: It is none.
    """
    try:
        versions.span(text)
    except MalformedError as error:
        raise UsageError(error.message, error.hint) from error


def pairs(what: str, texts: Sequence[str], between: str) -> dict[str, str]:
    """Return names and their values as options carry them: ``NAME=TEXT``.

    Args:
        what: The option's name.
        texts: What was typed.
        between: What stands between a name and its value.

    Raises:
        UsageError: One of them is no such pair.
    """
    found = {text: text.partition(between) for text in texts}
    for text, (name, sign, _) in found.items():
        if not (sign and name.strip()):
            raise UsageError(f"not a {what}: {text!r}", f"write --{what} NAME{between}TEXT")
    return {name.strip(): value.strip() for name, _, value in found.values()}


def _check(text: str, kind: Any, what: str, hint: str) -> None:
    try:
        msgspec.convert(text, kind)
    except msgspec.ValidationError as error:
        raise UsageError(f"not {what}: {text!r}", hint) from error
