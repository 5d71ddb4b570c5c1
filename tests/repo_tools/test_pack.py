"""Packing and inspecting: the same bytes from the same input, and nothing an agent would refuse."""

import gzip
import hashlib
import io
import lzma
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from metadata.errors import MalformedError
from repo_tools import pack


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with a program, a note, an empty folder and a link."""
    top = tmp_path / "tree"
    (top / "bin").mkdir(parents=True)
    (top / "empty").mkdir()
    (top / "bin" / "agent").write_text("#!/bin/sh\n")
    (top / "bin" / "agent").chmod(0o750)
    (top / "note").write_text("é")
    (top / "latest").symlink_to("bin/agent")
    return top


def test_the_same_folder_gives_the_same_bytes(tree, tmp_path):
    """Times, owners, odd modes and the order on disk leave no trace."""
    first = pack.pack(tree, tmp_path / "first")
    for path in tree.rglob("*"):
        os.utime(path, (1, 1), follow_symlinks=False)
    (tree / "bin" / "agent").chmod(0o711)
    again = pack.pack(tree, tmp_path / "again")
    assert first == again
    assert (tmp_path / "first").read_bytes() == (tmp_path / "again").read_bytes()


def test_the_archive_holds_what_the_folder_held(tree, tmp_path):
    """Names, links and the executable bit survive; everything else is normal."""
    packed = pack.pack(tree, tmp_path / "packed")
    payload = zstandard.ZstdDecompressor().stream_reader((tmp_path / "packed").read_bytes()).read()
    assert (packed.payload_bytes, packed.payload_sha256) == (
        len(payload),
        hashlib.sha256(payload).hexdigest(),
    )
    with tarfile.open(fileobj=io.BytesIO(payload)) as archive:
        found = {member.name: (member.mode, member.linkname) for member in archive}
        assert {(member.mtime, member.uid, member.gid, member.uname) for member in archive} == {(0, 0, 0, "")}
    assert found == {
        "bin": (0o755, ""),
        "bin/agent": (0o755, ""),
        "empty": (0o755, ""),
        "latest": (0o777, "bin/agent"),
        "note": (0o644, ""),
    }


def set_uid(tree: Path) -> None:
    """Give a program its owner's rights."""
    (tree / "bin" / "agent").chmod(0o4755)


def pipe(tree: Path) -> None:
    """Add what is no file."""
    os.mkfifo(tree / "pipe")


def absolute(tree: Path) -> None:
    """Link to the host."""
    (tree / "passwd").symlink_to("/etc/passwd")


def climbing(tree: Path) -> None:
    """Link out of the tree."""
    (tree / "bin" / "up").symlink_to("../../up")


def twins(tree: Path) -> None:
    """Add a name that differs only in case."""
    (tree / "NOTE").write_text("")


@pytest.mark.parametrize("harm", [set_uid, pipe, absolute, climbing, twins])
def test_what_an_agent_refuses_is_refused_here(tree, tmp_path, harm: Callable[[Path], None]):
    """Nothing is signed that no host would unpack."""
    harm(tree)
    with pytest.raises(MalformedError):
        pack.pack(tree, tmp_path / "packed")


def test_an_empty_folder_is_no_release(tmp_path):
    """A typing error in a path is found before it is signed."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(MalformedError, match="empty"):
        pack.pack(tmp_path / "empty", tmp_path / "packed")


def tar(*members: tuple[str, bytes | str]) -> bytes:
    """Return a tar of files (bytes) and links (text)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


SQUEEZE: dict[str, Callable[[bytes], bytes]] = {
    ".tar.gz": gzip.compress,
    ".tar.xz": lzma.compress,
    ".tar.zst": zstandard.ZstdCompressor().compress,
}


@pytest.mark.parametrize("suffix", SQUEEZE)
def test_ready_archives_are_taken_as_they_are(tmp_path, suffix):
    """Their payload digest is that of the uncompressed tar."""
    payload = tar(("./bin/agent", b"x" * 100_000), ("link", "bin/agent"))
    path = tmp_path / f"agent{suffix}"
    path.write_bytes(SQUEEZE[suffix](payload))
    packed = pack.inspect(path)
    assert packed.payload_sha256 == hashlib.sha256(payload).hexdigest()
    assert packed.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (packed.payload_bytes, packed.length) == (len(payload), path.stat().st_size)


@pytest.mark.parametrize("suffix", SQUEEZE)
def test_hostile_and_broken_archives_are_refused(tmp_path, suffix):
    """Climbing names, links out, truncation, noise and nothing at all."""
    good = SQUEEZE[suffix](tar(("bin/agent", os.urandom(50_000))))
    for content in (
        SQUEEZE[suffix](tar(("../up", b"x"))),
        SQUEEZE[suffix](tar(("/etc/passwd", b"x"))),
        SQUEEZE[suffix](tar(("up", "../../x"))),
        SQUEEZE[suffix](tar()),
        good[: len(good) // 2],
        b"noise" * 1000,
        b"",
    ):
        path = tmp_path / f"agent{suffix}"
        path.write_bytes(content)
        with pytest.raises(MalformedError):
            pack.inspect(path)


def test_zips_are_read_too(tmp_path):
    """The payload of a zip is the zip itself; links in zips are refused."""
    path = tmp_path / "agent.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bin/agent", "x")
    packed = pack.inspect(path)
    assert packed.payload_sha256 == packed.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(MalformedError, match="neither file"):
        pack.inspect(path)
    path.write_bytes(b"PK")
    with pytest.raises(MalformedError):
        pack.inspect(path)
