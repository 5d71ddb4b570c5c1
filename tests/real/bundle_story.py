"""The bundle on a host: an update from one to the next, on a real systemd; run by ``make test-bundle``."""

from collections.abc import Iterator

import pytest

from tests.agent.scene import WAVES
from tests.conftest import ROOT
from tests.support.systemd import skip_without_systemd
from tests.support.updater import PRODUCT, Bundles, Updating, updating
from tests.support.workspace import Workspace

BUNDLE = ROOT / "dist" / PRODUCT
ABSENT = {"boto3", "botocore", "rich", "repo_tools"}


@pytest.fixture
def scene(tmp_path) -> Iterator[Updating]:
    """A host whose updater is the bundle."""
    skip_without_systemd()
    founded = Workspace(tmp_path / "founded").found("--product", PRODUCT, *WAVES)
    with updating(founded, Bundles(BUNDLE), tmp_path) as made:
        yield made


def test_a_bundle_updates_itself(scene):
    """What is built is a release like any other, shows that it can update, and is kept."""
    scene.begin()
    scene.order("1.1.0", "good", "--start-s", "60", "--trial-s", "0", "--probe", f"{PRODUCT} --version")
    scene.rests("1.1.0")
    assert ("update_healthcheck", "ok", "") in scene.host.told()


def test_a_bundle_is_lean():
    """A host gets nothing of the release managers' side."""
    names = {path.name.partition(".")[0] for path in (BUNDLE / "_internal").iterdir()}
    assert names & ABSENT == set()
