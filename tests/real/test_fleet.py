"""A small fleet from enrolment to the answers of the collector; ``make test-fleet`` tells of a larger one."""

from tests.real.fleet_story import tell


def test_twelve_hosts(tmp_path):
    """Three hosts go back, two go silent, one is a clone, and the queries say exactly that."""
    tell(tmp_path, 12)
