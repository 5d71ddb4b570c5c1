"""What the checks prevent that look back: how releases follow each other, and what became of a wave."""

import json
from datetime import timedelta
from typing import Any

import pytest
from tuf.api.exceptions import LengthOrHashMismatchError
from tuf.api.metadata import Targets

from tests.agent.forge import Forge
from tests.support.disasters import BASE, CANARY, CHANNEL, EARLY, FULL, RELEASES, Danger, disaster

DOCUMENT = "releases/agent/{}/release.json"


def said(danger: Danger, rule: str, *options: str) -> list[str]:
    """Return what a check of what is live says by one rule; it fails."""
    result = danger.work.run("--json", "check", "--url", danger.work.store, *options)
    assert result.exit_code == 17, result.stderr
    return [one["text"] for one in result.json["findings"] if one["rule"] == rule]


def below(signed: Targets) -> Any:
    """Return what a role delegates."""
    return signed.delegations


def numbered(danger: Danger, version: str, seq: int) -> None:
    """Publish a release with a number of somebody's choice, and order it to the canaries."""
    forge = Forge(danger.work)
    document = {**forge.read(RELEASES, DOCUMENT.format("1.4.2")), "version": version, "seq": seq}
    with forge.edit(RELEASES) as signed:
        path = DOCUMENT.format(version)
        signed.targets[path] = forge.put(path, json.dumps(document).encode())
    forge.point(version, rollout="stable-0009", base=None)


@disaster("sequence")
def test_a_number_that_goes_back_is_refused_as_a_downgrade(danger):
    """The version is higher, and hosts refuse it all the same: its number was given before."""
    numbered(danger, "1.6.0", 1)
    assert "1.6.0 has number 1, and 1 was given before it" in said(danger, "sequence")
    host = danger.host("canary")
    numbered(danger, "1.7.0", 9)
    assert danger.decision(host, "1.4.2")["decision"]["rule"] == "update"
    numbered(danger, "1.8.0", 3)
    assert danger.decision(host, "1.7.0")["decision"]["rule"] == "downgrade"


@disaster("sequence")
def test_a_highest_number_that_goes_back_is_found(danger):
    """The next release would get a number that hosts have seen."""
    danger.start("1.5.0")
    danger.work.sign_and_publish()
    with Forge(danger.work).edit(RELEASES) as signed:
        signed.unrecognized_fields["x-tidegate-seq"] = 0
    assert said(danger, "sequence") == ["agent.releases goes back to number 0, and 2 was given already"]
    danger.work.add("1.6.0")
    danger.publish_anyway()
    Forge(danger.work).point("1.6.0", rollout="stable-0009")
    assert danger.decision(danger.host("canary"), "1.5.0")["decision"]["rule"] == "downgrade"


@disaster("documents")
def test_an_artifact_that_nobody_lists_cannot_be_downloaded(danger):
    """The document names it, it lies in the store, and no client may have it."""
    danger.work.publish_release("1.5.0")
    with Forge(danger.work).edit(RELEASES) as signed:
        (artifact,) = [path for path in signed.targets if "/1.5.0/" in path and "release.json" not in path]
        del signed.targets[artifact]
    (found,) = said(danger, "documents")
    assert found == f"1.5.0 names 1 file that agent.releases does not list: {artifact}"
    assert danger.decision(danger.host("canary"), "1.4.2")["decision"]["rule"] == "update"
    assert danger.reads(danger.client("one"), artifact) == {artifact: None}


@disaster("documents")
def test_a_document_of_another_release_is_found(danger):
    """One version's document under another's name: hosts that are sent there get something else."""
    danger.work.publish_release("1.5.0")
    forge = Forge(danger.work)
    with forge.edit(RELEASES) as signed:
        data = json.dumps(forge.read(RELEASES, DOCUMENT.format("1.4.2"))).encode()
        signed.targets[DOCUMENT.format("1.6.0")] = forge.put(DOCUMENT.format("1.6.0"), data)
    forge.point("1.6.0", rollout="stable-0009")
    assert "the document of 1.6.0 in agent.releases says that it is agent 1.4.2" in said(danger, "documents")
    assert danger.decision(danger.host("canary"), "1.4.2")["decision"]["action"] == "refuse"


@disaster("emptied")
def test_hosts_of_an_emptied_wave_follow_everybody(danger):
    """A wave that was held says nothing any more, and its hosts take what it was held for."""
    danger.work.publish_release("1.5.0")
    danger.work.do("rollout", "pause", "stable", "--wave", "early")
    danger.work.sign_and_publish()
    host = danger.host("early")
    assert danger.decision(host, "1.4.2")["decision"]["rule"] == "hold"
    with danger.change(EARLY) as signed:
        signed.targets.clear()
    refused = danger.refusal()
    assert "agent.stable.early says nothing any more on its routes: its hosts follow full instead" in refused
    danger.publish_anyway()
    assert len(said(danger, "emptied")) == 1
    assert danger.decision(host, "1.4.2")["decision"]["rule"] == "update"


@disaster("emptied")
def test_a_wave_without_routes_reaches_nobody(danger):
    """Its delegation is there, and leads nowhere."""
    danger.work.publish_release("1.5.0")
    danger.work.do("rollout", "pause", "stable", "--wave", "early")
    danger.work.sign_and_publish()
    host = danger.host("early")
    with Forge(danger.work).edit(CHANNEL) as signed:
        below(signed).roles[EARLY].paths = []
    words = "agent.stable.early lost all its routes: its hosts follow full instead"
    assert said(danger, "emptied") == [words]
    assert danger.decision(host, "1.4.2")["wave"] == "full"


@disaster("files")
def test_a_file_that_went_missing_stops_whoever_needs_it(danger):
    """Metadata is sound, clients refresh, and nobody can install."""
    danger.work.publish_release("1.5.0")
    path = f"releases/agent/1.5.0/{danger.lose('targets/releases/agent/1.5.0/*.tar.zst').name[65:]}"
    assert said(danger, "files") == ["agent.releases lists 1 file that is not there: " + path]
    assert not danger.breaks(danger.client("one"), path)
    assert danger.downloads(path).startswith("no targets/releases/agent/1.5.0/")


@disaster("files")
def test_bytes_that_changed_are_found_when_files_are_read(danger):
    """The length is the same, and no digest is; without looking inside nobody could know."""
    stored = next(danger.work.store.glob("targets/releases/agent/1.4.2/*.tar.zst"))
    stored.write_bytes(stored.read_bytes()[:-1] + b"x")
    assert danger.work.run("check", "--url", danger.work.store).exit_code == 0
    (found,) = said(danger, "files", "--files")
    assert "is not what agent.releases 2 says" in found
    stored.write_bytes(b"x")
    assert "(1 bytes instead of" in said(danger, "files")[0]
    with pytest.raises(LengthOrHashMismatchError):
        danger.downloads(f"releases/agent/1.4.2/{stored.name.partition('.')[2]}")


@disaster("files")
def test_what_cannot_be_read_does_not_hide_the_rest(danger):
    """A monitoring job hears of a policy, a brake and a document that are gone, and still has its numbers."""
    for pattern in (
        "rollout/agent/stable/*.policy",
        "rollout/agent/stable/*.brake",
        "releases/agent/1.4.2/*.json",
    ):
        for path in danger.work.store.glob(f"targets/{pattern}"):
            path.unlink()
    found = said(danger, "files")
    assert len(found) == 2
    assert f"agent.stable lists 1 file that is not there: {BASE}/policy" in found
    metrics = danger.work.run("check", "--url", danger.work.store, "--openmetrics").stdout
    assert 'tidegate_findings{level="error",rule="files"} 2' in metrics
    assert 'tidegate_expiry_days{role="timestamp"}' in metrics
    assert danger.breaks(danger.client("one"), f"{BASE}/policy") == ""


@disaster("jump")
def test_a_jump_that_is_public_is_told_for_a_week(danger):
    """Whoever has the online key can push all numbers up; nobody can take them back."""
    thief = Forge(danger.work)
    metadata = thief.load("timestamp")
    metadata.signed.version = 500
    thief.sign(metadata, "online")
    for name in ("500.timestamp.json", "timestamp.json"):
        (danger.work.store / "metadata" / name).write_bytes(metadata.to_bytes())
    assert said(danger, "jump") == ["timestamp jumped 497 versions ahead, from 3 to 500"]
    client = danger.client("one")
    danger.reads(client)
    honest = danger.work.store / "metadata" / "3.timestamp.json"
    (danger.work.store / "metadata" / "timestamp.json").write_bytes(honest.read_bytes())
    assert "500" in danger.breaks(client)
    (danger.work.store / "metadata" / "timestamp.json").write_bytes(metadata.to_bytes())
    for _ in range(4):
        danger.wait(days=2)
        danger.work.do("refresh")
    found = danger.work.run("--json", "check", "--url", danger.work.store).json["findings"]
    assert [one["level"] for one in found if one["rule"] == "jump"] == ["warning"]


@disaster("jump")
def test_roles_and_snapshots_jump_no_better(danger):
    """Each number is remembered by itself."""
    forge = Forge(danger.work)
    for role in (CANARY, "snapshot"):
        metadata = forge.load(role)
        metadata.signed.version += 200
        forge.sign(metadata, "rollouts" if role == CANARY else "online")
        name = f"{metadata.signed.version}.{role}.json"
        (danger.work.store / "metadata" / name).write_bytes(metadata.to_bytes())
    forge.seal(expires_in=timedelta(days=3))
    texts = said(danger, "jump")
    assert f"{CANARY} jumped 200 versions ahead, from 3 to 203" in texts
    assert any(text.startswith("snapshot jumped 201 versions ahead") for text in texts)


@disaster("roots")
def test_a_missing_root_stops_whoever_has_not_seen_it(danger):
    """Everything is signed by new keys, and clients that know the first root never learn of them."""
    for number in (2, 3):
        danger.work.do("key", "new", f"root-{number}", "--no-passphrase")
        before = "root" if number == 2 else "root-2"
        danger.work.do("key", "rotate", "all", "--old", before, "--new", f"root-{number}")
        danger.work.sign_and_publish()
    assert not danger.breaks(danger.client("before"), f"{BASE}/policy")
    danger.lose("metadata/2.root.json")
    (words,) = said(danger, "roots")
    assert words == "root 2 is not in the store, and root 3 is: clients stop at 1"
    assert "signed by 0/1 keys" in danger.breaks(danger.client("one"), f"{BASE}/policy")


@disaster("thresholds")
def test_one_key_under_two_ids_meets_a_threshold_alone(danger):
    """Clients count ids: one thief signs for two."""
    forge = Forge(danger.work)
    with forge.edit(CHANNEL) as signed:
        key = forge.signer("rollouts").public_key
        twin = type(key)("ab" * 32, key.keytype, key.scheme, {"public": key.keyval["public"].upper()})
        signed.add_key(twin, CANARY)
        below(signed).roles[CANARY].threshold = 2
    wave = forge.load(CANARY)
    wave.signed.version += 1
    forge.sign(wave, "rollouts")
    once = next(iter(wave.signatures.values()))
    wave.signatures["ab" * 32] = type(once)("ab" * 32, once.signature)
    (danger.work.store / "metadata" / f"{wave.signed.version}.{CANARY}.json").write_bytes(wave.to_bytes())
    forge.seal()
    words = "agent.stable.canary has one key under two ids: clients count its signature twice"
    assert words in said(danger, "thresholds")
    assert not danger.breaks(danger.client("one"), danger.route(CANARY))


@disaster("thresholds")
def test_two_keys_of_one_person_are_one_person(danger):
    """The names are signed: whoever owns both keys needs nobody else."""
    forge = Forge(danger.work)
    with forge.edit(CHANNEL) as signed:
        for name in ("rollouts", "online"):
            key = forge.signer(name).public_key
            key.unrecognized_fields["x-tidegate-owner"] = "ann@example.com"
            signed.add_key(key, CANARY)
            below(signed).keys[key.keyid] = key
        below(signed).roles[CANARY].threshold = 2
        wave = forge.load(CANARY)
        wave.signed.version += 1
        forge.sign(wave, "rollouts")
        wave.sign(forge.signer("online"), append=True)
        (danger.work.store / "metadata" / f"{wave.signed.version}.{CANARY}.json").write_bytes(wave.to_bytes())
    found = danger.work.run("--json", "check", "--url", danger.work.store).json["findings"]
    words = "agent.stable.canary needs 2 signatures, and ann@example.com has as many keys"
    assert words in [one["text"] for one in found if one["rule"] == "thresholds"]


@disaster("reused")
def test_a_rollout_with_the_id_of_a_thiefs_is_held_with_it(danger):
    """His rollout left no order behind; who brakes it by its name later holds an honest one."""
    good = [f"--good={role}={danger.work.desk().live.version(role)}" for role in (CANARY, EARLY, FULL)]
    danger.work.publish_release("1.5.0")
    danger.work.do("key", "new", "fresh", "--no-passphrase")
    danger.work.do("key", "revoke", "rollouts", "--compromised", "--new", "fresh", *good)
    danger.work.sign_and_publish()
    danger.wait(minutes=10)
    danger.start("1.6.0")
    danger.publish_anyway()
    (found,) = [one for one in danger.work.do("check")["findings"] if one["rule"] == "reused"]
    assert "agent.stable.canary orders 1.6.0 by stable-0002, which once ordered 1.5.0" in found["text"]
    danger.work.do("brake", "stable", "--rollout", "stable-0002", "--reason", "the thief's")
    danger.publish_anyway()
    assert danger.decision(danger.host("canary"), "1.4.2")["decision"]["rule"] == "hold"
