"""Several publishers at once, and a client that polls all the time; ``make test-race`` runs it for long."""

import pytest

from tests.support.race import Race
from tests.support.workspace import Workspace


@pytest.fixture(params=["folder", "s3"])
def location(request, tmp_path) -> str:
    """A store of each kind."""
    if request.param == "folder":
        return str(tmp_path / "store")
    request.getfixturevalue("as_role")("publisher")
    return str(request.getfixturevalue("bucket").location)


def test_no_update_is_lost_and_no_client_sees_a_mixture(location, tmp_path):
    """Whoever loses prepares again on top of the winner; what is live is what was said to be published."""
    work = Workspace(tmp_path / "work").found("--store", location, "--wave", "all=100")
    race = Race(work, publishers=3)
    race.run(rounds=4)
    assert race.conflicts > 0
    assert race.polls > 0
