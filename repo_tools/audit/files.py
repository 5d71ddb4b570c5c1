"""Recompute the digest of every file that any role ever listed."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

from metadata.errors import UnreachableError, UntrustedError
from metadata.paths import safe_path
from repo_tools.audit.findings import Finding, Level
from repo_tools.audit.history import History
from repo_tools.audit.papers import Paper, Targets, entry
from repo_tools.audit.readonly import Reading
from repo_tools.files import OnBytes, silent
from repo_tools.signed.views import Entry

Listing = tuple[Entry, Paper, bool]
"""A file, the first role version that lists it, and whether what is served now lists it."""


def listings(history: History) -> list[Listing]:
    """Return every file once."""
    now = history.live
    served = {(paper.role, paper.number) for paper in now.papers()} if now else set()
    found: dict[tuple[str, str], Listing] = {}
    for paper in history.collected.papers.values():
        body = paper.body
        for path, file in body.targets.items() if isinstance(body, Targets) else ():
            here = (paper.role, paper.number) in served
            one = entry(path, file)
            before = found.get((path, one.sha256))
            found[path, one.sha256] = (one, before[1], before[2] or here) if before else (one, paper, here)
    return list(found.values())


def size_bytes(listed: Iterable[Listing]) -> int:
    """Return how much is to be read."""
    return sum(one.length for one, _paper, _here in listed)


def recompute(store: Reading, listed: Iterable[Listing], on_bytes: OnBytes = silent) -> Iterator[Finding]:
    """Yield a finding for each file that is not what was signed, or not there."""
    with ThreadPoolExecutor(store.lanes) as pool:
        for found in pool.map(lambda one: _judge(store, one, on_bytes), listed):
            if found:
                yield found


def _judge(store: Reading, listing: Listing, on_bytes: OnBytes) -> Finding | None:
    one, paper, here = listing
    level: Level = "error" if here else "warning"
    try:
        length, digest = _measure(store, one, on_bytes)
    except (UnreachableError, UntrustedError) as error:
        text = f"{one.path}, which {paper.text} lists, cannot be read: {error.message}"
        return Finding(level, "file", paper.role, paper.number, text)
    except ValueError as error:
        return Finding("error", "file", paper.role, paper.number, f"{paper.text} lists {error}")
    if (length, digest) == (one.length, one.sha256):
        return None
    text = f"{one.path} is not what {paper.text} says: {length:,} bytes with digest {digest[:12]}…"
    return Finding("error", "file", paper.role, paper.number, text)


def _measure(store: Reading, one: Entry, on_bytes: OnBytes) -> tuple[int, str]:
    hashed, length = sha256(), 0
    for block in store.stream(f"targets/{safe_path(one.stored_as)}"):
        hashed.update(block)
        length += len(block)
        on_bytes(len(block))
        if length > one.length:
            break  # longer than it may be: another file, however long
    return length, hashed.hexdigest()
