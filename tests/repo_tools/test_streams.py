"""Where the output goes: a full disk, nowhere, a pipe that nobody reads, letters that it does not have."""

import os
import subprocess
import sys

import pytest

from tests.support.workspace import Workspace


def in_shell(work: Workspace, line: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which ``tidegate`` is the program, in this workspace."""
    name = f'tidegate() {{ "{sys.executable}" -m repo_tools -C "{work.folder}" "$@"; }}; {line}'
    told = {**os.environ, **work.environ, **environ}
    return subprocess.run(
        ["bash", "-c", name], capture_output=True, encoding="utf-8", errors="replace", env=told, check=False
    )


@pytest.fixture
def signed(rolled: Workspace) -> Workspace:
    """A workspace whose next release is signed and not yet published."""
    rolled.add("1.5.0")
    rolled.do("sign", "--yes")
    return rolled


@pytest.mark.parametrize("options", ["", "--json"])
def test_a_result_that_cannot_be_written_is_no_bug(signed, options):
    """What was published is published, and the exit code says where to look."""
    done = in_shell(signed, f"tidegate {options} publish > /dev/full")
    assert done.returncode == 13
    assert done.stderr.splitlines()[-2:] == [
        "error: the result cannot be written: No space left on device",
        "hint: what was done is done; see where the output goes",
    ]
    assert "1.5.0" in signed.run("release", "list").stdout
    assert signed.do("status")["staged"] == []


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&-", ">&- 2> /dev/full", "2> /dev/full"])
def test_a_stream_that_is_closed_stops_nothing(signed, closed):
    """Whoever closes a stream wants to hear nothing, and the work is done all the same."""
    done = in_shell(signed, f"tidegate publish {closed}")
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert signed.do("status")["staged"] == []
    for line, code in (("release show 9.9.9", 13), ("dance", 2)):
        done = in_shell(signed, f"tidegate {line} {closed}")
        assert (done.returncode, "Traceback" in done.stderr) == (code, False)


def test_letters_that_the_output_does_not_have_are_questions(rolled):
    """A terminal of another age shows what it can; nothing is a bug after the work is done."""
    for line in ("rollout status", "status", "log", "brake stable --version 1.4.2 --reason 'späte 警報'"):
        done = in_shell(rolled, f"tidegate {line}", PYTHONIOENCODING="latin-1")
        assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert "??" in done.stdout


@pytest.mark.parametrize("line", ["release list", "--json status", "release show 9.9.9 --json", "--help"])
def test_a_result_that_nobody_reads_ends_as_programs_do_in_shells(rolled, line):
    """141 is what a shell counts for SIGPIPE; an error keeps its own code, and nothing is said of a bug."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "repo_tools", "-C", str(rolled.folder), *line.split()]
    environ = {**os.environ, **rolled.environ}
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, env=environ, check=False)
    os.close(writer)
    assert done.returncode == (13 if "9.9.9" in line else 141)
    assert (b"Traceback" in done.stderr, b"BrokenPipe" in done.stderr) == (False, False)
