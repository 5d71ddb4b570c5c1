"""Steps that a person may take: those that need somebody's signature, and those that only look."""

from repo_tools.pages.course import Course
from repo_tools.pages.model import NextStep
from repo_tools.signing import who


def signing(found: Course, role: str, text: str, command: str, tone: str = "go") -> NextStep:
    """Return a step that the holders of a role's keys can take."""
    delegation = found.delegations[role]
    return NextStep(text, f"{delegation.threshold} of {who(delegation.keys)}", command, tone)


def reading(text: str, command: str, tone: str = "wait") -> NextStep:
    """Return a step that needs no key."""
    return NextStep(text, "", command, tone)
