"""Keys change: in peace without anybody noticing, and after a theft so that the thief can do nothing more."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tuf.api.metadata import Metadata

from tests.agent.forge import Forge
from tests.support.clients import Client
from tests.support.web import Web, serving
from tests.support.workspace import Workspace

ROUTE = "rollout/agent/stable/default"
DOCUMENT = "releases/agent/1.4.2/release.json"


class Stage:
    """A repository with a release, a web server, and a client that has seen it."""

    def __init__(self, work: Workspace, web: Web, folder: Path) -> None:
        self.work = work
        self.web = web
        self.folder = folder
        self.forge = Forge(work)
        self.root = folder / "first-root.json"
        self.root.write_bytes(work.root_file.read_bytes())
        self.old = self.client("old")
        self.old.poll(ROUTE)

    def client(self, name: str) -> Client:
        """Return a client that knows nothing but the first root."""
        return Client(self.folder / name, self.web.url, self.root)

    def key(self, name: str) -> None:
        """Make a key."""
        self.work.do("key", "new", name, "--no-passphrase")

    def publish(self) -> None:
        """Sign and publish, in as many publications as it takes."""
        self.work.do("sign")
        while self.work.do("publish")["published"] == {}:
            assert self.old.trusts(ROUTE)
        self.work.do("refresh")

    def everybody_is_well(self) -> None:
        """Clients that saw everything, and clients that saw nothing, agree."""
        assert self.old.poll(ROUTE) == self.client(f"new-{len(list(self.folder.iterdir()))}").poll(ROUTE)


@pytest.fixture
def stage(real: Workspace, tmp_path: Path) -> Iterator[Stage]:
    """The stage, by the real clock."""
    with serving(real.store) as web:
        yield Stage(real, web, tmp_path)


@pytest.fixture
def real(live: Path, tmp_path: Path) -> Workspace:
    """A published repository with one release, by the real clock."""
    return Workspace(shutil.copytree(live, tmp_path / "place"))


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of such a repository; never changed."""
    folder = tmp_path_factory.mktemp("live") / "place"
    work = Workspace(folder).found("--store", "../store")
    work.publish_release("1.4.2")
    work.promote()
    return folder


SERVED = {
    "root": ("root", "targets"),
    "releases": ("agent.releases",),
    "rollouts": (
        "agent.stable",
        "agent.stable.canary",
        "agent.stable.brake",
        "agent.stable.selected",
        "fleet",
    ),
}
PAIRS = [(role, key) for key, roles in SERVED.items() for role in roles]


@pytest.mark.parametrize(("role", "key"), PAIRS)
def test_a_role_gets_another_key(stage, role, key):
    """Clients that saw the old key and clients that did not go on; the old key signs the role no more."""
    stage.key("fresh")
    assert stage.work.do("key", "rotate", role, "--old", key, "--new", "fresh")["rotated"] == [role]
    stage.publish()
    stage.everybody_is_well()
    before = stage.forge.version(role)
    stage.forge.sign(stage.forge.load(role), key)
    if role == "root":
        return
    with stage.forge.edit(role, key=key):
        pass
    assert stage.forge.version(role) == before + 1
    assert not (trusts_role(stage, role) if role.count(".") == 2 else stage.old.trusts(reached(role)))


def trusts_role(stage: Stage, role: str) -> bool:
    """Return whether a client finds what a role below the channel answers for."""
    delegated = stage.forge.load("agent.stable").signed.delegations.roles[role]
    return stage.old.trusts(delegated.paths[0].replace("?", "0"))


def test_every_role_of_a_key_at_once(stage):
    """Whoever hands over everything rotates all, in one publication."""
    stage.key("fresh")
    assert len(stage.work.do("key", "rotate", "all", "--old", "rollouts", "--new", "fresh")["rotated"]) == 7
    stage.publish()
    (stage.work.keys / "rollouts.pem").unlink()
    stage.work.publish_release("1.5.0")
    stage.everybody_is_well()


def test_a_chain_of_roots(stage):
    """A client that slept through three new roots follows them one by one."""
    for number in range(3):
        old = f"root-{number}" if number else "root"
        stage.key(f"root-{number + 1}")
        stage.work.do("key", "rotate", "all", "--old", old, "--new", f"root-{number + 1}")
        stage.publish()
    assert (stage.work.store / "metadata" / "4.root.json").exists()
    stage.everybody_is_well()


def test_an_online_key_changes_while_a_client_polls(stage):
    """Three publications, and at no file in between does a poll fail."""
    stage.key("online-2")
    polls: list[bool] = []
    stage.work.do("key", "rotate", "all", "--old", "online", "--new", "online-2")
    stage.work.do("sign")
    metadata = stage.work.store / "metadata"
    seen = {path.name for path in metadata.iterdir()}
    for command in ("publish", "publish", "refresh"):
        before = (metadata / "timestamp.json").read_bytes()
        stage.work.do(command)
        after = (metadata / "timestamp.json").read_bytes()
        (metadata / "timestamp.json").write_bytes(before)  # a client between the last file and the timestamp
        polls += [stage.old.trusts(ROUTE), stage.client(f"{command}-{len(polls)}").trusts(ROUTE)]
        (metadata / "timestamp.json").write_bytes(after)
        polls += [stage.old.trusts(ROUTE), stage.client(f"{command}-{len(polls)}").trusts(ROUTE)]
    assert polls == [True] * 12
    assert "2.root.json" in {path.name for path in metadata.iterdir()} - seen
    signed = Metadata.from_bytes((metadata / "timestamp.json").read_bytes()).signatures
    assert list(signed) == [stage.forge.signer("online-2").public_key.keyid]
    (stage.work.keys / "online.pem").unlink()
    stage.work.publish_release("1.5.0")
    stage.everybody_is_well()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("agent.releases", "--old", "rollouts", "--new", "fresh"), "does not sign agent.releases"),
        (("agent.releases", "--old", "nobody", "--new", "fresh"), "no key 'nobody' signs here"),
        (("agent.releases", "--old", "releases", "--new", "rollouts"), "both releases and rollouts"),
        (("agent.releases", "--old", "releases", "--new", "releases"), "signs agent.releases already"),
        (("agent.stable", "--old", "rollouts", "--new", "missing"), "no such file"),
    ],
)
def test_what_is_no_rotation_is_refused(stage, options, said):
    """A key that does not sign the role, or that would serve both sides, changes nothing."""
    stage.key("fresh")
    result = stage.work.run("key", "rotate", *options)
    assert result.exit_code == 2
    assert said in result.stderr
    assert stage.work.do("status")["staged"] == []


def steal(stage: Stage, key: str, role: str, jump: int = 0) -> int:
    """Let a thief sign a role far ahead with a stolen key, through a publisher who does not look."""
    found = stage.forge.load(role)
    found.signed.version += jump + 1
    stage.forge.sign(found, key)
    (stage.work.store / "metadata" / f"{found.signed.version}.{role}.json").write_bytes(found.to_bytes())
    stage.forge.seal()
    return int(found.signed.version)


@pytest.mark.parametrize(
    ("key", "role", "jump"),
    [
        ("releases", "agent.releases", 0),
        ("rollouts", "agent.stable", 0),
        ("rollouts", "agent.stable.canary", 0),
        ("rollouts", "agent.stable.full", 1_000_000),
        ("rollouts", "agent.stable.brake", 50),
        ("rollouts", "agent.stable.selected", 0),
        ("rollouts", "fleet", 0),
        ("root", "targets", 5_000),
    ],
)
def test_a_stolen_key_is_recovered_from(stage, key, role, jump):
    """Before, the thief is believed; from the recovery on nobody listens, wherever the version had run to."""
    bad = steal(stage, key, role, jump)
    assert stage.old.trusts(ROUTE)
    stage.key("fresh")
    done = stage.work.do("key", "revoke", key, "--compromised", "--new", "fresh")
    step = next(step for step in done["steps"] if step["role"] == role)
    assert (step["live"], step["next"]) == (bad, bad + 1)
    assert stage.old.trusts(ROUTE)
    stage.publish()
    stage.everybody_is_well()
    steal(stage, key, role)
    assert not (trusts_role(stage, role) if role.count(".") == 2 else stage.old.trusts(reached(role)))


def test_a_stolen_root_key_signs_no_more_roots(stage):
    """A root that the thief signs after the recovery is refused by everybody."""
    stage.key("fresh")
    stage.work.do("key", "revoke", "root", "--compromised", "--new", "fresh")
    stage.publish()
    stage.everybody_is_well()
    found = stage.forge.load("root")
    found.signed.version += 1
    stage.forge.sign(found, "root")
    (stage.work.store / "metadata" / "3.root.json").write_bytes(found.to_bytes())
    assert not stage.old.trusts(ROUTE)
    assert not stage.client("after").trusts(ROUTE)


def reached(role: str) -> str:
    """Return a target that a client finds through a role."""
    return {"agent.releases": DOCUMENT, "fleet": "fleet/enrollment"}.get(role, ROUTE)


def test_what_a_thief_changed_is_taken_back(stage):
    """The content of the last honest version comes back under a higher number."""
    good = stage.forge.version("agent.releases")
    with stage.forge.edit("agent.releases") as signed:
        signed.targets.clear()
    stage.key("fresh")
    options = ("--compromised", "--new", "fresh", "--good", f"agent.releases={good}")
    stage.work.do("key", "revoke", "releases", *options)
    stage.publish()
    assert stage.old.poll(DOCUMENT) == stage.client("after").poll(DOCUMENT) is not None


@pytest.mark.parametrize("version", [10_000, 2**53 - 1, 2**60])
def test_a_fast_forwarded_timestamp(stage, version):
    """Clients that saw the thief's numbers forget them with his key, and go on from the last honest ones."""
    honest = stage.forge.version("timestamp")
    run_away(stage, version)
    assert stage.old.trusts(ROUTE)
    stage.key("online-2")
    options = ("--compromised", "--new", "online-2", "--good", f"timestamp={honest}")
    stage.work.do("key", "revoke", "online", *options)
    (stage.work.keys / "online.pem").unlink()
    stage.publish()
    assert stage.forge.load("timestamp").signed.version >= honest
    stage.everybody_is_well()
    stage.work.publish_release("1.5.0")
    stage.everybody_is_well()


def run_away(stage: Stage, version: int) -> None:
    """Publish a timestamp and a snapshot with enormous numbers, and impossible ones of a wave."""
    metadata = stage.work.store / "metadata"
    found = stage.forge.load("timestamp")
    found.signed.version = version
    stage.forge.sign(found, "online")
    for name in (f"{version}.timestamp.json", "timestamp.json"):
        (metadata / name).write_bytes(found.to_bytes())


def test_half_a_recovery_is_refused(stage):
    """Whoever publishes a part only breaks clients or leaves the thief a door: each half is stopped."""
    stage.key("fresh")
    stage.work.do("key", "revoke", "rollouts", "--compromised", "--new", "fresh")
    stage.work.do("sign")
    staged = stage.work.folder / "staged" / "metadata"
    for name, said in (
        ("targets", "may still sign"),
        ("agent.stable", "is not signed by enough of its new keys"),
        ("agent.stable.full", "is not signed by enough of its new keys"),
    ):
        kept = (staged / f"{name}.json").read_bytes()
        (staged / f"{name}.json").unlink()
        refused = stage.work.run("publish")
        assert refused.exit_code in {16, 17}, refused.stderr
        assert said in refused.stderr or refused.exit_code == 16
        (staged / f"{name}.json").write_bytes(kept)
    stage.publish()
    stage.everybody_is_well()


def test_half_a_recovery_of_the_timestamp_is_refused(stage):
    """To go back to an honest timestamp without a new key would be refused by every client."""
    honest = stage.forge.version("timestamp")
    run_away(stage, 10_000)
    refused = stage.work.run("key", "revoke", "rollouts", "--new", "x", "--good", f"timestamp={honest}")
    assert refused.exit_code == 2
    stage.key("online-2")
    options = ("--compromised", "--new", "online-2", "--good", f"timestamp={honest}")
    stage.work.do("key", "revoke", "online", *options)
    stage.work.do("sign")
    (stage.work.folder / "staged" / "metadata" / "root.json").unlink()
    assert stage.work.run("publish").exit_code == 17
    assert stage.work.run("refresh").exit_code == 17


def test_a_stolen_key_never_comes_back(stage):
    """Neither a rotation nor another revocation brings back what was called stolen."""
    stage.key("fresh")
    stage.work.do("key", "revoke", "releases", "--compromised", "--new", "fresh")
    stage.publish()
    refused = stage.work.run("key", "rotate", "agent.releases", "--old", "fresh", "--new", "releases")
    assert refused.exit_code == 2
    assert "never signs again" in refused.stderr


def test_somebody_leaves(tmp_path):
    """A key that is not needed any more goes without another one, as long as enough are left."""
    work = Workspace(tmp_path)
    work.do("init", work.folder, "--product", "agent", "--store", "../store", "--no-passphrase")
    work.do("publish")
    refused = work.run("key", "revoke", "releases-2")
    assert refused.exit_code == 2
    assert "--new" in refused.stderr
    gone = work.do("key", "revoke", "root-3")
    assert [step["role"] for step in gone["steps"]] == ["root", "targets"]
    work.sign_and_publish()
    with contextlib.suppress(FileNotFoundError):
        (work.keys / "root-3.pem").unlink()
    work.publish_release("1.4.2")
