"""The console's pages follow what is published, and what they say is to be done is what can be done."""

import pytest

from tests.support.console import WAIT_S, opened


@pytest.fixture
def console(rolled, tmp_path):
    """The console of a repository in which 1.5.0 is added and not published."""
    rolled.add("1.5.0")
    with opened(rolled, tmp_path / "session.json") as found:
        yield found


def shown(console, place: str) -> str:
    """Return a page as a browser gets it."""
    found = console.session.get(f"{console.url}/{place}", timeout=WAIT_S)
    assert found.status_code == 200, found.text
    return str(found.text)


def test_a_publication_is_seen_at_once(console, rolled):
    """The disaster: who has braked looks at a page that says for a minute that all goes on."""
    assert "1.5.0" not in shown(console, "status.json")
    rolled.publish_release("1.5.0", strategy="manual")
    assert "1.5.0" in shown(console, "status.json")
