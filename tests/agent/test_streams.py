"""Where the output goes decides nothing."""

import os
import shlex
import subprocess

import pytest


def in_shell(host, line: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which ``agent`` is the program, on this host."""
    name = f'agent() {{ {shlex.join(host.command())} "$@"; }}; {line}'
    return subprocess.run(
        ["bash", "-c", name], capture_output=True, text=True, env=host.environment, check=False
    )


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_is_closed_stops_nothing(scene, closed):
    """Whoever closes a stream wants to hear nothing, and the work is done all the same."""
    scene.ready()
    for command, code in (("tick", 0), ("status", 0), ("explain", 0), ("pin '>='", 10), ("dance", 2)):
        done = in_shell(scene.host, f"agent {command} {closed}")
        assert (done.returncode, "Traceback" in done.stderr) == (code, False)


def test_a_result_that_nobody_reads_ends_as_programs_do_in_shells(scene):
    """141 is what a shell counts for SIGPIPE; a tick's own result counts, whoever reads it."""
    scene.ready()
    reader, writer = os.pipe()
    os.close(reader)
    for line, code in (
        ("tick", 0),
        ("tick --json", 0),
        ("status", 141),
        ("check --json", 141),
        ("--help", 141),
    ):
        done = subprocess.run(
            scene.host.command(*line.split()),
            stdout=writer,
            stderr=subprocess.PIPE,
            env=scene.host.environment,
            check=False,
        )
        assert (line, done.returncode, done.stderr) == (line, code, b"")
    os.close(writer)
    full = in_shell(scene.host, "agent tick > /dev/full")
    assert (full.returncode, "the result cannot be written" in full.stderr) == (0, True)
    assert in_shell(scene.host, "agent status > /dev/full").returncode == 13
