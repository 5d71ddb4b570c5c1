"""What must not stand in the tree: places of one machine, addresses of people, promises."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.conftest import ROOT
from tests.project.tree import kept

HOMES = re.compile(r"/(?:home|Users)/[a-z]\w*|/root/[\w.]")
ADDRESS = re.compile(r"[\w.+-]+@([\w-]+(?:\.[\w-]+)+)")
EXAMPLES = re.compile(r"(?:^|\.)example(?:\.(?:com|org|net))?$")
PROMISES = re.compile(r"\b(?:TODO|FIXME|XXX|HACK|coming soon|lorem ipsum)\b")
HERE = Path(__file__).resolve()


def texts() -> Iterator[tuple[str, str]]:
    """Yield every text file that is kept, by name."""
    for path in kept():
        data = path.read_bytes()
        if b"\0" not in data and path.resolve() != HERE:
            yield str(path.relative_to(ROOT)), data.decode()


def test_no_file_names_a_place_on_one_machine():
    """Neither this checkout nor anybody's home folder stands in a file."""
    places = [str(ROOT), str(Path.home()) + "/"]
    found = [
        name
        for name, text in texts()
        if HOMES.search(text) or any(re.search(re.escape(place) + r"\b", text) for place in places)
    ]
    assert found == []


def registry_hosts() -> set[str]:
    """Return the package registries that this machine is set up with."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    told = [subprocess.run(command, capture_output=True, text=True, check=False).stdout]
    told += [value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_"))]
    links = re.findall(r"https?://[^\s'\"]+", " ".join(told))
    return {host for link in links if (host := urlsplit(link).hostname)}


def test_no_file_names_a_package_registry():
    """Packages are pinned by name, version and digest; where they come from is each machine's own matter."""
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    hosts = registry_hosts() - {"localhost", "127.0.0.1"}
    assert [name for name, text in texts() if any(host in text for host in hosts)] == []


def test_no_file_names_a_person():
    """Mail addresses are at example.com and its like."""
    found = [
        f"{name}: {match[0]}"
        for name, text in texts()
        for match in ADDRESS.finditer(text)
        if not EXAMPLES.search(match[1]) and not match[1].endswith((".service", ".timer"))
    ]
    assert found == []


@pytest.mark.parametrize("folder", ["agent", "metadata", "repo_tools", "infra", "docs"])
def test_nothing_is_promised(folder):
    """What is not done is not hinted at; it is in the issue tracker or nowhere."""
    assert [name for name, text in texts() if name.startswith(folder) and PROMISES.search(text)] == []


def test_the_licence_is_in_the_tree():
    """What is distributed says under which terms."""
    assert "Apache License" in (ROOT / "LICENSE").read_text()
