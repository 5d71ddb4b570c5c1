"""Foreign names: what may become a path on a host, and which archives are read.

The one rule for names that come from documents and archives; both sides turn names into paths through it.
"""

import posixpath

ARCHIVE_SUFFIXES = (".tar.zst", ".tar.gz", ".tar.xz", ".zip")
MAX_NAME_BYTES = 255
"""The longest file name of Linux file systems (NAME_MAX)."""
MAX_PATH_BYTES = 1024


def safe_path(name: str) -> str:
    """Return a relative path in normal form that stays below where it is put.

    Raises:
        ValueError: The name is absolute, climbs, is empty, too long or not printable.
    """
    plain = posixpath.normpath(name)
    if name != plain or name.startswith("/") or plain in {".", ".."} or plain.startswith("../"):
        raise ValueError(f"not a plain relative path: {name!r}")
    if "\\" in name or not name.isprintable():
        raise ValueError(f"path has characters that no release needs: {name!r}")
    parts = name.encode().split(b"/")
    if len(name.encode()) > MAX_PATH_BYTES or max(map(len, parts)) > MAX_NAME_BYTES:
        raise ValueError(f"path is too long: {name[:80]!r}…")
    return plain


def suffix_of(path: str) -> str:
    """Return the archive suffix of a path, such as ``.tar.zst``.

    Raises:
        ValueError: It is no archive that agents can read.
    """
    for suffix in ARCHIVE_SUFFIXES:
        if path.endswith(suffix):
            return suffix
    raise ValueError(f"not an archive ({', '.join(ARCHIVE_SUFFIXES)}): {path!r}")
