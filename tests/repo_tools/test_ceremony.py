"""Ceremonies: several people on several machines sign one change, and nothing half signed becomes public."""

import json
import shutil
import subprocess
from datetime import timedelta

import pytest

from tests.support.people import team


@pytest.fixture
def two(tmp_path):
    """Two people with their own keys, who found a repository together; nothing is published yet."""
    alice, bob = team(tmp_path, "alice", "bob")
    public = {
        "releases": [alice.key("alice", "--owner", "alice@example.com"), bob.key("bob")],
        "rollouts": [alice.key("alice-r", "--owner", "alice@example.com"), bob.key("bob-r")],
        "root": [alice.key("alice-root"), bob.key("bob-root")],
        "online": [alice.key("publisher")],
    }
    keys = [f"--key={group}={path}" for group, paths in public.items() for path in paths]
    alice.do("init", alice.folder, "--product", "agent", "--store", str(alice.store), *keys)
    return alice, bob


@pytest.fixture
def published(two):
    """The same, published."""
    alice, bob = two
    bob.receive(alice)
    bob.do("sign", "--yes")
    alice.receive(bob)
    alice.do("publish")
    bob.receive(alice)
    shutil.rmtree(bob.folder / "staged", ignore_errors=True)
    return alice, bob


def test_two_people_found_a_repository_with_keys_that_never_meet(two):
    """Each signs at home; only public parts and signatures travel."""
    alice, bob = two
    assert alice.run("publish").exit_code == 16
    bob.receive(alice)
    signed = bob.do("sign", "--yes")
    assert {item["key"] for item in signed["signed"]} == {"bob", "bob-r", "bob-root"}
    alice.receive(bob)
    assert "root" in alice.do("publish")["published"]
    assert not list(bob.keys.glob("alice*"))


def test_a_copy_of_what_somebody_else_published_tidies_itself(two):
    """Who signed has fewer signatures than are public: nothing is left to do, and root is whole now."""
    alice, bob = two
    bob.receive(alice)
    bob.do("sign", "--yes")
    alice.receive(bob)
    alice.do("publish")
    half = bob.root_file.read_bytes()
    bob.do("sign", "--yes")
    assert bob.do("status")["staged"] == []
    assert bob.root_file.read_bytes() == alice.root_file.read_bytes() != half
    alice.add("1.4.2")
    alice.do("sign", "--yes")
    bob.receive(alice, only="staged")
    shutil.rmtree(bob.folder / "staged" / "signatures")
    signed = bob.do("sign", "--yes")
    assert [item["key"] for item in signed["signed"]] == ["bob"]
    alice.receive(bob, only="staged/signatures")
    alice.do("publish")
    assert bob.do("publish")["settled"] == ["agent.releases"]


def test_signatures_that_were_added_apart_merge(published):
    """Both sign the same change without seeing each other; one file for each key cannot conflict."""
    alice, bob = published
    alice.add("1.4.2")
    bob.receive(alice)
    assert [item["key"] for item in alice.do("sign", "--yes")["signed"]] == ["alice"]
    assert [item["key"] for item in bob.do("sign", "--yes")["signed"]] == ["bob"]
    alice.receive(bob, only="staged")
    (state,) = alice.do("status")["signatures"]
    assert (set(state["signed"]), state["missing"]) == ({"alice", "bob"}, 0)
    alice.do("publish")


def versioned(person):
    """Put a workspace under git, and return a way to call that."""

    def git(*words):
        line = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *words]
        done = subprocess.run(line, cwd=person.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-qm", "staged")
    return git


def test_git_merges_what_a_role_was_made_from(published):
    """Two sides that went on from different versions meet without a conflict, and the older one counts."""
    alice, _bob = published
    alice.add("1.4.2")
    git = versioned(alice)
    for version in (7, 5):
        git("checkout", "-qb", f"from-{version}", "main")
        (alice.folder / "staged" / "base" / "agent.releases").write_text(f"{version}\n")
        git("commit", "-qam", "rebased")
    git("merge", "-q", "from-7")
    assert alice.desk().tree.base("agent.releases") == 5


def test_git_merges_signatures(published):
    """Two branches that each sign merge without a conflict."""
    alice, bob = published
    alice.add("1.4.2")
    git = versioned(alice)
    for name, person in (("alice", alice), ("bob", bob)):
        git("checkout", "-qb", name, "main")
        alice.keys = person.keys
        alice.do("sign", "--yes")
        git("add", ".")
        git("commit", "-qm", "signed")
    git("checkout", "-q", "main")
    git("merge", "-q", "alice", "bob")
    assert alice.do("status")["signatures"][0]["missing"] == 0


def test_what_changed_after_it_was_signed_is_not_published(published):
    """A signature over other bytes is dropped with a warning, and its owner is asked again."""
    alice, bob = published
    alice.add("1.4.2")
    alice.do("sign", "--yes")
    bob.receive(alice)
    bob.do("sign", "--yes")
    alice.add("1.4.3")
    alice.do("sign", "--yes")
    alice.receive(bob, only="staged/signatures")
    assert alice.do("status")["stale"] == {"agent.releases": 2}
    refused = alice.run("publish")
    assert refused.exit_code == 16
    assert "is not what alice, bob signed" in refused.stderr
    assert "2 more of alice@example.com (alice), bob" in refused.stderr
    alice.do("sign", "--yes")
    bob.receive(alice, only="staged")
    bob.do("sign", "--yes")
    alice.receive(bob, only="staged/signatures")
    alice.do("publish")


def test_a_role_that_was_edited_by_hand_loses_its_signatures(published):
    """Whoever changes a staged file after it was signed publishes nothing."""
    alice, bob = published
    alice.add("1.4.2")
    alice.do("sign", "--yes")
    bob.receive(alice)
    bob.do("sign", "--yes")
    path = bob.folder / "staged" / "metadata" / "agent.releases.json"
    said = json.loads(path.read_bytes())
    said["signed"]["x-tidegate-seq"] = 1_000_000
    path.write_text(json.dumps(said))
    shutil.copytree(alice.keys, bob.keys, dirs_exist_ok=True)
    refused = bob.run("publish")
    assert refused.exit_code == 16
    assert refused.stderr.count("warning: ") == 1
    assert not (bob.folder / "staged" / "signatures" / "agent.releases").exists()


@pytest.mark.parametrize("text", ["{}", "[]", '{"keyid": "00", "sig": "00"}', "no json"])
def test_a_file_that_is_no_signature_is_named(published, text):
    """What lies among the signatures and is none is an error with the file's name."""
    alice, _bob = published
    alice.add("1.4.2")
    folder = alice.folder / "staged" / "signatures" / "agent.releases"
    folder.mkdir(parents=True)
    (folder / ("0" * 64 + ".json")).write_text(text)
    result = alice.run("status")
    assert result.exit_code == 10
    assert "0.json" in result.stderr


def test_listings_say_people(published):
    """Who must still sign is said by the owner's name, from the signed keys."""
    _alice, bob = published
    bob.add("1.4.2")
    bob.do("sign", "--yes")
    said = bob.run("publish")
    assert "1 more of alice@example.com (alice)" in said.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ["--key=releases={alice}", "--key=releases={bob}", "--key=rollouts={bob}"],
            "both releases and rollouts",
        ),
        (["--key=releases={alice}", "--key=releases={again}"], "would have two keys for releases"),
        (["--key=releases={alice}"], "releases needs 2 signatures and has keys for 1"),
        (["--threshold", "root=4"], "root needs 4 signatures and has keys for 3"),
        (["--threshold", "owners=4"], "not a value for --threshold"),
        (["--key=releases={missing}"], "no such file"),
    ],
)
def test_a_repository_that_one_thief_could_own_is_not_founded(tmp_path, options, said):
    """Shared sides, two keys of one person, thresholds out of reach: refused, and nothing is made."""
    alice, bob = team(tmp_path, "alice", "bob")
    files = {
        "alice": alice.key("alice", "--owner", "a@example.com"),
        "again": alice.key("again", "--owner", "a@example.com"),
        "bob": bob.key("bob"),
        "missing": tmp_path / "missing.json",
    }
    given = [option.format(**files) for option in options]
    usual = ("--product", "agent", "--store", "../store", "--no-passphrase", "--threshold", "rollouts=1")
    result = bob.run("init", bob.folder, *usual, *given)
    assert (result.exit_code, bob.folder.exists()) == (2, False)
    assert said in result.stderr
    assert [path.name for path in bob.keys.glob("*.json")] == ["bob.json"]


def test_a_public_key_under_another_id_is_refused(tmp_path):
    """A public part must be what its key id says, whoever hands it over."""
    alice, bob = team(tmp_path, "alice", "bob")
    public = alice.key("alice")
    said = json.loads(public.read_bytes())
    public.write_text(json.dumps({**said, "keyid": "0" * 64}))
    assert bob.run("key", "import", public).exit_code == 10
    public.write_text(json.dumps(said))
    assert not bob.do("key", "import", public)["at_hand"]


def test_sign_says_what_it_signs(rolled):
    """The change of each role is told in words, people and keys included."""
    rolled.add("1.5.0")
    rolled.do("rollout", "start", "stable", "1.5.0", "--strategy", "immediate")
    said = rolled.do("sign", "--yes")["changes"]
    assert any(line.startswith("agent.stable.canary: 1.4.2 → 1.5.0 for ") for line in said)
    rolled.do("publish")
    rolled.do("brake", "stable", "--version", "1.5.0", "--by", "bob@example.com")
    (line,) = rolled.do("sign", "--yes")["changes"]
    assert "brake: holds 1.5.0" in line
    assert "bob@example.com" in line


def test_renew_renews_what_is_due_in_one_sitting(work):
    """Half of a life spent means due; every role is signed at once, and nothing else is touched."""
    assert work.do("renew", "--yes")["renewed"] == []
    work.now = work.now + timedelta(days=60)
    renewed = work.do("renew", "--yes")
    assert renewed["renewed"] == ["agent.stable.canary", "agent.stable.early", "agent.stable.full"]
    assert renewed["missing"] == []
    assert len(work.do("renew", "--yes", "--within", "200d")["renewed"]) == 9
    work.do("publish")
    assert work.do("renew", "--yes")["renewed"] == []


def test_the_online_key_keeps_within_what_root_allows(work):
    """Root's owners say how long a timestamp may last; refresh goes no further, and follows their changes."""
    assert work.run("refresh", "--lasting", "4d").exit_code == 13
    work.do("refresh", "--lasting", "2d")
    assert work.do("status")["expiries"]["timestamp"] == "2026-11-24T12:00:00Z"
    work.do("renew", "--yes", "--limit", "timestamp=1d")
    work.do("publish")
    assert work.do("status")["expiries"]["timestamp"] == "2026-11-23T12:00:00Z"
    assert work.run("refresh", "--lasting", "2d").exit_code == 13


def test_refresh_does_not_go_on_from_a_timestamp_that_was_put_back(work):
    """Whoever puts an old timestamp back does not get it renewed over the newer roles that agents know."""
    live = work.store / "metadata" / "timestamp.json"
    old = live.read_bytes()
    work.add("1.4.2")
    work.sign_and_publish()
    newest = live.read_bytes()
    live.write_bytes(old)
    refused = work.run("refresh")
    assert refused.exit_code == 15
    assert "was signed already" in refused.stderr
    live.write_bytes(newest)
    work.do("refresh")


def test_solo_is_warned(tmp_path):
    """One person may found a repository, and is told what that gives up."""
    (alone,) = team(tmp_path, "alone")
    said = alone.run(
        "init", alone.folder, "--product", "agent", "--store", "../s", "--solo", "--no-passphrase"
    )
    assert "gives up every second signature" in said.stderr
