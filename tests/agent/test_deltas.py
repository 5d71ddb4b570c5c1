"""Patches: a host takes the cheapest way, and comes to the same version when a patch is of no use."""

import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

from agent.deltas import memory_bytes
from tests.support.systemd import may_mount


@pytest.fixture
def patched(scene):
    """A host on 1.0.0, and a release with a patch from it, not ordered yet."""
    scene.ready()
    scene.add("1.1.0", "good", "--delta-from", "1.0.0")
    return scene


def came(scene) -> str:
    """Bring the release to the host and return which way it came."""
    done = scene.host.tick()
    assert (done.exit_code, scene.host.runs) == (0, "1.1.0"), done.stderr
    assert not list((scene.host.state / "downloads").rglob("*.*"))
    assert len(kept(scene)) == 1
    return str(scene.host.details("update_download"))


def kept(scene) -> list[Path]:
    """Return the packed payloads that the host keeps."""
    return sorted((scene.host.state / "payloads" / "agent").iterdir())


def test_a_host_takes_the_patch_and_can_take_the_next(patched):
    """A patch comes instead of the artifact, and what it made is the beginning of the next."""
    patched.order("1.1.0")
    patched.web.forget()
    assert came(patched).endswith("bytes, a patch from 1.0.0")
    assert not [path for path in patched.web.requests if path.endswith(".tar.zst")]
    patched.release("1.2.0", "good", "--delta-from", "1.0.0", "--delta-from", "1.1.0")
    patched.host.tick()
    assert patched.host.runs == "1.2.0"
    assert patched.host.details("update_download").endswith("a patch from 1.1.0")


def spoil(scene) -> None:
    """Change what is kept, as a bad disk would."""
    (path,) = kept(scene)
    path.write_bytes(b"\x00" * path.stat().st_size)


def lose(scene) -> None:
    """Remove what is kept."""
    kept(scene)[0].unlink()


def swap(scene) -> None:
    """Let another patch stand at the signed name."""
    (path,) = (scene.repo.store / "targets").rglob("*.patch")
    path.write_bytes(b"\x00" * path.stat().st_size)


def tried(scene) -> None:
    """Leave the journal as a tick leaves it that dies over the patch."""
    (path,) = (scene.repo.store / "targets").rglob("*.patch")
    digest = path.name.partition(".")[0]
    scene.host.query("INSERT OR REPLACE INTO memory (key, value) VALUES (?, ?)", "delta/agent", f'"{digest}"')


@pytest.mark.parametrize(
    ("harm", "said"),
    [(spoil, "no patch: the patch does not fit"), (lose, "bytes"), (swap, "no patch:"), (tried, "bytes")],
)
def test_a_patch_that_is_of_no_use_costs_nothing_but_bytes(patched, harm, said):
    """What is kept is damaged or gone, a mirror lies, or a tick died over it: the full file comes."""
    patched.order("1.1.0")
    harm(patched)
    way = came(patched)
    assert said in way
    assert "a patch from" not in way


def test_a_host_without_the_library_takes_the_full_file(patched):
    """The library for patches is missing on this host, and the report says so."""
    patched.order("1.1.0")
    hidden = patched.host.folder / "hidden"
    hidden.mkdir()
    (hidden / "hdiffpatch.py").write_text("raise ImportError('not on this host')\n")
    path = f"{hidden}:{patched.host.environment['PYTHONPATH']}"
    done = patched.host.run("tick", environment={"PYTHONPATH": path})
    assert (done.exit_code, patched.host.runs) == (0, "1.1.0"), done.stderr
    assert "hdiffpatch is not installed" in patched.host.details("update_download")


def test_a_host_with_little_memory_takes_the_full_file(patched):
    """Memory is asked for before a patch is fetched, so that the product is not pushed out."""
    may_mount()
    patched.order("1.1.0")
    told = patched.host.folder / "meminfo"
    told.write_text("MemTotal: 200000 kB\nMemAvailable: 90000 kB\n")
    script = 'mount --bind "$1" /proc/meminfo && shift && exec "$@"'
    command = ["unshare", "--mount", "sh", "-c", script, "sh", told, *patched.host.command("tick")]
    done = subprocess.run(command, env=patched.host.environment, capture_output=True, text=True, check=False)
    assert (done.returncode, patched.host.runs) == (0, "1.1.0"), done.stderr
    assert "no patch: a patch needs" in patched.host.details("update_download")
    assert memory_bytes(told.read_text()) == 90_000 * 1024


def test_a_host_may_keep_nothing(patched):
    """Where disks are small, the settings say that nothing is kept, and updates come whole."""
    patched.host.write_settings("deltas = false")
    patched.order("1.1.0")
    patched.host.tick()
    assert patched.host.runs == "1.1.0"
    assert kept(patched) == []
    assert "a patch" not in patched.host.details("update_download")


def test_a_patch_that_saves_too_little_is_not_offered(scene):
    """Two builds that share nothing have no patch, and the release manager reads why."""
    for number, content in (("1.0.0", b"a"), ("1.1.0", b"b")):
        source = scene.repo.base / f"agent-{number}"
        source.write_bytes(b"".join(sha256(content + bytes([byte])).digest() for byte in range(256)))
        options = ("--delta-from", "1.0.0") if number == "1.1.0" else ()
        said = scene.repo.add(number, source, *options)
    (patch,) = said["patches"]
    assert (patch["from"], patch["offered"], patch["percent"] > 60) == ("1.0.0", False, True)
