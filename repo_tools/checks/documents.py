"""Release documents, read for the rules: those that a publication brings, or all."""

from collections.abc import Iterator, Mapping

from metadata import strict
from metadata.errors import MalformedError, UntrustedError
from metadata.release import Release
from repo_tools.checks.seen import Damage, Seen, unreadable
from repo_tools.desk import Desk
from repo_tools.roles import release_path, releases
from repo_tools.signed.views import Entry, View
from repo_tools.store.lanes import in_lanes, lanes_of


def documents_of(
    desk: Desk, before: Mapping[str, View], after: Mapping[str, View], seen: Seen, unread: list[Damage]
) -> dict[str, dict[str, Release]]:
    """Return documents by releases role and version.

    Args:
        desk: Where they are read.
        before: The roles as they are live.
        after: The roles as they will be.
        seen: Whether all are wanted, or those alone of which some file changes.
        unread: Told what cannot be read, where all are wanted.
    """
    found = {}
    for role in after:
        product, _, last = role.rpartition(".")
        if releases(product) != role or last != "releases":
            continue
        known = before[role].entries if role in before and not seen.everything else {}
        wanted = sorted(_changed(known, after[role].entries))
        paths = {version: release_path(product, version) for version in wanted}
        here = {one: path for one, path in paths.items() if path in after[role].entries}
        there = {one: path for one, path in here.items() if path not in seen.gone.get(role, ())}
        found[role] = dict(_read(desk, after[role], there, unread if seen.everything else None))
    return found


def _changed(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> set[str]:
    """Return the versions that gain, lose or change a file."""
    paths = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    return {path.split("/")[2] for path in paths if path.count("/") == 3}


def _read(
    desk: Desk, view: View, paths: Mapping[str, str], unread: list[Damage] | None
) -> Iterator[tuple[str, Release]]:
    read = in_lanes(lanes_of(desk.store), lambda path: _document(desk, view.entries[path]), paths.values())
    for version, found in zip(paths, read, strict=True):
        if isinstance(found, Release):
            yield version, found
        elif unread is None:
            raise found
        else:
            unread.append(unreadable(view.role, found))


def _document(desk: Desk, entry: Entry) -> Release | MalformedError | UntrustedError:
    try:
        return strict.decode(desk.contents.read(entry), Release, refuse_unknown=True)
    except (MalformedError, UntrustedError) as error:
        return error
