"""Who is still there: cohorts, clones, hosts that left, were forgotten or fell silent."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from metadata import places
from repo_tools.rollouts.state import read_state
from tests.support.collection import Collection
from tests.support.voices import Voice


def heard(path: Path, ago: timedelta) -> None:
    """Let a file have come at another time."""
    at = (datetime.now(UTC) - ago).timestamp()
    os.utime(path, (at, at))


def presence(collection: Collection) -> dict[str, str]:
    """Return how each agent stands."""
    asked = "SELECT agent, presence FROM agents"
    return {one["agent"]: one["presence"] for one in collection.repo.do("fleet", "query", "--sql", asked)}


def clones(collection: Collection) -> list[Any]:
    """Return the identities that two machines use."""
    return [one["agent"] for one in collection.repo.do("fleet", "query", "clones")]


def test_a_cohort_is_in_the_wave_of_its_id(collection):
    """Hosts that share a cohort share its wave, whatever their own ids would say."""
    cohorts = [f"cluster-{number}" for number in range(30)]
    for cohort in cohorts:
        for host in ("a", "b"):
            voice = collection.voice(f"{cohort}.{host}")
            voice.say(voice.enrolment(cohort_id=cohort))
    collection.collect()
    desk = collection.repo.desk().published()
    salt = read_state(desk, desk.only_channel()).policy.salt
    expected: dict[str, str] = {}
    for cohort in cohorts:
        here = int(places.place(salt, cohort)[:3], 16)
        wave = "canary" if here < 205 else "early" if here < 1024 else "full"
        expected |= {f"{cohort}.a": wave, f"{cohort}.b": wave}
    assert dict(collection.rows("agent, wave")) == expected


def test_two_machines_under_one_identity_are_shown(collection):
    """A copy that never says two things under one number is told by its machine; a host that moved is not."""
    one = collection.voice("host-1")
    moved = collection.voice("host-2")
    one.say(one.enrolment(machine="aa"))
    heard(moved.say(moved.enrolment(machine="aa")), timedelta(hours=2))
    one.say(one.report(machine="bb"))
    one.say(one.report(machine="aa"))
    heard(moved.say(moved.report(machine="cc")), timedelta(hours=1))
    found = collection.collect()
    assert (found["clones"], found["conflicts"]) == (["host-1"], [])
    assert clones(collection) == ["host-1"]


def test_a_copy_whose_every_number_was_taken_is_shown(collection):
    """Reports that are set aside as conflicts still tell from which machine they came."""
    one = collection.voice("host-1")
    one.say(one.enrolment(machine="aa"))
    copy = Voice(collection.box, "host-1")
    copy.signer = one.signer
    heard(one.say(one.report(seq=2, machine="aa")), timedelta(hours=3))
    collection.collect()
    heard(copy.drop(copy.envelope(copy.report(seq=2, machine="bb")), seq=20), timedelta(hours=2))
    one.say(one.report(seq=3, machine="aa"))
    found = collection.collect()
    assert found["conflicts"] == [{"agent": "host-1", "seq": 2}]
    assert found["clones"] == clones(collection) == ["host-1"]
    assert collection.rows() == [("host-1", 1), ("host-1", 2), ("host-1", 3)]


def test_a_host_that_left_is_gone_until_it_enrols_again(collection):
    """Its own word ends it, and its history stays."""
    voice = collection.voice("host-1").join()
    collection.voice("host-2").join()
    voice.say(voice.report(stage="leave"))
    collection.collect()
    assert presence(collection) == {"host-1": "left", "host-2": "present"}
    assert len(collection.rows()) == 3
    voice.join()
    collection.collect()
    assert presence(collection) == {"host-1": "present", "host-2": "present"}


def test_a_host_that_fell_silent_is_absent(collection):
    """Nobody waits for a host that said nothing for a month, and it is back with its next word."""
    voice = collection.voice("host-1").join()
    collection.collect()
    collection.repo.now = datetime.now(UTC) + timedelta(days=31)
    try:
        collection.collect()
        assert presence(collection) == {"host-1": "absent"}
        late = f"{collection.repo.now:%Y-%m-%d}"
        heard(voice.drop(voice.envelope(voice.report()), day=late), -timedelta(days=31))
        collection.collect()
        assert presence(collection) == {"host-1": "present"}
    finally:
        collection.repo.now = None


def test_a_person_ends_a_host(collection):
    """It is named with the reason, loses nothing it said, and comes back by enrolling."""
    voice = collection.voice("host-1").join()
    collection.collect()
    assert collection.repo.run("fleet", "forget", "host-9", "--reason", "scrapped").exit_code == 2
    done = collection.repo.do("fleet", "forget", "host-1", "--reason", "scrapped")
    assert done == {"forgotten": ["host-1"]}
    (found,) = collection.repo.do("fleet", "query", "hosts")
    assert (found["present"], found["forgotten"]) == (0, 1)
    voice.say(voice.report())
    collection.collect()
    assert presence(collection) == {"host-1": "forgotten"}
    assert collection.rows() == [("host-1", 1), ("host-1", 2)]
    heard(voice.say(voice.enrolment()), -timedelta(minutes=1))
    collection.collect()
    assert presence(collection) == {"host-1": "present"}


def test_an_enrolment_that_is_filed_again_changes_nothing(collection):
    """Whoever copies an old enrolment brings back neither its cohort nor its token."""
    voice = collection.voice("host-1")
    old = voice.envelope(voice.enrolment(cohort_id="old"))
    voice.drop(old)
    voice.token = collection.make_token("--ring", "staging")
    voice.say(voice.enrolment(cohort_id="new"))
    collection.collect()
    voice.drop(old, seq=99)
    found = collection.collect()
    assert (found["again"], found["enrolled"]) == (1, [])
    asked = "SELECT DISTINCT cohort_id, ring FROM agents"
    told = collection.repo.do("fleet", "query", "--sql", asked)
    assert told == [{"cohort_id": "new", "ring": "staging"}]


def test_pins_and_windows_of_hosts_are_kept(collection):
    """An agent's line has what its newest heartbeat said; other reports leave it as it is."""
    voice = collection.voice("host-1").join()
    windows = ["Mon-Fri 02:00-05:00"]
    voice.say(voice.report(pin=">=1.4,<1.5", windows=windows), voice.report(stage="soak"))
    other = collection.voice("host-2").join()
    other.say(other.report(pin="<2"))
    collection.collect()
    kept = "SELECT agent, pin, windows FROM agents ORDER BY agent"
    told = collection.repo.do("fleet", "query", "--sql", kept)
    assert told == [
        {"agent": "host-1", "pin": ">=1.4,<1.5", "windows": json.dumps(windows)},
        {"agent": "host-2", "pin": "<2", "windows": "[]"},
    ]
    voice.say(voice.report(stage="refusal", outcome="deferred"))
    other.say(other.report())
    collection.collect()
    [one, lifted] = collection.repo.do("fleet", "query", "--sql", kept)
    assert (one["pin"], lifted["pin"]) == (">=1.4,<1.5", "")
