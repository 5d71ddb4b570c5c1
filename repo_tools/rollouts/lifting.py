"""What a policy takes back of what the one before forbade. Pure."""

from collections.abc import Iterator

from metadata.documents import Policy


def lifted(before: Policy, after: Policy) -> Iterator[str]:
    """Yield what hosts may start again by a new policy, and might not by the one before."""
    for entry in before.revoked:
        if after.revocation(entry.version) is None:
            yield f"no longer revokes {entry.version} ({entry.reason or 'no reason given'})"
    if after.floor_seq < before.floor_seq:
        yield f"lets its floor go back from {before.floor_seq} to {after.floor_seq}"
