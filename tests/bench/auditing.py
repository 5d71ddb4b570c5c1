"""Audit of 2,000 metadata versions, against the verification of their signatures.

The peer of the limit is the bare arithmetic, with keys and canonical bytes at hand. That of the other row
parses each file and makes its canonical form, too, as any verifier must.

The history is signed by the bench itself, wave by wave, as a publisher would; it is made once and kept.
CPU time of this process is compared, and the best run of each, because other work on the machine is nobody's
fault: it only ever adds to what a run takes.
"""

import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from securesystemslib.signer import Key, Signature
from tuf.api.metadata import Metadata, Root, Targets

from repo_tools.audit.report import audit
from repo_tools.store import FolderStore
from tests.agent.forge import Forge
from tests.bench.measure import Row
from tests.support.workspace import Workspace

VERSIONS = 2_000
LIMIT = 1.5
START = datetime(2026, 1, 1, 12, tzinfo=UTC)
WAVES = ("agent.stable.canary", "agent.stable.early", "agent.stable.full")


def rows(folder: Path, _python: str, runs: int) -> list[Row]:
    """Measure the audit, and the verifications alone."""
    store, now = _history(folder)
    root = (store / "metadata" / "1.root.json").read_bytes()
    files = [path.read_bytes() for path in (store / "metadata").glob("*.*.json")]
    work = _signatures(files)
    source = FolderStore(str(store), store)
    measures: list[Callable[[], object]] = [
        lambda: audit(source, root, now),
        lambda: _verify_parsed(files, work[1]),
        lambda: _verify_bare(work[0]),
    ]
    taken = [[_cpu_s(one) for one in measures] for _ in range(runs + 1)][1:]  # the first fills the caches
    audited, parsed, bare = (min(column) for column in zip(*taken, strict=True))
    what = f"audit of {len(files):,} versions, CPU"
    return [
        Row(what, audited, "s", LIMIT, bare, "the signatures alone, canonical bytes at hand"),
        Row(what, audited, "s", None, parsed, "python-tuf: each file parsed, its signatures verified"),
    ]


def _history(folder: Path) -> tuple[Path, datetime]:
    """Return a store with enough versions, and a time at which it is fresh."""
    ready = folder / "place"
    work = Workspace(ready, START)
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        work.found()
        work.publish_release("1.4.2")
        forge, count = Forge(work), 0
        while len(list((work.store / "metadata").iterdir())) < VERSIONS:
            count += 1
            work.now = START + timedelta(hours=count)
            with forge.edit(WAVES[count % len(WAVES)]) as signed:
                for target in signed.targets.values():
                    target.custom["tidegate"]["reason"] = f"change {count}"
        (folder / "ready").write_text((START + timedelta(hours=count)).isoformat())
    return work.store, datetime.fromisoformat((folder / "ready").read_text())


def _signatures(files: list[bytes]) -> tuple[list[tuple[Key, Signature, bytes]], dict[str, Key]]:
    """Return every signature with its key and its bytes, and all keys."""
    parsed: list[Metadata[Any]] = [Metadata.from_bytes(data) for data in files]
    keys: dict[str, Key] = {}
    for one in parsed:
        if isinstance(one.signed, Root):
            keys |= one.signed.keys
        elif isinstance(one.signed, Targets) and one.signed.delegations:
            keys |= one.signed.delegations.keys
    work = [
        (keys[signature.keyid], signature, one.signed_bytes)
        for one in parsed
        for signature in one.signatures.values()
    ]
    return work, keys


def _verify_parsed(files: list[bytes], keys: dict[str, Key]) -> None:
    for data in files:
        one: Metadata[Root] = Metadata.from_bytes(data)
        payload = one.signed_bytes
        for signature in one.signatures.values():
            keys[signature.keyid].verify_signature(signature, payload)


def _verify_bare(work: list[tuple[Key, Signature, bytes]]) -> None:
    for key, signature, payload in work:
        key.verify_signature(signature, payload)


def _cpu_s(measure: Callable[[], object]) -> float:
    begun = time.process_time()
    kept = measure()  # to free what was found is no part of finding it
    taken = time.process_time() - begun
    del kept
    return taken
