"""Everything that can be signed, for hypothesis: any value of any field, and pairs that differ in one."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from inspect import signature
from typing import Any

from hypothesis import strategies as st
from msgspec.structs import replace as other

from metadata.documents import (
    Brake,
    Enrollment,
    Evidence,
    EvidenceCounts,
    Held,
    Order,
    Policy,
    Recall,
    Reporting,
    Revoked,
    WaveShare,
)
from metadata.fields import Pointer
from metadata.release import Artifact, Attestation, Delta, Hook, Probe, Release
from repo_tools.signed.views import Delegation, KeyInfo
from tests.metadata.given import NOON, VERSIONS, digest

texts = st.sampled_from(["", "a", "b", 'a", reason "b', "a, b", "a; b", "\u202e", "\\u202e", "\n", "1.5.0"])
texts |= st.text(max_size=4) | st.sampled_from(["x" * 300, "x" * 301])
counts = st.integers(0, 3) | st.sampled_from([60, 3600, 86_400])
versions = st.sampled_from(VERSIONS)
digests = st.sampled_from("abc").map(digest)
moments = st.integers(0, 100_000).map(lambda seconds: NOON + timedelta(seconds=seconds))
pointers = st.builds(Pointer, version=versions, sha256=digests)
reporting = st.builds(Reporting, url=texts, heartbeat_s=counts)
names = st.sampled_from(["a", "b", "canary"])
tallies = st.builds(EvidenceCounts, expected=counts, heard=counts, ok=counts, failed=counts, silent=counts)
probes = st.builds(
    Probe, exec=st.lists(texts, min_size=1, max_size=2), expect=texts, interval_s=st.integers(1, 3)
)
keys = st.fixed_dictionaries(
    {"keyid": digests, "keytype": names, "scheme": names, "keyval": st.fixed_dictionaries({"public": texts})},
    optional={"x-tidegate-name": texts, "odd": texts},
)


def several(found: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Return lists of a few."""
    return st.lists(found, max_size=3)


FIELDS: Mapping[type, Mapping[str, st.SearchStrategy[Any]]] = {
    Order: {
        "product": names,
        "channel": names,
        "wave": names,
        "rollout": texts.filter(lambda text: 0 < len(text) <= 128),
        "version": versions,
        "state": st.sampled_from(["go", "hold"]),
        "base": st.none() | pointers,
        "not_before": st.none() | moments,
        "spread_s": counts,
        "not_after": st.none() | moments,
        "urgent": st.booleans(),
        "retry": counts,
        "recall": st.none()
        | st.builds(
            Recall,
            from_versions=st.sampled_from(["<2", "<=1.5.0"]),
            until=st.none() | moments,
            reason=texts,
        ),
        "by": texts,
        "reason": texts,
        "evidence": st.none() | st.builds(Evidence, sha256=digests, counts=tallies),
        "critical": several(texts),
    },
    Policy: {
        "product": names,
        "channel": names,
        "salt": texts,
        "floor_seq": counts,
        "revoked": several(st.builds(Revoked, version=versions, reason=texts)),
        "pins_yield": st.booleans(),
        "allow_now": st.booleans(),
        "poll_s": counts,
        "fresh_s": counts,
        "report": st.none() | reporting,
        "waves": several(st.builds(WaveShare, name=names, percent=texts)),
        "critical": several(texts),
    },
    Brake: {
        "hold": several(st.builds(Held, rollout=texts) | st.builds(Held, version=versions)),
        "since": st.none() | moments,
        "by": texts,
        "reason": texts,
        "critical": several(texts),
    },
    Enrollment: {
        "keys": several(keys),
        "revoked_tokens": several(texts),
        "revoked_agents": several(texts),
        "critical": several(texts),
    },
    Release: {
        "product": names,
        "version": versions,
        "seq": st.integers(1, 5),
        "requires": st.none() | st.sampled_from([">=1.2", ">=1.4"]),
        "via": st.none() | pointers,
        "notes": st.none() | texts,
        "artifacts": st.lists(
            st.builds(
                Artifact,
                platform=st.sampled_from(["linux-x86_64", "darwin-arm64"]),
                path=st.sampled_from(["a.tar.zst", "b.tar.zst"]),
                kind=st.just("tree"),
                payload_sha256=digests,
                payload_bytes=counts,
                deltas=several(st.builds(Delta, from_version=versions, path=texts)),
                attestations=several(st.builds(Attestation, type=texts, path=texts)),
            ),
            min_size=1,
            max_size=2,
        ),
        "probe": st.none() | probes,
        "health": several(probes),
        "pre_switch": st.none() | st.builds(Hook, exec=st.lists(texts, min_size=1, max_size=2)),
        "post_switch": st.none() | st.builds(Hook, exec=st.lists(texts, min_size=1, max_size=2)),
        "start_s": counts,
        "trial_s": counts,
        "soak_s": counts,
        "critical": several(texts),
    },
    KeyInfo: {
        "keyid": digests,
        "name": texts.filter(bool),
        "keytype": names,
        "scheme": names,
        "owner": texts,
        "public": texts.map(lambda text: f'{{"public": "{sha256(text.encode()).hexdigest()}"}}'),
    },
}
FIELDS = {
    **FIELDS,
    Delegation: {
        "role": st.just("agent.stable.canary"),
        "keys": several(st.builds(KeyInfo, **FIELDS[KeyInfo])).map(
            lambda some: tuple(sorted({key.keyid: key for key in some}.values(), key=lambda key: key.keyid))
        ),
        "threshold": st.integers(1, 3),
        "paths": st.lists(
            st.sampled_from(["rollout/agent/stable/00", "rollout/agent/stable/default", "a, b", "fleet/*"]),
            unique=True,
        )
        .map(sorted)
        .map(tuple),
        "terminating": st.booleans(),
        "lifetime_s": st.none() | counts,
        "other": st.dictionaries(texts, texts, max_size=2),
    },
}


def one(kind: type) -> st.SearchStrategy[Any]:
    """Return any value of a kind."""
    return st.builds(kind, **FIELDS[kind])


def pairs(kind: type) -> st.SearchStrategy[Any]:
    """Return what was before, if anything, and two that may follow and differ in one field."""
    changed = replace if kind in {KeyInfo, Delegation} else other
    derived = {"identity"}  # of the public part
    assert set(FIELDS[kind]) == set(signature(kind).parameters) - derived, "a field is not tried"

    def differing(after: Any) -> st.SearchStrategy[Any]:
        return st.sampled_from(sorted(FIELDS[kind])).flatmap(
            lambda field: FIELDS[kind][field].map(lambda value: changed(after, **{field: value}))
        )

    twins = one(kind).flatmap(lambda after: st.tuples(st.just(after), differing(after)))
    near = one(kind).flatmap(lambda old: st.tuples(st.just(old), differing(old), differing(old)))
    return near | st.tuples(st.none() | one(kind), twins).map(lambda found: (found[0], *found[1]))
