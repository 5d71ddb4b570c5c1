"""The updater updates itself: with a real systemd, whatever the new version does, and when the power goes."""

from collections.abc import Iterator

import pytest

from tests.agent.scene import WAVES
from tests.support.systemd import skip_without_systemd
from tests.support.updater import AGENT, PRODUCT, Trees, Updating, updating
from tests.support.workspace import Workspace


@pytest.fixture(scope="module")
def trees(tmp_path_factory) -> Trees:
    """What makes versions of the updater."""
    return Trees(tmp_path_factory.mktemp("library"))


@pytest.fixture(scope="module")
def founded(tmp_path_factory) -> Workspace:
    """A repository of updaters without a release."""
    return Workspace(tmp_path_factory.mktemp("founded")).found("--product", PRODUCT, *WAVES)


@pytest.fixture
def scene(founded, trees, tmp_path) -> Iterator[Updating]:
    """A host whose updater runs as its unit."""
    skip_without_systemd()
    with updating(founded, trees, tmp_path) as made:
        yield made


def test_a_good_updater_is_kept(scene):
    """It takes over as the same process, shows that it can update, and the old version lets it."""
    scene.begin()
    before = scene.host.systemd.show(AGENT, "MainPID")
    scene.order("1.1.0", "good")
    scene.rests("1.1.0")
    assert scene.host.systemd.show(AGENT, "MainPID") == before
    assert ("update_healthcheck", "ok", "") in scene.host.told()
    assert scene.host.link("previous") == "1.0.0"


def test_a_good_updater_is_kept_after_a_power_cut(scene):
    """After the boot the settled version goes on with the trial of the one that booted."""
    scene.begin()
    scene.order("1.1.0", "good")
    scene.wait(lambda: scene.host.link("current") == "1.1.0")
    scene.host.power_cut()
    scene.rests("1.1.0")
    assert ("update_healthcheck", "ok", "") in scene.host.told()


@pytest.mark.parametrize("behaviour", ["crashes", "hangs", "exits", "forgets", "unlocks"])
def test_a_bad_updater_goes_back_by_itself(scene, behaviour):
    """Whatever the new version does, the old one runs again, and says so."""
    scene.begin()
    scene.order("1.1.0", behaviour)
    scene.wait(lambda: ("update_rollback", "ok", "version") in scene.host.told())
    scene.rests("1.0.0")


@pytest.mark.parametrize("behaviour", ["crashes", "hangs", "exits", "forgets", "unlocks"])
def test_a_bad_updater_goes_back_after_a_power_cut(scene, behaviour):
    """The power goes in the middle of the trial: nobody of the old version is there, but the guard."""
    scene.begin()
    scene.order("1.1.0", behaviour)
    scene.wait(lambda: scene.host.link("current") == "1.1.0")
    scene.host.systemd.power_cut()
    scene.time_is_up()
    scene.host.systemd.boot()
    scene.wait(lambda: ("update_rollback", "ok", "version") in scene.host.told())
    scene.rests("1.0.0")
