"""Run as a program: import a module as on a host that has no extras, and print what was imported.

Every package outside of the base requirements is made to look absent, which is what the import system would
say on such a host. That is quicker than a second virtual environment, and needs no network.
"""

import importlib
import re
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from importlib.metadata import distribution, packages_distributions
from types import ModuleType

ROOT_PACKAGE = "tidegate"


def normal(name: str) -> str:
    """Return a distribution's name in normal form (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements(name: str, found: set[str]) -> set[str]:
    """Return a distribution and all that it requires without extras, into ``found``."""
    if name in found:
        return found
    found.add(name)
    for line in distribution(name).requires or []:
        wanted = re.match(r"[\w.-]+", line)
        if wanted and "extra ==" not in line and _here(normal(wanted[0])):
            requirements(normal(wanted[0]), found)
    return found


def _here(name: str) -> bool:
    try:
        return bool(distribution(name))
    except ImportError:  # required on another system or Python only
        return False


class Absent:
    """Finder that says of every package outside of the base requirements that it is not there."""

    def __init__(self, present: set[str]) -> None:
        self.absent = {
            module
            for module, owners in packages_distributions().items()
            if not present & {normal(owner) for owner in owners}
        }

    def find_spec(self, name: str, *_: Sequence[str] | ModuleType | None) -> ModuleSpec | None:
        """Refuse what is absent and leave the rest to the other finders."""
        if name.partition(".")[0] in self.absent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


def main() -> None:
    """Import the module that is named and print the top-level names of all that came with it."""
    sys.meta_path.insert(0, Absent(requirements(ROOT_PACKAGE, set())))
    importlib.import_module(sys.argv[1])
    print(*sorted({name.partition(".")[0] for name in sys.modules}), sep="\n")  # noqa: T201


if __name__ == "__main__":
    main()
