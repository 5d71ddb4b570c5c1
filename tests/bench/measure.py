"""Numbers, and what is said about them."""

import json
import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

METER = Path(__file__).with_name("meter.py")


@dataclass(frozen=True)
class Cost:
    """What one process took; children that it waited for are counted."""

    wall_s: float
    cpu_s: float
    peak_mb: float


@dataclass(frozen=True)
class Row:
    """One line of the result."""

    what: str
    measured: float
    unit: str
    limit: float | None
    """None where the number is for information."""
    peer: float | None = None
    """The peer's number in the same unit; the limit is then a ratio to it."""
    note: str = ""

    @property
    def value(self) -> float:
        """What is compared with the limit."""
        return self.measured if self.peer is None else self.measured / self.peer

    @property
    def holds(self) -> bool:
        """Whether the limit is kept."""
        return self.limit is None or self.value <= self.limit


def cost(python: str, command: Sequence[str | Path], **settings: str | Path) -> Cost:
    """Run a command under the meter.

    Args:
        python: The interpreter of the meter itself.
        command: What is measured; it must exit 0.
        settings: ``cwd`` or other arguments of ``subprocess.run``.
    """
    meter = [python, "-S", "-E", str(METER)]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    asked = {"stdout": subprocess.PIPE, "env": plain, **settings}
    done = subprocess.run([*meter, *map(str, command)], check=True, **asked)  # type: ignore[call-overload]  # mypy cannot choose among twenty overloads
    found = json.loads(done.stdout)
    if found.pop("status") != 0:
        raise RuntimeError(f"failed: {' '.join(map(str, command))}")
    return Cost(**found)


def interleaved(runs: int, *measures: Callable[[], Cost]) -> list[Cost]:
    """Return the medians of several measures, taken in turn so that the machine's moods meet them all."""
    taken = [[measure() for measure in measures] for _ in range(runs + 1)][1:]  # the first fills the caches
    return [
        Cost(*(median(getattr(one, name) for one in column) for name in ("wall_s", "cpu_s", "peak_mb")))
        for column in zip(*taken, strict=True)
    ]
