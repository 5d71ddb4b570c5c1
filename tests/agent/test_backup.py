"""Copies of configuration: everything about a file comes back, and only where nobody else was at work."""

import os
import stat
import struct
from pathlib import Path

import pytest

from agent.backup import Backup, Restored

ACL = "system.posix_acl_access"
NOBODY = 65_534


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    """A folder of configuration: a file, a secret in a private folder, a link, a second name of a file."""
    folder = tmp_path / "etc"
    (folder / "private").mkdir(parents=True)
    (folder / "private").chmod(0o700)
    (folder / "main.conf").write_text("colour = blue\n")
    (folder / "private" / "token").write_text("secret")
    (folder / "private" / "token").chmod(0o600)
    (folder / "link").symlink_to("main.conf")
    (folder / "alias.conf").hardlink_to(folder / "main.conf")
    (folder / "empty").mkdir()
    return folder


@pytest.fixture
def backup(tmp_path, etc) -> Backup:
    """A copy of it."""
    made = Backup(tmp_path / "state" / "backup")
    made.take([str(etc)])
    return made


def mode(path: Path) -> int:
    """Return a path's permissions."""
    return stat.S_IMODE(path.lstat().st_mode)


def acl_that_names(user: int) -> bytes:
    """Return an access control list as the kernel keeps it: one user beside owner and group may read."""
    none = 0xFFFF_FFFF
    entries = [(1, 6, none), (2, 4, user), (4, 4, none), (16, 4, none), (32, 0, none)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def test_nothing_changed_restores_nothing(backup):
    """Going back right away touches no file."""
    assert backup.restore() == Restored([], [], [])
    assert backup.restore().text() == ""


def test_content_links_and_folders_come_back(etc, backup):
    """What was changed, removed or added is as it was, empty folders and names of one file included."""
    (etc / "main.conf").write_text("colour = red\n")
    (etc / "link").unlink()
    (etc / "link").write_text("a file now")
    (etc / "private" / "token").unlink()
    (etc / "private").rmdir()
    (etc / "empty").rmdir()
    (etc / "new").mkdir()
    (etc / "new" / "one.conf").write_text("new")
    assert backup.restore().failed == []
    assert (etc / "main.conf").read_text() == (etc / "link").read_text() == "colour = blue\n"
    assert (etc / "main.conf").samefile(etc / "alias.conf")
    assert (etc / "link").readlink() == Path("main.conf")
    assert (mode(etc / "private"), mode(etc / "private" / "token")) == (0o700, 0o600)
    assert sorted(path.name for path in etc.iterdir()) == [
        "alias.conf",
        "empty",
        "link",
        "main.conf",
        "private",
    ]
    assert backup.restore() == Restored([], [], [])


def test_a_file_that_became_a_folder_is_a_file_again(etc, backup):
    """What stands in the way is kept beside the copy and makes room."""
    (etc / "link").unlink()
    (etc / "link").mkdir()
    (etc / "link" / "inner").write_text("new")
    (etc / "empty").rmdir()
    (etc / "empty").write_text("a file now")
    assert backup.restore().failed == []
    assert (etc / "link").is_symlink()
    assert (etc / "empty").is_dir()
    kept = backup.folder / "replaced" / str(etc).lstrip("/")
    assert ((kept / "link" / "inner").read_text(), (kept / "empty").read_text()) == ("new", "a file now")


@pytest.mark.parametrize("gone", ["alias.conf", "main.conf"])
def test_names_of_one_file_come_back_when_one_is_gone(etc, backup, gone):
    """A name that is gone keeps no other from its place; both are names of one file again."""
    (etc / gone).unlink()
    (other,) = {etc / "alias.conf", etc / "main.conf"} - {etc / gone}
    other.write_text("colour = red\n")
    assert backup.restore().failed == []
    assert (etc / "main.conf").read_text() == "colour = blue\n"
    assert (etc / "main.conf").samefile(etc / "alias.conf")


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """Configuration that lies elsewhere: a folder behind two links, a file behind one, and dead ends."""
    folder = tmp_path / "linked"
    (folder / "real" / "deeper").mkdir(parents=True)
    (folder / "real" / "main.conf").write_text("colour = blue\n")
    (folder / "other.conf").write_text("size = small\n")
    (folder / "real" / "other").symlink_to("../other.conf")
    (folder / "conf").symlink_to("second")
    (folder / "second").symlink_to(folder / "real" / "deeper" / "..")
    (folder / "file").symlink_to("real/main.conf")
    (folder / "dangling").symlink_to("absent.conf")
    (folder / "loop").symlink_to("loop")
    return folder


def kept_of(folder: Path, *names: str) -> Backup:
    """Return a backup of places in a folder."""
    made = Backup(folder.parent / "state" / "backup")
    made.take([str(folder / name) for name in names])
    return made


def test_what_stands_behind_a_link_comes_back(linked):
    """A place may be a link, to a folder or a file; links further inside are links alone."""
    backup = kept_of(linked, "conf", "file", "real", "dangling", "loop")
    (linked / "real" / "main.conf").write_text("colour = red\n")
    (linked / "real" / "deeper").rmdir()
    (linked / "real" / "new.conf").write_text("new")
    (linked / "other.conf").write_text("size = large\n")
    (linked / "absent.conf").write_text("new")
    found = backup.restore()
    names = ("absent.conf", "real/deeper", "real/main.conf", "real/new.conf")
    assert (sorted(found.back), found.failed) == ([str(linked / name) for name in names], [])
    assert (linked / "conf" / "main.conf").read_text() == "colour = blue\n"
    assert (linked / "other.conf").read_text() == "size = large\n"
    assert not (linked / "real" / "new.conf").exists()
    assert (linked / "dangling").is_symlink()
    assert not (linked / "absent.conf").exists()
    assert backup.restore() == Restored([], [], [])


def test_a_link_that_leads_elsewhere_is_as_it_was(linked, tmp_path):
    """A version may point a link somewhere else, or replace it: the link comes back, and what it led to."""
    backup = kept_of(linked, "conf", "file", "loop")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "main.conf").write_text("theirs")
    (linked / "real" / "main.conf").unlink()
    for name in ("second", "file", "loop"):
        (linked / name).unlink()
    (linked / "second").symlink_to(elsewhere)
    (linked / "file").write_text("a file now")
    (linked / "loop").mkdir()
    assert backup.restore().failed == []
    assert (linked / "conf" / "main.conf").samefile(linked / "real" / "main.conf")
    assert (linked / "file").is_symlink()
    assert (linked / "file").read_text() == "colour = blue\n"
    assert (linked / "loop").readlink() == Path("loop")
    assert (elsewhere / "main.conf").read_text() == "theirs"


def test_what_stands_behind_links_needs_room_once(linked):
    """The room for copies counts what is behind a link, and nothing twice."""
    backup = Backup(linked.parent / "state" / "backup")
    behind = backup.wanted_bytes([str(linked / "real")])
    links = sum((linked / name).lstat().st_size for name in ("conf", "second", "file"))
    assert backup.wanted_bytes([str(linked / name) for name in ("conf", "file", "real")]) == behind + links


def test_owner_mode_and_attributes_come_back(etc, tmp_path):
    """A file is what it was to everybody who may or may not read it."""
    if os.geteuid() != 0:
        pytest.skip("giving files away needs root")
    path = etc / "main.conf"
    os.chown(path, NOBODY, NOBODY)
    path.chmod(0o4750)
    os.setxattr(path, "user.note", b"kept\0by hand")
    os.setxattr(etc / "private" / "token", ACL, acl_that_names(NOBODY))
    backup = Backup(tmp_path / "state" / "backup")
    backup.take([str(etc)])
    os.chown(path, 0, 0)
    path.chmod(0o644)
    os.removexattr(path, "user.note")
    os.setxattr(path, "user.other", b"new")
    os.removexattr(etc / "private" / "token", ACL)
    assert set(backup.restore().back) == {str(path), str(etc / "alias.conf"), str(etc / "private" / "token")}
    assert (path.stat().st_uid, path.stat().st_gid, mode(path)) == (NOBODY, NOBODY, 0o4750)
    assert [(name, os.getxattr(path, name)) for name in os.listxattr(path)] == [
        ("user.note", b"kept\0by hand")
    ]
    assert os.getxattr(etc / "private" / "token", ACL) == acl_that_names(NOBODY)


def test_what_somebody_else_changed_is_left(etc, backup):
    """Once the new version had started, whatever changed was changed by a person."""
    (etc / "main.conf").write_text("migrated\n")
    backup.note_start()
    (etc / "link").unlink()
    (etc / "private" / "token").write_text("rotated by hand")
    found = backup.restore()
    assert found.left == [str(etc / "link"), str(etc / "private" / "token")]
    assert "somebody changed it since" in found.text()
    assert (etc / "main.conf").read_text() == "colour = blue\n"
    assert (etc / "private" / "token").read_text() == "rotated by hand"


def test_copies_are_private_and_never_told(etc, backup):
    """Nobody else may reach a copy, and what is said of it is names alone."""
    assert mode(backup.folder) == 0o700
    (etc / "private" / "token").write_text("stolen")
    assert "secret" not in backup.restore().text() + (backup.folder / "index.json").read_text()


def test_one_file_that_cannot_be_put_back_keeps_no_other(etc, backup):
    """The rest is restored, and the reason told."""
    (etc / "main.conf").write_text("red")
    (etc / "alias.conf").unlink()
    (etc / "private" / "token").unlink()
    blocked = etc / "private" / ".token.tidegate"
    blocked.mkdir()
    (blocked / "full").touch()
    found = backup.restore()
    assert (etc / "main.conf").read_text() == "colour = blue\n"
    assert [line.partition(":")[0] for line in found.failed] == [str(etc / "private" / "token")]
    assert "could not restore" in found.text()


def test_a_copy_without_an_index_restores_nothing(etc, backup):
    """A copy that a power cut left unfinished is not used; one that cannot be read is named."""
    (backup.folder / "index.json").write_text("{")
    (etc / "main.conf").write_text("red")
    assert backup.restore().failed[0].startswith("anything")
    (backup.folder / "index.json").unlink()
    assert backup.restore() == Restored([], [], [])
