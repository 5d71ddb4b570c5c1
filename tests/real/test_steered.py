"""A job steers a fleet from canary to everybody; ``make test-fleet`` tells of a larger one."""

import pytest

from tests.real.steered_story import tell


@pytest.mark.slow
def test_twelve_hosts_and_a_job(tmp_path):
    """A bad release ends in canary, a good one comes to all, and each host's decisions are explained."""
    tell(tmp_path, 12)
