"""What works where the package was installed without its extras, and what is said of the rest."""

import os
import subprocess
import sys

import pytest

LACKING = """
import sys
for name in {modules}:
    sys.modules[name] = None
from repo_tools.__main__ import main
sys.exit(main(sys.argv[1:]))
"""
"""Runs the program as if these modules were not installed."""
FLEET = ("duckdb", "jinja2", "matplotlib", "pygal", "pytz", "litestar", "uvicorn", "pyspark", "pkcs11")


@pytest.fixture
def without(rolled):
    """Runs a command on the machine of a release manager who collects nothing."""

    def run(*words, modules=FLEET):
        program = [sys.executable, "-c", LACKING.format(modules=modules), "-C", str(rolled.folder), *words]
        environ = {**os.environ, **rolled.environ}
        return subprocess.run(program, env=environ, capture_output=True, text=True, check=False)

    return run


def test_who_collects_nothing_can_order_sign_and_publish(rolled, without):
    """The disaster: a brake or a recall needs a database that only the collector's machine has."""
    rolled.add("1.5.0")
    for words in (
        ("rollout", "start", "stable", "1.5.0", "--strategy", "gated"),
        ("sign", "--yes"),
        ("publish",),
        ("brake", "stable", "--dry-run"),
        ("rollout", "promote", "stable", "--early", "--dry-run"),
        ("rollout", "recall", "stable", "1.4.2", "--from", "==1.5.0", "--dry-run"),
        ("agents", "select", "stable", "1.5.0", "--id", "host-1"),
        ("sign", "--yes"),
        ("check",),
    ):
        done = without(*words)
        assert done.returncode == 0, (words, done.stderr)
    said = without("rollout", "promote", "stable", "--early", "--dry-run").stderr
    assert "stable-0002 is gated, and nothing was collected here that speaks for it" in said


@pytest.mark.parametrize(
    ("words", "extra"),
    [(("agents", "list", "stable"), "fleet"), (("console", "--no-browser"), "console")],
)
def test_what_needs_an_extra_says_which(without, words, extra):
    """What is not installed is no bug, and the next step is said."""
    done = without(*words)
    assert (done.returncode, f"hint: pip install 'tidegate[{extra}]'" in done.stderr) == (13, True)


def test_a_module_of_no_extra_is_a_bug(without):
    """Where the package itself is broken nobody is sent to install an extra."""
    done = without("check", modules=("repo_tools.checks.table",))
    assert (done.returncode, "this is a bug in tidegate" in done.stderr) == (1, True)
