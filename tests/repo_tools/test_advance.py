"""A rollout that is left to a job: opened on evidence, held on failures, and never more than that."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from metadata import strict
from metadata.evidence import WaveEvidence
from tests.support.chorus import BACK, SWITCHED, WELL
from tests.support.collection import Collection
from tests.support.dashboards import page
from tests.support.wave import Underway
from tests.support.workspace import Workspace

START = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)


@pytest.fixture
def begin(real_time, tmp_path):
    """Begins a rollout by options."""

    def begun(*options, start=START):
        repo = Workspace(shutil.copytree(real_time, tmp_path / "place"))
        (tmp_path / "box").mkdir()
        return Underway(Collection(repo, tmp_path / "box"), start, *options)

    return begun


def test_a_small_wave_is_prepared_for_a_person(begin):
    """With twelve healthy hosts the job prepares the next wave, and only a person's signature opens it."""
    rollout = begin("--strategy", "gated", "--preset", "fast")
    names = rollout.join("canary", 12)
    rollout.tell(names[:11], *WELL)
    rollout.tell(names[11:], *SWITCHED)
    assert (rollout.advance()["action"], rollout.advance()["rule"]) == ("wait", "unheard")
    rollout.tell(names[11:], *WELL)
    step = rollout.advance("--publish")
    assert (step["action"], step["staged"], step["signed"]) == ("ask", ["agent.stable.early"], [])
    assert rollout.orders()["early"]["evidence"]["counts"]["ok"] == 12
    assert rollout.repo.run("publish").exit_code == 16
    rollout.repo.sign_and_publish()
    [public] = (rollout.repo.store / "status" / "evidence").iterdir()
    assert public.name == "stable-0002-early.json"
    order = rollout.orders()["early"]
    assert sha256(public.read_bytes()).hexdigest() == order["evidence"]["sha256"]
    evidence = strict.decode(public.read_bytes(), WaveEvidence)
    assert (evidence.wave, evidence.counts.ok, evidence.reports) == ("canary", 12, 38)
    assert order["spread_s"] == 7_200


@pytest.mark.parametrize(
    ("how", "gate", "events", "told"),
    [
        (("--strategy", "gated", "--preset", "fast"), "the gate of stable-0002", WELL, None),
        ((), "stable-0002 has no gate; a usual one", BACK, "would hold it: 12 of 12 hosts failed"),
    ],
)
def test_a_person_who_widens_is_told_what_the_gate_says(begin, how, gate, events, told):
    """By hand everything may be widened; that nobody was heard, or that all failed, is said before."""
    rollout = begin(*how)
    promote = ("rollout", "promote", "stable", "--early", "--dry-run")
    unheard = "stable-0002 is gated, and nothing was collected here that speaks for it"
    assert (unheard in rollout.repo.run(*promote).stderr) == bool(how)
    names = rollout.join("canary", 12)
    rollout.tally()
    said = rollout.repo.run(*promote).stderr
    assert f"warning: {gate} would still wait: none of its 12 hosts was heard of" in said
    rollout.tell(names, *events)
    rollout.tally()
    said = rollout.repo.run(*promote).stderr
    assert f"warning: {gate} {told}" in said if told else gate not in said


def test_what_failed_everywhere_does_not_go_on_unsaid(begin):
    """The disaster: a paused rollout is resumed, and what its hosts said before counts for nothing after."""
    rollout = begin()
    rollout.tell(rollout.join("canary", 12), *BACK)
    rollout.tally()
    rollout.repo.do("rollout", "pause", "stable")
    rollout.repo.sign_and_publish()
    said = rollout.repo.run("rollout", "resume", "stable", "--dry-run").stderr
    assert "would hold it: 12 of 12 hosts failed" in said
    rollout.repo.do("dashboard", "build")
    shown = page(rollout.repo.store / "status", "rollout.agent.stable.html")
    assert "Recall it, or start what mends it" in shown


def test_a_large_wave_opens_by_itself(begin):
    """Where enough hosts are well, the job opens the next wave, signs with its key, and publishes."""
    rollout = begin("--strategy", "gated", "--preset", "fast")
    names = rollout.join("canary", 220)
    rollout.tell(names, *WELL)
    step = rollout.advance("--publish")
    assert (step["action"], step["signed"]) == ("open", ["agent.stable.early"])
    assert step["published"]["agent.stable.early"] > 1
    assert rollout.orders()["early"]["version"] == "1.5.0"
    again = rollout.advance("--publish")
    assert (again["action"], again["rule"], again["wave"]) == ("wait", "nobody", "early")


def test_failures_hold_every_wave(begin):
    """The second failure in a small wave pulls the brake, in the midst of whatever is staged beside it."""
    rollout = begin("--strategy", "gated")
    names = rollout.join("canary", 12)
    rollout.tell(names[:2], *BACK)
    rollout.repo.do("rollout", "promote", "stable", "--reason", "somebody is in a hurry")
    step = rollout.advance("--publish")
    assert (step["action"], step["staged"]) == ("halt", ["agent.stable.brake"])
    status = rollout.repo.do("rollout", "status", "stable")
    assert status["brake"]["hold"] == [{"rollout": "stable-0002"}]
    assert "2 of 12 hosts failed" in status["brake"]["reason"]
    assert (rollout.advance()["action"], rollout.advance()["rule"]) == ("wait", "held")


def test_a_halt_that_nobody_could_sign_fails(begin):
    """The disaster: the job finds a broken release, lacks the brake's key, and ends as if all was well."""
    rollout = begin("--strategy", "gated")
    rollout.tell(rollout.join("canary", 3), *BACK)
    rollout.collection.collect()
    rollout.repo.keys.rename(rollout.repo.keys.with_name("elsewhere"))
    rollout.repo.keys.mkdir()
    done = rollout.repo.run("--json", "rollout", "advance", "stable", "--publish")
    assert (done.exit_code, done.json["action"], done.json["signed"]) == (16, "halt", [])
    assert "tidegate sign --role agent.stable.brake" in done.stderr


def test_a_wave_that_falls_ill_late_halts_all(begin):
    """The wave that opened the next one is still watched: what fails there holds both."""
    rollout = begin("--strategy", "gated", "--preset", "fast")
    names = rollout.join("canary", 3)
    rollout.tell(names, *WELL)
    assert rollout.advance()["action"] == "ask"
    rollout.repo.sign_and_publish()
    assert (rollout.advance()["wave"], rollout.advance()["rule"]) == ("early", "nobody")
    rollout.tell(names[:2], {"stage": "soak", "outcome": "failed", "reason": "unhealthy"})
    step = rollout.advance("--publish")
    assert (step["action"], step["wave"], step["text"]) == ("halt", "canary", "2 of 3 hosts failed")


@pytest.mark.parametrize(("ill", "action"), [(1, "wait"), (2, "halt")])
def test_what_was_prepared_on_good_news_is_taken_back_on_bad(begin, ill, action):
    """The disaster: a wave that the job prepared goes out after hosts fell ill in the one before."""
    rollout = begin("--strategy", "gated", "--preset", "fast")
    names = rollout.join("canary", 12)
    rollout.tell(names, *WELL)
    assert rollout.advance()["staged"] == ["agent.stable.early"]
    rollout.tell(names[:ill], {"stage": "soak", "outcome": "failed", "reason": "unhealthy"})
    assert rollout.advance("--dry-run")["taken_back"] == ["agent.stable.early"]
    assert rollout.repo.do("status")["staged"] != []
    step = rollout.advance("--publish")
    assert (step["action"], step["taken_back"]) == (action, ["agent.stable.early"])
    assert rollout.repo.do("status")["staged"] == []
    assert not list((rollout.repo.folder / "staged").glob("evidence/*"))


def test_who_signs_is_told_that_hosts_fell_ill_since(begin, tmp_path):
    """The disaster: a person signs what was prepared on good news, and nobody tells of the bad ones since."""
    rollout = begin("--strategy", "gated", "--preset", "fast")
    names = rollout.join("canary", 3)
    rollout.tell(names, *WELL)
    rollout.advance()
    assert "evidence" not in rollout.repo.run("sign", "--yes").stderr
    rollout.tell(names[:1], {"stage": "soak", "outcome": "failed", "reason": "unhealthy"})
    rollout.collection.collect()
    for command in (("sign", "--yes"), ("publish", "--dry-run")):
        said = rollout.repo.run(*command).stderr
        assert "agent.stable.early would open on evidence that no longer holds: 1 of 3 hosts failed" in said
        assert "tidegate rollout advance agent/stable takes it back" in said
    rollout.collection.lake.rename(tmp_path / "elsewhere")
    assert "what hosts reported since is not known here" in rollout.repo.run("sign", "--yes").stderr


def test_two_rollouts_at_once(begin):
    """A hotfix enters canary while the last release is at early: each is watched, and held by itself."""
    rollout = begin("--strategy", "gated", "--preset", "fast")
    names, early = rollout.join("canary", 3), rollout.join("early", 2)
    rollout.tell(names, *WELL)
    rollout.advance()
    rollout.repo.sign_and_publish()
    rollout.repo.add("1.5.1")
    rollout.repo.do("rollout", "start", "stable", "1.5.1", "--strategy", "gated", "--spread-s", "0")
    rollout.repo.sign_and_publish()
    assert (rollout.advance()["wave"], rollout.advance()["rule"]) == ("canary", "nobody")
    rollout.tell(early, *BACK, after=timedelta(hours=30))
    step = rollout.advance("--publish")
    assert (step["action"], step["wave"], step["staged"]) == ("halt", "early", ["agent.stable.brake"])
    assert step["text"] == "stable-0002, which a newer one follows, fails in early: 2 of 2 hosts failed"
    status = rollout.repo.do("rollout", "status", "stable")
    assert status["brake"]["hold"] == [{"rollout": "stable-0002"}]
    assert rollout.advance()["rule"] == "nobody"


def test_what_the_job_leaves_alone(begin):
    """It widens no rollout that a person steers."""
    rollout = begin("--strategy", "manual")
    rollout.tell(rollout.join("canary", 3), *WELL)
    assert rollout.advance()["rule"] == "not_gated"


def test_a_plan_is_taken_back_with_its_rollout(begin):
    """A rollout by hand that is given the id of a gated one which never was stays in a person's hands."""
    rollout = begin("--strategy", "manual")
    rollout.repo.add("1.6.0")
    start = ("rollout", "start", "stable", "1.6.0", "--strategy")
    rollout.repo.do(*start, "gated")
    plan = rollout.repo.folder / "rollouts" / "agent.stable-0003.json"
    assert plan.is_file()
    rollout.repo.do("unstage", "agent.stable.canary")
    rollout.repo.do(*start, "manual")
    assert not plan.exists()
    rollout.repo.do("rollout", "pause", "stable")
    assert not plan.exists()


def test_nothing_is_opened_over_what_is_staged(begin):
    """Who prepares something in the channel is not run over; looking alone stages nothing."""
    rollout = begin("--strategy", "gated")
    rollout.tell(rollout.join("canary", 3), *WELL)
    before = json.dumps(rollout.orders())
    assert rollout.advance("--dry-run")["action"] == "ask"
    told = rollout.repo.run("rollout", "advance", "stable", "--dry-run")
    assert "the next wave would be prepared" in told.stdout
    assert json.dumps(rollout.orders()) == before
    rollout.repo.do("rollout", "pause", "stable", "--reason", "let me look")
    assert rollout.advance()["rule"] == "staged"


def test_a_wave_of_nobody_is_said_and_left_to_a_person(begin):
    """No host is in canary, or none that is heard: it never opens by itself, and the ways on are named."""
    rollout = begin("--strategy", "gated")
    rollout.join("full", 2)
    step = rollout.advance("--publish")
    assert (step["action"], step["rule"], step["staged"]) == ("wait", "nobody", [])
    assert "no host that had enrolled before it opened is in this wave" in step["text"]
    assert "tidegate waves agent/stable --count --wave canary=1" in step["text"]
    rollout.join("canary", 2)
    assert "none of its 2 hosts was heard of since it opened" in rollout.advance()["text"]
    assert "tidegate rollout promote agent/stable" in rollout.advance()["text"]


def test_without_a_lake_it_says_so(begin):
    """No evidence is an error with its next step, and never an opening."""
    rollout = begin("--strategy", "gated")
    done = rollout.repo.run("rollout", "advance", "stable")
    assert (done.exit_code, "nothing was collected" in done.stderr) == (13, True)


def test_evidence_that_was_changed_is_not_published(begin):
    """The disaster: somebody embellishes the staged evidence after the order named it."""
    rollout = begin("--strategy", "gated")
    rollout.tell(rollout.join("canary", 3), *WELL)
    rollout.advance()
    [staged] = (rollout.repo.folder / "staged" / "evidence").iterdir()
    staged.write_bytes(staged.read_bytes().replace(b'"ok":3', b'"ok":9'))
    rollout.repo.do("sign", "--yes")
    done = rollout.repo.run("publish")
    assert (done.exit_code, "is not the evidence" in done.stderr) == (12, True)


def test_scheduled_waves_are_signed_in_one_sitting(begin):
    """Each wave opens a while after the last one, and one signature each is enough for all of it."""
    start = START + timedelta(hours=23)
    rollout = begin("--strategy", "scheduled", "--preset", "fast", start=start)
    opens = [order["not_before"] for order in rollout.orders().values()]
    later = [start + timedelta(hours=6 * place) for place in range(3)]
    assert opens == [f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in later]
    rollout.join("canary", 1)
    assert rollout.advance()["rule"] == "not_gated"


@pytest.mark.parametrize("options", [["--preset", "brisk"], ["--strategy", "gated", "--preset", "brisk"]])
def test_a_preset_that_does_not_exist(begin, options):
    """It is named, with those that do."""
    with pytest.raises(AssertionError, match="one of: emergency, fast, normal"):
        begin(*options)
