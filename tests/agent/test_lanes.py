"""Products that report to different places: each place gets its own, and only one learns the credential."""

import json
from collections.abc import Iterator

import pytest

from tests.agent.reporting import HEADER, forget_pauses, paste, read, report_to, stages, token
from tests.agent.scene import AGENT, Scene
from tests.support.nginx import KEY
from tests.support.taker import Taker, status, taking


@pytest.fixture
def places() -> Iterator[tuple[Taker, Taker]]:
    """Two places for reports."""
    with taking() as first, taking() as second:
        yield first, second


@pytest.fixture
def pair(scene: Scene, places: tuple[Taker, Taker]) -> Scene:
    """A host of two products, each of which reports to its own place."""
    first, second = places
    report_to(scene, first.url)
    scene.host.write_settings('[[product]]\nname = "helper"')
    paste(scene.host, token(scene, *HEADER), "--agent-id", AGENT)
    assert scene.host.run("status").exit_code == 0
    said = json.dumps({"url": second.url, "heartbeat_s": 86_400})  # as its channel's policy said once
    scene.host.query("INSERT INTO memory VALUES ('reporting/helper', ?)", said)
    return scene


def test_each_place_gets_what_is_its_own(pair, places):
    """Both learn who enrolled, and neither reads the other product's news; numbers run through both."""
    pair.host.tick()
    first, second = (read(place.envelopes()) for place in places)
    assert [(one.product, one.stage) for one in first] == [("agent", "enroll"), ("agent", "heartbeat")]
    assert [(one.product, one.stage) for one in second] == [
        ("agent", "enroll"),
        ("helper", "refusal"),
        ("helper", "heartbeat"),
    ]
    assert [report.seq for report in (*first, *second)] == [1, 2, 3, 4, 5]


def test_a_credential_is_told_to_its_own_place_alone(pair, places):
    """The token's header belongs to the place that its first channel reports to."""
    pair.host.tick()
    first, second = places
    assert [headers["X-Reports-Key"] for headers in first.shown] == [KEY]
    assert [headers["X-Reports-Key"] for headers in second.shown] == [None]


def test_a_place_that_is_gone_holds_up_no_other(pair, places):
    """One lane waits for its pause, and the other goes on."""
    first, second = places
    first.answer = status(503)
    pair.host.tick()
    pair.host.query("DELETE FROM memory WHERE key LIKE 'heartbeat/%'")  # as if a day had passed
    pair.host.tick()
    assert len(first.shown) == 1
    assert stages(read(second.envelopes())) == ["enroll", "refusal", "heartbeat", "heartbeat"]
    first.answer = status(201)
    before = first.taken.copy()
    forget_pauses(pair.host)
    pair.host.tick()
    assert first.taken == before  # the same flush, under the same name and the same numbers
    ((waiting,),) = pair.host.query("SELECT count(*) FROM memory WHERE key = 'reports/batches'")
    assert waiting == 0


def test_a_place_that_moves_takes_over_what_waited(scene, places):
    """What the old place did not take goes to the new one, which also learns who speaks."""
    old, new = places
    old.answer = status(500)
    report_to(scene, old.url)
    paste(scene.host, token(scene), "--agent-id", AGENT)
    for place in places:
        report_to(scene, place.url)
        assert scene.host.tick().exit_code == 0
    assert json.loads(next(iter(old.taken.values()))) == new.envelopes()
    assert stages(read(new.envelopes())) == ["enroll", "heartbeat"]
