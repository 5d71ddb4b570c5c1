"""A long thin line between a host and its repository; ``make test-link`` tells of a large update over it."""

from tests.real.link_story import tell


def test_an_update_over_a_line_that_is_cut(tmp_path):
    """TLS, a cache, a tenth of a second, lost packets and a cut: what came once is not fetched again."""
    tell(tmp_path, 400_000, cuts=1)
