"""Log, explain, inspect: the same history in words, for people who ask."""

from datetime import timedelta

import pytest

from metadata import places
from repo_tools.rollouts.state import read_state
from tests.agent.forge import Forge
from tests.support.people import team
from tests.support.web import serving
from tests.support.workspace import HERE, Workspace


@pytest.fixture
def told(rolled):
    """1.5.0 for the canaries at one o'clock, widened a day later, braked in the evening, revoked at night."""
    rolled.now += timedelta(hours=1)
    rolled.publish_release("1.5.0", strategy="manual")
    rolled.now += timedelta(days=1)
    rolled.promote()
    rolled.now += timedelta(hours=6)
    rolled.do("brake", "stable", "--reason", "crash loops", "--by", "on-call@example.com")
    rolled.sign_and_publish()
    Forge(rolled).policy(revoked=[{"version": "1.5.0", "reason": "loses data"}])
    rolled.do("refresh")
    return rolled


def lines(work: Workspace, *options: str) -> list[str]:
    """Return what ``tidegate log`` says."""
    result = work.run("log", *options)
    assert result.exit_code == 0, result.stderr
    return result.stdout.splitlines()


def test_the_log_tells_changes_newest_first(told):
    """What was published is said in words, with who signed it."""
    said = lines(told)
    assert said[0].startswith("2026-11-23 19:00Z agent.stable ")
    assert 'revokes 1.5.0: "loses data"' in said[0]
    held = 'holds stable-0001, stable-0002, by on-call@example.com, reason "crash loops"'
    assert f"agent.stable.brake 2: {held}" in said[1]
    canary = next(line for line in said if "agent.stable.canary" in line)
    assert canary.startswith(
        "2026-11-22 13:00Z agent.stable.canary 4: 1.4.2 → 1.5.0 for up to 5 %, all at once from"
    )
    assert canary.endswith("signed by rollouts")
    assert any("agent.releases 3: adds 1.5.0 for " in line for line in said)
    assert "founded" in said[-1]
    assert not {"timestamp", "snapshot"} & {line.split()[2] for line in said}


def test_the_log_is_filtered_by_person_role_and_release(told):
    """An auditor asks for one thing at a time."""
    assert all(line.endswith("signed by releases") for line in lines(told, "--person", "releases"))
    assert all("agent.stable" in line for line in lines(told, "--role", "agent.stable"))
    assert len(lines(told, "--role", "timestamp")) == 8
    about = lines(told, "--release", "1.5.0")
    assert {line.split()[2] for line in about} == {
        "agent.stable.early",
        "agent.stable.canary",
        "agent.releases",
        "agent.stable",
    }


@pytest.mark.parametrize("option", ["--person", "--role", "--release"])
def test_a_filter_that_names_nothing_in_the_history_is_a_mistake(told, option):
    """Whoever misspells a name must not read that nothing happened; the names that there are are said."""
    result = told.run("log", option, "nobody-1")
    assert (result.exit_code, result.stdout) == (2, "")
    known = {"--person": "rollouts", "--role": "agent.stable.canary", "--release": "1.4.2"}[option]
    assert known in result.stderr


def test_the_log_is_one_document_for_machines_and_works_from_a_url(told):
    """The same from the workspace and from a URL with a root file."""
    here = told.do("log", "--role", "agent.stable.canary")
    with serving(told.store) as web:
        there = told.do("log", web.url, "--root", told.root_file, "--role", "agent.stable.canary")
    assert here == there
    newest = here["changes"][0]
    assert newest["signed_by"] == ["rollouts"]
    assert newest["at"] == "2026-11-22T13:00:00Z"
    assert newest["releases"] == ["1.4.2", "1.5.0"]
    assert here["errors"] == 0


def test_the_log_says_who_may_sign_what(told):
    """A change of keys is a sentence about people."""
    forge = Forge(told)
    with forge.edit("agent.stable") as signed:
        assert signed.delegations is not None
        assert signed.delegations.roles is not None
        signed.delegations.roles["agent.stable.canary"].threshold = 2
    assert "agent.stable.canary" in lines(told, "--role", "agent.stable")[0]
    assert "2" in lines(told, "--role", "agent.stable")[0]


def test_the_log_warns_when_the_history_does_not_hold(told):
    """It goes on, and says where to look."""
    path = told.store / "metadata" / "2.agent.stable.canary.json"
    path.write_bytes(path.read_bytes().replace(b"1.4.2", b"1.4.3"))
    result = told.run("log")
    assert result.exit_code == 0
    assert "tidegate audit lists them" in result.stderr


def explained(work: Workspace, at: str, *options: str) -> dict[str, object]:
    """Return what a host decided at a time."""
    known = ("--agent", "host-1", "--at", at, "--platform", HERE)
    answer: dict[str, object] = work.do("explain", work.store, *known, *options)
    return answer


def canary(work: Workspace) -> str:
    """Return the id of a host that is a canary."""
    desk = work.desk()
    salt = read_state(desk, desk.only_channel()).policy.salt
    ids = (f"host-{number}" for number in range(1000))
    return next(one for one in ids if int(places.place(salt, one)[:3], 16) < 205)


def test_a_decision_of_the_past_is_explained_by_the_rules_of_then(told):
    """A canary updated on the first day, was held when the brake came, and refuses what is revoked."""
    host = canary(told)

    def decided(at: str, running: str) -> str:
        said = told.do(
            "explain", told.store, "--agent", host, "--at", at, "--platform", HERE, "--running", running
        )
        rule: str = said["decision"]["rule"]
        return rule

    assert decided("2026-11-22T12:30:00Z", "1.4.2") == "current"
    assert decided("2026-11-22T13:00:00Z", "1.4.2") == "update"
    assert decided("2026-11-23T18:00:00Z", "1.4.2") == "update"
    assert decided("2026-11-23T20:00:00Z", "1.4.2") == "revoked"
    assert decided("2026-11-22T13:00:00Z", "1.5.0") == "current"


def test_what_claims_to_be_of_the_future_is_left_out_and_named(told):
    """A live timestamp with a date to come explains nothing of today, and nobody is to miss it."""
    assert explained(told, "now")["future"] == []
    Forge(told).seal(issued_ago=-timedelta(days=400), expires_in=timedelta(days=401))
    number = Forge(told).version("timestamp")
    assert explained(told, "now")["future"] == [number]
    shown = told.run("explain", told.store, "--agent", "host-1", "--platform", HERE)
    assert f"left out: timestamp {number}, which claims to be signed in the future" in shown.stdout


def test_what_only_the_host_knows_is_said_or_assumed(told):
    """The answer names what it rests on."""
    bare = explained(told, "2026-11-23T14:00:00Z")
    assert "it runs nothing yet" in str(bare["assumed"])
    assert bare["issued"] == "2026-11-23T13:00:00Z"
    pinned = explained(told, "2026-11-23T14:00:00Z", "--running", "1.4.2", "--pin", "<1.4")
    assert pinned["said"] == ["it runs 1.4.2", f"its platform is {HERE}", "it is pinned to <1.4"]
    assert "no windows" in str(pinned["assumed"])
    windows = ("--window", "Mon 02:00-03:00", "--zone", "Europe/Berlin", "--running", "1.4.1")
    waiting = explained(told, "2026-11-22T12:30:00Z", *windows)
    assert waiting["decision"]["rule"] in {"base", "update", "window"}  # type: ignore[index]


def test_asking_for_a_time_before_the_beginning_is_refused(told):
    """Nothing was published then; so is a zone, a window or a range that is none."""
    known = ("explain", told.store, "--agent", "host-1", "--at")
    assert told.run(*known, "2026-11-21T12:00:00Z").exit_code == 13
    for wrong in (("--zone", "Mars/Base"), ("--product", "other"), ("--channel", "beta")):
        assert told.run(*known, "now", *wrong).exit_code == 2, wrong
    assert told.run(*known, "now", "--window", "always").exit_code == 10


def test_a_role_is_shown_with_everything_resolved(told):
    """Names, shares, expiry, who may sign, and since when it is public."""
    shown = told.do("inspect", told.store, "agent.stable", "--ages")
    assert shown["may_sign"] == ["rollouts"]
    assert shown["days_left"] > 170
    assert shown["since"] == "2026-11-23T19:00:00Z"
    early = next(one for one in shown["below"] if one["role"] == "agent.stable.early")
    assert early["share"] == "up to 25 %"
    text = told.run("inspect", told.store, "agent.stable.early").stdout
    assert "9 routes" in text
    assert "1.5.0, go, stable-0002" in text
    for role in ("root", "timestamp", "snapshot", "targets", "fleet"):
        assert told.run("inspect", told.store, role).exit_code == 0, role


def test_a_path_is_shown_with_its_order_and_document(told):
    """A route shows the order and the release it leads to; a policy shows itself."""
    route = told.do("inspect", told.store, "rollout/agent/stable/default")
    assert route["order"]["wave"] == "full"
    assert route["document"]["version"] == route["order"]["version"] == "1.4.2"
    policy = told.do("inspect", told.store, "rollout/agent/stable/policy", "--root", told.root_file)
    assert policy["document"]["revoked"][0]["version"] == "1.5.0"
    assert policy["role"]["role"] == "agent.stable"
    artifact = f"releases/agent/1.5.0/{HERE}.tar.zst"
    assert told.do("inspect", told.store, artifact)["document"] is None
    assert "crash loops" in told.run("inspect", told.store, "rollout/agent/stable/brake").stdout


def test_what_is_not_there_is_a_usage_error(told, tmp_path):
    """The hint says what could be asked for, and a root is never guessed."""
    for what in ("agent.beta", "rollout/agent/beta/policy"):
        result = told.run("inspect", told.store, what)
        assert result.exit_code == 2
        assert "hint:" in result.stderr
    elsewhere = Workspace(tmp_path / "elsewhere")
    assert elsewhere.run("inspect", told.store, "root").exit_code == 2


def test_the_log_says_which_key_of_a_person_signed(tmp_path):
    """Somebody with a release key and a rollout key is one person, and each signature is one key's."""
    (alice,) = team(tmp_path, "alice")
    files = {
        group: alice.key(f"alice-{group}", "--owner", "alice@example.com")
        for group in ("releases", "rollouts")
    }
    keys = [f"--key={group}={path}" for group, path in files.items()]
    alice.found("--store", "../store", *keys)
    alice.publish_release("1.4.2")
    canary = alice.run("log", "--role", "agent.stable.canary").stdout.splitlines()[0]
    assert canary.endswith("; signed by alice@example.com (alice-rollouts)")
    both = alice.do("log", "--person", "alice@example.com")["changes"]
    assert {key["name"] for one in both for key in one["keys"]} == {"alice-releases", "alice-rollouts"}
    one = alice.do("log", "--person", "alice-releases")["changes"]
    assert {change["role"] for change in one} == {"agent.releases"}


def test_the_log_tells_roots_that_no_timestamp_needs(told):
    """A root that only changes root's own keys is public and in force for hosts: it is not left out."""
    told.do("key", "new", "root-2", "--no-passphrase")
    told.do("key", "rotate", "root", "--old", "root", "--new", "root-2")
    told.sign_and_publish()
    (newest, *_) = lines(told)
    assert newest.startswith("at an unknown time root 2: new key root-2 [ed25519 ")
    assert "lets root sign root no more" in newest
    assert newest.endswith("no timestamp needs it; signed by root, root-2")
    told.do("key", "new", "online-2", "--no-passphrase")
    told.do("key", "rotate", "timestamp", "--old", "online", "--new", "online-2")
    told.do("sign", "--yes")
    while told.do("publish", "--at-once")["published"] == {}:
        pass
    told.do("refresh", "--at-once")
    assert [one["version"] for one in told.do("log", "--role", "root")["changes"]] == [3, 2, 1]
    assert "is told as the store has it" in told.run("log").stderr
    (only,) = lines(told, "--role", "root", "--root", str(told.root_file))
    assert "root 3: what is told here begins with it" in only


def test_a_brake_is_shown_with_what_it_holds(told):
    """Whoever looks at the role reads it, and need not know where its document lies."""
    (said,) = told.do("inspect", told.store, "agent.stable.brake")["lists"]
    assert said["path"] == "rollout/agent/stable/brake"
    assert said["what"].startswith("holds stable-0001, stable-0002")
    assert 'reason "crash loops"' in said["what"]
