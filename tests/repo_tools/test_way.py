"""The whole way: from a build to what any TUF client downloads."""

import hashlib
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import zstandard
from tuf.ngclient import Updater

from metadata import places
from tests.support.web import serving
from tests.support.workspace import HERE, Workspace


def client(folder: Path, url: str, root: Path) -> Updater:
    """Return python-tuf's own client, as anybody would use it."""
    (folder / "downloads").mkdir(parents=True)
    return Updater(
        metadata_dir=str(folder / "cache"),
        metadata_base_url=f"{url}/metadata/",
        target_dir=str(folder / "downloads"),
        target_base_url=f"{url}/targets/",
        bootstrap=root.read_bytes(),
    )


def fetch(updater: Updater, path: str, target: Path) -> bytes:
    """Download a target file."""
    info = updater.get_targetinfo(path)
    assert info is not None
    updater.download_target(info, str(target))
    return target.read_bytes()


def test_any_client_finds_the_artifact_through_a_route(tmp_path):
    """A route downloads to the release document, which names the artifact that was built."""
    work = Workspace(tmp_path / "work").found()
    work.publish_release("1.4.2")
    with serving(work.store) as web:
        updater = client(tmp_path / "client", web.url, work.root_file)
        document = json.loads(fetch(updater, "rollout/agent/stable/0a", tmp_path / "document"))
        assert document["version"] == "1.4.2"
        artifact = document["artifacts"][0]
        packed = fetch(updater, artifact["path"], tmp_path / "artifact")
    payload = zstandard.ZstdDecompressor().stream_reader(packed).read()
    assert hashlib.sha256(payload).hexdigest() == artifact["payload_sha256"]
    assert len(payload) == artifact["payload_bytes"]
    (tmp_path / "payload.tar").write_bytes(payload)
    with tarfile.open(tmp_path / "payload.tar") as archive:
        program = archive.extractfile("bin/agent")
        assert program is not None
        assert b"agent 1.4.2" in program.read()


def test_the_commands_work_as_programs(tmp_path):
    """What people type works as a child process, with keys where the environment says."""
    build = Workspace(tmp_path).build("1.4.2")
    environ = {"TIDEGATE_KEYS": str(tmp_path / "keys"), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    program, folder = (sys.executable, "-m", "repo_tools"), str(tmp_path / "workspace")
    found = ["init", folder, "--product", "agent", "--store", "../store", "--solo", "--no-passphrase"]
    lines = [
        found,
        ["-C", folder, "release", "add", "1.4.2", str(build), "--platform", HERE],
        ["-C", folder, "rollout", "start", "stable", "1.4.2", "--strategy", "immediate"],
        ["-C", folder, "sign", "--yes"],
        ["-C", folder, "publish", "--yes"],
    ]
    for line in lines:
        done = subprocess.run([*program, *line], env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert "read back by a new client" in done.stdout
    assert (tmp_path / "store" / "metadata" / "1.timestamp.json").exists()


def test_every_host_is_in_exactly_one_wave(work):
    """Whatever its id, a host finds one order, and it is the one its place says."""
    work.publish_release("1.4.2")
    percents = {"canary": 0, "early": 0, "full": 0}
    for number in range(60):
        said = work.do("agents", "explain", f"host-{number}")
        share = int(said["place"][:3], 16)
        wanted = "canary" if share < 205 else "early" if share < 1024 else "full"
        assert said["wave"] == wanted
        percents[wanted] += 1
    assert percents["full"] > percents["canary"]


def test_hosts_are_counted_into_a_wave_by_id(tmp_path):
    """A small fleet names its canaries: they have routes of their own, and percentages begin after them."""
    waves = ("--wave", "canary=id:host-1,id:host-2", "--wave", "early=25", "--wave", "full=100")
    work = Workspace(tmp_path).found(*waves)
    work.publish_release("1.4.2")
    assert work.do("agents", "explain", "host-1")["route"] == places.own_digits("host-1")
    assert work.do("agents", "explain", "host-2")["wave"] == "canary"
    status = work.do("rollout", "status", "stable")
    assert [wave["routes"] for wave in status["waves"]] == [2, 4, 1]


def test_a_ring_is_canary_on_purpose(tmp_path):
    """A host whose token carries the ring follows the first wave, wherever its place is."""
    work = Workspace(tmp_path).found("--ring", "staging")
    work.publish_release("1.4.2", strategy="manual")
    assert work.do("agents", "explain", "host-1", "--ring", "staging")["wave"] == "canary"


def test_founding_twice_changes_nothing(work):
    """A workspace is founded once."""
    before = {path: path.read_bytes() for path in work.folder.rglob("*") if path.is_file()}
    result = work.run("init", work.folder, "--product", "agent", "--store", "elsewhere", "--solo")
    assert result.exit_code == 2
    assert "already" in result.stderr
    assert {path: path.read_bytes() for path in work.folder.rglob("*") if path.is_file()} == before


def test_a_used_store_is_not_founded_over(work, tmp_path):
    """Somebody else's repository is never overwritten."""
    other = Workspace(tmp_path / "other")
    result = other.run("init", other.folder, "--product", "agent", "--store", str(work.store), "--solo")
    assert result.exit_code == 15
    assert not (other.folder / "tidegate.toml").exists()


def test_waves_that_make_no_sense_are_refused(tmp_path):
    """Percentages are cumulative and end with everybody; names are names."""
    work = Workspace(tmp_path)
    usual = ("init", work.folder, "--product", "agent", "--store", "store", "--solo", "--no-passphrase")
    for waves in (
        ["canary=25", "early=5", "full=100"],
        ["canary=5"],
        ["canary=5", "canary=100"],
        ["Canary=5", "full=100"],
        ["default=100"],
        ["canary=NaN", "full=100"],
        ["canary=5", "full=id:host-1"],
        ["canary=id:no/slash", "full=100"],
    ):
        options = [part for wave in waves for part in ("--wave", wave)]
        result = work.run(*usual, *options)
        assert result.exit_code == 2, waves
        assert "hint:" in result.stderr
    assert not work.keys.exists()
