"""A brake comes out in the midst of anything, and whatever else was staged goes on afterwards."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.disasters import BASE, CANARY, CHANNEL, RELEASES
from tests.support.people import Person, team
from tests.support.workspace import Workspace

BRAKE = "agent.stable.brake"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of two people's repository, in which 1.5.0 has reached two waves of three; never changed."""
    folder = tmp_path_factory.mktemp("running") / "place"
    folder.mkdir()
    alice, bob = team(folder, "alice", "bob")
    public = {
        group: [alice.key(f"alice-{group}"), bob.key(f"bob-{group}")]
        for group in ("releases", "rollouts", "root")
    }
    public["online"] = [alice.key("publisher")]
    keys = [f"--key={group}={path}" for group, paths in public.items() for path in paths]
    alice.do("init", alice.folder, "--product", "agent", "--store", "../../store", *keys)
    together(alice, bob)
    for version, strategy in (("1.4.2", "immediate"), ("1.5.0", "manual")):
        alice.add(version)
        alice.do("rollout", "start", "stable", version, "--strategy", strategy)
        together(alice, bob)
    alice.do("rollout", "promote", "stable")
    together(alice, bob)
    return folder


def together(alice: Person, bob: Person) -> None:
    """Let both sign what Alice staged, and Alice publish it."""
    alice.do("sign", "--yes")
    bob.folder.mkdir(exist_ok=True)
    shutil.rmtree(bob.folder / "staged", ignore_errors=True)
    bob.receive(alice)
    bob.do("sign", "--yes")
    alice.receive(bob)
    alice.do("publish")


@pytest.fixture
def pair(running, tmp_path):
    """Alice, who prepares and publishes, and Bob, who signs, too."""
    place = shutil.copytree(running, tmp_path / "place")
    return team(place, "alice", "bob")


def a_release(alice: Person) -> None:
    """Stage a release and its rollout."""
    alice.add("1.6.0")
    alice.do("rollout", "start", "stable", "1.6.0")


def a_promotion(alice: Person) -> None:
    """Stage a promotion to everybody."""
    alice.do("rollout", "promote", "stable")


def a_recall(alice: Person) -> None:
    """Stage a recall that waits for signatures."""
    alice.do("rollout", "recall", "stable", "1.4.2", "--from", ">=1.5,<=1.5.3")


def a_root(alice: Person) -> None:
    """Stage a root with another key of its own."""
    alice.key("alice-new")
    alice.do("key", "rotate", "root", "--old", "alice-root", "--new", "alice-new")


def an_online_key(alice: Person) -> None:
    """Stage another key for timestamp and snapshot, which is at hand."""
    alice.key("publisher-2")
    alice.do("key", "rotate", "all", "--old", "publisher", "--new", "publisher-2")


def a_hand_over(alice: Person) -> None:
    """Stage another key for everything that Bob signs on the rollouts' side."""
    alice.key("carol")
    alice.do("key", "rotate", "all", "--old", "bob-rollouts", "--new", "carol")


@pytest.mark.parametrize("stage", [a_release, a_promotion, a_recall, a_root, an_online_key, a_hand_over])
def test_a_brake_comes_out_in_the_midst_of_anything(pair, stage):
    """Three commands with a brake key and the publisher's; the rest is published afterwards as it was."""
    alice, bob = pair
    stage(alice)
    alice.do("sign", "--yes")
    before = {path: path.read_bytes() for path in (alice.folder / "staged").rglob("*") if path.is_file()}
    assert alice.run("publish").exit_code == 16
    on_call = alice.base / "on-call"
    on_call.mkdir()
    for name in ("alice-rollouts", "publisher"):
        for path in alice.keys.glob(f"{name}.*"):
            shutil.copy(path, on_call)
    alice_keys, alice.keys = alice.keys, on_call
    alice.do("brake", "stable", "--reason", "crash loops")
    assert {one["role"] for one in alice.do("sign", "--yes", "--role", BRAKE)["signed"]} == {BRAKE}
    said = alice.do("publish", "--role", BRAKE)
    assert list(said["published"]) == [BRAKE]
    assert said["staged"]
    alice.keys = alice_keys
    kept = [path for path in before if BRAKE not in str(path)]
    assert [path for path in kept if path.read_bytes() != before[path]] == []
    together(alice, bob)
    held = alice.do("rollout", "status", "stable")["brake"]["hold"]
    assert {"rollout": "stable-0002"} in held
    assert [one for one in alice.do("check")["findings"] if one["level"] == "error"] == []


def test_brake_says_how_it_comes_out_alone(pair):
    """Where other things are staged, the next two commands name the brake and leave the rest."""
    alice, _bob = pair
    assert "next: " not in alice.run("brake", "stable", "--reason", "x", "--dry-run").stdout
    a_recall(alice)
    said = alice.run("brake", "stable", "--reason", "crash loops").stdout
    assert f"next: tidegate -C {alice.folder} sign --role {BRAKE} ({BRAKE}: 1 more of " in said
    assert f"then: tidegate -C {alice.folder} publish --role {BRAKE}; what else is staged stays so" in said
    assert "recall" not in said.partition("next:")[2]


def test_a_lifting_that_was_staged_before_is_said(rolled):
    """Whoever pulls the brake on top of it would let something go without a word."""
    rolled.do("brake", "stable", "--version", "1.4.2")
    rolled.sign_and_publish()
    rolled.do("brake", "stable", "--release")
    said = rolled.run("brake", "stable", "--rollout", "stable-0001").stderr
    assert "warning: this lifts 1.4.2, as was staged before" in said
    rolled.do("unstage", BRAKE)
    assert "lifts" not in rolled.run("brake", "stable", "--rollout", "stable-0001").stderr


def test_what_must_come_along_is_named(rolled):
    """An order does not go without its release, nor a role without whoever delegates to it."""
    rolled.add("1.5.0")
    rolled.do("rollout", "start", "stable", "1.5.0")
    rolled.do("sign", "--yes")
    refused = rolled.run("publish", "--role", CANARY)
    assert refused.exit_code == 13
    assert f"{CANARY} orders 1.5.0, which is only staged: {RELEASES} must come along" in refused.stderr
    assert f"add --role {RELEASES}" in refused.stderr
    kept = rolled.run("unstage", RELEASES)
    assert kept.exit_code == 13
    assert f"{RELEASES} cannot be taken back alone" in kept.stderr
    assert rolled.run("publish", "--role", "agent.stable.nobody").exit_code == 2
    assert list(rolled.do("publish", "--role", RELEASES)["published"]) == [RELEASES]
    assert list(rolled.do("publish", "--role", CANARY)["published"]) == [CANARY]


@pytest.mark.parametrize("role", ["agent.stable.nobody", BRAKE])
def test_a_role_that_is_not_staged_is_refused_whatever_else_is(rolled, role):
    """A name that was mistyped must not read like a brake that went out: nothing is published."""
    refused = rolled.run("publish", "--role", role)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr == f"error: {role} is not staged\nhint: nothing is staged\n"
    rolled.add("1.5.0")
    refused = rolled.run("publish", "--role", role)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr == f"error: {role} is not staged\nhint: staged: {RELEASES}\n"


def test_what_is_signed_can_go_out_now(rolled):
    """Who may not publish all of it is told what can go without the rest: a brake alone, if there is one."""
    rolled.add("1.5.0")
    rolled.do("rollout", "start", "stable", "1.5.0")
    rolled.do("sign", "--yes", "--role", RELEASES)
    refused = rolled.run("publish")
    assert refused.exit_code == 16
    assert f"what is signed can go out now: tidegate publish --role {RELEASES}\n" in refused.stderr
    rolled.do("brake", "stable", "--version", "1.4.2")
    unsigned = rolled.run("publish", "--role", BRAKE)
    assert unsigned.exit_code == 16
    assert f"they run: tidegate sign --role {BRAKE}\n" in unsigned.stderr
    rolled.do("sign", "--yes", "--role", BRAKE)
    hint = f"the brake can go out now: tidegate publish --role {BRAKE}\n"
    assert hint in rolled.run("publish").stderr
    assert "which is not that of" not in rolled.run("unstage", CANARY, "--dry-run").stdout
    signed = rolled.run("sign", "--yes", "--role", CANARY).stdout
    assert "1.5.0" in signed
    assert "which is not that of" not in signed


def test_a_brake_comes_out_over_a_wave_that_has_expired(rolled):
    """Nobody reads the wave before or after: publishing says what is due, and is done."""
    rolled.now += timedelta(days=100)
    rolled.do("brake", "stable", "--version", "1.4.2")
    rolled.do("sign", "--yes")
    published = rolled.run("publish")
    assert published.exit_code == 0, published.stderr
    assert f"warning: {CANARY} is expired: tidegate renew\n" in published.stderr
    assert "read back by a new client" in published.stdout
    assert not list((rolled.folder / "staged" / "metadata").glob("*.json"))


def test_new_keys_go_with_what_they_sign(rolled):
    """Who delegates does not go without the role whose keys it changes, or no client could read that."""
    rolled.do("key", "new", "fresh", "--no-passphrase")
    rolled.do("key", "rotate", CANARY, "--old", "rollouts", "--new", "fresh")
    rolled.do("sign", "--yes")
    refused = rolled.run("publish", "--role", CHANNEL)
    assert refused.exit_code == 13
    assert f"{CHANNEL} changes who may sign {CANARY}: {CANARY} must come along" in refused.stderr
    assert f"{CANARY}: 1 more of rollouts" in rolled.run("publish", "--role", CANARY).stderr
    both = rolled.do("publish", "--role", CHANNEL, "--role", CANARY)
    assert set(both["published"]) == {CHANNEL, CANARY}


def test_the_first_publication_is_everything(tmp_path):
    """Before it, nothing goes alone and nothing is taken back."""
    work = Workspace(tmp_path)
    usual = ("--product", "agent", "--store", str(work.store), "--solo", "--no-passphrase")
    work.do("init", work.folder, *usual)
    assert "the first publication is everything" in work.run("publish", "--role", "root").stderr
    assert "what is staged is the founding itself" in work.run("unstage", "--all").stderr
    work.do("publish")


def test_a_change_is_taken_back(rolled):
    """Its role, its signatures and its files are gone, and what else is staged stays signed."""
    rolled.do("brake", "stable", "--version", "1.4.2")
    rolled.add("1.5.0")
    rolled.do("sign", "--yes")
    staged = rolled.folder / "staged"
    would = rolled.do("unstage", RELEASES, "--dry-run")
    assert would["changes"][0].startswith(f"{RELEASES}: adds ")
    assert (staged / "metadata" / f"{RELEASES}.json").is_file()
    assert rolled.do("unstage", RELEASES)["staged"] == [BRAKE]
    assert not [path for path in staged.rglob("*") if "1.5.0" in path.name or RELEASES in str(path)]
    assert [one["version"] for one in rolled.do("release", "list")] == ["1.4.2"]
    assert list(rolled.do("publish")["published"]) == [BRAKE]
    assert rolled.do("unstage", "--all")["unstaged"] == []
    assert rolled.run("unstage").exit_code == 2


def test_a_wave_goes_with_its_routes(rolled):
    """Whoever gives a wave other hosts publishes the channel and the wave together."""
    desk = rolled.desk()
    entry = next(iter(desk.tree.view(CANARY).entries.values()))
    with desk.tree.changing(CHANNEL) as signed:
        signed.delegations.roles[CANARY].paths = [entry.path]
    with desk.tree.edit(CANARY) as draft:
        for path in list(desk.tree.view(CANARY).entries):
            if path != entry.path:
                draft.drop(path)
    rolled.do("sign", "--yes")
    assert entry.path.startswith(BASE)
    said = rolled.run("publish", "--role", CANARY).stderr
    assert f"{CHANNEL} says which hosts {CANARY} speaks to: {CHANNEL} must come along" in said
    said = rolled.run("publish", "--role", CHANNEL).stderr
    assert f"{CHANNEL} changes which hosts {CANARY} speaks to: {CANARY} must come along" in said


def test_what_a_merge_has_torn_is_given_up(rolled):
    """A file with the marks of a conflict stops every command; the error says how to go on without it."""
    rolled.publish_release("1.5.0", strategy="manual")
    rolled.do("brake", "stable", "--version", "1.4.2")
    rolled.do("rollout", "pause", "stable")
    torn = rolled.folder / "staged" / "metadata" / f"{CANARY}.json"
    torn.write_text(f"<<<<<<< HEAD\n{torn.read_text()}=======\n")
    refused = rolled.run("publish", "--role", BRAKE)
    assert refused.exit_code == 10
    assert f"or give it up: tidegate unstage {CANARY}" in refused.stderr
    assert rolled.do("unstage", CANARY)["changes"] == [f"{CANARY}: unreadable"]
    rolled.do("sign", "--yes", "--role", BRAKE)
    rolled.do("publish", "--role", BRAKE)
