"""Run as a program, by path: start a command, and print what it took as one JSON line.

It is a process of its own because the kernel counts what a child's parent used in the child's peak memory.
"""

import json
import os
import sys
import time


def main() -> None:
    """Measure the command that the arguments are."""
    begun = time.monotonic()
    silent = os.open(os.devnull, os.O_WRONLY)
    actions = [(os.POSIX_SPAWN_DUP2, silent, 1)]
    pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=actions)
    _, status, used = os.wait4(pid, 0)
    found = {
        "wall_s": time.monotonic() - begun,
        "cpu_s": used.ru_utime + used.ru_stime,
        "peak_mb": used.ru_maxrss / 1024,
        "status": os.waitstatus_to_exitcode(status),
    }
    print(json.dumps(found))  # noqa: T201 (its result)


main()
