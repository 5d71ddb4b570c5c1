"""One publisher of a race, a process of its own: told what to do on its input, it answers on its output.

``prepare`` stages the next change, or prepares the one that lost again on what is live, and signs it.
``publish`` tries once, with the real command. Each answer is one line of JSON.
"""

import json
import shutil
import sys
from pathlib import Path

from tests.support.workspace import Workspace

ROLES = {"agent.releases": "releases/agent/9.{number}/{turn}", "fleet": "fleet/publisher-{number}-{turn}"}
"""What publishers change: those of one role race for its next version, the others for the timestamp."""


def role_of(number: int) -> str:
    """Return the role that a publisher changes."""
    return list(ROLES)[number % len(ROLES)]


def path(number: int, turn: int) -> str:
    """Return what a publisher lists in a turn, in place of what it listed before."""
    return ROLES[role_of(number)].format(number=number, turn=turn)


class Racer:
    """One publisher.

    Args:
        founded: Where the race was founded; the workspace is copied, the keys are shared.
        number: Which publisher this is.
    """

    def __init__(self, founded: Path, number: int) -> None:
        self.number = number
        self.turn = 0
        """The change that is being prepared or published; the first is 1."""
        self.waiting = False
        """Whether it is staged, and lost."""
        first = Workspace(founded)
        self.work = Workspace(founded.parent / f"publisher-{number}")
        shutil.copytree(first.folder, self.work.folder)
        self.work.keys = first.keys

    def prepare(self) -> tuple[int, str]:
        """Stage a change and sign it; return how the commands ended."""
        if self.waiting:
            result = self.work.run("publish", "--rebase")
            if result.exit_code != 0:
                return result.exit_code, result.stderr
        else:
            self._stage()
        result = self.work.run("sign", "--yes")
        return result.exit_code, result.stderr

    def _stage(self) -> None:
        self.turn += 1
        desk = self.work.desk()
        with desk.tree.edit(role_of(self.number)) as draft:
            draft.drop(path(self.number, self.turn - 1))
            data = f"{self.number} {self.turn}".encode()
            draft.put(desk.contents.stage(path(self.number, self.turn), data))

    def publish(self) -> tuple[int, str]:
        """Try to publish; return how it ended."""
        result = self.work.run("--json", "publish", "--yes")
        self.waiting = result.exit_code != 0
        return result.exit_code, result.stderr


def main() -> None:
    """Do what is asked until the input ends."""
    racer = Racer(Path(sys.argv[1]), int(sys.argv[2]))
    for line in sys.stdin:
        code, said = racer.prepare() if line == "prepare\n" else racer.publish()
        sys.stdout.write(json.dumps({"code": code, "turn": racer.turn, "said": said}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
