"""Hosts of a wave are counted by what they reported, once each, and by nothing that they claim."""

import shutil
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from repo_tools.gate.verdict import Counts
from tests.support.chorus import BACK, SWITCHED, UNFIT, WELL
from tests.support.collection import Collection
from tests.support.wave import ROLLOUT, Underway
from tests.support.workspace import Workspace

DAY = timedelta(days=1)


def test_each_host_has_one_outcome(canary):
    """Well, failed, healed, silent, waiting, not heard of, pinned, unfit: for `fleet query progress`, too."""
    names = canary.join("canary", 9)
    well, failed, healed, silent, waiting, _, pinned, unfit, lost = ([name] for name in names)
    canary.tell(well, *WELL)
    canary.tell(failed, *BACK)
    canary.tell(healed, *BACK, *WELL)
    canary.tell(lost, *SWITCHED)
    canary.tell([*silent], *SWITCHED, after=timedelta(days=2))
    canary.tell(waiting, {"stage": "heartbeat", "decision": {"rule": "window"}}, rollout=None)
    canary.tell(pinned, {"stage": "heartbeat", "decision": {"rule": "pinned"}}, rollout=None)
    canary.tell(unfit, *UNFIT)
    counts = canary.tally().counts
    assert asdict(counts) == asdict(Counts(members=9, expected=6, started=5, ok=1, failed=2, unfit=1, lost=1))
    assert (counts.heard, counts.silent) == (3, 2)
    canary.join("full", 1)
    canary.collection.collect()
    [row] = canary.repo.do("fleet", "query", "progress", "--where", f"rollout={ROLLOUT}")
    said = {name: row[name] for name in ("wave", "expected", "heard", "ok", "failed", "silent", "unfit")}
    assert said == {
        "wave": "canary",
        "expected": 6,
        "heard": 3,
        "ok": 1,
        "failed": 2,
        "silent": 2,
        "unfit": 1,
    }


def test_each_way_to_fail(canary):
    """Ill in the soak, unable to verify, back and still ill, cut off in a trial; a commit is no outcome."""
    ill, unverified, damaged, ended, committed = ([name] for name in canary.join("canary", 5))
    canary.tell(ill, *SWITCHED, {"stage": "soak", "outcome": "failed", "reason": "unhealthy"})
    canary.tell(unverified, {"stage": "update_verify", "outcome": "failed", "reason": "probe"})
    canary.tell(
        damaged, *UNFIT[:2], {"stage": "update_rollback", "outcome": "failed", "reason": "environment"}
    )
    canary.tell(ended, *BACK[:2])
    canary.tell(committed, *SWITCHED, after=timedelta(days=2))
    counts = canary.tally().counts
    assert (counts.expected, counts.failed, counts.ok, counts.silent) == (5, 4, 0, 1)


def test_a_version_on_the_way_says_nothing_of_the_one_that_is_ordered(canary):
    """The disaster: hosts that only took the base, under the same rollout, open a wave that nobody tried."""
    based, back, through = ([name] for name in canary.join("canary", 3))
    canary.tell([*based, *through], *WELL, to="1.4.2")
    canary.tell(back, *BACK, to="1.4.2")
    canary.tell(through, *SWITCHED, after=timedelta(days=2))
    counts = canary.tally().counts
    assert asdict(counts) == asdict(Counts(members=3, expected=2, started=1))
    canary.tell(through, {"stage": "soak"})
    assert canary.tally().counts.ok == 1


def test_who_enrols_again_stays_where_the_order_found_it(canary):
    """The disaster: hosts of full take a place in canary and hold it, or a failed one leaves it."""
    names, others = canary.join("canary", 3), canary.join("full", 2)
    canary.chorus.at = canary.start + timedelta(minutes=30)
    canary.chorus.join_again(others, cohort_id=names[0])
    canary.chorus.join_again(names[2:], cohort_id=others[0])
    canary.tell(names[:2], *WELL)
    canary.tell([*names[2:], *others], *BACK)
    counts = canary.tally().counts
    assert (counts.members, counts.ok, counts.failed) == (3, 2, 1)


def test_who_moved_before_the_order_is_counted_where_it_went(canary):
    """An enrolment that the order found holds, and the last of several."""
    names, others = canary.join("canary", 1), canary.join("full", 1)
    for cohort in (None, names[0]):
        canary.chorus.at += timedelta(minutes=10)
        canary.chorus.join_again(others, cohort_id=cohort)
    canary.tell([*names, *others], *WELL)
    assert canary.tally().counts.ok == 2


def test_later_revocations_remove_nothing(canary):
    """What was heard stays counted: no revocation takes it back, nor that a host is forgotten or leaves."""
    names = canary.join("canary", 5)
    canary.tell(names[:2], *BACK)
    canary.tell(names[2:], *WELL)
    before = canary.tally()
    canary.repo.do("fleet", "revoke", "--agent", names[0], "--agent", names[3])
    canary.repo.sign_and_publish()
    canary.repo.do("fleet", "forget", names[1], "--reason", "scrapped")
    canary.chorus.at = canary.start + timedelta(hours=2)
    canary.chorus.say(names[4:], {"stage": "leave"})
    after = canary.tally()
    assert asdict(after.counts) == asdict(before.counts)
    canary.tell(names[3:4], *BACK)
    assert asdict(canary.tally().counts) == asdict(before.counts)


def test_nobody_moves_another_wave(canary):
    """Agents of other waves, late enrolments, and reports on another rollout change nothing."""
    [here], elsewhere = canary.join("canary", 1), canary.join("full", 3)
    canary.chorus.at = canary.start + timedelta(hours=1)
    late = canary.chorus.names("canary", 2)[1:]
    canary.chorus.join(late)
    canary.tell([*elsewhere, *late], *BACK, wave="canary")
    canary.tell([here], *WELL)
    canary.tell([here], *BACK, rollout="stable-0000")
    counts = canary.tally().counts
    assert (counts.members, counts.expected, counts.ok, counts.failed) == (1, 1, 1, 0)


def test_the_digest_is_of_the_reports(canary):
    """The same reports give the same digest, however often they came; one more gives another."""
    [here] = canary.join("canary", 1)
    canary.tell([here], *SWITCHED)
    first = canary.tally()
    assert first.sha256 == canary.tally().sha256
    canary.tell([here], {"stage": "soak"})
    assert (first.reports, canary.tally().reports) == (2, 3)
    assert first.sha256 != canary.tally().sha256


def test_a_pause_hides_nobody_who_started(canary):
    """The disaster: hosts that died, failed or left count for nothing once their order opens anew."""
    well, failed, gone, died, waiting = ([name] for name in canary.join("canary", 5))
    canary.tell(well, *WELL)
    canary.tell([*failed, *gone], *BACK)
    canary.tell(died, *SWITCHED)
    canary.tell(waiting, {"stage": "heartbeat"}, rollout=None)
    canary.collection.collect()
    canary.repo.do("fleet", "forget", *gone, "--reason", "scrapped")
    later = canary.start + timedelta(hours=20)
    counts = canary.tally(opened=later).counts
    assert asdict(counts) == asdict(Counts(members=5, expected=4, started=4, ok=1, failed=2, lost=1))
    canary.chorus.at = later + timedelta(minutes=1)
    canary.chorus.say([*well, *waiting], {"stage": "heartbeat"})
    counts = canary.tally(opened=later).counts
    assert (counts.expected, counts.ok, counts.failed, counts.silent) == (5, 1, 2, 1)


def test_who_died_is_lost_although_the_order_opened_anew(real_time, tmp_path):
    """Two days without a word are counted from the last one, not from the resumption."""
    repo = Workspace(shutil.copytree(real_time, tmp_path / "place"))
    (tmp_path / "box").mkdir()
    known = Underway(Collection(repo, tmp_path / "box"), datetime.now(UTC).replace(microsecond=0) - 4 * DAY)
    died, slow = ([name] for name in known.join("canary", 2))
    known.tell([*died, *slow], *SWITCHED)
    known.chorus.at = known.start + 3 * DAY
    known.chorus.say(slow, {"stage": "heartbeat"})
    counts = known.tally(opened=known.start + 3.5 * DAY).counts
    assert (counts.started, counts.silent, counts.lost) == (2, 2, 1)
