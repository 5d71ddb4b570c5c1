"""The small files of many runs become one, under the eyes of whoever reads."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from repo_tools.collect import days, duck
from repo_tools.collect.lake import opened
from tests.support.collection import Collection

YESTERDAY = datetime.now(UTC) - timedelta(days=1)


def spoken(collection: Collection, runs: int) -> list[Path]:
    """Let a host speak yesterday, collect each time, and return the files of that day."""
    voice = collection.voice("host-1").join()
    for _ in range(runs):
        voice.say(voice.report(), voice.report(), came=YESTERDAY)
        collection.collect()
    return sorted((collection.lake / "reports" / f"dt={YESTERDAY:%Y-%m-%d}").glob("*.parquet"))


def rooms(collection: Collection) -> int:
    """Return how many rooms of yesterday are on the disk."""
    return len(list((collection.lake / "days" / f"dt={YESTERDAY:%Y-%m-%d}").iterdir()))


def test_a_day_that_is_over_is_one_file(collection):
    """Each run leaves one file for it, whatever came late, and nothing is counted twice or lost."""
    assert len(spoken(collection, 3)) == 1
    assert collection.rows() == [("host-1", seq) for seq in range(1, 8)]
    assert collection.collect()["objects"] == 0


def test_rooms_stay_for_those_who_read_in_them(collection):
    """What was merged is there for an hour, and gone with the next run."""
    spoken(collection, 3)
    assert rooms(collection) == 3
    collection.repo.now = datetime.now(UTC) + days.READ * 2
    try:
        collection.collect()
    finally:
        collection.repo.now = None
    assert rooms(collection) == 1
    assert len(collection.rows()) == 7


def test_a_day_that_lasts_is_merged_when_it_has_many_files(collection, tmp_path):
    """Small ones alone: what is large already is taken along as it is."""
    now = datetime.now(UTC)
    day = f"dt={now:%Y-%m-%d}"
    room = days.room(tmp_path, day)
    with duckdb.connect() as db:
        rows = db.sql("SELECT 'host-1' AS agent, 1 AS seq")
        for number in range(days.MANY - 1):
            rows.write_parquet(str(room / f"{number}.parquet"))
        with (room / "large.parquet").open("wb") as file:
            file.truncate(days.SMALL_BYTES)
        assert list(days.crowded(tmp_path, now)) == []
        rows.write_parquet(str(room / "last.parquet"))
        assert list(days.crowded(tmp_path, now)) == [day]
        there = days.merged(tmp_path, day, db)
        days.exchange(tmp_path, day, there, now)
        assert {path.name for path in room.iterdir()} > {"large.parquet"}
        [small] = [path for path in room.iterdir() if path.name != "large.parquet"]
        assert db.read_parquet(str(small)).count("*").fetchall() == [(days.MANY,)]
    assert list(days.crowded(tmp_path, now + timedelta(days=1))) == []


def test_a_reader_sees_every_report_once_at_any_time(collection):
    """Somebody asks without a pause while runs merge: counts only grow, and no report is there twice."""
    spoken(collection, 1)
    over, seen = threading.Event(), []

    def read() -> None:
        while not over.is_set():
            with duck.opened(collection.lake) as engine:
                asked = "SELECT count(*), count(DISTINCT (agent, seq)) FROM reports"
                seen.append(engine.ask(asked).rows[0])

    reader = threading.Thread(target=read)
    reader.start()
    try:
        voice = collection.voice("host-2").join()
        for _ in range(4):
            voice.say(voice.report(), came=YESTERDAY)
            collection.collect()
    finally:
        over.set()
        reader.join()
    assert all(rows == different for rows, different in seen)
    assert [rows for rows, _ in seen] == sorted(rows for rows, _ in seen)
    assert seen[0] == (3, 3)
    assert len(collection.rows()) == 8


def test_a_state_from_a_backup_knows_what_was_merged_since(collection):
    """A state that is older than the files of its lake counts none of them again."""
    spoken(collection, 1)
    state = collection.lake / "state.duckdb"
    old = state.read_bytes()
    spoken_again = collection.voice("host-2").join()
    spoken_again.say(spoken_again.report(), came=YESTERDAY)
    collection.collect()
    state.write_bytes(old)
    assert collection.collect()["counted"] == 0
    with opened(collection.lake) as lake:
        assert lake.db.execute("SELECT count(*), count(DISTINCT (agent, seq)) FROM seen").fetchall() == [
            (5, 5)
        ]
