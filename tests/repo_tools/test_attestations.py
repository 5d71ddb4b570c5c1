"""GnuPG signatures beside TUF's: who demands them verifies with a keyring of one's own."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.agent.scene import WAVES, Scene
from tests.support.gpg import Signatory, signatory
from tests.support.host import Host
from tests.support.web import serving
from tests.support.workspace import Workspace

NAME = "release@example.com"
Maker = Callable[[str], Signatory]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Maker]:
    """Makes keys; the last one made is the one that gpg finds. Sockets need short paths."""
    made: list[Signatory] = []
    with tempfile.TemporaryDirectory(prefix="gpg-") as folder:

        def one(kind: str) -> Signatory:
            made.append(signatory(Path(folder, str(len(made))), NAME, kind))
            monkeypatch.setenv("GNUPGHOME", str(made[-1].home))
            return made[-1]

        yield one
        for signer in made:
            signer.close()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """A host that runs 1.0.0 and demands nothing yet."""
    repo = Workspace(tmp_path / "repo").found(*WAVES)
    host = Host(tmp_path / "host")
    with serving(repo.store) as web:
        yield Scene(repo, web, host).ready()
        host.close()


def demand(scene: Scene, keyring: Path) -> None:
    """Let the host believe a keyring only."""
    scene.host.write_settings(f'attestations = ["gpg"]\ngpg_keyring = "{keyring}"')


@pytest.mark.parametrize("kind", ["ed25519", "rsa3072"])
def test_a_host_that_demands_a_signature_gets_one(scene, make, kind):
    """The release manager signs the artifact, and the host finds and verifies the signature."""
    demand(scene, make(kind).keyring())
    scene.release("1.1.0", "good", "--gpg", NAME)
    done = scene.host.tick()
    assert (done.exit_code, scene.host.runs) == (0, "1.1.0"), done.stderr
    assert not list((scene.host.state / "downloads").rglob("*.gpg"))


def test_a_release_without_a_signature_is_refused(scene, make):
    """What the host demands and the release does not have is not installed."""
    demand(scene, make("ed25519").keyring())
    scene.release("1.1.0")
    done = scene.host.tick()
    assert (done.exit_code, scene.host.runs) == (12, "1.0.0")
    assert "has no gpg attestation" in done.stderr


def test_a_signature_by_somebody_else_is_refused(scene, make):
    """Whoever signs the metadata does not choose whose signature a host believes; the host's keyring does."""
    keyring = make("ed25519").keyring()
    demand(scene, keyring)
    make("ed25519")
    scene.release("1.1.0", "good", "--gpg", NAME)
    done = scene.host.tick()
    assert (done.exit_code, scene.host.runs) == (12, "1.0.0")
    assert "signed by nobody in public.gpg" in done.stderr


def test_a_keyring_that_is_not_there(scene, make, tmp_path):
    """A host that cannot verify says so, and what runs goes on."""
    make("ed25519")
    demand(scene, tmp_path / "missing.gpg")
    scene.release("1.1.0", "good", "--gpg", NAME)
    done = scene.host.tick()
    assert (done.exit_code, scene.host.runs) == (13, "1.0.0")
    assert "there is no keyring" in done.stderr


def test_a_demand_without_a_keyring_is_malformed(scene):
    """Settings that could never be met are refused where they are read."""
    scene.host.write_settings('attestations = ["gpg"]')
    done = scene.host.tick()
    assert done.exit_code == 10
    assert "gpg_keyring" in done.stderr


def test_a_key_that_gpg_does_not_have(scene, make):
    """The release is not added, and gpg's own words are shown."""
    make("ed25519")
    built = scene.repo.build("1.1.0")
    refused = scene.repo.run(
        "release", "add", "1.1.0", built, "--platform", "linux-x86_64", "--gpg", "nobody@example.com"
    )
    assert refused.exit_code == 13
    assert "gpg does not sign with nobody@example.com" in refused.stderr
    assert scene.repo.do("status")["staged"] == []
