"""The collector comes again: files that changed, keys that it did not know yet, lakes of other days."""

import shutil
from datetime import UTC, datetime, timedelta

import duckdb

from metadata.errors import ConflictError, MalformedError
from repo_tools.collect.lake import Lake

STATE_BEFORE_FORMATS = """
CREATE TABLE object (name VARCHAR PRIMARY KEY, received VARCHAR);
CREATE TABLE seen (agent VARCHAR, seq BIGINT, digest VARCHAR);
CREATE TABLE file (path VARCHAR PRIMARY KEY);
CREATE TABLE token_use (token VARCHAR, agent VARCHAR, PRIMARY KEY (token, agent));
CREATE TABLE aside (name VARCHAR, agent VARCHAR, reason VARCHAR, detail VARCHAR, received VARCHAR);
INSERT INTO object SELECT name, received FROM now.dropped;
INSERT INTO seen SELECT agent, seq, digest FROM now.seen;
INSERT INTO file FROM now.file;
INSERT INTO token_use FROM now.token_use;
INSERT INTO aside SELECT name, agent, reason, detail, received FROM now.aside;
CREATE TABLE roster AS FROM now.roster;
CREATE TABLE agent AS SELECT * EXCLUDE (pin, windows) FROM now.agent;
ALTER TABLE roster ADD PRIMARY KEY (agent);
ALTER TABLE agent ADD PRIMARY KEY (agent, product);
"""
"""Makes what the first collectors wrote out of what the present one did."""


def test_a_file_that_was_cut_short_is_read_again_when_it_is_whole(collection):
    """Half a copy is set aside as it stood, and forgotten as soon as the rest is there."""
    voice = collection.voice("host-1").join()
    path = voice.say(voice.report(), voice.report())
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    assert collection.collect()["set_aside"] == {"malformed": 1}
    assert collection.collect()["objects"] == 0
    path.write_bytes(whole)
    assert collection.collect()["counted"] == 2
    assert collection.asides() == []


def test_a_day_that_is_gone_and_comes_back(collection):
    """A missing partition takes nothing out of the numbers, and is not counted twice when it is back."""
    voice = collection.voice("host-1").join()
    day = voice.say(voice.report(), voice.report()).parents[2]
    assert collection.collect()["counted"] == 3
    known = collection.rows()
    away = day.rename(collection.box / "away")
    assert collection.collect()["counted"] == 0
    assert collection.rows() == known
    away.rename(day)
    voice.say(voice.report())
    assert collection.collect()["counted"] == 1
    assert len(collection.rows()) == len(known) + 1


def test_a_file_that_is_still_being_written_is_left_alone(collection):
    """Names that begin with a dot belong to whoever copies."""
    voice = collection.voice("host-1").join()
    path = voice.say(voice.report())
    hidden = path.rename(path.with_name(f".{path.name}.x7Gk2"))
    assert collection.collect()["counted"] == 1
    hidden.rename(path)
    assert collection.collect()["counted"] == 1
    assert collection.asides() == []


def test_reports_that_are_older_than_the_roster_wait_for_it(collection):
    """Copies come in any order: what a stranger said counts as soon as it is none."""
    voice = collection.voice("host-1")
    enrolment = voice.enrolment()
    voice.say(voice.report(), voice.report())
    assert collection.collect()["set_aside"] == {"unknown": 2}
    voice.say(enrolment)
    found = collection.collect()
    assert (found["counted"], found["set_aside"]) == (3, {})
    assert collection.asides() == []


def test_an_enrolment_waits_for_the_key_of_its_token(collection):
    """A token whose key is published later enrols then, with everything that its host said."""
    voice = collection.voice("host-1").join()
    voice.say(voice.report())
    [key] = collection.repo.do("fleet", "keys")["keys"]
    name = key["x-tidegate-name"]
    collection.repo.do("fleet", "keys", "--remove", name)
    collection.repo.sign_and_publish()
    assert collection.collect()["set_aside"] == {"token": 1, "unknown": 1}
    collection.repo.do("fleet", "keys", "--add", name)
    collection.repo.sign_and_publish()
    found = collection.collect()
    assert (found["counted"], found["enrolled"], found["set_aside"]) == (2, ["host-1"], {})


def test_clocks_that_are_years_apart_change_no_day(collection):
    """Hosts file by their own clocks, and count on the day on which the store heard them."""
    for name, year in (("past", 1970), ("present", 0), ("future", 2099)):
        voice = collection.voice(name)
        if year:
            voice.at = datetime(year, 1, 1, tzinfo=UTC)
        voice.drop(voice.envelope(voice.enrolment()), day=f"{year}-01-01" if year else None)
    assert collection.collect()["counted"] == 3
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    assert dict(collection.rows("agent, clock")) == {"past": "behind", "present": "", "future": "ahead"}
    assert {path.name for path in (collection.lake / "reports").iterdir()} == {f"dt={today}"}


def test_days_that_are_far_away_are_looked_at_once_a_day(collection):
    """A box of years is not listed anew in each run, and nothing in it is lost."""
    voice = collection.voice("host-1")
    voice.drop(voice.envelope(voice.enrolment()), day="1970-01-01")
    assert collection.collect()["counted"] == 1
    voice.drop(voice.envelope(voice.report()), day="1970-01-01")
    assert collection.collect()["counted"] == 0
    collection.repo.now = datetime.now(UTC) + timedelta(days=1, minutes=1)
    try:
        assert collection.collect()["counted"] == 1
    finally:
        collection.repo.now = None


def test_a_lake_that_lost_its_state_counts_nothing_twice(collection):
    """The reports that it has say themselves what was counted."""
    voice = collection.voice("host-1").join()
    voice.say(voice.report())
    collection.collect()
    (collection.lake / "state.duckdb").unlink()
    found = collection.collect()
    assert (found["counted"], found["again"]) == (0, 2)
    voice.say(voice.report())
    assert collection.collect()["counted"] == 1
    assert len(collection.rows()) == 3


def test_a_lake_of_an_earlier_version_goes_on(collection):
    """What was counted stays counted, and what was set aside stays known."""
    voice = collection.voice("host-1").join()
    stranger = collection.voice("host-2")
    stranger.say(stranger.report())
    collection.collect()
    state = collection.lake / "state.duckdb"
    newer = state.rename(state.with_name("newer.duckdb"))
    with duckdb.connect(str(state)) as db:
        db.execute(f"ATTACH '{newer}' AS now")
        db.execute(STATE_BEFORE_FORMATS)
    newer.unlink()
    assert collection.collect()["objects"] == 0
    voice.say(voice.report())
    assert collection.collect()["counted"] == 1
    assert collection.rows() == [("host-1", 1), ("host-1", 2)]
    assert collection.asides() == [("host-2", "unknown")]


def test_a_lake_of_a_later_version_is_left_alone(collection):
    """An older program would count it wrongly."""
    collection.voice("host-1").join()
    collection.collect()
    with duckdb.connect(str(collection.lake / "state.duckdb")) as db:
        db.execute("UPDATE format SET number = 99")
    done = collection.repo.run("fleet", "collect", collection.box)
    assert (done.exit_code, "newer Tidegate" in done.stderr) == (MalformedError.exit_code, True)


def test_a_damaged_lake_is_named(collection):
    """Neither the state nor a day's file may be half there without a word."""
    collection.voice("host-1").join()
    collection.collect()
    [day] = (collection.lake / "reports").glob("*/*.parquet")
    day.write_bytes(day.read_bytes()[:200])
    asked = collection.repo.run("fleet", "query", "versions")
    assert (asked.exit_code, day.name in asked.stderr) == (MalformedError.exit_code, True)
    state = collection.lake / "state.duckdb"
    state.write_bytes(state.read_bytes()[:5000])
    done = collection.repo.run("fleet", "collect", collection.box)
    assert (done.exit_code, "state.duckdb" in done.stderr) == (MalformedError.exit_code, True)


def test_a_lake_without_its_days_is_not_an_empty_one(collection):
    """The disaster: a copy that left the links' rooms behind makes a dashboard of a fleet without a host."""
    collection.voice("host-1").join()
    collection.collect()
    shutil.rmtree(collection.lake / "days")
    for words in (("fleet", "query", "versions"), ("dashboard", "build"), ("agents", "list", "stable")):
        done = collection.repo.run(*words)
        assert (done.exit_code, "without its days/" in done.stderr) == (MalformedError.exit_code, True), words


def test_a_second_collector_is_told_that_it_is_one(collection):
    """It changes nothing, says so, and may be started again."""
    collection.voice("host-1").join()
    held = Lake(collection.lake)
    done = collection.repo.run("fleet", "collect", collection.box)
    held.close()
    assert (done.exit_code, "another collector" in done.stderr) == (ConflictError.exit_code, True)
    assert collection.collect()["counted"] == 1
