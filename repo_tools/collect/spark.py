"""Ask the lake with Apache Spark: the same questions to the same files, for a fleet past one machine.

Spark runs in a Java process of its own, which starts with the block and ends with it. Where it computes is
Spark's own setting (``PYSPARK_SUBMIT_ARGS``); all cores of this machine otherwise.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from metadata.errors import MalformedError, TidegateError, UnsuitableError
from repo_tools.collect.asking import TABLE, Table, more, unanswered, worked_out
from repo_tools.collect.days import REPORTS

try:
    from py4j.protocol import Py4JError
    from pyspark import SparkConf, SparkContext
    from pyspark.errors import PySparkException
    from pyspark.java_gateway import launch_gateway
    from pyspark.logger import PySparkLogger
    from pyspark.sql import SparkSession
except ImportError as error:
    raise UnsuitableError("Spark is not installed here", "pip install 'tidegate[spark]'") from error

# It writes each question that Spark refuses to stderr, with pages of Java.
PySparkLogger.getLogger("SQLQueryContextLogger").disabled = True

JAVA = "Spark needs Java 17 or newer: apt-get install openjdk-17-jre-headless, or set JAVA_HOME"
MERGES = 3
"""So many merges that come in the way of one question are bad luck."""
_GONE = "FILE_NOT_EXIST"
"""What Spark calls a file that is not there any more."""
END_S = 60
"""How long Java may take to end."""
_SETTINGS = {
    "spark.app.name": "tidegate",
    "spark.log.level": "ERROR",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.session.timeZone": "UTC",
    # Days are texts in every engine.
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
    # Lakes of earlier versions have fewer columns.
    "spark.sql.parquet.mergeSchema": "true",
}
_HERE = {
    "spark.master": "local[*]",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.sql.shuffle.partitions": str(os.cpu_count() or 1),
}
"""What holds when Spark's own settings name no other master."""


class Spark:
    """Spark with a lake's tables.

    Args:
        session: Spark's own.
        lake: The lake's folder.

    Raises:
        MalformedError: The lake is damaged.
    """

    def __init__(self, session: SparkSession, lake: Path) -> None:
        self.session = session
        self.open(lake)

    def open(self, lake: Path) -> None:
        """Let questions ask this lake.

        Raises:
            MalformedError: It is damaged.
        """
        self._lake = lake
        try:
            for name, path in {TABLE: lake / REPORTS, **more(lake)}.items():
                self.session.read.parquet(str(path.absolute())).createOrReplaceTempView(name)
            for name, statement in worked_out(lake).items():
                self.session.sql(statement).createOrReplaceTempView(name)
        except (PySparkException, Py4JError) as error:
            raise _translated(error) from error

    def ask(self, statement: str) -> Table:
        """Answer a question; where a day was merged since its files were listed, by what it became."""
        for _ in range(MERGES):
            try:
                return self._answer(statement)
            except (PySparkException, Py4JError) as error:
                if _GONE not in str(error):
                    raise _translated(error) from error
                self.open(self._lake)
        raise MalformedError(
            f"the files of {self._lake} are gone again and again", "ask when nobody collects"
        )

    def _answer(self, statement: str) -> Table:
        found = self.session.sql(statement)
        return Table(found.columns, [tuple(row) for row in found.collect()])


@contextmanager
def started(lake: Path) -> Iterator[Spark]:
    """Start Spark with a lake's tables.

    Raises:
        UnsuitableError: It does not start here.
        MalformedError: The lake is damaged.
    """
    with tempfile.TemporaryFile() as said, _session(said) as session:
        yield Spark(session, lake)


@contextmanager
def _session(said: IO[bytes]) -> Iterator[SparkSession]:
    _refuse_without_java()
    conf = SparkConf(loadDefaults=False)
    elsewhere = "--master" in os.environ.get("PYSPARK_SUBMIT_ARGS", "")
    for name, value in {**_SETTINGS, **({} if elsewhere else _HERE)}.items():
        conf.set(name, value)
    try:
        gateway = launch_gateway(conf, {"stdout": said, "stderr": said})  # type: ignore[no-untyped-call]  # PySpark
    except (PySparkException, OSError) as error:
        raise UnsuitableError(f"Spark does not start: {_last_line(said) or error}", JAVA) from error
    try:
        context = SparkContext(conf=conf, gateway=gateway)
        try:
            yield SparkSession(context)
        finally:
            context.stop()
    finally:
        gateway.shutdown()
        _end(gateway.proc)
        # PySpark takes the gateway of the last session for that of the next one.
        SparkContext._gateway = SparkContext._jvm = None


def _refuse_without_java() -> None:
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java", path=f"{home}/bin" if home else None) is None:
        raise UnsuitableError(f"there is no Java in {home}" if home else "there is no Java here", JAVA)


def _end(java: subprocess.Popen[bytes]) -> None:
    """Let Java end: it does when nobody can write to it any more."""
    if java.stdin is not None:
        java.stdin.close()
    try:
        java.wait(END_S)
    except subprocess.TimeoutExpired:
        java.kill()
        java.wait()


def _last_line(said: IO[bytes]) -> str:
    said.seek(0)
    lines = said.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _translated(error: Exception) -> TidegateError:
    if damaged := re.search(r"[^ :]*/[^ ]+\.parquet", str(error)):
        hint = "restore it from a copy, or move it out of the lake"
        return MalformedError(f"the lake is damaged: Spark cannot read {damaged[0]}", hint)
    return unanswered(ValueError(str(error).splitlines()[0]))
