"""What was collected answers questions: queries by name, of one's own, and exports."""

import subprocess
import sys

import duckdb
import pytest

from repo_tools.collect import asking
from repo_tools.collect.asking import COLUMNS


def test_the_queries_say_how_a_rollout_goes(collection):
    """Kept, rolled back, failed and silent hosts are told apart; versions and failures are counted."""
    stages = {
        "host-1": [("update_install", "ok"), ("update_healthcheck", "ok"), ("soak", "ok")],
        "host-2": [("update_install", "ok"), ("update_healthcheck", "failed"), ("update_rollback", "ok")],
        "host-3": [("update_install", "ok")],
        "host-4": [("update_verify", "failed")],
    }
    voices = {name: collection.voice(name).join() for name in stages}  # before the rollout begins
    for name, events in stages.items():
        voice = voices[name]
        for stage, outcome in events:
            reason = "unhealthy" if outcome == "failed" else ""
            voice.say(
                voice.report(stage=stage, outcome=outcome, reason=reason, rollout="stable-0001", to="1.0.0")
            )
        voice.say(voice.report(running="1.0.0" if name == "host-1" else "0.9.0"))
    collection.collect()
    progress = collection.repo.do("fleet", "query", "progress")
    names = ("expected", "heard", "ok", "failed", "silent", "soaking", "back", "later")
    assert [sum(one[name] for one in progress) for name in names] == [4, 3, 1, 2, 1, 0, 1, 0]
    failures = collection.repo.do("fleet", "query", "failures")
    assert {(one["stage"], one["reason"], one["agents"]) for one in failures} == {
        ("update_healthcheck", "unhealthy", 1),
        ("update_verify", "unhealthy", 1),
    }
    assert [(one["version"], one["agents"]) for one in collection.repo.do("fleet", "query", "versions")] == [
        ("0.9.0", 3),
        ("1.0.0", 1),
    ]
    assert [one["agent"] for one in collection.repo.do("fleet", "query", "stragglers")] == ["host-1"]


def test_everything_can_be_exported(collection):
    """As many rows as were counted, as text and as Parquet."""
    voice = collection.voice("host-1").join()
    voice.say(voice.report(), voice.report())
    collection.collect()
    for suffix in ("csv", "parquet"):
        target = collection.box / f"all.{suffix}"
        assert collection.repo.do("fleet", "export", target)["rows"] == len(collection.rows()) == 3
        with duckdb.connect() as db:
            assert db.sql(f"SELECT agent, seq FROM '{target}' ORDER BY seq").fetchall() == collection.rows()


def test_a_query_that_makes_no_sense(collection):
    """Each mistake is named."""
    assert collection.repo.run("fleet", "query", "progress").exit_code == 13
    collection.voice("host-1").join()
    collection.collect()
    assert collection.repo.run("fleet", "query", "nonsense").exit_code == 2
    done = collection.repo.run("fleet", "query", "--sql", "SELECT nothing FROM reports")
    assert (done.exit_code, "cannot be answered" in done.stderr) == (2, True)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_is_named_as_it_can_be_asked_for(name):
    """The hint of a question that made no sense can be copied into the next one."""
    hint = asking.unanswered(ValueError("?")).hint
    [column] = [one for one in hint.rpartition(" columns ")[2].split(", ") if one.strip('"') == name]
    with duckdb.connect() as db:
        assert db.execute(f'SELECT {column} FROM (SELECT 1 AS "{name}")').fetchall() == [(1,)]


def test_a_question_is_one_and_writes_nothing(collection, tmp_path):
    """What is no question is refused, and leaves nothing behind."""
    collection.voice("host-1").join()
    collection.collect()
    written = tmp_path / "written"
    deeds = [f"COPY (SELECT 1) TO '{written}'", f"ATTACH '{written}'", "SET threads = 1"]
    for text in ("", " ;", "-- nothing", "SELECT 1; SELECT 2", *deeds):
        done = collection.repo.run("fleet", "query", "--sql", text)
        assert (done.exit_code, "that is not one question" in done.stderr) == (2, True), done.stderr
    assert not written.exists()


def test_a_question_about_a_moment(collection):
    """Times with a zone are answered, too."""
    collection.voice("host-1").join()
    collection.collect()
    [row] = collection.repo.do("fleet", "query", "--sql", "SELECT now() AS present")
    assert row["present"]


def test_a_program_that_asked_a_database_ends_quietly(collection):
    """Nothing but the answer, or the error, is on the terminal."""
    collection.voice("host-1").join()
    collection.collect()
    for name, code in (("versions", 0), ("nonsense", 2)):
        command = [sys.executable, "-m", "repo_tools", "-C", collection.repo.folder, "fleet", "query", name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, "leak" in done.stderr) == (code, False)


def test_a_collection_is_tried_and_not_kept(collection):
    """A dry run says what a run would do, with and without a lake, and leaves no trace."""
    voice = collection.voice("host-1").join()
    tried = collection.repo.do("fleet", "collect", collection.box, "--dry-run")
    assert (tried["counted"], tried["enrolled"], collection.lake.exists()) == (1, ["host-1"], False)
    collection.collect()
    voice.say(voice.report())
    for _ in range(2):
        assert collection.repo.do("fleet", "collect", collection.box, "--dry-run")["counted"] == 1
    assert len(collection.rows()) == 1
    assert collection.collect()["counted"] == 1


def test_a_question_in_a_file_and_the_rows_that_are_meant(collection, tmp_path):
    """``--sql`` takes a file, and ``--where`` keeps rows; what makes no sense is said."""
    for name in ("host-1", "host-2"):
        collection.voice(name).join()
    collection.collect()
    question = tmp_path / "mine.sql"
    question.write_text("SELECT agent, seq FROM reports")
    asked = ("fleet", "query", "--sql", question)
    assert collection.repo.do(*asked, "--where", "agent=host-2") == [{"agent": "host-2", "seq": 1}]
    for wrong in (["--where", "nobody=1"], ["--where", "agent"]):
        assert collection.repo.run(*asked, *wrong).exit_code == 2
    assert collection.repo.run("fleet", "query", "--sql", tmp_path / "none.sql").exit_code == 2
