"""One product, one host with a real systemd: from v0.2.0 to v0.2.1 and back, and what is not followed.

The same steps stand in ``docs/how-to/there-and-back.md``, for a person to follow by hand.
"""

from metadata.report import Report
from tests.agent.reporting import paste, read, report_to, token
from tests.agent.scene import AGENT, Scene
from tests.support.taker import taking

GOOD = ("--start-s", "20", "--trial-s", "1")
UPDATED = ["update_download", "update_verify", "update_install", "update_healthcheck"]


def test_from_0_2_0_to_0_2_1_and_back(units):
    """An update, a failed one, a recall and what is refused, from the first install to the last refusal."""
    with taking() as place:
        report_to(units, place.url)
        paste(units.host, token(units), "--agent-id", AGENT)
        units.release("0.2.0", "good", *GOOD)
        assert (units.host.tick().exit_code, units.host.runs) == (0, "0.2.0")
        the_story(units)
        all_of_it_was_reported(read(place.envelopes()))


def the_story(units: Scene) -> None:
    """Tell it, from v0.2.0 on."""
    it_is_detected_and_nothing_is_changed_by_looking(units)
    it_is_taken_and_kept(units)
    a_sick_release_goes_back_with_its_configuration(units)
    an_older_release_is_not_followed_without_a_recall(units)
    what_was_tampered_with_is_refused(units)
    a_wrong_signature_is_refused(units)
    an_order_for_another_product_is_refused(units)
    a_recall_is_obeyed(units)


def it_is_detected_and_nothing_is_changed_by_looking(units: Scene) -> None:
    """Detect."""
    units.release("0.2.1", "good", *GOOD)
    seen = units.host.run("check", "--json").entry["decision"]
    assert (seen["action"], seen["rule"], seen["version"]) == ("update", "update", "0.2.1")
    assert (units.host.runs, units.host.versions) == ("0.2.0", ["0.2.0"])


def it_is_taken_and_kept(units: Scene) -> None:
    """Download, verify, stop, switch, start, health, commit, report."""
    stopped = units.host.pid
    known = len(units.host.history())
    done = units.host.tick()
    assert (done.exit_code, done.entry["state"], done.entry["running"]) == (0, "IDLE", "0.2.1"), done.stderr
    assert (units.host.runs, units.host.installed) == ("0.2.1", "0.2.1")
    assert units.host.pid != stopped
    assert (units.host.root / "agent" / "previous").readlink().name == "0.2.0"
    assert [(stage, outcome) for stage, outcome, _ in units.host.history()[known:]] == [
        (stage, "ok") for stage in UPDATED
    ]
    told = units.host.query('SELECT "from", "to", wave, rollout FROM event ORDER BY id DESC LIMIT 1')
    assert told == [("0.2.0", "0.2.1", "canary", "stable-0002")]


def a_sick_release_goes_back_with_its_configuration(units: Scene) -> None:
    """A v0.2.2 that fails its health check."""
    units.release("0.2.2", "migrates+unhealthy", "--start-s", "2")
    done = units.host.tick()
    assert (done.exit_code, done.entry["state"], units.host.runs) == (0, "IDLE", "0.2.1"), done.stderr
    assert units.host.config.read_text() == "colour = blue\n"
    assert units.host.history()[-2:] == [
        ("update_healthcheck", "failed", "unhealthy"),
        ("update_rollback", "ok", "version"),
    ]
    assert units.host.tick().rule == "quarantined"


def an_older_release_is_not_followed_without_a_recall(units: Scene) -> None:
    """What runs is live and higher: a plain order does not lead down."""
    units.forge.point("0.2.0", recall=None)
    stays(units, 0, "ahead")


def what_was_tampered_with_is_refused(units: Scene) -> None:
    """One byte of the artifact is another."""
    units.release("0.2.3", "good", *GOOD)
    artifact = units.artifact("0.2.3")
    good = artifact.read_bytes()
    artifact.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    stays(units, 12, "is not what was signed")
    artifact.write_bytes(good)


def a_wrong_signature_is_refused(units: Scene) -> None:
    """A wave role that is signed with another key."""
    with units.forge.edit("agent.stable.canary", key="releases"):
        pass
    stays(units, 12, "cannot be trusted")
    with units.forge.edit("agent.stable.canary"):
        pass


def an_order_for_another_product_is_refused(units: Scene) -> None:
    """The right key, and the wrong product."""
    units.forge.order("canary", {"product": "other"})
    stays(units, 0, "foreign")
    units.forge.order("canary", {"product": "agent"})


def a_recall_is_obeyed(units: Scene) -> None:
    """The only way down."""
    units.recall("0.2.0", ">=0.2.1,<=0.2.3")
    done = units.host.tick()
    assert (done.exit_code, done.entry["state"], units.host.runs) == (0, "IDLE", "0.2.0"), done.stderr
    assert units.host.details("update_install") == "recalled"
    assert units.host.tick().rule == "current"


def all_of_it_was_reported(reports: list[Report]) -> None:
    """Whoever looks after the fleet knows what became of each version, and what was refused."""
    told: dict[str | None, list[tuple[str, str, str]]] = {}
    for report in reports:
        if report.stage.startswith("update_"):
            told.setdefault(report.to_version, []).append((report.stage, report.outcome, report.reason))
    good = [(stage, "ok", "") for stage in UPDATED]
    assert told["0.2.1"] == good
    assert told["0.2.0"][: len(good)] == good
    assert told["0.2.0"][len(good) :] == good[-2:]  # it was still there: nothing to download
    assert [report.to_version for report in reports if report.detail == "recalled"] == ["0.2.0"]
    assert told["0.2.2"][-1] == ("update_rollback", "ok", "version")
    assert {"untrusted", "foreign"} <= {report.reason for report in reports if report.stage == "refusal"}


def stays(units: Scene, exit_code: int, said: str) -> None:
    """A tick answers like this, and v0.2.1 does not notice."""
    pid = units.host.pid
    done = units.host.tick()
    assert (done.exit_code, units.host.runs, units.host.pid) == (exit_code, "0.2.1", pid), done.stderr
    assert said in (done.stderr if exit_code else done.rule)
