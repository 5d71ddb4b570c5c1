"""The same questions, asked of DuckDB and of Spark, have the same answers, whatever hosts say."""

import itertools
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from metadata.errors import MalformedError, UnsuitableError, UsageError
from repo_tools.collect import asking, duck
from repo_tools.collect.days import READ
from repo_tools.collect.lake import opened
from repo_tools.collect.spark import started
from tests.support.collection import Collection
from tests.support.wave import ROLLOUT, VERSION, Underway
from tests.support.workspace import Workspace

pytestmark = pytest.mark.slow

TEXTS = (
    "",
    "NULL",
    "unhealthy",
    "Unhealthy",
    "'; DROP TABLE reports; --",
    'a "quoted" \\ text \\n',
    "${spark.home} {{text}} %s",
    "two\nlines,\tone tab",
    "e\u0301 \u00e9 \u202eright to left\u202c \U0001f30a",
    "nothing \u0000 after it",
)
"""What a host may say in place of a reason or a version."""
EVENTS = (
    ("update_verify", "failed"),
    ("update_install", "ok"),
    ("update_healthcheck", "ok"),
    ("update_rollback", "ok"),
    ("soak", "ok"),
    ("refusal", "deferred"),
)


@pytest.fixture(scope="module")
def lake(real_time: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of a few days, with a rollout, gaps, strangers, and all that hosts could think of."""
    folder = tmp_path_factory.mktemp("engines")
    repo = Workspace(shutil.copytree(real_time, folder / "place"))
    underway = Underway(Collection(repo, folder / "box"), datetime.now(UTC) - timedelta(days=3))
    collection, half = underway.collection, len(TEXTS) // 2
    names = [*underway.chorus.names("canary", half), *underway.chorus.names("full", len(TEXTS) - half)]
    for number, (name, text) in enumerate(zip(names, TEXTS, strict=True)):
        if number == half:
            repo.do("fleet", "collect", folder / "box", "--lake", folder / "lake")
        voice = collection.voice(name).join()
        for days, (stage, outcome) in zip(itertools.cycle((0, 1, 5)), EVENTS, strict=False):
            lost = number == 4 and stage == "refusal"
            step = {"stage": stage, "outcome": outcome}
            ran = {**step, "reason": text, "running": text or None}
            said = voice.report(**ran, detail=text, machine=stage[:7])
            named = {**step, "rollout": text or None, "to": text, "labels": {text: text}}
            told = voice.report(**named, seq=said.seq + 1000 * lost)
            about = voice.report(**ran, rollout=ROLLOUT, to=VERSION)
            voice.say(said if number % 2 else told, came=datetime.now(UTC) - timedelta(days=days))
            voice.say(about, came=datetime.now(UTC) - timedelta(days=days * (number % 3)))
    stranger = collection.voice("stranger")
    stranger.say(stranger.report())
    repo.do("fleet", "collect", folder / "box", "--lake", folder / "lake")
    return folder / "lake"


@pytest.fixture(scope="module")
def spark(lake: Path) -> Iterator[asking.Engine]:
    """Spark on this machine's cores, started once."""
    if shutil.which("java") is None:
        pytest.skip("Java is not installed: apt-get install openjdk-17-jre-headless")
    quick = "--driver-java-options '-XX:TieredStopAtLevel=1' pyspark-shell"  # few rows: compiling costs more
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_SUBMIT_ARGS", quick)
        with started(lake) as engine:
            yield engine


@pytest.mark.parametrize("name", asking.names())
def test_both_engines_answer_the_same(lake, spark, name):
    """Each question by name, row for row and in the same order."""
    with duck.opened(lake) as engine:
        expected = engine.ask(asking.text(name))
    found = spark.ask(asking.text(name))
    assert list(found.columns) == list(expected.columns)
    assert found.rows == expected.rows
    assert expected.rows


def test_both_engines_see_the_same_reports(lake, spark):
    """Nothing that hosts say is lost, cut or obeyed on its way through either."""
    with duck.opened(lake) as engine:
        expected = engine.ask(asking.EVERYTHING)
    columns = ", ".join(expected.columns)
    found = spark.ask(f"SELECT {columns} FROM reports ORDER BY agent, seq")
    assert found.rows == expected.rows
    said = {row[expected.columns.index("detail")] for row in expected.rows}
    assert said >= set(TEXTS[1::2])


def test_both_engines_refuse_in_the_same_way(lake, spark):
    """A question that makes no sense is the asker's mistake, on one line."""
    with duck.opened(lake) as engine:
        for one in (engine, spark):
            with pytest.raises(UsageError, match="nothing") as refused:
                one.ask("SELECT nothing FROM reports")
            assert "\n" not in refused.value.message


def test_spark_names_a_damaged_file(lake, spark, tmp_path):
    """A file that was cut short is no empty day."""
    copy = shutil.copytree(lake, tmp_path / "lake")
    day = next((copy / "reports").glob("*/*.parquet"))
    day.write_bytes(day.read_bytes()[:200])
    with pytest.raises(MalformedError, match=day.name):
        spark.open(copy)
    spark.open(lake)


def test_days_that_are_merged_under_a_reader(lake, spark, tmp_path):
    """Each engine answers as before, whether the files that it listed are still there or not."""
    copy = shutil.copytree(lake, tmp_path / "lake", symlinks=True)
    asked = "SELECT agent, seq, dt FROM reports ORDER BY agent, seq"
    after = datetime.now(UTC) + timedelta(days=2)
    spark.open(copy)
    with duck.opened(copy) as reading:
        expected = reading.ask(asked).rows
        merge(copy, after)
        assert reading.ask(asked).rows == expected
    merge(copy, after + READ * 2)
    assert spark.ask(asked).rows == expected
    with duck.opened(copy) as reading:
        assert reading.ask(asked).rows == expected
    spark.open(lake)


def merge(lake: Path, now: datetime) -> None:
    """Merge the days that are over."""
    with opened(lake) as state:
        state.tidy(now)


def test_spark_says_what_it_needs(lake, tmp_path, monkeypatch):
    """Without Java nothing starts, and the hint says what to install."""
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(UnsuitableError) as refused, started(lake):
        pass
    assert "Java 17" in refused.value.hint
