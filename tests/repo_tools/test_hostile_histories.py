"""Histories that somebody with the right keys made to hurt: what the audit and the check say about each."""

import json
from datetime import timedelta
from typing import Any

import pytest
from tuf.api.metadata import Metadata, Targets

from tests.agent.forge import BASE, ISSUED, Forge
from tests.support.audits import audit, found
from tests.support.workspace import Workspace

CANARY, EARLY, FULL = "agent.stable.canary", "agent.stable.early", "agent.stable.full"
LASTING = timedelta(days=3)


def checked(work: Workspace) -> dict[str, list[str]]:
    """Return what a check of what is live finds, as texts by rule."""
    texts: dict[str, list[str]] = {}
    for one in work.run("--json", "check", "--url", work.store).json["findings"]:
        texts.setdefault(one["rule"], []).append(one["text"])
    return texts


def put(work: Workspace, role: str, metadata: Metadata[Any]) -> None:
    """Store metadata under its own number; a timestamp is served, too."""
    for name in [
        f"{metadata.signed.version}.{role}.json",
        *(["timestamp.json"] if role == "timestamp" else []),
    ]:
        (work.store / "metadata" / name).write_bytes(metadata.to_bytes())


def stamp(work: Workspace, forge: Forge, **fields: Any) -> None:
    """Publish the next timestamp, over the newest snapshot, with fields of somebody's choice."""
    assert work.now is not None
    metadata = forge.load("timestamp")
    metadata.signed.version += 1
    metadata.signed.snapshot_meta = forge._meta("snapshot", digests=True)
    metadata.signed.expires = work.now + LASTING
    said = {ISSUED: f"{work.now:%Y-%m-%dT%H:%M:%SZ}", **fields}
    metadata.signed.unrecognized_fields = {name: value for name, value in said.items() if value}
    forge.sign(metadata, "online")
    put(work, "timestamp", metadata)


def delegations(signed: Targets) -> Any:
    """Return what a role delegates, in its order."""
    return signed.delegations.roles if signed.delegations else {}


def first(signed: Targets, role: str) -> None:
    """Let a role be asked before all others."""
    roles = delegations(signed)
    before = {name: one for name, one in roles.items() if name != role}
    mine = roles[role]
    roles.clear()
    roles.update({role: mine, **before})


def test_a_role_that_is_left_out_for_one_version(told, forge):
    """It is back in the next one, and whoever asked in between was refused."""
    snapshot = forge.load("snapshot")
    kept = snapshot.signed.meta.pop("fleet.json")
    for one in (None, kept):
        if one:
            snapshot.signed.meta["fleet.json"] = one
        snapshot.signed.version += 1
        forge.sign(snapshot, "online")
        put(told, "snapshot", snapshot)
        stamp(told, forge)
    (finding,) = found(told)["gone"]
    assert "fleet left the snapshot with timestamp 7" in finding["text"]


def test_an_old_snapshot_under_a_new_number(told, forge):
    """What was true before the brake, with a higher version: whoever saw more refuses, all others obey."""
    old = Metadata.from_bytes((told.store / "metadata" / "3.snapshot.json").read_bytes())
    old.signed.version = forge.version("snapshot") + 1
    old.signed.expires = told.now + timedelta(days=7)
    forge.sign(old, "online")
    put(told, "snapshot", old)
    stamp(told, forge)
    gone = {one["role"] for one in found(told)["rollback"]}
    assert {"agent.stable.brake", CANARY, "agent.releases"} == gone
    said = checked(told)
    assert any("Expected agent.releases.json version 2, got 3" in text for text in said["clients"])


def test_a_root_of_old_keys_alone(told, forge):
    """The owners before sign a root that is no longer theirs."""
    root = forge.load("root")
    root.signed.version += 1
    root.signed.add_key(forge.signer("releases").public_key, "root")
    root.signed.revoke_key(forge.signer("root").public_key.keyid, "root")
    forge.sign(root, "root")
    put(told, "root", root)
    assert [one["text"] for one in found(told)["signature"]] == [
        "root 2 lacks signatures by keys of its own: 0 of 1 signatures (nobody)"
    ]
    assert told.run("check", "--url", told.store).exit_code == 12


def test_a_threshold_that_is_lowered_for_a_moment(told, forge):
    """Two, then one, then two again: what was signed in between is told."""
    second = forge.signer("online").public_key
    for threshold in (2, 1, 2):
        with forge.edit("agent.stable") as signed:
            signed.add_key(second, FULL)
            delegations(signed)[FULL].threshold = threshold
            wave = forge.load(FULL)
            wave.signed.version += 1
            forge.sign(wave, "rollouts")
            if threshold == 2:
                wave.sign(forge.signer("online"), append=True)
            put(told, FULL, wave)
    assert [one["text"] for one in found(told)["shrank"]] == [
        "agent.stable 3 asks for 1 signatures of agent.stable.full instead of 2"
    ]
    assert audit(told).exit_code == 0


def test_an_order_of_delegations_in_which_a_wave_shadows_others(told, forge):
    """The last wave comes first, with a pattern: it would answer for all of them, and for the brake."""
    with forge.edit("agent.stable") as signed:
        delegations(signed)[FULL].paths.append(f"{BASE}/?*")
        first(signed, FULL)
    texts = [one["text"] for one in found(told)["overlap"]]
    assert f"agent.stable 2 lets others answer before agent.stable.brake for {BASE}/brake" in texts
    assert len(texts) == 4
    words = "agent.stable.full has a path pattern, and would answer for routes of others"
    assert words in checked(told)["shadowed"]


def test_a_channel_that_answers_for_releases(told, forge):
    """Whoever orders would also say what a release is."""
    with forge.edit("targets") as signed:
        delegations(signed)["agent.stable"].paths.append("releases/agent/*/*")
        first(signed, "agent.stable")
    (finding,) = found(told)["overlap"]
    assert "before agent.releases for releases/agent/*/*" in finding["text"]
    words = "targets lets agent.stable speak for releases/agent/*/*, which is not its own"
    assert words in checked(told)["shadowed"]


@pytest.mark.parametrize(
    ("role", "words", "audited"),
    [
        (
            "agent.stable",
            "lies in agent.stable itself, which answers before its waves",
            "itself, which is for",
        ),
        ("targets", "targets lists rollout/agent/stable/default itself", "targets 2 lists 1 file itself"),
    ],
)
def test_an_order_above_its_wave(told, forge, role, words, audited):
    """It answers before the wave does, with keys that are not the wave's; agents refuse it, and wait."""
    order = forge.load(FULL).signed.targets[f"{BASE}/default"]
    with forge.edit(role) as signed:
        signed.targets[f"{BASE}/default"] = order
    assert any(words in text for text in checked(told)["shadowed"])
    assert audited in found(told)["overlap"][0]["text"]


def test_delegations_that_no_longer_end_a_search(told, forge):
    """Where a wave says nothing, others might answer one day."""
    with forge.edit("agent.stable") as signed:
        delegations(signed)[EARLY].terminating = False
    assert "agent.stable 2 lets clients search on where agent.stable.early says nothing" in [
        one["text"] for one in found(told)["shrank"]
    ]
    assert any(
        "agent.stable.early does not end a client's search" in text for text in checked(told)["shadowed"]
    )


def test_one_document_under_two_versions(told, forge):
    """The newer number is the older software."""
    document = forge.read("agent.releases", "releases/agent/1.4.2/release.json")
    with forge.edit("agent.releases") as signed:
        path = "releases/agent/1.6.0/release.json"
        signed.targets[path] = forge.put(path, json.dumps(document).encode())
    said = checked(told)
    assert said["documents"] == ["the document of 1.6.0 in agent.releases says that it is agent 1.4.2"]
    assert said["sequence"] == ["1.6.0 has number 1, and 2 was given before it"]


def test_one_artifact_under_the_name_of_another(told):
    """A store that gives out other bytes under a signed name is found by the length, or by reading."""
    old = next(told.store.glob("targets/releases/agent/1.4.2/*.tar.zst"))
    new = next(told.store.glob("targets/releases/agent/1.5.0/*.tar.zst"))
    data = old.read_bytes()
    new.write_bytes(data[: new.stat().st_size].ljust(new.stat().st_size, b"x"))
    assert "files" not in checked(told)
    result = told.run("--json", "check", "--url", told.store, "--files")
    assert [one["role"] for one in result.json["findings"] if one["rule"] == "files"] == ["agent.releases"]
    assert [one["role"] for one in found(told, "--files")["file"]] == ["agent.releases"]


def test_an_issue_time_before_the_last_one(told, forge):
    """Backdated to days ago: agents would start nothing, and history runs backwards."""
    told.now += timedelta(hours=1)
    stamp(told, forge, **{ISSUED: "2026-11-20T15:00:00Z"})
    assert found(told)["replay"][0]["level"] == "error"
    assert "start nothing: the timestamp was signed" in checked(told)["stale"][0]


def test_a_timestamp_without_an_issue_time(told, forge):
    """Whoever leaves it out keeps agents from starting, and from knowing how old it is."""
    stamp(told, forge, **{ISSUED: None})
    assert "does not say when it was signed" in found(told)["replay"][0]["text"]
    assert checked(told)["stale"] == ["agents start nothing: the timestamp does not say when it was signed"]


def test_lists_without_digests(told, forge):
    """Any client of TUF reads them, and no agent does."""
    forge.seal(digests=False, expires_in=LASTING)
    (words,) = checked(told)["files"]
    assert words.startswith("listed without length and SHA-256, so that agents refuse it: snapshot")
    assert found(told).keys() == {"pinned"}


def test_a_channel_without_a_policy(told, forge):
    """No agent can follow it, and nothing else can be said about it."""
    with forge.edit("agent.stable") as signed:
        signed.targets.clear()
    assert "agent.stable lists no policy: no agent can follow it" in checked(told)["files"]
    assert told.run("status").exit_code == 13


def test_a_key_that_was_called_stolen_and_goes_on(told, forge):
    """Half a recovery: it is named in public, still trusted by a role, and used."""
    thief = forge.signer("rollouts").public_key.keyid
    with forge.edit("targets") as signed:
        signed.unrecognized_fields["x-tidegate-revoked"] = {thief: "rollouts"}
    assert found(told) == {}
    with forge.edit(CANARY):
        pass
    (finding,) = found(told)["stolen_key"]
    assert finding["level"] == "error"
    assert finding["text"] == f"{CANARY} 5 is signed by rollouts, which was called stolen before"
    assert any("still sign" in text for text in checked(told)["stolen_keys"])
