"""The demo that the README begins with, whole."""

import contextlib
import json
import subprocess
import sys
from pathlib import Path

from tests.support.chromium import chromium, reading
from tests.support.console import WAIT_S, opened
from tests.support.workspace import Workspace


def commands_naming(place: Path) -> list[str]:
    """Return the command lines of all processes that name a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(entry.read_bytes().replace(b"\0", b" ").decode())
    return [line for line in found if str(place) in line]


def test_the_demo_ends_as_it_promises(tmp_path):
    """Canary tries the bad release and goes back, nobody else sees it; what is left is a dashboard of it."""
    place = tmp_path / "demo"
    command = [sys.executable, "-m", "repo_tools", "demo", "--json", "--folder", str(place)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["went_back"] == ["host-01", "host-02", "host-03"]
    assert outcome["exposed_elsewhere"] == []
    assert outcome["versions"] == {"1.2.0": 20}
    assert commands_naming(place) == []
    with opened(Workspace(place), tmp_path / "session.json") as console:
        steer = console.session.get(f"{console.url}/steer", timeout=WAIT_S)
        assert ("hello/stable" in steer.text, "1.2.0" in steer.text) == (True, True)
    with chromium() as browser, reading(browser, outcome["dashboard"]) as reader:
        reader.open("Failures")
        assert "host-01" in reader.text
        reader.open("Rollout")
        assert "1.2.0" in reader.text
        assert reader.page.evaluate("getComputedStyle(document.body).display") == "flex", "it has its style"
        assert reader.troubles == []
