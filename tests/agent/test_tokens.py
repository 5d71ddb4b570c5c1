"""Enrolment by token: one paste tells a host whom to trust and what it may follow."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from metadata import places
from metadata.envelope import from_text, seal, to_text
from metadata.token import Token
from tests.agent.forge import Forge
from tests.agent.reporting import peek
from tests.agent.scene import Scene
from tests.support.host import Host, Ran
from tests.support.web import serving
from tests.support.workspace import Workspace


def token(scene: Scene, *options: str) -> str:
    """Return a token of the scene's repository."""
    made = scene.repo.do("fleet", "token", "--url", scene.web.url, *options)
    return str(made["token"])


def enroll(scene: Scene, text: str, *options: str) -> Ran:
    """Paste a token on the scene's host."""
    return scene.host.run("enroll", "--token", text, *options, "--json")


def identity(scene: Scene) -> Any:
    """Return what the host wrote down."""
    return json.loads((scene.host.state / "identity" / "agent.json").read_bytes())


def changed(text: str, **changes: object) -> str:
    """Return a token whose content somebody changed under its signature."""
    sealed = from_text(text, Token)
    said = json.loads(sealed.envelope.payload) | changes
    sealed.envelope.payload = json.dumps(said).encode()
    return to_text(json.dumps(sealed.envelope.to_dict()).encode())


def signed_by(scene: Scene, key: str, text: str) -> str:
    """Return the same token by another key."""
    return to_text(seal(from_text(text, Token).peek(Token), Forge(scene.repo).signer(key)))


def test_one_paste_enrols_a_host(scene):
    """The token brings repository, root, scope, ring and labels; the key is the host's own."""
    done = enroll(scene, token(scene, "--ring", "staging", "--label", "site=fra1"), "--agent-id", "host-1")
    assert done.exit_code == 0, done.stderr
    assert done.json["channels"] == ["agent/stable"]
    kept = identity(scene)
    assert (kept["agent"], kept["ring"], kept["labels"]) == ("host-1", "staging", {"site": "fra1"})
    assert kept["root_sha256"] == from_text(kept["token"], Token).peek(Token).root_sha256
    assert "PRIVATE KEY" in kept["key"]
    assert (scene.host.state / "identity" / "agent.json").stat().st_mode & 0o777 == 0o600
    assert scene.host.run("tick").exit_code == 0


def test_the_same_paste_twice_changes_nothing(scene):
    """Configuration management runs the same command for ever."""
    text = token(scene)
    assert enroll(scene, text).exit_code == 0
    before = identity(scene)
    assert enroll(scene, text).exit_code == 0
    assert identity(scene) == before


def test_a_token_may_come_as_a_file_with_line_breaks(scene):
    """A terminal or a mail wraps a long line."""
    text = token(scene)
    file = scene.host.folder / "token"
    file.write_text("\n".join(text[start : start + 76] for start in range(0, len(text), 76)) + "\n")
    assert scene.host.run("enroll", "--token-file", str(file)).exit_code == 0


def test_a_newer_token_gives_a_host_more_without_another_identity(founded, scene):
    """An enrolled host takes a new scope by a new token, and stays who it is."""
    assert enroll(scene, token(scene)).exit_code == 0
    before = identity(scene)
    assert enroll(scene, token(scene, "--ring", "staging")).exit_code == 0
    after = identity(scene)
    assert (after["agent"], after["key"]) == (before["agent"], before["key"])
    assert after["ring"] == "staging"


def test_a_copied_host_takes_a_new_identity(scene):
    """With --again it is somebody else, by the token that it has."""
    assert enroll(scene, token(scene)).exit_code == 0
    before = identity(scene)
    done = scene.host.run("enroll", "--again")
    assert done.exit_code == 0, done.stderr
    after = identity(scene)
    assert after["agent"] != before["agent"]
    assert after["key"] != before["key"]
    assert after["token"] == before["token"]


REFUSED = {
    "expired": (12, "expired at"),
    "revoked": (12, "was revoked"),
    "for a revoked agent": (12, "agent host-1 was revoked"),
    "where nobody signs tokens": (12, "not signed by a key that may"),
    "for a root that is not there": (11, "7.root.json"),
    "tampered": (12, "not signed by a key that may"),
    "by a stranger": (12, "not signed by a key that may"),
    "for another root": (12, "is not the root that the token pins"),
    "cut off": (10, "registration token"),
    "not a token": (10, "registration token"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_token_enrols_nobody(scene, case):
    """Each is refused with its reason, and nothing was written."""
    good = token(scene, "--expires", "1h")
    said = from_text(good, Token).peek(Token)
    revoke = ("--token", said.id) if case == "revoked" else ("--agent", "host-1")
    if case in {"revoked", "for a revoked agent"}:
        scene.repo.do("fleet", "revoke", *revoke)
        scene.repo.sign_and_publish()
    if case == "where nobody signs tokens":
        scene.repo.do("fleet", "keys", "--remove", "rollouts")
        scene.repo.sign_and_publish()
    yesterday = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    bad = {
        "expired": lambda: token_at(scene, timedelta(hours=-2), "--expires", "1h"),
        "revoked": lambda: good,
        "for a revoked agent": lambda: good,
        "where nobody signs tokens": lambda: good,
        "for a root that is not there": lambda: changed(good, root_version=7),
        "tampered": lambda: changed(good, channels=["agent/other"], expires=yesterday),
        "by a stranger": lambda: signed_by(scene, "releases", good),
        "for another root": lambda: changed(good, root_sha256="0" * 64),
        "cut off": lambda: good[: len(good) // 2],
        "not a token": lambda: "hello",
    }[case]()
    done = enroll(scene, bad, "--agent-id", "host-1")
    code, text = REFUSED[case]
    assert (done.exit_code, text in done.stderr) == (code, True), done.stderr
    assert not (scene.host.state / "identity").exists()


def token_at(scene: Scene, ago: timedelta, *options: str) -> str:
    """Return a token that was made at another time."""
    scene.repo.now = datetime.now(UTC) + ago
    made = token(scene, *options)
    scene.repo.now = None
    return made


def test_an_agent_refuses_a_channel_outside_its_token(scene):
    """The host's own settings may not widen what the token allows; the refusal is told."""
    scene.release("1.4.2")
    text = signed_by(scene, "rollouts", changed(token(scene), channels=["agent/other"]))
    assert enroll(scene, text).exit_code == 0
    done = scene.host.tick()
    assert (done.exit_code, done.rule) == (0, "foreign")
    assert scene.host.installed is None


def test_an_expired_or_revoked_token_ends_no_updates(scene):
    """A key that signs tokens must not be able to stop a fleet."""
    scene.release("1.4.2")
    text = token(scene)
    assert enroll(scene, text).exit_code == 0
    scene.repo.do("fleet", "revoke", "--token", from_text(text, Token).peek(Token).id)
    scene.repo.do("fleet", "keys", "--remove", "rollouts")
    scene.repo.sign_and_publish()
    assert scene.host.tick().exit_code == 0
    assert scene.host.installed == "1.4.2"


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Scene]:
    """Somebody else's repository, which is sound, with a ring that its canaries carry."""
    repo = Workspace(tmp_path / "other").found(
        "--wave", "canary=5", "--wave", "full=100", "--ring", "staging"
    )
    host = Host(tmp_path / "other-host")
    with serving(repo.store) as web:
        yield Scene(repo, web, host)
        host.close()


def test_an_enrolled_host_refuses_another_repository(scene, other):
    """A token of somebody else's repository moves no host, however good it is there."""
    assert enroll(scene, token(scene)).exit_code == 0
    before = identity(scene)
    done = enroll(scene, token(other))
    assert (done.exit_code, "this host is enrolled as" in done.stderr) == (15, True)
    assert identity(scene) == before


def test_an_enrolled_host_refuses_another_root(scene, other):
    """A repository that was founded anew at the same address is another one."""
    assert enroll(scene, token(scene)).exit_code == 0
    before = identity(scene)
    scene.repo.store.rename(scene.repo.store.with_name("old"))
    shutil.copytree(other.repo.store, scene.repo.store)
    text = other.repo.do("fleet", "token", "--url", scene.web.url)["token"]
    done = enroll(scene, text)
    assert done.exit_code == 12, done.stderr
    assert identity(scene) == before


def test_a_token_outlives_a_change_of_root(scene):
    """It pins the root that it was made with, and newer roots follow from that one."""
    text = token(scene)
    scene.repo.do("key", "new", "second", "--no-passphrase")
    scene.repo.do("key", "rotate", "all", "--old", "online", "--new", "second")
    scene.repo.do("sign", "--yes")
    while scene.repo.do("publish", "--at-once")["published"] == {}:
        pass
    assert enroll(scene, text).exit_code == 0
    assert scene.host.run("tick").exit_code == 0


def test_a_ring_makes_a_host_canary_on_purpose(other):
    """Of two hosts that share a place of the last wave, the one whose token carries the ring goes first."""
    salt = other.forge.read("agent.stable", "rollout/agent/stable/policy")["salt"]
    names = (f"host-{number}" for number in range(10_000))
    late = next(name for name in names if places.place(salt, name).startswith("f"))
    other.add("1.0.0")
    other.repo.do("rollout", "start", "stable", "1.0.0", "--strategy", "manual")
    other.repo.sign_and_publish()
    assert enroll(other, token(other), "--agent-id", late).exit_code == 0
    assert (other.host.tick().exit_code, other.host.installed) == (0, None)
    assert enroll(other, token(other, "--ring", "staging")).exit_code == 0
    assert (other.host.tick().exit_code, other.host.installed) == (0, "1.0.0")


def test_an_attempt_outside_the_token_is_refused_reported_and_not_counted(scene, tmp_path):
    """The host says that it refused, and the collector sets aside what its token does not name."""
    box = tmp_path / "box"
    scene.repo.do("fleet", "reports", "stable", "--url", box.as_uri())
    scene.release("1.4.2")
    text = signed_by(scene, "rollouts", changed(token(scene), channels=["agent/other"]))
    assert enroll(scene, text, "--agent-id", "host-1").exit_code == 0
    for _ in range(2):
        assert scene.host.tick().rule == "foreign"
    (flush,) = box.rglob("*.json")
    assert [(one.stage, one.reason) for one in peek(json.loads(flush.read_bytes()))] == [
        ("enroll", ""),
        ("refusal", "foreign"),
        ("heartbeat", ""),
    ]
    found = scene.repo.do("fleet", "collect", box)
    assert (found["enrolled"], found["counted"], found["set_aside"]) == (["host-1"], 1, {"foreign": 2})


def test_an_order_by_a_wrong_key_is_refused_and_reported(scene, tmp_path):
    """A wave that somebody else signed moves no host, and is told once."""
    box = tmp_path / "box"
    scene.repo.do("fleet", "reports", "stable", "--url", box.as_uri())
    scene.release("1.4.2")
    assert enroll(scene, token(scene), "--agent-id", "host-1").exit_code == 0
    assert scene.host.tick().exit_code == 0
    with scene.forge.edit("agent.stable.canary", key="releases") as signed:
        for target in signed.targets.values():
            target.unrecognized_fields["custom"]["tidegate"]["reason"] = "by a thief"
    for _ in range(2):
        assert scene.host.tick().exit_code == 12
    assert scene.host.installed == "1.4.2"
    told = [one for file in box.rglob("*.json") for one in peek(json.loads(file.read_bytes()))]
    assert [(one.reason, one.outcome) for one in told if one.stage == "refusal"] == [("untrusted", "failed")]
