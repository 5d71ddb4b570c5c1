"""Every parser of foreign bytes refuses by our own errors alone, whatever it is given."""

import pkgutil
import re
from importlib import import_module
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import metadata
from tests.conftest import ROOT
from tests.fuzz.documents import FULL
from tests.fuzz.mutate import mutated
from tests.fuzz.table import TABLE

EXAMPLES = 25
"""For each parser; ``make fuzz`` tries as many as there is time for."""
REFUSED = {"answer for a small file", "answer for a download", "root that is served"}
"""Where a seed is what a server may say, and not what is taken."""
DECODES = re.compile(
    r"json\.loads|json\.decode\(|json\.Decoder|toml\.decode|tomllib\.loads|fromisoformat\(|tarfile\.open\("
    r"|zipfile\.ZipFile\(|\.from_bytes\(|b64decode\(|plain\.table\(|strict\.parse\(|strict\.convert\("
)
OWN = {
    "agent/backoff.py": "times that the journal wrote",
    "agent/copies.py": "attributes in the index of a backup, of which each file fails alone",
    "agent/mirrors.py": "times that the journal wrote",
    "agent/proof.py": "what the staged updater prints, and this host's own cache",
    "agent/reports/flush.py": "times that the journal wrote",
    "agent/reports/sending.py": "what this agent is about to say",
    "agent/soak.py": "times that the journal wrote",
    "agent/tick.py": "times that the journal wrote",
    "repo_tools/audit/evidence.py": "orders in files that were read as papers before",
    "repo_tools/audit/report.py": "a root that a person trusts, which was read as metadata before",
    "repo_tools/cli/log.py": "the same",
    "repo_tools/collect/lake.py": "times that the collector wrote",
    "repo_tools/collect/metrics.py": "times that the collector wrote",
    "repo_tools/collect/roster.py": "labels that the collector wrote",
    "repo_tools/demo/fleet.py": "what the demo's own agents print",
    "repo_tools/demo/story.py": "the same",
    "repo_tools/console/clerk.py": "what this very program prints",
    "repo_tools/publishing/bundle.py": "a bundle that it writes",
    "repo_tools/pages/heard.py": "times that the collector wrote",
    "repo_tools/pages/hosts.py": "rows that the collector wrote",
    "repo_tools/pages/trouble.py": "rows that the collector wrote",
    "repo_tools/rollouts/batches.py": "orders of the workspace, as its state reads them",
    "repo_tools/signed/canonical.py": "what is about to be signed",
    "repo_tools/signed/sealing.py": "roles that were verified, and times of which any error says no",
    "repo_tools/simulate/recorded.py": "times that the collector wrote",
    "repo_tools/simulate/fleet.py": "random numbers",
    "repo_tools/store/conditions.py": "times in the store's own note",
    "repo_tools/words/documents.py": "times of documents that were read before",
    "repo_tools/words/trust.py": "public keys as views write them",
}
"""Modules that decode nothing but what the named part wrote."""


@pytest.mark.parametrize("name", TABLE)
def test_seeds_are_sound(name):
    """What is broken on purpose was whole before, so that mutations reach beyond the first check."""
    parser = TABLE[name]
    taken = [parser.try_on(seed) for seed in parser.seeds()]
    assert all(taken) or name in REFUSED


@pytest.mark.parametrize("name", TABLE)
def test_only_refusals_come_out(name):
    """No mutation of a sound document brings out anything but a refusal, or a value."""
    parser = TABLE[name]
    seeds = parser.seeds()

    @settings(max_examples=EXAMPLES, database=None)
    @given(st.sampled_from(range(len(seeds))), st.integers(0, 2**64 - 1))
    def tried(which: int, number: int) -> None:
        parser.try_on(mutated(seeds[which], Random(number)))

    tried()


def test_every_kind_of_document_is_in_the_table():
    """A document that is added to the contract is fuzzed, or this fails."""
    for module in pkgutil.iter_modules(metadata.__path__):
        import_module(f"metadata.{module.name}")
    kinds = {
        kind for kind in _below(msgspec.Struct) if str(kind.__struct_config__.tag).startswith("tidegate.")
    }
    assert kinds == FULL.keys()


def _below(kind: type[msgspec.Struct]) -> set[type[msgspec.Struct]]:
    return {found for child in kind.__subclasses__() for found in ({child} | _below(child))}


def test_every_module_that_decodes_is_in_the_table():
    """A module that begins to read foreign bytes joins the table, or says whose bytes they are."""
    rooms = {room for parser in TABLE.values() for room in parser.rooms}
    assert not sorted(_decoding() - rooms - OWN.keys())
    assert all((ROOT / room).is_file() for room in rooms | OWN.keys())


def _decoding() -> set[str]:
    paths: list[Path] = [
        path for side in ("agent", "metadata", "repo_tools") for path in (ROOT / side).rglob("*.py")
    ]
    return {str(path.relative_to(ROOT)) for path in paths if DECODES.search(path.read_text())}
