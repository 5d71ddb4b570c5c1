"""What was collected answers questions: queries by name, of one's own, and exports."""

import subprocess
import sys
from datetime import timedelta
from functools import partial
from typing import Any

import duckdb
import pytest

from repo_tools.collect import asking
from repo_tools.collect.asking import COLUMNS
from tests.support.chorus import BACK, SWITCHED, WELL
from tests.support.dashboards import page
from tests.support.wave import ROLLOUT, VERSION, Underway


def test_the_queries_say_how_a_rollout_goes(canary):
    """Kept, rolled back, failed and silent hosts are told apart; versions and failures are counted."""
    kept, back, begun, unverified = ([name] for name in canary.join("canary", 4))
    canary.tell(kept, *WELL)
    canary.tell(back, *BACK)
    canary.tell(begun, *SWITCHED[:1])
    canary.tell(unverified, {"stage": "update_verify", "outcome": "failed", "reason": "probe"})
    canary.tell(
        [*back, *begun, *unverified], {"stage": "heartbeat", "running": "1.4.2"}, rollout=None, to=None
    )
    canary.tell(kept, {"stage": "heartbeat", "running": "1.5.0"}, rollout=None, to=None)
    canary.collection.collect()
    query = partial(canary.repo.do, "fleet", "query")
    [row] = query("progress", "--where", f"rollout={ROLLOUT}")
    assert (row["product"], row["wave"]) == ("agent", "canary")
    names = ("expected", "heard", "ok", "failed", "silent", "soaking", "back", "later")
    assert [row[name] for name in names] == [4, 3, 1, 2, 1, 0, 1, 0]
    assert {(one["stage"], one["reason"], one["agents"]) for one in query("failures")} == {
        ("update_healthcheck", "unhealthy", 1),
        ("update_verify", "probe", 1),
    }
    assert [(one["version"], one["agents"]) for one in query("versions")] == [("1.4.2", 3), ("1.5.0", 1)]
    assert [one["agent"] for one in query("stragglers")] == kept


def test_progress_counts_from_the_order(canary):
    """Who waits for a long time is expected before anybody spoke; who enrols after the order is not."""
    canary.join("canary", 3)
    names = canary.chorus.names("canary", 5)
    canary.tell(names[:2], {"stage": "heartbeat", "decision": {"rule": "not_yet"}}, rollout=None)
    canary.chorus.at = canary.start + timedelta(minutes=10)
    canary.chorus.join(names[3:])
    canary.tell(names[3:], *WELL)
    canary.collection.collect()
    [row] = canary.repo.do("fleet", "query", "progress", "--where", f"rollout={ROLLOUT}")
    assert (row["expected"], row["heard"], row["later"]) == (2, 0, 2)
    assert canary.tally().counts.expected == row["expected"]


def test_rollouts_that_nobody_signed_count_apart(canary):
    """A host that invents names moves no rollout, however many; it is named with how many it told."""
    *good, liar = canary.join("canary", 3)
    canary.tell(good, *WELL)
    canary.tell([liar], {"stage": "heartbeat"}, rollout=None)
    canary.collection.collect()
    before = canary.repo.do("fleet", "query", "progress")
    for number in range(20):
        canary.tell([liar], *BACK, rollout=f"stable-9{number:03}")
    assert canary.collection.collect()["counted"] == 60
    assert canary.repo.do("fleet", "query", "progress") == before
    [apart] = canary.repo.do("fleet", "query", "invented")
    assert (apart["agent"], apart["rollouts"], apart["reports"]) == (liar, 20, 60)


def test_what_no_signed_order_accounts_for_is_shown_nowhere(canary):
    """A rollout that nobody signed, a wave that is not reached, no release: queries and pages stand still."""
    well, ill, liar = ([name] for name in canary.join("canary", 3))
    early = canary.join("full", 1)
    canary.tell(well, *WELL)
    canary.tell(ill, *BACK)
    canary.tell([*liar, *early], {"stage": "heartbeat"}, rollout=None)
    canary.tell(
        early, {"stage": "refusal", "outcome": "failed", "reason": "unreachable"}, rollout=None, to=None
    )
    before = shown(canary)
    assert [row["reason"] for row in before["failures"]] == ["unhealthy", "unreachable"]
    assert [(row["version"], row["ok"], row["back"]) for row in before["success"]] == [(VERSION, 1, 1)]
    assert "unhealthy" in before["failures.html"]
    assert f"agent {VERSION}" in before["history.html"]
    canary.tell(liar, *BACK, rollout="stable-0666")
    canary.tell(early, *BACK)
    canary.tell(liar, *BACK, to="9.9.9")
    assert canary.collection.collect()["counted"] == 9
    assert shown(canary) == before
    canary.tell(liar, *BACK)
    after = shown(canary)
    assert [name for name in before if after[name] == before[name]] == []


def test_a_failure_on_the_way_counts(canary):
    """What a host goes through or back to in a signed rollout counts, whether or not an order names it."""
    [name] = canary.join("canary", 1)
    canary.tell([name], *BACK, to="1.4.2")
    canary.collection.collect()
    [row] = canary.repo.do("fleet", "query", "failures")
    assert (row["rollout"], row["version"], row["agents"]) == (ROLLOUT, "1.4.2", 1)


def shown(canary: Underway) -> dict[str, Any]:
    """Collect, and return what two questions and two pages say of what hosts did."""
    canary.collection.collect()
    canary.repo.do("dashboard", "build")
    asked = {name: canary.repo.do("fleet", "query", name) for name in ("failures", "success")}
    tables = {
        name: page(canary.repo.store / "status", name).partition("<table")[2].partition("</table>")[0]
        for name in ("failures.html", "history.html")
    }
    return {**asked, **tables}


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


def test_a_lake_without_all_of_its_tables(canary):
    """What a first run left that was killed, or an earlier version, answers what it can."""
    canary.tell(canary.join("canary", 1), *WELL)
    canary.collection.collect()
    orders, agents = canary.collection.lake / "orders.parquet", canary.collection.lake / "agents.parquet"
    orders.unlink()
    assert canary.repo.do("fleet", "query", "progress") == []
    agents.unlink()
    assert canary.repo.run("fleet", "query", "progress").exit_code == 2
    assert canary.repo.do("fleet", "query", "failures") == []
    canary.collection.collect()
    [row] = canary.repo.do("fleet", "query", "progress", "--where", f"rollout={ROLLOUT}")
    assert row["ok"] == 1


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
