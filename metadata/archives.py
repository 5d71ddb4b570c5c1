"""Archives as both sides read them: what is opened, how far it may go, and which entries are admitted.

Nothing is opened or written here: streams come in, admitted entries go out. Names are UTF-8 wherever they
are read. Owners, times, extended attributes and access lists of an archive are never applied; of its modes
only the owner's right to execute is (``normal_mode``).
"""

import gzip
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, cast

import zstandard

from metadata.entries import MAX_ENTRIES, Entry, Kind, Manifest, refusal
from metadata.errors import MalformedError

DAMAGE = (
    *(
        tarfile.TarError,
        zipfile.BadZipFile,
        gzip.BadGzipFile,
        zstandard.ZstdError,
        lzma.LZMAError,
        zlib.error,
    ),
    *(EOFError, NotImplementedError, RuntimeError, ValueError, OverflowError, struct.error),
)
"""What the libraries raise for an archive that is none; the second line is what they add in odd cases."""

MAX_WINDOW_BYTES = 2**27
"""What a zstd frame may ask for: 128 MB, zstd's own limit for ``--long``."""
MAX_EXTENDED_BYTES = 1 << 20
"""Of a tar's extended header, which tarfile reads into memory whole; a long name needs some hundred bytes."""
MAX_INDEX_BYTES = 1 << 26
"""Of a zip's table of contents, which zipfile reads into memory whole: 64 MB are 200,000 long names."""
INDEX_MARK = b"PK\x01\x02"
_EXTENDED = {
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
}
_UTF8 = 0x800
_ENCRYPTED = 0x1


def payload(stream: IO[bytes], suffix: str, block_bytes: int = 1 << 18) -> IO[bytes]:
    """Return the uncompressed tar of a ``.tar.zst``, ``.tar.gz`` or ``.tar.xz``."""
    if suffix == ".tar.gz":
        return cast("IO[bytes]", gzip.GzipFile(fileobj=stream, mode="rb"))
    if suffix == ".tar.xz":
        return lzma.LZMAFile(stream, "rb")
    opener = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW_BYTES)
    return cast("IO[bytes]", opener.stream_reader(stream, read_size=block_bytes, read_across_frames=True))


class _Header(tarfile.TarInfo):
    """A tar's header whose extensions have a bound."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_Header":
        info = super().frombuf(buf, encoding, errors)
        if info.type in _EXTENDED and info.size > MAX_EXTENDED_BYTES:
            raise MalformedError(f"an extended header of {info.size:,} bytes", "build the archive anew")
        return info


def open_tar(stream: IO[bytes], block_bytes: int = 1 << 18) -> tarfile.TarFile:
    """Return a tar that is read once from beginning to end, wherever it is read the same."""
    return tarfile.open(
        *(None, "r|", stream, block_bytes), tarinfo=_Header, encoding="utf-8", errors="surrogateescape"
    )


def tar_entries(archive: tarfile.TarFile) -> Iterator[tuple[str, tarfile.TarInfo]]:
    """Yield each admitted member and its path in normal form.

    Raises:
        MalformedError: A member must not become a file.
    """
    manifest = Manifest()
    for member in archive:
        if member.name not in {".", "./"}:
            entry = Entry(member.name, _tar_kind(member), member.mode, member.linkname, member.size)
            yield manifest.admit(entry), member
        archive.members = []  # type: ignore[attr-defined]  # tarfile keeps every header; a stream needs none


def _tar_kind(member: tarfile.TarInfo) -> Kind:
    """Return what a member would become; a sparse file is ``other``, since it is longer than what is sent."""
    if member.isdir():
        return "folder"
    if member.issym():
        return "symlink"
    if member.islnk():
        return "hardlink"
    return "file" if member.isreg() and not member.issparse() else "other"


class Index:
    """The file of a zip, read so that its table of contents cannot fill the memory."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        """Return bytes; refuse to return more of them, or more entries, than a release has."""
        if size > MAX_INDEX_BYTES:
            raise MalformedError("the zip's table of contents is too long", "build the archive anew")
        data = self._file.read(size)
        if data.count(INDEX_MARK) > MAX_ENTRIES:
            raise MalformedError(f"more than {MAX_ENTRIES:,} files", "pack fewer, larger files")
        return data


def open_zip(file: IO[bytes]) -> zipfile.ZipFile:
    """Return a zip whose table of contents has a bound."""
    return zipfile.ZipFile(cast("IO[bytes]", Index(file)))


def zip_entries(archive: zipfile.ZipFile) -> list[tuple[str, zipfile.ZipInfo]]:
    """Return each member and its path in normal form, once all of them are admitted.

    Raises:
        MalformedError: A member must not become a file.
    """
    manifest = Manifest()
    return [(manifest.admit(_zip_entry(info)), info) for info in archive.infolist()]


def _zip_entry(info: zipfile.ZipInfo) -> Entry:
    mode = info.external_attr >> 16
    kind: Kind = "folder" if info.filename.endswith("/") else "file"
    if info.flag_bits & _ENCRYPTED or stat.S_IFMT(mode) not in {0, stat.S_IFREG, stat.S_IFDIR}:
        kind = "other"  # encrypted, or a link, which zips have no agreed form for
    entry = Entry(info.orig_filename, kind, stat.S_IMODE(mode), size=info.file_size)
    if not (info.flag_bits & _UTF8 or info.orig_filename.isascii()):
        raise refusal(entry, "has a name that is not UTF-8")
    return entry


def normal_mode(mode: int) -> int:
    """Return the mode that a file gets: its owner may write it, and everybody may read it."""
    return 0o755 if mode & 0o100 else 0o644
