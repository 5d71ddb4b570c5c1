"""A store that accepts conditions and ignores them: found out before it loses an update."""

import pytest

from repo_tools.store import TIMESTAMP
from tests.support.middleman import CONDITIONS, between
from tests.support.workspace import Workspace


def trials(middleman) -> int:
    """Return how many writes were refused."""
    return sum(one.startswith("PUT ") and one.endswith(" 412") for one in middleman.requests)


@pytest.fixture
def begun(bucket, as_role, tmp_path) -> Workspace:
    """A repository that is founded, and staged for a bucket."""
    as_role("publisher")
    work = Workspace(tmp_path / "place")
    work.do(
        "init", work.folder, "--product", "agent", "--store", bucket.location, "--solo", "--no-passphrase"
    )
    return work


def move(work: Workspace, before: str, after: str) -> None:
    """Name another address of the store in the settings."""
    settings = work.folder / "tidegate.toml"
    settings.write_text(settings.read_text().replace(before, after))


@pytest.mark.parametrize(
    "deaf", [CONDITIONS, {"if-none-match"}, {"if-match"}], ids=["both", "create", "replace"]
)
def test_a_first_publication_stays_private(begun, bucket, deaf):
    """Whatever it ignores, nothing becomes public there; an honest store takes the same publication."""
    with between(bucket.server.url, frozenset(deaf)) as middleman:
        move(begun, bucket.location, middleman.before(bucket).location)
        result = begun.run("publish")
        assert result.exit_code == 13
        assert "ignores If-" in result.stderr
        assert f"updates/{TIMESTAMP}" not in bucket.names()
        move(begun, middleman.before(bucket).location, bucket.location)
    assert begun.run("publish").exit_code == 0


def test_a_server_that_became_deaf_loses_nothing(begun, bucket):
    """A repository that was moved behind such a server stays as it is, whoever writes to it."""
    begun.do("publish")
    begun.add("1.5.0")
    begun.do("sign", "--yes")
    there = {key: bucket.get(key) for key in bucket.names()}
    with between(bucket.server.url, CONDITIONS) as middleman:
        move(begun, bucket.location, middleman.before(bucket).location)
        for command in ("publish", "refresh"):
            assert begun.run(command).exit_code == 13
    assert {key: bucket.get(key) for key in bucket.names()} == there


def test_an_honest_store_is_asked_once(begun, bucket):
    """The proof is two refused requests, and the workspace remembers it."""
    with between(bucket.server.url) as middleman:
        move(begun, bucket.location, middleman.before(bucket).location)
        begun.do("publish")
        assert trials(middleman) == 2
        middleman.forget()
        begun.do("refresh")
        assert trials(middleman) == 0


def test_a_deaf_mirror_is_named_and_keeps_its_timestamp(rolled, bucket, as_role):
    """Two publishers would take its timestamp back and forth; the first store is published all the same."""
    as_role("publisher")
    settings = rolled.folder / "tidegate.toml"
    with between(bucket.server.url, CONDITIONS) as middleman:
        settings.write_text(f'mirrors = ["{middleman.before(bucket).location}"]\n{settings.read_text()}')
        rolled.add("1.5.0")
        rolled.do("sign", "--yes")
        result = rolled.run("publish")
        assert result.exit_code == 13
        assert "but not to a mirror" in result.stderr
        assert "ignores If-" in result.stderr
        assert f"updates/{TIMESTAMP}" not in bucket.names()
        move(rolled, middleman.before(bucket).location, bucket.location)
    assert rolled.run("publish").exit_code == 0
    assert f"updates/{TIMESTAMP}" in bucket.names()


def test_a_bundle_is_not_imported_to_a_deaf_store(rolled, bucket, as_role, tmp_path):
    """The far side of an air gap is told before anything counts; an honest store takes the same bundle."""
    bundle = tmp_path / "updates.tar"
    rolled.do("bundle", "export", bundle)
    as_role("publisher")
    with between(bucket.server.url, CONDITIONS) as middleman:
        result = rolled.run("bundle", "import", bundle, "--store", middleman.before(bucket).location)
        assert (result.exit_code, "ignores If-" in result.stderr) == (13, True)
        assert f"updates/{TIMESTAMP}" not in bucket.names()
    rolled.do("bundle", "import", bundle, "--store", bucket.location)
    assert f"updates/{TIMESTAMP}" in bucket.names()
