"""What a bundle's own loader leaves in the environment, and nobody that the agent starts may see.

Standard library only: the supervisor's program imports this.
"""

import sys
from collections.abc import MutableMapping

LIBRARIES = "LD_LIBRARY_PATH"
OURS = "_PYI_"
"""How the names begin by which a bundle's processes know each other; another version is none of them."""


def clean(environment: MutableMapping[str, str]) -> None:
    """Take the loader's variables out: products need their own libraries, not the updater's."""
    if not getattr(sys, "frozen", False):
        return
    for name in [name for name in environment if name.startswith(OURS)]:
        del environment[name]
    environment.pop(LIBRARIES, None)
    if before := environment.pop(f"{LIBRARIES}_ORIG", None):
        environment[LIBRARIES] = before
