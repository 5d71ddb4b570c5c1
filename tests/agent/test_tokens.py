"""Enrolment by token: one paste tells a host whom to trust and what it may follow."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from metadata.envelope import from_text, seal, to_text
from metadata.token import Token
from tests.agent.forge import Forge
from tests.agent.scene import Scene
from tests.support.host import Ran


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
    if case == "revoked":
        scene.repo.do("fleet", "revoke", "--token", said.id)
        scene.repo.sign_and_publish()
    yesterday = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    bad = {
        "expired": lambda: token_at(scene, timedelta(hours=-2), "--expires", "1h"),
        "revoked": lambda: good,
        "tampered": lambda: changed(good, channels=["agent/other"], expires=yesterday),
        "by a stranger": lambda: signed_by(scene, "releases", good),
        "for another root": lambda: changed(good, root_sha256="0" * 64),
        "cut off": lambda: good[: len(good) // 2],
        "not a token": lambda: "hello",
    }[case]()
    done = enroll(scene, bad)
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


def test_an_enrolled_host_refuses_another_repository(scene, tmp_path):
    """A token of somebody else's repository moves no host."""
    assert enroll(scene, token(scene)).exit_code == 0
    other = changed(token(scene), url="http://127.0.0.1:9/elsewhere")
    done = enroll(scene, other)
    assert done.exit_code in {11, 15}
    assert identity(scene)["url"] == scene.web.url
