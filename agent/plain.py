"""JSON objects from this host's own files and socket: torn, edited, or written by another version.

Whoever reads them has a plain way on without them, so what makes no sense is one kind of error: ValueError.
Standard library only: the supervisor and the guard import this.
"""

import json
from collections.abc import Mapping
from typing import Any

Kind = type | tuple[type, ...]
TEXT_OR_NOTHING: Kind = (str, type(None))
NUMBER: Kind = (int, float)
MOST = 1 << 53
"""Above it a float has no digits for single seconds; JSON may have thousands of digits, or no end."""
MOST_PID = 1 << 22
"""The kernel's own limit: proc(5), ``/proc/sys/kernel/pid_max``."""


def table(data: bytes, kinds: Mapping[str, Kind] = {}) -> dict[str, Any]:
    """Return the object in ``data``; a field that ``kinds`` names is of that kind, where it is there.

    Raises:
        ValueError: It is none.
    """
    try:
        found = json.loads(data)
    except RecursionError as error:
        raise ValueError(str(error)) from error
    return checked(found, kinds)


def checked(value: Any, kinds: Mapping[str, Kind] = {}) -> dict[str, Any]:
    """Return a value that is an object whose fields are of their kinds.

    Raises:
        ValueError: It is not.
    """
    if not isinstance(value, dict):
        raise ValueError(f"{type(value).__name__} is no object")  # noqa: TRY004 (as every other trouble here)
    for name, kind in kinds.items():
        if name in value and not isinstance(value[name], kind):
            raise ValueError(f"{name} is {type(value[name]).__name__}")
        if kind is NUMBER and name in value and not abs(value[name]) <= MOST:  # NaN is neither
            raise ValueError(f"{name} is no number that a clock knows")
        if name == "pid" and not 0 <= value.get(name, 0) <= MOST_PID:
            raise ValueError(f"{name} is no process")
    return value


def texts(value: Any) -> list[str]:
    """Return a value that is a list of texts.

    Raises:
        ValueError: It is not.
    """
    if not (isinstance(value, list) and all(isinstance(one, str) for one in value)):
        raise ValueError("that is no list of texts")
    return value
