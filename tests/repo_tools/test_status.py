"""Status: what is live, what is only staged, what was overtaken, what has expired, and what comes next."""

import shutil
from datetime import timedelta

import pytest

from tests.support.people import team
from tests.support.workspace import Result, Workspace


def test_what_is_staged_is_not_shown_as_live(rolled):
    """Until it is published no host follows it: it stands apart, and says so."""
    rolled.add("1.5.0")
    rolled.do("rollout", "start", "stable", "1.5.0")
    rolled.do("brake", "stable", "--version", "1.4.2", "--reason", "crash loops")
    said = rolled.run("rollout", "status").stdout
    live, staged = said.split("agent/stable, staged: no host follows it before it is published\n")
    assert "1.5.0" not in live
    assert "early" not in staged
    assert "staged: the brake holds 1.4.2: crash loops" in staged
    shown = rolled.do("rollout", "status")
    canary, early, _full = shown["waves"]
    assert (canary["order"]["version"], canary["staged"]["version"]) == ("1.4.2", "1.5.0")
    assert (early["order"]["version"], early["staged"]) == ("1.4.2", None)
    assert (shown["rollout"], shown["staged"]["rollout"]) == ("stable-0001", "stable-0002")
    rolled.sign_and_publish()
    assert rolled.do("rollout", "status")["staged"] == {}


def test_a_rollout_is_shown_before_anything_was_published(tmp_path):
    """A workspace that was only founded has waves, and none of them is live."""
    work = Workspace(tmp_path)
    work.do("init", work.folder, "--product", "agent", "--store", "../store", "--solo", "--no-passphrase")
    shown = work.do("rollout", "status")
    assert [(one["name"], one["order"], one["staged"]) for one in shown["waves"]] == [
        (name, None, None) for name in ("canary", "early", "full")
    ]
    assert shown["rollout"] is None
    assert work.do("status")["published"] is None
    work.do("publish")
    assert work.do("status")["published"] == 1
    work.do("refresh")
    assert work.do("status")["published"] == 2


def test_an_overtaken_workspace_is_told_what_it_says_and_to_rebase(rolled, tmp_path):
    """What somebody else published meanwhile is not told as if this workspace took it away again."""
    other = Workspace(tmp_path / "other", rolled.now)
    shutil.copytree(rolled.folder, other.folder)
    other.keys, other.store = rolled.keys, rolled.store
    (other.folder / "tidegate.toml").write_text(f'store = "{rolled.store}"\n')
    rolled.add("1.5.0")
    other.add("1.5.1")
    rolled.sign_and_publish()
    said = other.run("status").stdout
    assert "agent.releases: overtaken by version 3; made on version 2, it says: adds 1.5.1" in said
    assert "removes" not in said
    assert "retires" not in said
    assert said.splitlines()[-1].startswith(f"next: tidegate -C {other.folder} publish --rebase")


def test_what_expired_is_said_with_what_mends_it(rolled):
    """After half a year away, status names the commands that bring a repository back, and they do."""
    assert "tidegate renew" not in rolled.run("status").stdout
    rolled.now += timedelta(days=50)
    assert "half of its life is over for agent.stable.canary" in rolled.run("status").stdout
    rolled.now += timedelta(days=200)
    said = rolled.run("status").stdout
    assert "9 roles expired, and hosts start nothing: next: tidegate renew" in said
    assert "timestamp and snapshot expired: tidegate refresh, once the rest is published" in said
    assert "2027-02-20 12:00Z, expired" in said
    assert len(rolled.do("status")["expired"]) == 11
    rolled.do("renew", "--yes")
    rolled.do("publish")
    assert rolled.do("status")["expired"] == []


def urged(done: Result) -> list[str]:
    """Return what a command says beside its result, but for that the story's clock is not the machine's."""
    return [line for line in done.stderr.splitlines() if "TIDEGATE_NOW" not in line]


def test_the_daily_job_says_what_people_must_renew(rolled):
    """Whoever reads only what the job says hears of it in time, and later; what is staged renews nothing."""
    assert urged(rolled.run("refresh")) == []
    rolled.now += timedelta(days=50)
    told = rolled.run("refresh")
    assert told.exit_code == 0
    assert "warning: half of its life is over for agent.stable.canary, " in told.stderr
    rolled.now += timedelta(days=50)
    rolled.do("renew", "--yes")
    for command in (("refresh",), ("--json", "refresh")):
        told = rolled.run(*command)
        assert told.exit_code == 0
        assert "3 roles expired, and hosts start nothing: next: tidegate renew" in told.stderr
    rolled.do("publish")
    assert urged(rolled.run("refresh")) == []


def test_a_refresh_stands_where_a_role_cannot_be_read(danger):
    """What is lost of a role takes nothing back from a timestamp that is signed, and is said."""
    version = danger.work.desk().live.version("agent.stable.canary")
    danger.lose(f"metadata/{version}.agent.stable.canary.json")
    told = danger.work.run("refresh")
    assert told.exit_code == 0
    assert "warning: what expires could not be read: " in told.stderr
    assert "agent.stable.canary.json is listed but missing" in told.stderr
    assert "is published to" in told.stdout


@pytest.mark.parametrize("command", ["sign", "renew"])
def test_nothing_is_signed_where_nobody_can_be_asked(rolled, command):
    """Without a terminal somebody must say yes beforehand; nothing is staged or signed otherwise."""
    rolled.now += timedelta(days=60)
    rolled.add("1.5.0")
    before = {path: path.read_bytes() for path in rolled.folder.rglob("*") if path.is_file()}
    result = rolled.run(command)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "nobody is here to be asked before this is signed" in result.stderr
    assert "--yes" in result.stderr
    assert {path: path.read_bytes() for path in rolled.folder.rglob("*") if path.is_file()} == before
    assert rolled.run(command, "--yes").exit_code == 0


def test_what_is_missing_is_said_once(tmp_path):
    """Nine roles that wait for the same people are one short line, and status has the rest."""
    alice, bob = team(tmp_path, "alice", "bob")
    keys = [f"--key={group}={bob.key(f'bob-{group}')}" for group in ("root", "releases", "rollouts")]
    needs = ("--threshold=root=1", "--threshold=releases=1", "--threshold=rollouts=1")
    usual = ("--product", "agent", "--store", str(alice.store), "--no-passphrase")
    founded = alice.run("init", alice.folder, *usual, *keys, *needs)
    assert founded.exit_code == 0, founded.stderr
    last = founded.stdout.splitlines()[-1]
    assert last.startswith(f"next: tidegate -C {alice.folder} sign")
    assert "publish" in last
    said = alice.run("status").stdout.splitlines()
    assert said[-1].startswith(
        f"next: tidegate -C {alice.folder} sign, where one of the keys is; none of them is here"
    )
    assert len(said[-1]) < 200 + len(str(alice.folder))


def test_both_sets_of_keys_that_a_new_root_needs_are_told_apart(rolled):
    """A root is signed with the keys before it and with its own, and each row says which."""
    rolled.do("key", "new", "root-2", "--no-passphrase")
    rolled.do("key", "rotate", "root", "--old", "root", "--new", "root-2")
    said = rolled.run("status").stdout
    assert "root, keys of version 1" in said
    assert "root, keys of version 2" in said
    assert [one["keys_of"] for one in rolled.do("status")["signatures"]] == [1, 2]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("start", "stable", "1.5.0", "--not-after", "2026-11-22T11:00:00Z"), "before any host could start"),
        (("promote", "stable", "--not-after", "2026-11-01T11:00:00Z"), "before any host could start"),
        (
            ("recall", "stable", "1.4.2", "--from", "<=1.5.0,>=1.5.0", "--until", "2026-11-22T11:00:00Z"),
            "the recall ends at 2026-11-22 11:00Z, before any host could go back",
        ),
        (
            ("recall", "stable", "1.4.2", "--from", "<=1.5,>=1.5", "--until", "1h", "--not-before", "2h"),
            "the recall ends at 2026-11-22 13:00Z, before any host could go back",
        ),
    ],
)
def test_an_end_in_the_past_is_refused(rolled, command, said):
    """It would be signed and change nothing on any host."""
    if command[0] == "start":
        rolled.add("1.5.0")
    else:
        rolled.publish_release("1.5.0", strategy="manual")
    result = rolled.run("rollout", *command)
    assert result.exit_code == 2
    assert said in result.stderr
