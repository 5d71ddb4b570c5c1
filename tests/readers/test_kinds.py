"""Independent readers understand every kind of repository that can be made here."""

import shutil
from collections.abc import Callable, Sequence
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from metadata import places
from tests.agent.forge import Forge
from tests.support import readers
from tests.support.web import serving
from tests.support.workspace import HERE, Workspace

SCHEMES = {"ed25519": "ed25519", "ecdsa-p256": "ecdsa-sha2-nistp256", "rsa": "rsassa-pss-sha256"}
"""As people call them, and as metadata does."""
EVERYBODY_READS = tuple(SCHEMES)
GROUPS = ("root", "releases", "rollouts", "online")

Read = Callable[..., dict[str, Any]]


@pytest.fixture(params=readers.KINDS)
def read(request: pytest.FixtureRequest, tmp_path: Path) -> Read:
    """Let an independent reader find an agent's release; it must download what is stored, byte for byte."""

    def read(
        work: Workspace, agent: str = "host-1", root: Path | None = None, ring: str = ""
    ) -> dict[str, Any]:
        with serving(work.store) as web:
            place = tmp_path / "reader" / str(len(list(tmp_path.glob("reader/*"))))
            asked = [agent, *([ring] if ring else [])]
            found = readers.read(request.param, place, web.url, root or work.root_file, *asked)
        stored = next(work.store.glob(f"targets/releases/agent/{found['version']}/*.{HERE}.tar.zst"))
        assert found["artifact"]["sha256"] == sha256(stored.read_bytes()).hexdigest()
        assert found["agree"]
        return found

    return read


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a repository with 1.4.2 everywhere, by the real clock; never changed."""
    folder = tmp_path_factory.mktemp("live") / "place"
    Workspace(folder).found("--store", "../store", "--ring", "staging").publish_release("1.4.2")
    return folder


@pytest.fixture
def work(live: Path, tmp_path: Path) -> Workspace:
    """A copy of it."""
    return Workspace(shutil.copytree(live, tmp_path / "place"))


def keyed(folder: Path, schemes: Sequence[str]) -> Workspace:
    """Found a repository whose four keys are of these kinds, and publish 1.4.2."""
    work = Workspace(folder / "place")
    for name, scheme in zip(GROUPS, schemes, strict=True):
        work.run("-C", folder, "key", "new", name, "--scheme", scheme, "--no-passphrase")
    work.found("--use-existing-keys")
    work.publish_release("1.4.2")
    return work


@pytest.mark.parametrize("scheme", EVERYBODY_READS)
def test_every_kind_of_key_is_read(tmp_path, read, scheme):
    """All roles signed with keys of one kind."""
    work = keyed(tmp_path, [scheme] * 4)
    assert {key["scheme"] for key in work.do("key", "list")} == {SCHEMES[scheme]}
    assert read(work)["version"] == "1.4.2"


def test_keys_on_p384_are_read_by_python_tuf_and_not_by_tuf_js(tmp_path):
    """tuf-js 5.0.1 verifies every ECDSA signature with SHA-256; a page of the documentation says so."""
    work = keyed(tmp_path, ["ecdsa-p384"] * 4)
    with serving(work.store) as web:
        known = (web.url, work.root_file, "host-1")
        assert readers.read("ngclient", tmp_path / "one", *known)["version"] == "1.4.2"
        assert "was signed by 0/1 keys" in readers.run("tufjs", tmp_path / "two", *known).stderr


def test_kinds_of_keys_may_be_mixed(tmp_path, read):
    """Root on one kind, the job on another, as people have them."""
    work = keyed(tmp_path, ["rsa", "ed25519", "ecdsa-p256", "ecdsa-p256"])
    assert read(work)["version"] == "1.4.2"


def test_thresholds_above_one_are_read(tmp_path, read):
    """Two people sign everything that two must sign."""
    work = Workspace(tmp_path / "place")
    usual = ("--product", "agent", "--store", str(work.store), "--no-passphrase")
    work.do("init", work.folder, *usual)
    work.do("publish")
    work.publish_release("1.4.2")
    assert read(work)["version"] == "1.4.2"


@pytest.mark.parametrize("first", [True, False])
def test_rotated_roots_are_followed(work, read, tmp_path, first):
    """Three roots later, a reader that was installed with the first one arrives, and so does a new one."""
    oldest = work.store / "metadata" / "1.root.json"
    held = "root"
    for number in (2, 3):
        work.do("key", "new", f"root-{number}", "--no-passphrase")
        work.do("key", "rotate", "root", "--old", held, "--new", f"root-{number}")
        work.sign_and_publish()
        held = f"root-{number}"
    assert (work.store / "metadata" / "3.root.json").exists()
    assert read(work, root=oldest if first else work.root_file)["version"] == "1.4.2"


@pytest.mark.parametrize("role", ["agent.releases", "agent.stable", "agent.stable.canary", "targets"])
def test_rotated_roles_are_read(work, read, role):
    """Another key signs, and whoever reads does not mind."""
    old = {"targets": "root", "agent.releases": "releases"}.get(role, "rollouts")
    work.do("key", "new", "successor", "--no-passphrase")
    work.do("key", "rotate", role, "--old", old, "--new", "successor")
    work.sign_and_publish()
    assert read(work)["version"] == "1.4.2"


def test_selected_agents_and_all_others_find_their_own(work, read):
    """A picked host reads its own order; its neighbours read their waves'."""
    work.add("1.5.0")
    work.sign_and_publish()
    forge = Forge(work)
    forge.select("host-7", "1.5.0")
    route = f"rollout/agent/stable/{places.pick_route('host-7')}"
    listed = forge.load("agent.stable.selected").signed.targets[route]
    document = next(work.store.glob("targets/releases/agent/1.5.0/*.release.json"))
    place = work.store / "targets" / "rollout" / "agent" / "stable"
    shutil.copy(document, place / f"{listed.hashes['sha256']}.{places.pick_route('host-7')}")
    found = read(work, "host-7")
    assert (found["version"], found["wave"], found["route"]) == (
        "1.5.0",
        "selected",
        places.pick_route("host-7"),
    )
    assert read(work, "host-8")["version"] == "1.4.2"


def test_hosts_that_are_counted_into_a_wave_find_it(tmp_path, read):
    """A host route comes before every share."""
    waves = ("--wave", "canary=id:host-1,id:host-2", "--wave", "full=100")
    work = Workspace(tmp_path / "place").found(*waves)
    work.publish_release("1.4.2")
    work.publish_release("1.5.0", strategy="manual")
    assert (read(work, "host-2")["wave"], read(work, "host-2")["version"]) == ("canary", "1.5.0")
    assert read(work, "host-3")["version"] == "1.4.2"


def test_hosts_of_a_ring_are_first_wherever_they_stand(work, read):
    """A ring comes before every share, and after what is ordered to one host."""
    work.publish_release("1.5.0", strategy="manual")
    late = next(
        name
        for name in (f"host-{number}" for number in range(100))
        if work.do("agents", "explain", name)["wave"] == "full"
    )
    found = read(work, late, ring="staging")
    assert (found["route"], found["wave"], found["version"]) == ("ring-staging", "canary", "1.5.0")
    assert read(work, late)["version"] == "1.4.2"


def test_a_rotated_online_key_is_followed(work, read):
    """Three publications later, a reader with the first root reads what the new key signed."""
    first = work.store / "metadata" / "1.root.json"
    work.do("key", "new", "online-2", "--no-passphrase")
    work.do("key", "rotate", "all", "--old", "online", "--new", "online-2")
    work.do("sign", "--yes")
    for _ in range(2):
        work.do("publish", "--at-once")
    work.do("refresh", "--at-once")
    assert read(work, root=first)["version"] == "1.4.2"


def test_a_timestamp_that_went_past_a_killed_publisher_is_read(work, read):
    """What it says about the one that was never public concerns auditors alone."""
    forge, served = Forge(work), work.store / "metadata" / "timestamp.json"
    live = served.read_bytes()
    forge.seal(issued_ago=timedelta(hours=1))
    served.write_bytes(live)
    work.publish_release("1.5.0")
    assert "x-tidegate-passed" in forge.load("timestamp").signed.unrecognized_fields
    assert read(work)["version"] == "1.5.0"


def test_fine_shares_are_read(tmp_path, read):
    """Four digits divide a large fleet; hundreds of routes are still routes."""
    work = Workspace(tmp_path / "place").found("--fine")
    work.publish_release("1.4.2")
    for number in range(3):
        told = work.do("agents", "explain", f"host-{number}")
        found = read(work, f"host-{number}")
        assert (found["wave"], found["route"]) == (told["wave"], told["route"])


def test_a_braked_and_recalled_repository_is_read(work, read):
    """Orders that say stop and go back are still the documents that they name."""
    work.publish_release("1.5.0")
    work.do("brake", "stable", "--reason", "crash loops")
    work.do("rollout", "recall", "stable", "1.4.2", "--from", "==1.5.0", "--reason", "crash loops")
    work.sign_and_publish()
    assert read(work)["version"] == "1.4.2"
