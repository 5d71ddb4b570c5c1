"""Audit: what lies in a store and nobody needs, and what an auditor has to think of it."""

import json
import os
import shutil
from datetime import timedelta

import pytest
from tuf.api.metadata import MetaFile

from tests.agent.forge import Forge
from tests.support.audits import audit, found, serious
from tests.support.workspace import Workspace


def unserved(work: Workspace, forge: Forge, role: str) -> None:
    """Publish a role as it is under the next number, but be killed before the last step."""
    served = work.store / "metadata" / "timestamp.json"
    live = served.read_bytes()
    with forge.edit(role):
        pass
    served.write_bytes(live)


def add_root(work: Workspace, forge: Forge, *, add: str = "") -> None:
    """Publish a root of its own, without anything that needs it."""
    metadata = forge.load("root")
    metadata.signed.version += 1
    if add:
        metadata.signed.add_key(forge.signer(add).public_key, "timestamp")
    forge.sign(metadata, "root")
    (work.store / "metadata" / f"{metadata.signed.version}.root.json").write_bytes(metadata.to_bytes())


def listed(work: Workspace, forge: Forge, role: str) -> None:
    """List one more role in the snapshot, whoever delegates to it."""
    snapshot = forge.load("snapshot")
    snapshot.signed.meta[f"{role}.json"] = MetaFile(1)
    forge.sign(snapshot, "online")
    forge.path("snapshot").write_bytes(snapshot.to_bytes())
    forge.seal()


def test_a_killed_publishers_last_timestamp_is_a_note(told, forge):
    """One that verifies lies above the served one: it says what it would have brought; nothing is broken."""
    unserved(told, forge, "agent.stable.canary")
    (finding,) = found(told)["served"]
    assert finding["level"] == "note"
    assert "timestamp 6 is served, and 7 was signed already: its publisher was killed" in finding["text"]
    assert "it brings agent.stable.canary 5: harmless unless a client saw it" in finding["text"]
    shown = told.run("audit", told.store, "--root", told.root_file)
    assert shown.exit_code == 0
    assert shown.stdout.startswith("everything holds")
    told.now += timedelta(days=2)
    assert found(told)["served"][0]["level"] == "warning"  # nobody has refreshed since


def test_a_refresh_that_was_killed_is_harmless(told, forge):
    """What it left says nothing that is not public."""
    served = told.store / "metadata" / "timestamp.json"
    live = served.read_bytes()
    told.do("refresh")
    served.write_bytes(live)
    (finding,) = found(told)["served"]
    assert finding["text"].endswith("it says nothing new: harmless")


def test_history_does_not_go_back_behind_a_killed_publisher(told, forge):
    """Whoever publishes next says which timestamps were never public, to auditors and to the check."""
    unserved(told, forge, "agent.stable.canary")
    told.now += timedelta(hours=1)
    told.add("1.6.0")
    told.sign_and_publish()
    rules = found(told)
    assert rules.keys() == {"passed"}
    (finding,) = rules["passed"]
    assert (finding["level"], finding["version"]) == ("note", 7)
    assert "timestamp 7 was never public, says the one after it; it brings" in finding["text"]
    assert told.run("check", "--url", told.store).exit_code == 0
    assert Forge(told).load("timestamp").signed.unrecognized_fields["x-tidegate-passed"] == [7]


def test_only_what_lies_just_below_was_passed(told, forge):
    """Nobody takes back what was public long ago by calling it private now."""
    metadata = forge.load("timestamp")
    metadata.signed.version += 1
    metadata.signed.unrecognized_fields["x-tidegate-passed"] = [2, 3]
    forge.sign(metadata, "online")
    for name in (f"{metadata.signed.version}.timestamp.json", "timestamp.json"):
        (told.store / "metadata" / name).write_bytes(metadata.to_bytes())
    assert "passed" not in found(told)
    assert audit(told).json["counts"]["publications"] == 7


def test_garbage_that_was_collected_leaves_no_gap(told, forge):
    """What no snapshot ever listed was never public, whether it still lies there or not."""
    wave = forge.load("agent.stable.canary")
    wave.signed.version += 1
    forge.sign(wave, "rollouts")
    (told.store / "metadata" / f"{wave.signed.version}.agent.stable.canary.json").write_bytes(wave.to_bytes())
    snapshot = forge.load("snapshot")
    snapshot.signed.version += 1
    forge.sign(snapshot, "online")
    (told.store / "metadata" / f"{snapshot.signed.version}.snapshot.json").write_bytes(snapshot.to_bytes())
    told.publish_release("1.6.0")
    assert found(told) == {}
    for path in (told.store / "metadata").iterdir():
        os.utime(path, (0, 0))  # old by every clock
    gone = told.do("gc", "--older-than", "0s")["removed"].values()
    assert len(next(iter(gone))) == 2
    assert found(told) == {}


def test_a_role_that_nobody_delegates_to_is_a_stray(told, forge):
    """It stands in the snapshot, no client asks for it, and nobody says who may sign it."""
    ghost = forge.load("agent.stable.canary")
    ghost.signed.version = 1
    forge.sign(ghost, "rollouts")
    (told.store / "metadata" / "1.agent.stable.ghost.json").write_bytes(ghost.to_bytes())
    listed(told, forge, "agent.stable.ghost")
    (finding,) = found(told)["stray"]
    assert finding["text"] == "agent.stable.ghost 1 is in the snapshot, and nobody ever delegated to it"


def test_a_wave_that_was_removed_is_no_stray_until_somebody_signs_it(told, forge):
    """Its name stays for ever; a new version of it is another matter."""
    with forge.edit("agent.stable") as signed:
        del signed.delegations.roles["agent.stable.early"]
    assert found(told).keys() == {"shrank"}
    with forge.edit("agent.stable.early"):
        pass
    (finding,) = found(told)["stray"]
    assert "agent.stable does not delegate to it any more" in finding["text"]


def test_a_missing_root_in_the_middle_is_found(told, forge):
    """Clients stop before it, and what comes after is as if it had never been signed."""
    add_root(told, forge)
    add_root(told, forge)
    (told.store / "metadata" / "2.root.json").unlink()
    (finding,) = [one for one in found(told)["root"] if one["level"] == "error"]
    assert finding["text"] == "root 2 is not in the store, and root 3 is: clients stop at 1"
    assert audit(told).exit_code == 12


def test_a_root_that_no_timestamp_needed_is_named_with_its_signers(told, forge):
    """Clients follow it all the same: what it changes is said, and the log has it, too."""
    add_root(told, forge, add="releases")
    (finding,) = found(told)["unused"]
    assert finding["level"] == "note"
    assert finding["text"].startswith("root 2, signed by root, is needed by no timestamp: new key ")
    assert "sign timestamp" in finding["text"]
    add_root(told, forge)
    assert found(told)["unused"][1]["text"].endswith("timestamp: renews root 2")
    said = told.run("log", told.store, "--root", told.store / "metadata" / "1.root.json", "--role", "root")
    newest, before, *_ = said.stdout.splitlines()
    assert newest.startswith("at an unknown time root 3: renewed")
    assert before.startswith("at an unknown time root 2: new key ")


@pytest.mark.parametrize("spelled", [str.upper, lambda text: f"{text[:32]} {text[32:]}"])
def test_one_key_counts_once_however_it_is_spelled(told, forge, spelled):
    """Another id, other letters, a space: still the same key, and one signature."""
    with forge.edit("agent.stable") as signed:
        key = forge.signer("rollouts").public_key
        public = spelled(key.keyval["public"])
        signed.add_key(
            type(key)("ab" * 32, key.keytype, key.scheme, {"public": public}), "agent.stable.canary"
        )
        signed.delegations.roles["agent.stable.canary"].threshold = 2
    wave = forge.load("agent.stable.canary")
    wave.signed.version += 1
    forge.sign(wave, "rollouts")
    one = next(iter(wave.signatures.values()))
    wave.signatures["ab" * 32] = type(one)("ab" * 32, one.signature)
    (told.store / "metadata" / f"{wave.signed.version}.agent.stable.canary.json").write_bytes(wave.to_bytes())
    forge.seal()
    assert any("1 of 2 signatures" in one["text"] for one in found(told)["signature"])


def test_a_threshold_that_one_person_met_is_worth_a_look(told, forge):
    """Two keys that bear one name are two keys, and one person."""
    with forge.edit("agent.stable") as signed:
        for name in ("rollouts", "releases"):
            key = forge.signer(name).public_key
            key.unrecognized_fields["x-tidegate-owner"] = "ann@example.com"
            signed.add_key(key, "agent.stable.canary")
            signed.delegations.keys[key.keyid] = key
        signed.delegations.roles["agent.stable.canary"].threshold = 2
        wave = forge.load("agent.stable.canary")
        wave.signed.version += 1
        forge.sign(wave, "rollouts")
        wave.sign(forge.signer("releases"), append=True)
        path = told.store / "metadata" / f"{wave.signed.version}.agent.stable.canary.json"
        path.write_bytes(wave.to_bytes())
    assert "ann@example.com" in serious(told)["one_person"][0]["text"]
    assert audit(told).exit_code == 0


def test_what_somebody_looked_at_is_known(told, forge, tmp_path):
    """A clock that was wrong once fails no audit for ever; what is new, or said otherwise, still does."""
    forge.seal(issued_ago=timedelta(days=-365))
    forge.seal()
    bad = audit(told)
    assert bad.exit_code == 12
    answer = tmp_path / "looked-at.json"
    answer.write_text(bad.stdout)
    good = audit(told, "--known", answer)
    assert good.exit_code == 0, good.stderr
    assert {one["level"] for one in good.json["findings"]} == {"note"}
    assert all(one["text"].startswith("known: ") for one in good.json["findings"])
    answer.write_text(good.stdout)
    assert audit(told, "--known", answer).exit_code == 0
    forge.seal(issued_ago=timedelta(days=30))
    assert audit(told, "--known", answer).exit_code == 12
    answer.write_text("{}")
    assert audit(told, "--known", answer).exit_code == 10
    assert audit(told, "--known", tmp_path / "nothing").exit_code == 10


@pytest.fixture
def put_back(told, tmp_path):
    """A store that was put back from a copy, whole, after somebody looked; and what was seen then."""
    shutil.copytree(told.store, tmp_path / "copy")
    told.now += timedelta(hours=1)
    told.do("refresh")
    looked = tmp_path / "looked-at.json"
    looked.write_text(audit(told).stdout)
    shutil.rmtree(told.store)
    shutil.copytree(tmp_path / "copy", told.store)
    shutil.rmtree(told.folder / ".cache")
    return told, looked


def test_a_store_that_was_put_back_whole_is_found_by_what_was_seen(put_back):
    """Every file of it holds: only who remembers what was served knows that it is gone."""
    work, looked = put_back
    assert audit(work).exit_code == 0
    bad = audit(work, "--known", looked)
    assert bad.exit_code == 12
    seen = json.loads(looked.read_text())["served"]["timestamp"]
    (one,) = bad.json["findings"]
    assert (one["level"], one["rule"], one["version"]) == ("error", "rollback", seen)
    assert f"is not there, where {seen - 1} is served: the store was put back, or lags" in one["text"]
    work.now += timedelta(hours=1)
    work.do("refresh")
    assert audit(work).exit_code == 0
    bad = audit(work, "--known", looked)
    assert bad.exit_code == 12
    assert "is another one now: the store was put back, and published to" in bad.json["findings"][0]["text"]


def test_a_new_online_key_is_the_way_out_of_what_was_put_back(put_back, tmp_path):
    """Hosts forget the numbers with the key, so the audit warns; a root that is gone is never forgotten."""
    work, looked = put_back
    work.do("key", "new", "online-2", "--no-passphrase")
    work.do("key", "revoke", "online", "--compromised", "--new", "online-2")
    work.sign_and_publish()
    after = audit(work, "--known", looked)
    assert after.exit_code == 0, after.stderr
    assert [one["level"] for one in after.json["findings"] if one["rule"] == "rollback"] == ["warning"]
    looked.write_text(after.stdout)
    assert audit(work, "--known", looked).exit_code == 0
    shutil.rmtree(work.store)
    shutil.copytree(tmp_path / "copy", work.store)
    assert audit(work).exit_code == 0
    bad = audit(work, "--known", looked)
    assert bad.exit_code == 12
    assert "root 2 was served when you looked, and the store ends at root 1" in bad.stdout
