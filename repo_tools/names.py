"""Names that people type, held to the limits that documents have."""

from typing import Any

import msgspec

from metadata.errors import UsageError
from metadata.fields import RESERVED_NAMES, AgentId, Name, Platform


def check_name(kind: str, name: str) -> None:
    """Refuse what is not a name for a product, channel, wave or ring.

    Raises:
        UsageError: It is none, or reserved.
    """
    _check(name, Name, f"name for a {kind}", "use lower-case letters, digits and -")
    if name in RESERVED_NAMES:
        raise UsageError(f"{name!r} is reserved and cannot name a {kind}", "choose another name")


def check_agent_id(agent_id: str) -> None:
    """Refuse what is not an agent id.

    Raises:
        UsageError: It is none.
    """
    _check(agent_id, AgentId, "agent id", "use letters, digits and . _ -, at most 64")


def check_platform(platform: str) -> None:
    """Refuse what is not a platform.

    Raises:
        UsageError: It is none.
    """
    hint = "write <system>-<machine> as uname has them, in lower case: linux-x86_64"
    _check(platform, Platform, "platform", hint)


def _check(text: str, kind: Any, what: str, hint: str) -> None:
    try:
        msgspec.convert(text, kind)
    except msgspec.ValidationError as error:
        raise UsageError(f"not a {what}: {text!r}", hint) from error
