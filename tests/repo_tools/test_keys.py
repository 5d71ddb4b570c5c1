"""Keys: where they live, how they are protected, and what is never shown."""

import os
import stat
import subprocess
import sys

import pytest

from metadata.errors import UsageError
from repo_tools.keys.passphrase import Passphrases
from tests.support.workspace import Workspace

SECRET = "correct horse battery staple"


def modes(work: Workspace) -> dict[str, int]:
    """Return the permission bits of everything in the key folder."""
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in [work.keys, *work.keys.iterdir()]}


def test_private_keys_are_for_their_owner_alone(work):
    """The folder is 0700, private parts are 0600, whatever the umask."""
    before = os.umask(0)
    try:
        work.do("key", "new", "another", "--no-passphrase")
    finally:
        os.umask(before)
    found = modes(work)
    assert found["keys"] == 0o700
    assert {found[name] for name in found if name.endswith(".pem")} == {0o600}


@pytest.mark.parametrize("scheme", ["ecdsa-p256", "ecdsa-p384", "rsa"])
def test_each_scheme_signs_what_clients_verify(tmp_path, scheme):
    """A repository founded with a key of a scheme is published and read back."""
    work = Workspace(tmp_path)
    work.do("key", "new", "rollouts", "--scheme", scheme, "--no-passphrase")
    work.found("--use-existing-keys")
    work.publish_release("1.4.2")
    assert {one["at_hand"] for one in work.do("key", "list")} == {True}


def test_encrypted_keys_need_their_passphrase(tmp_path):
    """Nobody signs without it: a missing one is a usage error, a wrong one is untrusted."""
    work = Workspace(tmp_path)
    work.secrets = {"TIDEGATE_PASSPHRASE": SECRET}
    work.do("init", work.folder, "--product", "agent", "--store", "../store", "--solo")
    work.do("publish")
    assert b"ENCRYPTED" in (work.keys / "rollouts.pem").read_bytes()
    work.add("1.4.2")
    for secrets, code in (({}, 2), ({"TIDEGATE_PASSPHRASE": "wrong"}, 12)):
        work.secrets = secrets
        result = work.run("sign", "--yes")
        assert result.exit_code == code
        assert "hint:" in result.stderr
        assert not work.do("status")["signatures"][0]["signed"]


def test_a_short_passphrase_is_refused(tmp_path):
    """Whoever copies the file guesses it without a limit; nothing is made."""
    work = Workspace(tmp_path)
    work.secrets = {"TIDEGATE_PASSPHRASE": "tide"}
    refused = work.run("key", "new", "alice")
    assert refused.exit_code == 2
    assert "a passphrase of 4 characters is guessed by whoever copies the key" in refused.stderr
    assert not work.keys.exists()


def test_a_passphrase_may_come_from_a_descriptor(tmp_path):
    """A job passes the secret without an argument and without the environment."""
    work = Workspace(tmp_path)
    work.secrets = {"TIDEGATE_PASSPHRASE": SECRET}
    work.do("init", work.folder, "--product", "agent", "--store", "../store", "--solo")
    reader, writer = os.pipe()
    os.write(writer, SECRET.encode() + b"\n")
    os.close(writer)
    line = [
        sys.executable,
        "-m",
        "repo_tools",
        "-C",
        str(work.folder),
        "--passphrase-fd",
        str(reader),
        "publish",
    ]
    environ = {"TIDEGATE_KEYS": str(work.keys), "HOME": str(tmp_path)}
    done = subprocess.run(line, pass_fds=[reader], env=environ, capture_output=True, text=True, check=False)
    os.close(reader)
    assert done.returncode == 0, done.stderr
    assert SECRET not in done.stdout + done.stderr


def test_secrets_are_never_shown_nor_kept_in_the_workspace(tmp_path):
    """Neither passphrases nor private keys appear in output, workspace or store."""
    work = Workspace(tmp_path)
    work.secrets = {"TIDEGATE_PASSPHRASE": SECRET}
    shown = work.run("init", work.folder, "--product", "agent", "--store", "../store", "--solo")
    listed, failed = work.run("key", "list"), work.run("key", "new", "root")
    texts = [result.stdout + result.stderr for result in (shown, listed, failed)]
    files = [path for folder in (work.folder, work.store) for path in folder.rglob("*") if path.is_file()]
    texts += [path.read_text(errors="replace") for path in files]
    for text in texts:
        assert SECRET not in text
        assert "PRIVATE KEY" not in text


def test_keys_that_exist_are_not_overwritten(work, tmp_path):
    """Founding another repository with the same key folder is refused before anything is written."""
    before = {path.name: path.read_bytes() for path in work.keys.iterdir()}
    result = work.run(
        "init", tmp_path / "other", "--product", "agent", "--store", "x", "--solo", "--no-passphrase"
    )
    assert result.exit_code == 2
    assert "--use-existing-keys" in result.stderr
    assert not (tmp_path / "other").exists()
    assert work.run("key", "new", "root", "--no-passphrase").exit_code == 2
    assert {path.name: path.read_bytes() for path in work.keys.iterdir()} == before


def test_a_broken_key_file_keeps_nobody_from_the_others(rolled):
    """The disaster: in the night of the brake a key file that is not even needed is cut off."""
    (rolled.keys / "releases.json").write_text("{")
    (rolled.keys / "root.pem").unlink()
    (rolled.keys / "root.pem").mkdir()
    rolled.do("brake", "stable", "--reason", "crash loops")
    rolled.do("status")
    for words in (("sign", "--yes"), ("key", "list")):
        assert "releases.json cannot be read" in rolled.run(*words).stderr
    rolled.do("publish")
    assert rolled.do("rollout", "status", "stable")["brake"]["hold"]


def test_a_passphrase_is_not_tried_as_a_pin():
    """Tokens lock after a few wrong tries: what opens files is not shown to them."""
    given = Passphrases(given=SECRET)
    assert given.ask("releases") == SECRET
    with pytest.raises(UsageError) as refused:
        given.pin_of("token")
    assert "TIDEGATE_PIN" in refused.value.hint
    assert Passphrases(given=SECRET, pin="123456").pin_of("token") == "123456"


@pytest.mark.parametrize("name", ["../up", "Key", "", "a b", "-x/"])
def test_a_key_has_a_plain_name(work, name):
    """A name is a file name and nothing else."""
    assert work.run("key", "new", "--no-passphrase", "--", name).exit_code == 2


def test_a_key_may_be_named_by_its_file(work, tmp_path):
    """A private part on a stick signs without being copied into the key folder."""
    stick = tmp_path / "stick"
    stick.mkdir()
    (work.keys / "rollouts.pem").rename(stick / "rollouts.pem")
    work.add("1.4.2")
    work.do("rollout", "start", "stable", "1.4.2")
    work.do("sign", "--yes")
    assert work.run("publish").exit_code == 16
    work.do("sign", "--yes", "--key", f"file:{stick / 'rollouts.pem'}")
    work.do("publish")
    assert work.run("sign", "--yes", "--key", "nobody").exit_code == 2


def test_two_people_sign_before_anything_is_public(tmp_path):
    """With thresholds of two, each signs in turn; status and publish name who is missing."""
    work = Workspace(tmp_path)
    work.do("init", work.folder, "--product", "agent", "--store", "../store", "--no-passphrase")
    work.do("publish")
    second = tmp_path / "second"
    second.mkdir()
    for path in work.keys.glob("re*-2.*"):
        path.rename(second / path.name)
    work.add("1.4.2")
    signed = work.do("sign", "--yes")
    assert [item["key"] for item in signed["signed"]] == ["releases-1"]
    assert [item["name"] for item in signed["missing"][0]["unsigned"]] == ["releases-2"]
    refused = work.run("publish")
    assert refused.exit_code == 16
    assert "1 more of releases-2" in refused.stderr
    first, work.keys = work.keys, second
    work.do("sign", "--yes")
    work.keys = first
    assert work.do("publish")["published"] == {"agent.releases": 2}


def test_thresholds_follow_the_blast_radius(tmp_path):
    """One person may start with canaries; everybody needs two; nobody holds releases and rollouts."""
    work = Workspace(tmp_path)
    work.do("init", work.folder, "--product", "agent", "--store", "../store", "--no-passphrase")
    tree = work.desk().tree
    found = {**tree.view("root").delegations, **tree.view("targets").delegations}
    found |= tree.view("agent.stable").delegations
    needs = {role: (one.threshold, len(one.keys)) for role, one in found.items()}
    assert needs == {
        "root": (2, 3),
        "targets": (2, 3),
        "snapshot": (1, 1),
        "timestamp": (1, 1),
        "agent.releases": (2, 2),
        "agent.stable": (2, 2),
        "fleet": (1, 2),
        "agent.stable.brake": (1, 3),
        "agent.stable.selected": (2, 2),
        "agent.stable.canary": (1, 2),
        "agent.stable.early": (1, 2),
        "agent.stable.full": (2, 2),
    }


def test_publishing_needs_the_online_key(work):
    """Permission to use it is permission to publish."""
    (work.keys / "online.pem").unlink()
    work.add("1.4.2")
    work.do("sign", "--yes")
    result = work.run("publish")
    assert result.exit_code == 16
    assert "online" in result.stderr
    assert work.run("refresh").exit_code == 16
