"""One parser under atheris, guided by coverage: a process of its own, since libFuzzer never returns."""

import contextlib
import os
import sys
from random import Random

import atheris

with (
    atheris.instrument_imports(include=["agent", "metadata", "repo_tools", "tuf"]),
    contextlib.suppress(
        ImportError  # what is not installed is not asked for
    ),
):
    from tests.fuzz.mutate import mutated
    from tests.fuzz.table import TABLE


def main(name: str, options: list[str]) -> None:
    """Hunt until libFuzzer's own options say that it is over.

    Args:
        name: Of a line in the table.
        options: Of libFuzzer, its folders among them.
    """
    parser = TABLE[name]

    def change(data: bytes, most: int, seed: int) -> bytes:
        changed = mutated(data, Random(seed)) if seed % 2 else atheris.Mutate(data, most)
        return changed[:most]

    def read(data: bytes) -> None:
        parser.try_on(data)

    atheris.Setup([sys.argv[0], *options], read, custom_mutator=change)
    atheris.Fuzz()


if __name__ == "__main__":
    os.environ["TZ"] = "UTC"
    main(sys.argv[1], sys.argv[2:])
