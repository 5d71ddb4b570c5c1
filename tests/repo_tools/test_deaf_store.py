"""A store that accepts conditions and ignores them: found out before it loses an update."""

import pytest

from repo_tools.store import TIMESTAMP
from tests.support.middleman import CONDITIONS, between
from tests.support.workspace import Workspace


def trials(middleman) -> int:
    """Return how many writes were refused."""
    return sum(one.startswith("PUT ") and one.endswith(" 412") for one in middleman.requests)


@pytest.fixture
def founded(bucket, as_role, tmp_path) -> Workspace:
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
def test_a_first_publication_stays_private(founded, bucket, deaf):
    """Whatever it ignores, nothing becomes public there; an honest store takes the same publication."""
    with between(bucket.server.url, frozenset(deaf)) as middleman:
        move(founded, bucket.location, middleman.before(bucket).location)
        result = founded.run("publish")
        assert result.exit_code == 13
        assert "ignores If-" in result.stderr
        assert f"updates/{TIMESTAMP}" not in bucket.names()
        move(founded, middleman.before(bucket).location, bucket.location)
    assert founded.run("publish").exit_code == 0


def test_a_server_that_became_deaf_loses_nothing(founded, bucket):
    """A repository that was moved behind such a server stays as it is, whoever writes to it."""
    founded.do("publish")
    founded.add("1.5.0")
    founded.do("sign", "--yes")
    there = {key: bucket.get(key) for key in bucket.names()}
    with between(bucket.server.url, CONDITIONS) as middleman:
        move(founded, bucket.location, middleman.before(bucket).location)
        for command in ("publish", "refresh"):
            assert founded.run(command).exit_code == 13
    assert {key: bucket.get(key) for key in bucket.names()} == there


def test_an_honest_store_is_asked_once(founded, bucket):
    """The proof is two refused requests, and the workspace remembers it."""
    with between(bucket.server.url) as middleman:
        move(founded, bucket.location, middleman.before(bucket).location)
        founded.do("publish")
        assert trials(middleman) == 2
        middleman.forget()
        founded.do("refresh")
        assert trials(middleman) == 0
