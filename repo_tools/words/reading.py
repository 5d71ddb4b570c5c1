"""Read the documents that changed, for the words about them: the one part of this room that does I/O."""

from collections.abc import Mapping
from typing import Any

import msgspec

from metadata.documents import Brake, Enrollment, Policy
from metadata.errors import TidegateError
from metadata.release import Release
from metadata.strict import decode, to_json
from repo_tools.contents import Contents
from repo_tools.roles import BRAKE, POLICY
from repo_tools.signed.views import Entry, View
from repo_tools.words.roles import about

_KINDS: Mapping[str, type[msgspec.Struct]] = {
    POLICY: Policy,
    BRAKE: Brake,
    "enrollment": Enrollment,
    "release.json": Release,
}


def changed_documents(
    contents: Contents, new: View, old: View | None, known: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what stands in the documents that a role lists otherwise than before, by their digests.

    Args:
        contents: Where they are.
        new: The role from now on.
        old: The same before.
        known: What need not be read.

    Raises:
        MalformedError: There is a document that cannot be read.
    """
    return {
        entry.sha256: known.get(entry.sha256) or _document(contents, entry) for entry in _changed(new, old)
    }


def readable_documents(contents: Contents, new: View, old: View | None) -> dict[str, Any]:
    """Return the same, with None for what cannot be read."""
    found = {}
    for entry in _changed(new, old):
        try:
            found[entry.sha256] = _document(contents, entry)
        except TidegateError:
            found[entry.sha256] = None
    return found


def _changed(new: View, old: View | None) -> list[Entry]:
    before = old.entries if old else {}
    paths = [path for path in about(new, old) if path.rpartition("/")[2] in _KINDS]
    return [entry for path in paths for entry in (new.entries.get(path), before.get(path)) if entry]


def _document(contents: Contents, entry: Entry) -> Any:
    kind = _KINDS[entry.path.rpartition("/")[2]]
    return to_json(decode(contents.read(entry), kind, refuse_unknown=True))
