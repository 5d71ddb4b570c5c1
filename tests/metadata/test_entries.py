"""Archive entries: whatever is admitted stays inside when it is really extracted."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from metadata.entries import Entry, Kind, Manifest
from metadata.errors import MalformedError
from metadata.paths import safe_path, suffix_of

PARTS = st.sampled_from(["a", "A", "b", "..", ".", "", "ü", " ", "~", "c\\d", "e\n", "\ud800", "x" * 256])
names = st.lists(PARTS, min_size=1, max_size=4).map("/".join)
modes = st.sampled_from([0o644, 0o755, 0o000, 0o4755, 0o2755, 0o1777])
kinds: st.SearchStrategy[Kind] = st.sampled_from(["file", "file", "folder", "symlink", "hardlink", "other"])
entries = st.builds(Entry, name=names, kind=kinds, mode=modes, target=names)


def extract(entry: Entry, path: Path, root: Path) -> None:
    """Write one entry as the simplest unpacker would, following whatever is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if entry.kind == "folder":
        path.mkdir(exist_ok=True)
    elif entry.kind == "symlink":
        path.symlink_to(entry.target)
    elif entry.kind == "hardlink":
        path.hardlink_to(root / entry.target)
    else:
        path.write_text("from the archive")


def ends_at(path: Path) -> Path:
    """Return where the kernel would end up, also for links to nothing; a loop ends where it was noticed.

    ``os.path.realpath`` takes a loop such as ``a -> a//a`` for ``/a`` (seen in Python 3.11).
    """
    here, ahead, links = Path("/"), str(path).split("/"), 0
    while ahead and links < 40:  # path_resolution(7): the kernel gives up after 40
        step = here / ahead[0] if ahead[0] != ".." else here.parent
        if os.path.islink(step):  # noqa: PTH114  # names too long for a file system are no links
            links += 1
            target = str(step.readlink())
            here = Path("/") if target.startswith("/") else here
            ahead = [*target.split("/"), *ahead[1:]]
        else:
            here, ahead = step, ahead[1:]
    return here


@settings(max_examples=600, deadline=None)
@given(st.lists(entries, max_size=8))
@example([Entry("a", "symlink", target=".."), Entry("a/b", "file")])
@example([Entry("a/b", "file"), Entry("a", "symlink", target="/tmp")])  # a path that must not be reached
@example([Entry("a/b", "symlink", target=".."), Entry("c", "symlink", target="a/b/.."), Entry("c/d", "file")])
@example([Entry("a", "symlink", target="b"), Entry("b", "folder"), Entry("a/c", "file")])
@example([Entry("a", "symlink", target="a//a")])
@example([Entry("a", "symlink", target="/etc/passwd"), Entry("b", "hardlink", target="a")])
def test_what_is_admitted_stays_inside(packed):
    """No sequence of entries writes, links or points outside of the tree."""
    with TemporaryDirectory() as folder:
        outside = Path(folder, "outside")
        outside.write_text("untouched")
        root = Path(folder, "deep", "tree")
        root.mkdir(parents=True)
        manifest = Manifest()
        for entry in packed:
            try:
                name = manifest.admit(entry)
            except MalformedError:
                continue
            extract(entry, root / name, root)
        assert outside.read_text() == "untouched"
        assert {path.name for path in Path(folder).iterdir()} == {"outside", "deep"}
        assert [path.name for path in root.parent.iterdir()] == ["tree"]
        for parent, folders, files in os.walk(root):
            for name in [*folders, *files]:
                assert ends_at(Path(parent, name)).is_relative_to(ends_at(root))


@given(names | st.text(max_size=20))
def test_a_safe_path_is_below_where_it_is_put(name):
    """A name is refused, or it is a path below, as it was written."""
    try:
        path = safe_path(name)
    except ValueError:
        return
    assert path == name
    assert os.path.normpath(os.path.join("/root", path)).startswith("/root/")  # noqa: PTH118  # pathlib cleans up
    assert path.isprintable()


def refused(*packed: Entry) -> str:
    """Return why the last of some entries is not admitted."""
    manifest = Manifest()
    for entry in packed[:-1]:
        manifest.admit(entry)
    with pytest.raises(MalformedError) as caught:
        manifest.admit(packed[-1])
    return caught.value.message


@pytest.mark.parametrize(
    ("packed", "reason"),
    [
        ([Entry("/a", "file")], "not a plain relative path"),
        ([Entry("../a", "file")], "not a plain relative path"),
        ([Entry("a/../b", "file")], "not a plain relative path"),
        ([Entry("a\\b", "file")], "characters"),
        ([Entry("a\x1b[2J", "file")], "characters"),
        ([Entry("x" * 300, "file")], "too long"),
        ([Entry("x/" * 600 + "y", "file")], "too long"),
        ([Entry("a", "other")], "neither file"),
        ([Entry("a", "file", 0o4755)], "set-uid"),
        ([Entry("a", "file"), Entry("a", "file")], "stands twice"),
        ([Entry("a", "file"), Entry("a", "symlink", target="b")], "stands twice"),
        ([Entry("a/b", "file"), Entry("a", "symlink", target="c")], "stands twice"),
        ([Entry("a/b", "file"), Entry("A", "file")], "only in case"),
        ([Entry("a", "file"), Entry("a/b", "file")], "no folder"),
        ([Entry("a", "symlink", target="b"), Entry("a/b", "file")], "no folder"),
        ([Entry("a", "symlink", target="/b")], "links to"),
        ([Entry("a", "symlink")], "links to"),
        ([Entry("a", "symlink", target="../b")], "out of the tree"),
        ([Entry("a/b", "symlink", target="c/../../..")], "out of the tree"),
        ([Entry("a", "hardlink", target="b")], "not packed before"),
    ],
)
def test_a_hostile_entry_is_refused_with_its_reason(packed, reason):
    """Each trick of the trade has its own words."""
    assert reason in refused(*packed)


def test_a_million_entries_end_early():
    """Folders that an archive leaves out are counted too: each of these names makes five hundred."""
    deep = (Entry(f"{number}/" + "d/" * 500 + "f", "file") for number in range(1_000))
    manifest = Manifest()
    with pytest.raises(MalformedError, match="more than 200,000 files"):
        list(map(manifest.admit, deep))


def test_a_plain_tree_is_admitted():
    """Folders again, links inside the tree, and a leading ./ are what real archives have."""
    manifest = Manifest()
    tree = [
        Entry("./bin/", "folder", 0o755),
        Entry("./bin/agent", "file", 0o755),
        Entry("bin", "folder"),
        Entry("lib/x/y.so.1", "file"),
        Entry("lib/y.so", "symlink", target="x/y.so.1"),
        Entry("lib/x/up", "symlink", target="../../bin/agent"),
        Entry("bin/same", "hardlink", target="./bin/agent"),
    ]
    assert [manifest.admit(entry) for entry in tree][:2] == ["bin", "bin/agent"]


def test_archives_are_known_by_their_suffix():
    """Agents read four kinds of archive, and the suffix says which."""
    assert suffix_of("releases/agent/1.5.0/linux-x86_64.tar.zst") == ".tar.zst"
    with pytest.raises(ValueError, match="not an archive"):
        suffix_of("agent.tar")
