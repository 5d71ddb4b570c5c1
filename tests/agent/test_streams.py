"""Where the output goes decides nothing."""

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
