"""What hosts said of a recall that is about to be ordered, in words. Pure."""

from collections.abc import Sequence

from metadata.versions import within
from repo_tools.collect.roster import Member
from repo_tools.output import counted

SHARE = 0.1
"""Of the hosts that took a version: where so many gave it up, it may be as bad as what is recalled."""


def outlook(members: Sequence[Member], version: str, recalled: str) -> list[str]:
    """Return a sentence where a recall reaches nobody, and one where it leads to what failed.

    Args:
        members: The hosts that it is for.
        version: Where the recall leads.
        recalled: The range of versions that it calls back.
    """
    present = [one for one in members if one.presence == "present"]
    running = sum(1 for one in present if one.version and within(one.version, recalled))
    failed = sum(1 for one in present if version in one.gave_up)
    runs = sum(1 for one in present if one.version == version and version not in one.gave_up)
    told = []
    if present and not running:
        told.append(f"none of {counted(len(present), 'host')} said last that it runs {recalled}")
    if failed and failed >= SHARE * (failed + runs):
        told.append(
            f"{version} failed on {counted(failed, 'host')}, and runs on {runs:,}; is it the way back?"
        )
    return told
