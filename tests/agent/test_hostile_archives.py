"""Archives made to harm: release managers and agents refuse the same ones."""

import errno
import io
import os
import struct
import tarfile
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.unpack import unpack
from metadata.errors import MalformedError
from repo_tools import pack
from tests.support.archives import ZIP_KINDS, Member, artifact, put, squeezed, tar, zipped

FILE, FOLDER, LINK, HARD = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
SUFFIXES = [".tar.zst", ".tar.gz", ".tar.xz", ".zip"]
PARTS = ["a", "A", "b", "..", ".", "", "é", "e\N{COMBINING ACUTE ACCENT}", "c\\d", "x y", "\n"]
NAMES = st.lists(st.sampled_from(PARTS), min_size=1, max_size=3).map("/".join)
MEMBERS = st.lists(
    st.tuples(NAMES, st.sampled_from(sorted(ZIP_KINDS)), NAMES, st.sampled_from([0o644, 0o755, 0o4755])),
    max_size=6,
)


def refused_by(folder: Path, data: bytes, suffix: str, payload: bytes) -> tuple[str, str]:
    """Return why release managers and why agents refuse an archive; empty where they take it."""
    packed, target = put(folder, data, f"packed{suffix}")
    said = ["", ""]
    try:
        pack.inspect(packed)
    except MalformedError as error:
        said[0] = error.message
    try:
        unpack(packed, artifact(payload, suffix), target)
    except MalformedError as error:
        said[1] = error.message
    assert {path.name for path in folder.iterdir()} == {packed.name, "below"}
    assert [path.name for path in target.parent.iterdir()] == ["target"]
    for path in target.rglob("*"):
        assert is_circle(path) or Path(os.path.realpath(path)).is_relative_to(target)
        assert path.is_symlink() or not path.stat().st_mode & 0o7022
    return said[0], said[1]


def is_circle(path: Path) -> bool:
    """Return whether a link leads to itself, which is nowhere; ``realpath`` makes up a place for it."""
    try:
        os.path.realpath(path, strict=True)
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


@settings(max_examples=300, deadline=None)
@given(members=MEMBERS, suffix=st.sampled_from(SUFFIXES))
@example(members=[("a", b"0", "a", 0o644), ("", b"0", "a", 0o644)], suffix=".zip")
def test_whatever_an_archive_holds_both_sides_say_the_same(members, suffix):
    """An archive that can be released can be installed, and nothing ever lands outside."""
    payload = zipped(members) if suffix == ".zip" else tar(members)
    data = payload if suffix == ".zip" else squeezed(payload, suffix)
    with TemporaryDirectory() as folder:
        manager, agent = refused_by(Path(folder), data, suffix, payload)
    if manager.endswith("is empty"):
        return
    assert bool(manager) == bool(agent)


HOSTILE: dict[str, tuple[list[Member], str]] = {
    "absolute": ([("/etc/cron.d/x", FILE, "", 0o644)], "not a plain relative path"),
    "climbing": ([("a/../../x", FILE, "", 0o644)], "not a plain relative path"),
    "link out": ([("a", LINK, "../../etc", 0o777)], "out of the tree"),
    "absolute link": ([("a", LINK, "/etc/passwd", 0o777)], "links to"),
    "below a link": ([("a", LINK, "b", 0o777), ("a/x", FILE, "", 0o644)], "no folder"),
    "link through a link": ([("d/e", LINK, ".", 0o777), ("f", LINK, "d/e/../..", 0o777)], "out of the tree"),
    "hard link out": ([("a", HARD, "/etc/shadow", 0o644)], "not packed before"),
    "hard link to a link": ([("a", LINK, "b", 0o777), ("c", HARD, "a", 0o644)], "not packed before"),
    "device": ([("a", tarfile.CHRTYPE, "", 0o644)], "neither file"),
    "disk": ([("a", tarfile.BLKTYPE, "", 0o644)], "neither file"),
    "pipe": ([("a", tarfile.FIFOTYPE, "", 0o644)], "neither file"),
    "sparse": ([("a", tarfile.GNUTYPE_SPARSE, "", 0o644)], "neither file"),
    "set-uid": ([("a", FILE, "", 0o4755)], "set-uid"),
    "set-gid folder": ([("a", FOLDER, "", 0o2755)], "set-gid"),
    "case": ([("a", FILE, "", 0o644), ("A", FILE, "", 0o644)], "only in case"),
    "accents": ([("é", FILE, "", 0o644), ("e\N{COMBINING ACUTE ACCENT}", FILE, "", 0o644)], "accents"),
    "twice": ([("a", FILE, "", 0o644), ("a", FILE, "", 0o644)], "stands twice"),
    "file and folder": ([("a/b", FILE, "", 0o644), ("a", FILE, "", 0o644)], "stands twice"),
    "not UTF-8": ([("a\udcff", FILE, "", 0o644)], "characters"),
    "terminal codes": ([("a\x1b[2J", FILE, "", 0o644)], "characters"),
    "long name header": ([("x" * (2 << 20), FILE, "", 0o644)], "extended header"),
}


@pytest.mark.parametrize("trick", HOSTILE)
def test_a_hostile_tar_is_refused_by_both_with_its_reason(tmp_path, trick):
    """Each trick of the trade has its own words, the same for the person who packs and on the host."""
    members, reason = HOSTILE[trick]
    payload = tar(members, b"")
    manager, agent = refused_by(tmp_path, squeezed(payload, ".tar.gz"), ".tar.gz", payload)
    assert reason in manager
    assert reason in agent


@pytest.mark.parametrize(
    "trick", ["absolute", "climbing", "device", "set-uid", "case", "twice", "absolute link"]
)
def test_a_hostile_zip_is_refused_by_both(tmp_path, trick):
    """Zips have other headers, and the same rules; links in them are refused altogether."""
    data = zipped(HOSTILE[trick][0])
    manager, agent = refused_by(tmp_path, data, ".zip", data)
    reason = "neither file" if trick == "absolute link" else HOSTILE[trick][1]
    assert reason in manager
    assert reason in agent


def big_tar(headers: dict[str, str], size: int) -> bytes:
    """Return the beginning of a tar whose only file is said to be that large."""
    info = tarfile.TarInfo("big")
    info.size, info.pax_headers = size, headers
    return info.tobuf(tarfile.PAX_FORMAT) + b"1\n0\n512\n".ljust(2048, b"\0")


@pytest.mark.parametrize(
    ("headers", "size", "reason"),
    [
        ({}, 10 << 30, "more than 8 GiB"),
        ({"size": str(10 << 30)}, 512, "more than 8 GiB"),
        ({"size": "-512"}, 512, ""),
        (
            {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "99"},
            512,
            "neither file",
        ),
        ({"path": "../up"}, 512, "not a plain relative path"),
    ],
)
def test_what_a_tar_says_of_its_sizes_is_not_believed(tmp_path, headers, size, reason):
    """A bomb of ten gigabytes, a negative size, sparse maps and other names are refused at the header."""
    payload = big_tar(headers, size)
    manager, agent = refused_by(tmp_path, squeezed(payload, ".tar.zst"), ".tar.zst", payload)
    assert manager
    assert agent
    assert reason in manager
    assert reason in agent


def zip_of(name: bytes = b"abc", flags: int = 0) -> bytes:
    """Return a zip of one file whose headers say this name and these flags."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("abc", "content")
    data = bytearray(file.getvalue().replace(b"abc", name))
    index = data.index(b"PK\x01\x02")
    for place in (6, index + 8):
        struct.pack_into("<H", data, place, flags)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (zip_of(name=b"a\xffc"), "not UTF-8"),
        (zip_of(name=b"a\xffc", flags=0x800), "cannot be unpacked"),
        (zip_of(name=b"a\0c"), "characters"),
        (zip_of(flags=1), "neither file"),
    ],
)
def test_a_zip_that_lies_is_refused_by_both(tmp_path, data, reason):
    """Names that are not UTF-8, names that end early, and passwords."""
    manager, agent = refused_by(tmp_path, data, ".zip", data)
    assert reason in manager
    assert reason in agent


def test_a_zip_that_unpacks_to_more_than_it_says(tmp_path):
    """A file that is said to be small is not read past its end, and its checksum tells."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("abc", bytes(20_000_000))
    data = bytearray(file.getvalue())
    struct.pack_into("<I", data, data.index(b"PK\x01\x02") + 24, 10)
    assert all(refused_by(tmp_path, bytes(data), ".zip", bytes(data)))
    assert (tmp_path / "below" / "target" / "abc").stat().st_size <= 10


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path):
    """Three files of 3.9 GB each are counted from the table of contents."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in "abc":
            archive.writestr(name, "")
    data = bytearray(file.getvalue())
    place = data.index(b"PK\x01\x02")
    for _ in range(3):
        struct.pack_into("<I", data, place + 24, 3_900_000_000)
        place = data.find(b"PK\x01\x02", place + 1)
    manager, agent = refused_by(tmp_path, bytes(data), ".zip", bytes(data))
    assert "more than 8 GiB" in manager
    assert "more than 8 GiB" in agent


def test_a_million_entries_are_refused_before_they_fill_the_memory(tmp_path):
    """A table of contents that lists one file a million times is counted, not read."""
    entry = b"PK\x01\x02" + bytes(42)
    index = entry * 1_000_000
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF - 1, 0xFFFF - 1, len(index), 0, 0)
    manager, agent = refused_by(tmp_path, index + end, ".zip", index + end)
    assert "more than 200,000 files" in manager
    assert "more than 200,000 files" in agent
