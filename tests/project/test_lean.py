"""What a host needs: importing the tick pulls in nothing that hosts do not have."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT

HEAVY = {"boto3", "botocore", "rich", "duckdb", "pyarrow", "litestar", "uvicorn", "jinja2", "pygal"}
LIBRARIES = {"tuf", "securesystemslib", "requests", "msgspec", "click", "cryptography", "sqlite3"}
OPENSSL = {"ssl", "hashlib"}
"""It takes three megabytes to be there."""


def imported(module: str) -> set[str]:
    """Return the top-level names that importing a module brings, on a host without extras."""
    command = [sys.executable, "-m", "tests.project.base_install", module]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize("module", ["agent.tick", "agent.cli", "agent.supervisor", "metadata.decide"])
def test_a_host_needs_the_base_requirements_only(module):
    """The import works without extras, although securesystemslib tries every back end that it finds."""
    assert imported(module) & HEAVY == set()


def test_the_resident_process_is_the_standard_library():
    """The process that stays alive is the one that knows least."""
    assert imported("agent.supervisor") & (LIBRARIES | OPENSSL) == set()


def test_the_check_would_notice():
    """A package of an extra is absent, as on a host."""
    command = [sys.executable, "-m", "tests.project.base_install", "rich"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "No module named 'rich'" in done.stderr
