"""Audit: what people did with their keys, found from nothing but a URL and a root file."""

from datetime import timedelta

from tuf.api.metadata import Metadata

from tests.support.audits import audit, found, serious
from tests.support.workspace import Workspace


def test_people_see_a_table_and_the_exit_code(told, forge):
    """What is broken is listed on stdout, and the command fails with 12."""
    with forge.edit("agent.stable.canary", key="releases"):
        pass
    result = told.run("audit", told.store, "--root", told.root_file)
    assert result.exit_code == 12
    assert "agent.stable.canary" in result.stdout
    assert "signature" in result.stdout
    assert "hint:" in result.stderr


def test_a_role_that_others_signed_is_found(told, forge):
    """A wave with a stranger's signature, published by the online key, is called by its name."""
    with forge.edit("agent.stable.canary", key="releases"):
        pass
    (finding,) = found(told)["signature"]
    assert finding["role"] == "agent.stable.canary"
    assert "0 of 1 signatures" in finding["text"]
    assert finding["at"]


def test_a_key_that_signed_after_it_was_revoked_is_found(told, forge):
    """A wave whose old key goes on signing is more than unsigned: it was revoked."""
    old = forge.signer("rollouts").public_key.keyid
    with forge.edit("agent.stable") as signed:
        signed.revoke_key(old, "agent.stable.canary")
        signed.add_key(forge.signer("releases").public_key, "agent.stable.canary")
    with forge.edit("agent.stable.canary", key="rollouts"):
        pass
    errors = [one for one in found(told)["revoked_key"] if one["level"] == "error"]
    assert {one["role"] for one in errors} == {"agent.stable.canary"}
    assert "revoked" in errors[-1]["text"]


def test_a_revoked_key_beside_a_good_one_is_worth_a_look(told, forge):
    """The version holds, and still somebody used a key that nobody trusts any more."""
    old = forge.signer("rollouts").public_key.keyid
    with forge.edit("agent.stable") as signed:
        signed.revoke_key(old, "agent.stable.canary")
        signed.add_key(forge.signer("releases").public_key, "agent.stable.canary")
        metadata = forge.load("agent.stable.canary")
        metadata.signed.version += 1
        forge.sign(metadata, "releases")
        metadata.sign(forge.signer("rollouts"), append=True)
        path = told.store / "metadata" / f"{metadata.signed.version}.agent.stable.canary.json"
        path.write_bytes(metadata.to_bytes())
    (finding,) = found(told)["revoked_key"]
    assert finding["level"] == "warning"
    assert audit(told).exit_code == 0


def test_one_key_under_two_names_counts_once(told, forge):
    """A threshold of two is two keys, whatever ids a delegation gives to one of them."""
    with forge.edit("agent.stable") as signed:
        key = forge.signer("rollouts").public_key
        twin = type(key)("ab" * 32, key.keytype, key.scheme, key.keyval)
        signed.add_key(twin, "agent.stable.canary")
        signed.delegations.roles["agent.stable.canary"].threshold = 2
    path = forge.path("agent.stable.canary")
    metadata = Metadata.from_bytes(path.read_bytes())
    metadata.signed.version += 1
    forge.sign(metadata, "rollouts")
    signature = next(iter(metadata.signatures.values()))
    metadata.signatures["ab" * 32] = type(signature)("ab" * 32, signature.signature)
    (path.parent / f"{metadata.signed.version}.agent.stable.canary.json").write_bytes(metadata.to_bytes())
    forge.seal()
    assert any("1 of 2 signatures" in one["text"] for one in found(told)["signature"])


def test_an_issue_time_that_goes_back_is_a_replay(told, forge):
    """A publication that was signed before the one that it follows."""
    forge.seal(issued_ago=timedelta(hours=3))
    (finding,) = found(told)["replay"]
    assert finding["level"] == "error"
    assert "before timestamp" in finding["text"]


def test_clocks_that_differ_by_seconds_are_no_crime(told, forge):
    """Two jobs are never quite at the same time."""
    told.do("refresh")
    forge.seal(issued_ago=timedelta(seconds=20))
    (finding,) = found(told)["replay"]
    assert finding["level"] == "warning"


def test_a_version_that_goes_back_is_found(told, forge):
    """A snapshot that lists an older wave, signed as it should be."""
    path = forge.path("agent.stable.canary")
    kept = path.read_bytes()
    path.unlink()
    forge.seal()
    path.write_bytes(kept)
    (finding,) = found(told)["rollback"]
    assert finding["role"] == "agent.stable.canary"


def test_an_order_that_changed_without_a_version_step_is_found(told, forge):
    """The same version of a wave, signed twice with other content."""
    path = forge.path("agent.stable.canary")
    metadata = forge.load("agent.stable.canary")
    for target in metadata.signed.targets.values():
        target.custom["tidegate"]["reason"] = "another one"
    forge.sign(metadata, "rollouts")
    path.write_bytes(metadata.to_bytes())
    forge.seal()
    (finding,) = found(told)["rewritten"]
    assert "another digest" in finding["text"]
    assert finding["role"] == "agent.stable.canary"


def test_a_name_that_left_the_snapshot_is_found(told, forge):
    """Nobody who knew that role can update any more."""
    metadata = forge.load("snapshot")
    del metadata.signed.meta["fleet.json"]
    path = forge.path("snapshot")
    forge.sign(metadata, "online")
    path.write_bytes(metadata.to_bytes())
    forge.seal()
    assert "gone" in found(told)
    assert audit(told).exit_code == 12


def test_a_threshold_that_fell_and_a_delegation_that_went_are_named(told, forge):
    """Fewer signatures than before may be right; an auditor wants to know who decided it."""
    with forge.edit("agent.stable") as signed:
        signed.delegations.roles["agent.stable.canary"].threshold = 2
        del signed.delegations.roles["agent.stable.early"]
    with forge.edit("agent.stable") as signed:
        signed.delegations.roles["agent.stable.canary"].threshold = 1
    texts = [one["text"] for one in found(told)["shrank"]]
    assert any("does not delegate to agent.stable.early" in text for text in texts)
    assert any("1 signatures of agent.stable.canary instead of 2" in text for text in texts)


def test_a_document_that_changed_under_its_version_is_found(told, forge):
    """The same release with another digest, signed by the right key."""
    forge.document("agent.releases", "releases/agent/1.4.2/release.json", {"trial_s": 1})
    (finding,) = found(told)["document"]
    assert "releases/agent/1.4.2/release.json changed" in finding["text"]


def test_a_wave_that_speaks_for_others_is_found(told, forge):
    """Its key was used for routes that are not its own: no agent listens, and somebody tried."""
    with forge.edit("agent.stable.canary") as signed:
        stolen = next(iter(signed.targets.values()))
        signed.targets["rollout/agent/stable/default"] = stolen
    (finding,) = found(told)["bounds"]
    assert "rollout/agent/stable/default" in finding["text"]


def test_what_had_expired_when_it_was_published_is_found(told, forge):
    """By the signed issue time, not by the auditor's clock."""
    told.now += timedelta(days=10)
    told.do("refresh")
    late = found(told)
    assert "expired" not in late
    path = forge.path("agent.stable.canary")
    metadata = forge.load("agent.stable.canary")
    metadata.signed.version += 1
    metadata.signed.expires = (told.now - timedelta(days=1)).replace(microsecond=0)
    forge.sign(metadata, "rollouts")
    (path.parent / f"{metadata.signed.version}.agent.stable.canary.json").write_bytes(metadata.to_bytes())
    forge.seal()
    levels = {one["level"] for one in found(told)["expired"]}
    assert levels == {"error", "warning"}


def test_what_lasts_too_long_is_found(told, forge):
    """Whoever stole the online key would like to be believed for a year."""
    forge.seal(expires_in=timedelta(days=300))
    stretched = found(told)["stretched"]
    assert {one["role"] for one in stretched} == {"snapshot", "timestamp"}
    assert all("root's owners allow" in one["text"] for one in stretched)


def test_an_issue_time_in_the_future_is_found(told, forge):
    """A thief's own date does not say how long his timestamp lasts; clocks may differ a little."""
    forge.seal(issued_ago=-timedelta(minutes=4))
    assert found(told) == {}
    forge.seal(issued_ago=-timedelta(days=400), expires_in=timedelta(days=401))
    rules = found(told)
    assert "signed in the future: 2027-" in rules["future"][0]["text"]
    assert {one["role"] for one in rules["stretched"]} == {"snapshot", "timestamp"}
    assert audit(told).exit_code == 12


def test_a_root_that_the_one_before_did_not_sign_is_found(told, forge):
    """The chain is walked as clients walk it, and judged as they judge it."""
    metadata = forge.load("root")
    metadata.signed.version += 1
    forge.sign(metadata, "rollouts")
    (told.store / "metadata" / "2.root.json").write_bytes(metadata.to_bytes())
    texts = [one["text"] for one in found(told)["signature"]]
    assert any("of root 1" in text for text in texts)
    assert any("of its own" in text for text in texts)


def test_a_renewed_root_is_followed(told, forge):
    """A root that its owners signed changes nothing for what was published under the one before."""
    metadata = forge.load("root")
    metadata.signed.version += 1
    forge.sign(metadata, "root")
    (told.store / "metadata" / "2.root.json").write_bytes(metadata.to_bytes())
    assert serious(told) == {}


def test_a_stolen_online_key_that_goes_on_after_its_rotation_is_found(told, forge):
    """Once a publication needed the new root, the old key's signatures are revoked ones."""
    metadata = forge.load("root")
    metadata.signed.version += 1
    for role in ("snapshot", "timestamp"):
        metadata.signed.revoke_key(forge.signer("online").public_key.keyid, role)
        metadata.signed.add_key(forge.signer("releases").public_key, role)
    forge.sign(metadata, "root")
    (told.store / "metadata" / "2.root.json").write_bytes(metadata.to_bytes())
    assert "revoked_key" in found(told)  # what is served does not hold under the new root yet
    forge.seal(key="releases")
    assert found(told) == {}
    forge.seal(key="online")
    assert {one["role"] for one in found(told)["revoked_key"]} == {"snapshot", "timestamp"}


def test_a_rotation_of_the_online_key_leaves_nothing_to_find(told):
    """Both keys sign, then the new root comes, then the new key alone: as it should be."""
    told.do("key", "new", "online-2", "--no-passphrase")
    told.do("key", "rotate", "all", "--old", "online", "--new", "online-2")
    told.do("sign", "--yes")
    for _ in range(2):
        told.now += timedelta(minutes=5)
        told.do("publish")
        assert serious(told) == {}
    told.now += timedelta(minutes=5)
    told.do("refresh")
    assert found(told) == {}


def test_a_recovery_from_a_fast_forwarded_timestamp_holds(told, forge):
    """The thief's timestamp stays in the store; nobody reads it, and the history goes on below it."""
    honest = forge.version("timestamp")
    metadata = forge.load("timestamp")
    metadata.signed.version = honest + 60
    forge.sign(metadata, "online")
    for name in (f"{honest + 60}.timestamp.json", "timestamp.json"):
        (told.store / "metadata" / name).write_bytes(metadata.to_bytes())
    assert "gap" in found(told)
    told.do("key", "new", "online-2", "--no-passphrase")
    options = ("--compromised", "--new", "online-2", "--good", f"timestamp={honest}")
    told.do("key", "revoke", "online", *options)
    told.sign_and_publish()
    told.do("refresh")
    rules = found(told)
    assert rules.keys() == {"stray"}
    assert rules["stray"][0]["version"] == honest + 60
    assert audit(told).exit_code == 0


def test_another_root_than_the_trusted_one_is_found(told, tmp_path):
    """Whoever founds a repository anew in its place is not the one who is trusted."""
    other = Workspace(tmp_path / "other", told.now).found()
    result = told.run("--json", "audit", told.store, "--root", other.root_file)
    assert result.exit_code == 12
    assert {"root", "signature"} <= {one["rule"] for one in result.json["findings"]}
