"""Patches: a host takes the cheapest way, and comes to the same version when a patch is of no use."""

import shutil
import signal
import subprocess
from hashlib import sha256
from pathlib import Path

import hdiffpatch
import pytest
from tuf.api.metadata import TargetFile

from agent.deltas import memory_bytes
from agent.steps.download import SPARE_BYTES
from metadata import archives
from tests.support.product import build
from tests.support.systemd import may_mount
from tests.support.web import answer

ZEROS = 8_000_000


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


def withhold(scene) -> None:
    """Serve everything but the patch."""
    scene.web.faults[".patch"] = answer(404)


def tried(scene) -> None:
    """Leave the journal as a tick leaves it that dies over the patch."""
    (path,) = (scene.repo.store / "targets").rglob("*.patch")
    digest = path.name.partition(".")[0]
    scene.host.query("INSERT OR REPLACE INTO memory (key, value) VALUES (?, ?)", "delta/agent", f'"{digest}"')


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        *((spoil, "no patch: the patch does not fit"), (lose, "bytes"), (swap, "no patch:")),
        *((withhold, "is not there (HTTP 404)"), (tried, "bytes")),
    ],
)
def test_a_patch_that_is_of_no_use_costs_nothing_but_bytes(patched, harm, said):
    """What is kept is damaged or gone, a mirror lies, or a tick died over it: the full file comes."""
    patched.order("1.1.0")
    harm(patched)
    way = came(patched)
    assert said in way
    assert "a patch from" not in way


FAILS = """
class HDiffPatchError(Exception): ...

def apply(old, patch):
    raise {}
"""


@pytest.mark.parametrize(
    ("library", "said"),
    [
        ("raise ImportError('not on this host')", "hdiffpatch is not installed"),
        (FAILS.format("MemoryError"), "the memory does not suffice for a patch"),
        (FAILS.format("HDiffPatchError('corrupt')"), "the patch does not fit"),
        (FAILS.format("OSError(5, 'Input/output error')"), "no patch: "),
    ],
    ids=["missing", "out of memory", "refuses", "disk"],
)
def test_a_library_that_makes_nothing_leads_to_the_full_file(patched, library, said):
    """The library for patches is missing on this host or fails there, and the report says so."""
    patched.order("1.1.0")
    hidden = patched.host.folder / "hidden"
    hidden.mkdir()
    (hidden / "hdiffpatch.py").write_text(library)
    path = f"{hidden}:{patched.host.environment['PYTHONPATH']}"
    done = patched.host.run("tick", environment={"PYTHONPATH": path})
    assert (done.exit_code, patched.host.runs) == (0, "1.1.0"), done.stderr
    assert said in patched.host.details("update_download")


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


def weighed(scene, version: str) -> Path:
    """Build a version of which most is the same in every version: noise, and zeros that pack to nothing."""
    tree = build(scene.repo.base / "builds", version)
    noise = b"".join(sha256(bytes([one, two])).digest() for one in range(16) for two in range(256))
    (tree / "share" / "noise").write_bytes(noise)
    (tree / "share" / "zeros").write_bytes(bytes(ZEROS))
    return tree


ROOM = """set -e
cp -a "$1" "$2" && mount -t tmpfs -o "size=$3" tmpfs "$1" && cp -a "$2/." "$1"
host="$1" after="$2" code=0 && shift 3
 "$@" || code=$?
cp -a "$host/." "$after" && exit $code"""


def test_a_disk_with_room_for_one_payload_takes_the_full_file(scene):
    """A patch needs room for two payloads; where there is room for one, the packed artifact comes."""
    may_mount()
    host, patched = scene.host, ("--delta-from", "1.0.0")
    for version in ("1.0.0", "1.1.0"):
        weighed(scene, version)
    scene.ready()
    scene.add("1.1.0", "good", *patched)
    scene.order("1.1.0")
    used = sum(path.lstat().st_blocks for path in host.folder.rglob("*")) * 512
    size, after = str(used + SPARE_BYTES + ZEROS * 3 // 2), host.folder.with_name("after")
    command = ["unshare", "--mount", "sh", "-c", ROOM, "sh", host.folder, after, size, *host.command("tick")]
    done = subprocess.run(command, env=host.environment, capture_output=True, text=True, check=False)
    assert (done.returncode, host.runs) == (0, "1.1.0"), done.stderr
    host.folder, host.state = after, after / "state"  # whose product is to be ended
    assert "no patch: " in host.details("update_download")
    assert "bytes free" in host.details("update_download")


def test_a_patch_that_makes_something_else_is_not_installed(patched):
    """A patch whose own digest was signed is still believed only if it makes what was signed."""
    patched.order("1.1.0")
    (path,) = (patched.repo.store / "targets").rglob("*.patch")
    name = path.name.partition(".")[2]
    with kept(patched)[0].open("rb") as file:
        old = archives.payload(file, ".tar.zst").read()
    wrong = hdiffpatch.diff(old, b"what nobody signed", compression=hdiffpatch.Lzma2Config(level=1))
    with patched.forge.edit("agent.releases") as signed:
        entry = f"releases/agent/1.1.0/{name}"
        signed.targets[entry] = TargetFile.from_data(entry, wrong, ["sha256"])
    path.with_name(f"{sha256(wrong).hexdigest()}.{name}").write_bytes(wrong)
    way = came(patched)
    assert "no patch: the patch makes something else than what was signed" in way


def test_a_host_that_dies_over_a_patch_fetches_the_full_file(patched):
    """A tick that is killed while the library works leaves what runs alone; the next tries no patch."""
    patched.order("1.1.0")
    hidden, pid = patched.host.folder / "hidden", patched.host.pid
    hidden.mkdir()
    kills = "import os, signal\n\nclass HDiffPatchError(Exception): ...\n\ndef apply(old, patch):\n"
    (hidden / "hdiffpatch.py").write_text(f"{kills}    os.kill(os.getpid(), signal.SIGKILL)\n")
    path = f"{hidden}:{patched.host.environment['PYTHONPATH']}"
    died = patched.host.run("tick", environment={"PYTHONPATH": path})
    assert (died.exit_code, patched.host.runs, patched.host.pid) == (-signal.SIGKILL, "1.0.0", pid)
    assert "a patch from" not in came(patched)


@pytest.mark.parametrize("form", ["gztar", "xztar", "zip", "file"])
def test_a_patch_between_artifacts_of_every_form(scene, form):
    """Archives that somebody else packed, and single files, are patched like trees that were packed here."""
    host = scene.host
    host.settings.write_text(f'state = "{host.state}"\nroot = "{host.root}"\n[[product]]\nname = "agent"\n')
    assert scene.enroll().exit_code == 0
    for version, options in (("1.0.0", ()), ("1.1.0", ("--delta-from", "1.0.0"))):
        tree = weighed(scene, version)
        named = ("--name", "agent") if form == "file" else ()
        scene.repo.add(version, _packed(tree, form), *named, "--trial-s", "0", *options)
        scene.order(version)
        done = host.tick()
        assert (done.exit_code, host.installed) == (0, version), done.stderr
    assert host.details("update_download").endswith("bytes, a patch from 1.0.0")
    noise = host.root / "agent" / "current" / ("agent" if form == "file" else "share/noise")
    assert noise.read_bytes()[-32:] == sha256(bytes([15, 255])).digest()


def _packed(tree: Path, form: str) -> Path:
    """Return a build as somebody else would pack it."""
    if form == "file":
        program = tree.with_suffix(".bin")
        program.write_bytes(tree.name.encode() + (tree / "share" / "noise").read_bytes())
        return program
    return Path(shutil.make_archive(str(tree), form, tree))
