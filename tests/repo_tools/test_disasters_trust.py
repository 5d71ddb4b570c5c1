"""What the checks about roles and keys prevent: published anyway, each of these hurts real clients."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256

from securesystemslib.signer import KEY_FOR_TYPE_AND_SCHEME, SSlibKey
from tuf.api.metadata import MetaFile

from tests.agent.forge import Forge
from tests.support.disasters import BASE, CANARY, CHANNEL, EARLY, RELEASES, disaster
from tests.support.workspace import Workspace

QUANTUM = ("ml-dsa", "ml-dsa-44/1")
"""A kind of key that the newest clients read, and older ones do not."""


@contextmanager
def built_before(kind: tuple[str, str]) -> Iterator[None]:
    """Let clients be built before a kind of key was known."""
    known = KEY_FOR_TYPE_AND_SCHEME.pop(kind)
    try:
        yield
    finally:
        KEY_FOR_TYPE_AND_SCHEME[kind] = known


@disaster("jump")
def test_a_jump_cannot_be_taken_back(danger):
    """Whoever saw version 500 refuses every lower one, for ever."""
    with danger.change(CANARY) as signed:
        signed.targets.popitem()
    danger.restage(CANARY, version=500)
    assert "jumps 497 versions ahead" in danger.refusal()
    danger.publish_anyway()
    client = danger.client("one")
    assert not danger.breaks(client, danger.route(CANARY))
    (danger.work.store / "metadata" / f"500.{CANARY}.json").unlink()
    danger.wait(minutes=1)
    Forge(danger.work).seal()  # the owners go back to what they had
    assert "500" in danger.breaks(client, danger.route(CANARY))


@disaster("backwards")
def test_a_version_that_goes_back_breaks_whoever_saw_the_newer_one(danger):
    """A publisher who puts an older number in place splits the fleet: new clients follow, all others stop."""
    client = danger.client("one")
    danger.reads(client, danger.route(CANARY))
    with danger.change(CANARY) as signed:
        signed.targets.popitem()
    danger.restage(CANARY, version=1)
    found = danger.work.run("--json", "check").json["findings"]
    assert "agent.stable.canary 1 is not above the published 3" in [one["text"] for one in found]
    for number in (2, 3):
        (danger.work.store / "metadata" / f"{number}.{CANARY}.json").unlink()
    Forge(danger.work).seal()
    assert "version 1, got 3" in danger.breaks(client, danger.route(CANARY))
    assert not danger.breaks(danger.client("new"), danger.route(CANARY))


@disaster("mirrors")
def test_a_mirror_that_is_ahead_breaks_its_clients(danger, tmp_path):
    """A client that read the mirror last refuses what is older, wherever it comes from."""
    mirror, other = tmp_path / "mirror", Workspace(tmp_path / "other", danger.now)
    shutil.copytree(danger.work.store, mirror)
    shutil.copytree(danger.work.folder, other.folder)
    other.keys = danger.work.keys
    theirs = other.folder / "tidegate.toml"
    here = next(line for line in theirs.read_text().splitlines() if line.startswith("store = "))
    theirs.write_text(theirs.read_text().replace(here, f'store = "{mirror}"'))
    for _ in range(2):
        other.do("refresh")
    ours = danger.work.folder / "tidegate.toml"
    ours.write_text(ours.read_text().replace(here, f'{here}\nmirrors = ["{mirror}"]'))
    danger.work.add("1.5.0")
    assert "serves timestamp 5 already, and 3 is all there is here" in danger.refusal()
    client = danger.client("one")
    danger.reads(client, store=mirror)
    danger.publish_anyway()
    assert "4 must be >= 5" in danger.breaks(client)


@disaster("gone", "clients")
def test_a_name_that_leaves_the_snapshot_breaks_whoever_knew_it(danger):
    """New clients do not notice, and that is what makes it dangerous: real old ones are asked."""
    old = danger.client("old")
    danger.reads(old)
    forge = Forge(danger.work)
    snapshot = forge.load("snapshot")
    del snapshot.signed.meta["fleet.json"]
    snapshot.signed.version += 1
    forge.sign(snapshot, "online")
    path = danger.work.store / "metadata" / f"{snapshot.signed.version}.snapshot.json"
    path.write_bytes(snapshot.to_bytes())
    timestamp = forge.load("timestamp")
    data = path.read_bytes()
    listed = MetaFile(snapshot.signed.version, len(data), {"sha256": sha256(data).hexdigest()})
    timestamp.signed.snapshot_meta = listed
    timestamp.signed.version += 1
    forge.sign(timestamp, "online")
    for name in (f"{timestamp.signed.version}.timestamp.json", "timestamp.json"):
        (danger.work.store / "metadata" / name).write_bytes(timestamp.to_bytes())
    assert not danger.breaks(danger.client("new"))
    assert "fleet.json" in danger.breaks(old)
    found = danger.work.run("--json", "check").json["findings"]
    assert any("a client that knows timestamp" in one["text"] for one in found if one["rule"] == "clients")


@disaster("gone")
def test_a_wave_that_nobody_delegates_to_is_not_heard(danger):
    """What its people sign is published and changes nothing: its hosts follow everybody's order."""
    danger.work.add("1.5.0")
    danger.work.do("rollout", "start", "stable", "1.5.0", "--strategy", "immediate")
    danger.work.do("rollout", "pause", "stable", "--wave", "early")
    with danger.change(CHANNEL) as signed:
        del signed.delegations.roles[EARLY]
    assert "agent.stable.early is staged, but agent.stable does not delegate to it" in danger.refusal()
    danger.publish_anyway()
    told = danger.decision(danger.host("early"), "1.4.2")
    assert (told["wave"], told["decision"]["rule"]) == ("full", "update")


def test_a_removed_wave_keeps_its_name(danger):
    """Without its delegation it speaks for nobody; without its name it would break everybody."""
    old = danger.client("old")
    danger.reads(old, danger.route(EARLY))
    with danger.change(CHANNEL) as signed:
        del signed.delegations.roles[EARLY]
    danger.publish_anyway()
    assert danger.reads(old, f"{BASE}/policy")[f"{BASE}/policy"]
    assert EARLY in danger.work.desk().live.meta


@disaster("key_types")
def test_one_strange_key_makes_a_whole_role_unreadable(danger):
    """Old clients do not skip a key of an unknown kind: they cannot read the role at all."""
    with danger.change(CHANNEL) as signed:
        strange = SSlibKey("ab" * 32, *QUANTUM, {"public": "00"})
        signed.add_key(strange, CANARY)
    assert "which agents cannot read" in danger.refusal()
    danger.publish_anyway()
    with built_before(QUANTUM):
        assert "cannot be read" in danger.breaks(danger.client("old"), f"{BASE}/policy")
    assert not danger.breaks(danger.client("new"), f"{BASE}/policy")


@disaster("thresholds")
def test_a_threshold_that_nobody_can_meet_ends_a_wave(danger):
    """Two signatures of one key: nothing that the wave says counts any more."""
    with danger.change(CHANNEL) as signed:
        signed.delegations.roles[CANARY].threshold = 2
    assert "agent.stable.canary needs 2 signatures and has 1 keys" in danger.refusal()
    danger.publish_anyway()
    assert "signed by 1/2 keys" in danger.breaks(danger.client("one"), danger.route(CANARY))


@disaster("shared_keys")
def test_one_thief_could_publish_and_order(danger):
    """With one key for releases and a wave, whoever steals it invents software and starts it."""
    with danger.change(CHANNEL) as signed:
        signed.add_key(Forge(danger.work).signer("releases").public_key, CANARY)
    assert "one thief could publish and order" in danger.refusal()
    danger.publish_anyway()
    thief = Forge(danger.work)
    name = "releases/agent/6.6.6/release.json"
    document = {**thief.read(RELEASES, "releases/agent/1.4.2/release.json"), "version": "6.6.6", "seq": 666}
    with thief.edit(RELEASES, key="releases") as signed:
        signed.targets[name] = thief.put(name, json.dumps(document).encode())
    with thief.edit(CANARY, key="releases") as signed:
        for route, before in list(signed.targets.items()):
            said = {**before.custom["tidegate"], "version": "6.6.6", "rollout": "evil", "base": None}
            signed.targets[route] = thief.routed(route, "6.6.6", said)
    decided = danger.decision(danger.host("canary"), "1.4.2")["decision"]
    assert (decided["action"], decided["version"]) == ("update", "6.6.6")


@disaster("shadowed")
def test_a_wave_that_shadows_another_reaches_its_hosts(danger):
    """The first delegation answers: canary's one signature would speak to everybody."""
    with danger.change(CHANNEL) as signed:
        signed.delegations.roles[CANARY].paths.append(f"{BASE}/default")
    assert "belongs to agent.stable.canary already" in danger.refusal()
    danger.publish_anyway()
    client = danger.client("one")
    before = danger.reads(client, f"{BASE}/default")[f"{BASE}/default"]
    assert before is None  # the last wave does not answer its own route any more
    forge = Forge(danger.work)
    with forge.edit(CANARY) as signed:
        signed.targets[f"{BASE}/default"] = forge.put(f"{BASE}/default", b"{}", {"tidegate": {}})
    assert danger.reads(client, f"{BASE}/default")[f"{BASE}/default"]


@disaster("expiry")
def test_what_expires_stops_every_agent_that_needs_it(danger):
    """Months later, without anybody having done anything wrong that day."""
    danger.wait(days=70)
    danger.work.do("refresh")
    danger.work.add("1.5.0")
    said = danger.refusal()
    assert "agent.stable.canary expires in 20 days" in said
    danger.publish_anyway()
    assert not danger.breaks(danger.client("one"), danger.route(CANARY))
    danger.wait(days=21)
    danger.work.do("refresh")
    assert "expired" in danger.breaks(danger.client("two"), danger.route(CANARY))


@disaster("clients")
def test_clients_are_asked_at_the_horizon_too(danger):
    """A role that expires before the timestamp stops agents although everything was refreshed in time."""
    with danger.change("agent.stable.brake") as signed:
        signed.unrecognized_fields["x-note"] = "renewed by hand"
    danger.restage("agent.stable.brake", expires=danger.now + timedelta(days=2))
    danger.work.do("sign", "--yes")
    danger.publish_anyway()
    found = danger.work.run("--json", "check").json["findings"]
    texts = [one["text"] for one in found if one["rule"] == "clients"]
    assert any("a client at 2026-11-25" in text and "expired" in text for text in texts)
    danger.wait(days=2, hours=1)
    assert "expired" in danger.breaks(danger.client("one"), f"{BASE}/brake")
