"""``make fuzz``: hunt in every parser for some seconds each, or try again what was found in one."""

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.conftest import ROOT
from tests.fuzz.parser import PLACE_IN, scratch
from tests.fuzz.table import TABLE
from tests.fuzz.test_life import Host, TestHost

PLACE = ROOT / ".cache" / "fuzz"
LIVES = "lives"
"""The name of the machine of ``test_life``, which is no parser."""
AT_ONCE = 20
LONGEST_BYTES = 100_000
LONGEST_S = 60
"""What one reading may take; libFuzzer calls more a finding."""
MEMORY_MB = 2_048
DONE = re.compile(r"stat::number_of_executed_units: (\d+)")


def main() -> int:
    """Hunt, say what was tried, and return whether anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="PARSER", help="only these; all unless named")
    parser.add_argument("--seconds", type=int, default=60, help="for each parser")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="read what was found once more")
    given = parser.parse_args()
    names = given.names or [*TABLE, LIVES]
    if given.replay:
        TABLE[names[0]].try_on(given.replay.read_bytes())
        return 0
    return max([(_live if name == LIVES else _hunt)(name, given.seconds) for name in names])


def _live(name: str, seconds: int) -> int:
    """Let hosts live until the time is over; one that comes to harm is told step by step, as code."""
    end, lives = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        terms = settings(TestHost.settings, max_examples=AT_ONCE, derandomize=False, stateful_step_count=40)
        run_state_machine_as_test(Host, settings=terms)
        lives += AT_ONCE
    _tell(f"{name}: {lives:,} lives of up to 40 steps")
    return 0


def _hunt(name: str, seconds: int) -> int:
    """Hunt in one parser; its corpus is kept, so that the next hunt begins where this one ended."""
    corpus, found = PLACE / "corpus" / name.replace(" ", "-"), PLACE / "found" / name.replace(" ", "-")
    for folder in (corpus, found):
        folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(TABLE[name].seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = {
        "max_total_time": seconds,
        "max_len": LONGEST_BYTES,
        "timeout": LONGEST_S,
        "rss_limit_mb": MEMORY_MB,
        "artifact_prefix": f"{found}/",
        "print_final_stats": 1,
    }
    said = [f"-{key}={value}" for key, value in options.items()]
    line = [sys.executable, "-m", "tests.fuzz.hunt", name, *said, str(corpus)]
    environment = {**os.environ, PLACE_IN: str(scratch("hunts"))}
    ran = subprocess.run(line, cwd=ROOT, capture_output=True, env=environment, check=False)
    log = ran.stderr.decode(errors="replace") + ran.stdout.decode(errors="replace")
    runs = DONE.search(log)
    _tell(f"{name}: {int(runs[1]) if runs else 0:,} runs")
    if ran.returncode == 0:
        return 0
    _tell(log[-3_000:])
    for path in sorted(found.iterdir()):
        _tell(f"replay: {sys.executable} -m tests.fuzz '{name}' --replay {path}")
    return 1


def _tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
