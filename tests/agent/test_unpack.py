"""Hostile archives: nothing leaves the folder, nothing is longer than what was signed, nothing crashes."""

import contextlib
import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.unpack import unpack
from metadata.entries import Entry, Kind, Manifest
from metadata.errors import MalformedError, UntrustedError
from metadata.release import Artifact
from tests.support.archives import Member, artifact, put, squeezed, tar, zipped

FILE = tarfile.REGTYPE
LONG_AGO = 1_000_000_000
"""September 2001."""
KINDS: dict[bytes, Kind] = {
    tarfile.REGTYPE: "file",
    tarfile.DIRTYPE: "folder",
    tarfile.SYMTYPE: "symlink",
    tarfile.LNKTYPE: "hardlink",
    tarfile.FIFOTYPE: "other",
    tarfile.CHRTYPE: "other",
}
NAMES = st.sampled_from(
    [
        "a",
        "A",
        "a/b",
        "b",
        "../a",
        "/etc/x",
        "a/../../b",
        "..",
        ".",
        "a//b",
        "./c",
        "c/",
        "d\\e",
        "f\ng",
        "b/c/d",
    ]
)
TARGETS = st.sampled_from(["a", "../a", "/etc/passwd", "..", "", "b/../..", "a/b"])
MEMBERS = st.lists(
    st.tuples(NAMES, st.sampled_from(sorted(KINDS)), TARGETS, st.sampled_from([0o644, 0o755, 0o4755])),
    max_size=6,
)


def admitted(members: list[Member]) -> bool:
    """Return whether the contract admits every entry."""
    manifest = Manifest()
    try:
        for name, kind, target, mode in members:
            if name not in {".", "./"}:
                manifest.admit(Entry(name, KINDS[kind], mode, target))
    except MalformedError:
        return False
    return True


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(members=MEMBERS)
def test_what_the_contract_refuses_is_not_unpacked(tmp_path_factory, members):
    """Unpacking and packing ask the same question, and whatever the answer nothing lands outside."""
    folder = tmp_path_factory.mktemp("case")
    payload = tar(members)
    packed, target = put(folder, zstandard.compress(payload))
    try:
        unpack(packed, artifact(payload), target)
        unpacked = True
    except MalformedError:
        unpacked = False
    assert unpacked == admitted(members)
    assert [path.name for path in folder.iterdir()] in (["packed", "below"], ["below", "packed"])
    assert [path.name for path in (folder / "below").iterdir()] == ["target"]
    for path in target.rglob("*"):
        assert Path(os.path.realpath(path)).is_relative_to(target)
        assert path.is_symlink() or not path.stat().st_mode & 0o7022


@settings(max_examples=200, deadline=None)
@given(data=st.data(), suffix=st.sampled_from([".tar.zst", ".tar.gz", ".tar.xz", ".zip"]))
def test_a_damaged_archive_is_an_error_of_ours(tmp_path_factory, data, suffix):
    """Whatever the libraries raise for nonsense, it is told as a malformed or untrusted archive."""
    good = archive_of(suffix)
    place = data.draw(st.integers(0, len(good) - 1))
    end = data.draw(st.integers(place, len(good)))
    damaged = good[:place] + data.draw(st.binary(max_size=8)) + good[end:]
    packed, target = put(tmp_path_factory.mktemp("case"), damaged)
    signed = damaged if suffix == ".zip" else TREE  # a zip's own digest is what is signed
    with contextlib.suppress(MalformedError, UntrustedError):
        unpack(packed, artifact(signed, suffix), target)


TREE = tar([("bin", tarfile.DIRTYPE, "", 0o755), ("bin/agent", tarfile.REGTYPE, "", 0o755)], b"agent " * 500)


def archive_of(suffix: str) -> bytes:
    """Return one tree in every kind of archive."""
    if suffix == ".zip":
        return zipped([("bin/agent", tarfile.REGTYPE, "", 0o755)], b"agent " * 500)
    return squeezed(TREE, suffix)


@pytest.mark.parametrize("suffix", [".tar.zst", ".tar.gz", ".tar.xz", ".zip"])
def test_every_kind_of_archive_is_unpacked(tmp_path, suffix):
    """Four suffixes, one tree; modes are normal, and belong to nobody else."""
    packed, target = put(tmp_path, archive_of(suffix))
    unpack(packed, artifact(archive_of(".zip") if suffix == ".zip" else TREE, suffix), target)
    assert (target / "bin" / "agent").read_bytes() == b"agent " * 500


def test_a_bomb_stops_at_the_signed_length(tmp_path):
    """A payload that goes on beyond what was signed is refused when it does, not when the disk is full."""
    payload = tar([("zeros", tarfile.REGTYPE, "", 0o644)], bytes(64 << 20))
    packed, target = put(tmp_path, zstandard.compress(payload))
    assert packed.stat().st_size < 10_000
    with pytest.raises(UntrustedError, match="longer than what was signed"):
        unpack(packed, artifact(payload, length=1 << 20), target)
    assert sum(path.stat().st_size for path in target.rglob("*")) <= 2 << 20


def test_another_payload_is_untrusted(tmp_path):
    """An archive that unpacks to something else than what was signed is refused as a whole."""
    packed, target = put(tmp_path, zstandard.compress(TREE))
    with pytest.raises(UntrustedError, match="is not what was signed"):
        unpack(packed, artifact(TREE + bytes(10_240), length=1 << 20), target)


def test_a_zip_with_a_link_is_refused(tmp_path):
    """A zip may hold files and folders only."""
    data = zipped([("link", tarfile.SYMTYPE, "/etc/passwd", 0o777)])
    packed, target = put(tmp_path, data)
    with pytest.raises(MalformedError, match="neither file, folder nor link"):
        unpack(packed, artifact(data, ".zip"), target)
    assert not list(target.iterdir())


def test_a_single_file_is_installed_under_its_name(tmp_path):
    """An artifact that is one executable needs no archive."""
    packed, target = put(tmp_path, b"#!/bin/sh\n")
    wanted = Artifact(
        platform="linux-x86_64",
        path="x",
        kind="file",
        name="agent",
        payload_sha256=hashlib.sha256(b"#!/bin/sh\n").hexdigest(),
        payload_bytes=10,
    )
    unpack(packed, wanted, target)
    assert (target / "agent").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("suffix", [".tar.zst", ".tar.gz", ".tar.xz", ".zip"])
def test_owners_times_and_modes_are_the_hosts_own(tmp_path, suffix):
    """Whatever an archive says, files are the agent's, everybody may read them, and the owner alone write."""
    said = [("run", 0o777), ("secret", 0o600), ("anybody", 0o666)]
    payload = _owned(said) if suffix != ".zip" else zipped([(one, FILE, "", mode) for one, mode in said])
    packed, target = put(tmp_path, payload if suffix == ".zip" else squeezed(payload, suffix))
    unpack(packed, artifact(payload, suffix), target)
    found = {path.name: path.stat() for path in target.iterdir()}
    assert {one: oct(about.st_mode & 0o7777) for one, about in found.items()} == {
        "run": "0o755",
        "secret": "0o644",
        "anybody": "0o644",
    }
    assert {(about.st_uid, about.st_gid) for about in found.values()} == {(os.geteuid(), os.getegid())}
    assert all(about.st_mtime > LONG_AGO for about in found.values())


def _owned(said: list[tuple[str, int]]) -> bytes:
    """Return a tar of files that are somebody else's, and old."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, mode in said:
            member = tarfile.TarInfo(name)
            member.mode, member.uid, member.gid, member.mtime = mode, 4_711, 4_712, LONG_AGO
            archive.addfile(member)
    return file.getvalue()
