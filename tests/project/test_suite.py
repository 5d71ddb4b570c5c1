"""The suite holds the line on itself."""

from tests.conftest import ROOT


def test_the_licence_is_in_the_tree():
    """What is distributed says under which terms."""
    assert "Apache License" in (ROOT / "LICENSE").read_text()
