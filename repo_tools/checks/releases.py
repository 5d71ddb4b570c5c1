"""Rules about release documents: their numbers, and the files that they name."""

from collections.abc import Collection, Iterator, Mapping

from repo_tools.audit.papers import Targets
from repo_tools.checks.facts import Facts, Finding
from repo_tools.output import counted
from repo_tools.roles import release_path

_ANEW = "build it anew under a higher version"
Listing = tuple[int, Collection[str]]
"""The highest number that a version of the releases role gives, and what it lists."""


def sequence(facts: Facts) -> Iterator[Finding]:
    """A release whose number does not grow: hosts that ran a later number refuse it as a downgrade.

    Without history, a release that comes while no number is given was there before a theft.
    """
    for role, documents in facts.documents.items():
        listings = list(_listings(facts, role))
        highest, given = max((seq for seq, _paths in listings[:-1]), default=0), listings[-1][0]
        if given < highest:
            text = f"{role} goes back to number {given}, and {highest} was given already"
            yield Finding("error", "sequence", role, text, "hosts refuse the next release: prepare it again")
        floors = _floors(listings)
        taken: dict[int, str] = {}
        for version, found in documents.items():
            least = floors.get(release_path(found.product, version), 0)
            if found.seq <= least and (facts.seen.history or given > highest):
                text = f"{version} has number {found.seq}, and {least} was given before it"
                yield Finding("error", "sequence", role, text, _ANEW)
            elif found.seq in taken:
                text = f"{version} has number {found.seq}, as {taken[found.seq]} has"
                yield Finding("error", "sequence", role, text, _ANEW)
            taken.setdefault(found.seq, version)


def documents(facts: Facts) -> Iterator[Finding]:
    """A release document that names files which nobody lists, or that is about another release."""
    for role, found in facts.documents.items():
        for version, release in found.items():
            if (release.version, f"{release.product}.releases") != (version, role):
                text = (
                    f"the document of {version} in {role} says that it is {release.product} {release.version}"
                )
                yield Finding("error", "documents", role, text, _ANEW)
            missing = sorted(release.paths() - facts.after[role].entries.keys())
            if missing:
                text = (
                    f"{version} names {counted(len(missing), 'file')} that {role} does not list: {missing[0]}"
                )
                yield Finding(
                    "error", "documents", role, text, "list them again, or add it under another version"
                )


def _listings(facts: Facts, role: str) -> Iterator[Listing]:
    """Yield what each version of a releases role gave and listed, as it will be at the end."""
    history, known = facts.seen.history, 0
    for one in history.publications if history else ():
        paper = one.roles.get(role)
        if paper and paper.number != known and isinstance(paper.body, Targets):
            known = paper.number
            yield paper.body.highest_seq, paper.body.targets.keys()
    for views in (facts.before, facts.after):
        if role in views:
            yield views[role].highest_seq, views[role].entries.keys()


def _floors(listings: Collection[Listing]) -> Mapping[str, int]:
    """Return, by path, the highest number that was given before it was listed first."""
    floors: dict[str, int] = {}
    highest = 0
    for seq, paths in listings:
        for path in paths:
            floors.setdefault(path, highest)
        highest = max(highest, seq)
    return floors
