"""Versions and ranges of versions: PEP 440 in normal form, pre-releases included in ranges."""

import contextlib
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from metadata.errors import MalformedError

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet


def highest(versions: Iterable[str]) -> str | None:
    """Return the highest of some versions; names that are none are passed over."""
    known = []
    for text in versions:
        with contextlib.suppress(MalformedError):
            known.append((parse(text), text))
    return max(known)[1] if known else None


@lru_cache(maxsize=4096)
def parse(text: str) -> Version:
    """Return a version that compares as PEP 440 says.

    Raises:
        MalformedError: The text is not a version in normal form.
    """
    try:
        version = Version(text)
    except (InvalidVersion, ValueError) as error:  # thousands of digits are more than int() takes
        raise MalformedError(f"not a version: {text!r}", "write it as PEP 440 does: 1.5.0") from error
    if str(version) != text:
        raise MalformedError(f"version {text!r} is not in normal form", f"write {version}")
    return version


def same(one: str, other: str) -> bool:
    """Return whether two texts name one version, as 1.1 and 1.1.0 do; what is no version is only itself."""
    if one == other:
        return True
    with contextlib.suppress(MalformedError):
        return parse(one) == parse(other)
    return False


@lru_cache(maxsize=4096)
def span(text: str) -> "SpecifierSet":
    """Return a range such as ``>=1.4,<1.5``.

    Raises:
        MalformedError: The text is not a range of versions.
    """
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415 (few ticks read a range)

    try:
        found = SpecifierSet(text)
        found.contains("0", prereleases=True)  # its versions are only read when it is asked
    except (InvalidSpecifier, ValueError) as error:
        hint = "write it as PEP 440 does: >=1.4,<1.5"
        raise MalformedError(f"not a range of versions: {text!r}", hint) from error
    return found


def within(version: str, versions: str) -> bool:
    """Return whether a version lies in a range; pre-releases count."""
    return span(versions).contains(parse(version), prereleases=True)


def bounded_above(versions: str) -> bool:
    """Return whether a range names an upper bound."""
    return any(part.operator in {"<", "<=", "==", "~=", "==="} for part in span(versions))
