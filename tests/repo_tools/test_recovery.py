"""Keys change in peace: nobody notices, and the old key signs no more."""

from datetime import timedelta

import pytest
from tuf.api.metadata import Metadata

from tests.support.clients import polling
from tests.support.stage import ROUTE
from tests.support.workspace import Workspace

SERVED = {
    "root": ("root", "targets"),
    "releases": ("agent.releases",),
    "rollouts": (
        "agent.stable",
        "agent.stable.canary",
        "agent.stable.brake",
        "agent.stable.selected",
        "fleet",
    ),
}
PAIRS = [(role, key) for key, roles in SERVED.items() for role in roles]


@pytest.mark.parametrize(("role", "key"), PAIRS)
def test_a_role_gets_another_key(stage, role, key):
    """Clients that saw the old key and clients that did not go on; the old key signs the role no more."""
    stage.key("fresh")
    assert stage.work.do("key", "rotate", role, "--old", key, "--new", "fresh")["rotated"] == [role]
    stage.publish()
    stage.everybody_is_well()
    before = stage.forge.version(role)
    stage.forge.sign(stage.forge.load(role), key)
    if role == "root":
        return
    with stage.forge.edit(role, key=key):
        pass
    assert stage.forge.version(role) == before + 1
    assert not stage.trusts(role)


def test_every_role_of_a_key_at_once(stage):
    """Whoever hands over everything rotates all, in one publication."""
    stage.key("fresh")
    assert len(stage.work.do("key", "rotate", "all", "--old", "rollouts", "--new", "fresh")["rotated"]) == 7
    stage.publish()
    (stage.work.keys / "rollouts.pem").unlink()
    stage.work.publish_release("1.5.0")
    stage.everybody_is_well()


def enrolling(stage) -> list[str]:
    """Return the names of the keys that may sign registration tokens."""
    return [one["x-tidegate-name"] for one in stage.work.do("fleet", "keys")["keys"]]


@pytest.mark.parametrize(
    "command",
    [
        ("key", "rotate", "all", "--old", "rollouts"),
        ("key", "rotate", "fleet", "--old", "rollouts"),
        ("key", "revoke", "rollouts", "--compromised"),
    ],
)
def test_a_key_that_went_enrols_no_hosts(stage, command):
    """Registration tokens are signed by the new key from the same publication on."""
    stage.key("fresh")
    assert enrolling(stage) == ["rollouts"]
    stage.work.do(*command, "--new", "fresh")
    stage.publish()
    assert enrolling(stage) == ["fresh"]


def test_a_key_that_signs_another_role_no_more_still_enrols(stage):
    """Who may sign registration tokens goes with the role that says so."""
    stage.key("fresh")
    stage.work.do("key", "rotate", "agent.stable", "--old", "rollouts", "--new", "fresh")
    assert enrolling(stage) == ["rollouts"]


def test_a_key_that_is_not_at_hand_enrols_no_more_by_its_id(stage):
    """Whoever removes a key names it as it is shown."""
    [key] = stage.work.do("fleet", "keys")["keys"]
    stage.work.do("fleet", "keys", "--remove", key["keyid"][:16])
    assert enrolling(stage) == []


def test_a_chain_of_roots(stage):
    """A client that slept through three new roots follows them one by one."""
    for number in range(3):
        old = f"root-{number}" if number else "root"
        stage.key(f"root-{number + 1}")
        stage.work.do("key", "rotate", "all", "--old", old, "--new", f"root-{number + 1}")
        stage.publish()
    assert (stage.work.store / "metadata" / "4.root.json").exists()
    stage.everybody_is_well()


def test_an_online_key_changes_while_a_client_polls(stage):
    """Three publications, and at no file in between does a poll fail."""
    stage.key("online-2")
    polls: list[bool] = []
    stage.work.do("key", "rotate", "all", "--old", "online", "--new", "online-2")
    stage.work.do("sign", "--yes")
    metadata = stage.work.store / "metadata"
    seen = {path.name for path in metadata.iterdir()}
    for command in ("publish", "publish", "refresh"):
        before = (metadata / "timestamp.json").read_bytes()
        stage.work.do(command, "--at-once")
        after = (metadata / "timestamp.json").read_bytes()
        (metadata / "timestamp.json").write_bytes(before)  # a client between the last file and the timestamp
        polls += [stage.old.trusts(ROUTE), stage.client(f"{command}-{len(polls)}").trusts(ROUTE)]
        (metadata / "timestamp.json").write_bytes(after)
        polls += [stage.old.trusts(ROUTE), stage.client(f"{command}-{len(polls)}").trusts(ROUTE)]
    assert polls == [True] * 12
    assert "2.root.json" in {path.name for path in metadata.iterdir()} - seen
    signed = Metadata.from_bytes((metadata / "timestamp.json").read_bytes()).signatures
    assert list(signed) == [stage.forge.signer("online-2").public_key.keyid]
    (stage.work.keys / "online.pem").unlink()
    stage.work.publish_release("1.5.0")
    stage.everybody_is_well()


def test_a_client_that_never_stops_polling_never_fails_once(stage):
    """Rotations of every key, the online key included, pass under a client without a pause."""
    with polling(stage.client("restless"), ROUTE) as polls:
        for name in ("releases", "rollouts", "online"):
            stage.key(f"{name}-2")
            stage.work.do("key", "rotate", "all", "--old", name, "--new", f"{name}-2")
            stage.publish()
    assert len(polls) > 3
    assert all(polls)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("agent.releases", "--old", "rollouts", "--new", "fresh"), "does not sign agent.releases"),
        (("agent.releases", "--old", "nobody", "--new", "fresh"), "no key 'nobody' signs here"),
        (("agent.releases", "--old", "releases", "--new", "rollouts"), "both releases and rollouts"),
        (("agent.releases", "--old", "releases", "--new", "releases"), "signs agent.releases already"),
        (("agent.stable", "--old", "rollouts", "--new", "missing"), "no such file"),
    ],
)
def test_what_is_no_rotation_is_refused(stage, options, said):
    """A key that does not sign the role, or that would serve both sides, changes nothing."""
    stage.key("fresh")
    result = stage.work.run("key", "rotate", *options)
    assert result.exit_code == 2
    assert said in result.stderr
    assert stage.work.do("status")["staged"] == []


def test_somebody_leaves(tmp_path):
    """A key that is not needed any more goes without another one, as long as enough are left."""
    work = Workspace(tmp_path)
    work.do("init", work.folder, "--product", "agent", "--store", "../store", "--no-passphrase")
    work.do("publish")
    refused = work.run("key", "revoke", "releases-2")
    assert refused.exit_code == 2
    assert "--new" in refused.stderr
    gone = work.do("key", "revoke", "root-3")
    assert [step["role"] for step in gone["steps"]] == ["root", "targets"]
    work.sign_and_publish()
    (work.keys / "root-3.pem").unlink()
    work.publish_release("1.4.2")


def test_the_three_publications_are_kept_apart(rolled, danger):
    """A cache that serves an old timestamp beside the new root breaks a poll: each step waits for caches."""
    rolled.do("key", "new", "online-2", "--no-passphrase")
    rolled.do("key", "rotate", "all", "--old", "online", "--new", "online-2")
    rolled.do("sign", "--yes")
    cached = (rolled.store / "metadata" / "timestamp.json").read_bytes()
    rolled.do("publish")
    for command in ("publish", "refresh"):
        rolled.now += timedelta(seconds=119)
        refused = rolled.run(command)
        assert refused.exit_code == 13
        assert "caches may still serve the timestamp before" in refused.stderr
        rolled.now += timedelta(seconds=1)
        rolled.do(command)
    rolled.do("refresh")
    new = (rolled.store / "metadata" / "timestamp.json").read_bytes()
    (rolled.store / "metadata" / "timestamp.json").write_bytes(cached)
    assert "signed by 0/1 keys" in danger.breaks(danger.client("behind-a-cache"))
    (rolled.store / "metadata" / "timestamp.json").write_bytes(new)
    assert not danger.breaks(danger.client("behind-a-cache"))


def test_whoever_is_in_haste_is_warned(rolled):
    """Nothing is refused for good: without caches, or in need, one goes on at once and knows the price."""
    rolled.do("key", "new", "online-2", "--no-passphrase")
    rolled.do("key", "rotate", "all", "--old", "online", "--new", "online-2")
    rolled.do("sign", "--yes")
    assert "clients" not in rolled.run("publish", "--at-once").stderr
    for command in ("publish", "refresh"):
        assert "clients behind a cache may fail a poll" in rolled.run(command, "--at-once").stderr
    assert "clients" not in rolled.run("refresh", "--at-once").stderr


def test_a_timestamp_is_refreshed_while_its_key_is_being_changed(rolled, danger):
    """Signing takes days, and the job holds only the key of today; what it signs, clients believe."""
    rolled.do("key", "new", "online-2", "--no-passphrase")
    rolled.do("key", "rotate", "all", "--old", "online", "--new", "online-2")
    elsewhere = (rolled.keys / "online-2.pem").rename(rolled.base / "online-2.pem")
    rolled.now += timedelta(days=2)
    rolled.do("refresh")
    assert not danger.breaks(danger.client("one"))
    elsewhere.rename(rolled.keys / "online-2.pem")
    rolled.do("sign", "--yes")
    for _ in range(2):
        rolled.do("publish", "--at-once")
    rolled.do("refresh", "--at-once")
    assert not danger.breaks(danger.client("one"))


def test_a_timestamp_is_refreshed_while_a_recovery_is_being_signed(rolled, danger):
    """Until the recovery is public, clients believe the old key and no other."""
    rolled.do("key", "new", "online-2", "--no-passphrase")
    rolled.do("key", "revoke", "online", "--compromised", "--new", "online-2")
    rolled.do("refresh")
    assert not danger.breaks(danger.client("one"))


def test_between_the_three_publications_the_status_says_what_comes_next(rolled):
    """Whoever comes back after lunch need not remember how far the online key is."""
    rolled.do("key", "new", "online-2", "--no-passphrase")
    rolled.do("key", "rotate", "all", "--old", "online", "--new", "online-2")
    assert "the online key changes in three publications" in rolled.run("status").stdout
    rolled.sign_and_publish()
    due = "the online key is being changed: the next of three publications is due"
    assert f"{due} at 2026-11-22T12:02:00Z: tidegate publish" in rolled.run("status").stdout
    rolled.now += timedelta(minutes=3)
    rolled.do("publish")
    assert f"{due} at 2026-11-22T12:05:00Z: tidegate refresh" in rolled.run("status").stdout
    rolled.now += timedelta(minutes=3)
    assert f"{due} now: tidegate refresh" in rolled.run("status").stdout
    rolled.do("refresh")
    assert "online key" not in rolled.run("status").stdout
