"""What the check of registration tokens prevents: hosts that a thief enrols count as one's own."""

import os
from typing import Any

from tests.support.collection import Collection
from tests.support.disasters import Danger, disaster
from tests.support.workspace import Workspace


def token_key(work: Workspace) -> None:
    """Let a key of its own sign registration tokens, which signs no role."""
    work.do("key", "new", "provisioning", "--no-passphrase")
    work.do("fleet", "keys", "--add", "provisioning")
    work.sign_and_publish()


def enrolled_by(danger: Danger, key: str) -> Any:
    """Return the hosts that are enrolled with a token of a key."""
    collection = Collection(danger.work, danger.folder / "box")
    thief = collection.voice("evil", collection.make_token("--key", key))
    path = thief.drop(thief.envelope(thief.enrolment()), day=f"{danger.now:%Y-%m-%d}")
    os.utime(path, (danger.now.timestamp(),) * 2)  # it came in the story's own time
    return collection.collect()["enrolled"]


@disaster("enrolling")
def test_a_stolen_key_that_still_signs_tokens_enrols_the_thiefs_hosts(danger):
    """It was revoked everywhere else; the hosts that it invents are heard, and counted, like real ones."""
    danger.work.do("key", "new", "fresh", "--no-passphrase")
    danger.work.do("key", "revoke", "rollouts", "--compromised", "--new", "fresh")
    danger.work.sign_and_publish()
    assert "enrolling" not in {one["rule"] for one in danger.work.do("check")["findings"]}
    danger.work.do("fleet", "keys", "--add", "rollouts")
    said = danger.refusal()
    assert "rollouts was called stolen and may still sign registration tokens" in said
    assert "tidegate fleet keys --remove" in said
    danger.publish_anyway()
    assert enrolled_by(danger, "rollouts") == ["evil"]


def test_a_key_that_was_rotated_away_and_still_signs_tokens_is_found(danger):
    """A repository whose keys changed before their tokens were ended is told so by a check."""
    danger.work.do("key", "new", "fresh", "--no-passphrase")
    danger.work.do("key", "rotate", "all", "--old", "rollouts", "--new", "fresh")
    danger.work.sign_and_publish()
    danger.work.do("fleet", "keys", "--add", "rollouts")
    danger.work.sign_and_publish()
    (found,) = [one for one in danger.work.do("check")["findings"] if one["rule"] == "enrolling"]
    said = "rollouts signs fleet no more and may still sign registration tokens"
    assert (found["level"], found["text"]) == ("warning", said)


def test_a_stolen_key_of_tokens_alone_is_revoked_like_any_other(danger):
    """Nothing else is signed anew, its tokens enrol nobody, and it stays stolen."""
    token_key(danger.work)
    (step,) = danger.work.do("key", "revoke", "provisioning", "--compromised")["steps"]
    assert (step["role"], step["delegator"]) == ("fleet", "targets")
    danger.work.sign_and_publish()
    assert [one["x-tidegate-name"] for one in danger.work.do("fleet", "keys")["keys"]] == ["rollouts"]
    danger.work.do("fleet", "keys", "--add", "provisioning")
    assert "provisioning was called stolen" in danger.refusal()


def test_a_key_of_tokens_alone_gives_way_to_another(danger):
    """Its owner leaves; nothing that it signed for a role has to be restored."""
    token_key(danger.work)
    danger.work.do("key", "new", "fresh", "--no-passphrase")
    refused = danger.work.run("key", "revoke", "provisioning", "--good", "fleet=1")
    assert (refused.exit_code, "provisioning signs no role" in refused.stderr) == (2, True)
    danger.work.do("key", "revoke", "provisioning", "--new", "fresh")
    danger.work.sign_and_publish()
    names = [one["x-tidegate-name"] for one in danger.work.do("fleet", "keys")["keys"]]
    assert sorted(names) == ["fresh", "rollouts"]
