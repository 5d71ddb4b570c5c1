"""One tree of errors for both programs; a branch says what the reader does next.

::

    TidegateError             1   a bug, unless a branch below says otherwise
    ├─ UsageError             2   the command line asks for something that does not exist
    ├─ MalformedError        10   a document, a setting or a file cannot be read
    │  └─ NewerFormatError   10   it is written for a newer Tidegate
    ├─ UnreachableError      11   a repository, mirror or store does not answer
    ├─ UntrustedError        12   signatures, digests, versions or expiry dates do not hold
    ├─ UnsuitableError       13   it is sound, but not for this host or this repository
    ├─ UnhealthyError        14   the product does not run as it should
    ├─ ConflictError         15   somebody else published or is at work
    ├─ SignaturesMissingError 16  people must still sign
    └─ CheckFailedError      17   publishing this would hurt agents

Each error carries a message (what happened) and a hint (what to do about it). Only the boundary of a
program turns an error into text and an exit code. Verification raises; it never answers false.
"""

import re
from typing import Any, ClassVar


class TidegateError(Exception):
    """Base of every error that is raised on purpose.

    Args:
        message: What happened, in lower case and without a full stop.
        hint: What the reader may do next; empty when there is nothing to add.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @classmethod
    def name(cls) -> str:
        """Return the error's short name for reports and JSON, such as ``untrusted``."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__.removesuffix("Error")).lower()


def document(error: TidegateError) -> dict[str, Any]:
    """Return an error as what ``--json`` prints where a command has no other answer."""
    told = {"name": error.name(), "message": error.message, "hint": error.hint, "exit_code": error.exit_code}
    return {"error": told}


class UsageError(TidegateError):
    """The command line asks for something that does not exist."""

    exit_code = 2


class MalformedError(TidegateError):
    """A document, a setting or a file cannot be read."""

    exit_code = 10


class NewerFormatError(MalformedError):
    """A document is written for a newer Tidegate than this one."""


class UnreachableError(TidegateError):
    """A repository, mirror or store does not answer."""

    exit_code = 11


class UntrustedError(TidegateError):
    """Signatures, digests, versions or expiry dates do not hold."""

    exit_code = 12


class UnsuitableError(TidegateError):
    """Sound, but not for this host or this repository."""

    exit_code = 13


class UnhealthyError(TidegateError):
    """The product does not run as it should."""

    exit_code = 14


class ConflictError(TidegateError):
    """Somebody else published, or is at work right now."""

    exit_code = 15


class SignaturesMissingError(TidegateError):
    """People must still sign."""

    exit_code = 16


class CheckFailedError(TidegateError):
    """Publishing this would hurt agents."""

    exit_code = 17
