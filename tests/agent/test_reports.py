"""What a host says about itself: signed, scrubbed, once for each event, and never in the way of an update."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from securesystemslib.signer import Key

from agent.reports.scrub import HIDDEN, scrub
from metadata.envelope import unseal
from metadata.report import Report
from tests.agent.scene import AGENT, Scene
from tests.support.host import Host
from tests.support.nginx import KEY, DropBox, dropping


@pytest.fixture
def box(tmp_path) -> Iterator[DropBox]:
    """A drop box behind a real nginx."""
    with dropping(tmp_path / "nginx") as box:
        yield box


@pytest.fixture
def reporting(scene: Scene, box: DropBox) -> Scene:
    """A repository whose hosts report, and a host that was enrolled by token and says where it stands."""
    scene.repo.do("fleet", "reports", "stable", "--url", box.url, "--heartbeat", "1d")
    scene.repo.sign_and_publish()
    enroll(scene, scene.host, AGENT)
    scene.host.write_settings(top='labels = { rack = "7" }')
    return scene


def enroll(scene: Scene, host: Host, name: str) -> None:
    """Enrol a host by token."""
    header = ("--header", f"X-Reports-Key: {KEY}", "--label", "site=fra1")
    text = scene.repo.do("fleet", "token", "--url", scene.web.url, *header)["token"]
    done = host.run("enroll", "--token", text, "--agent-id", name)
    assert done.exit_code == 0, done.stderr


def said(*files: Path) -> list[Report]:
    """Return the reports of some flushes, each verified with the key that its enrolment names."""
    sealed = [
        unseal(json.dumps(one).encode(), Report) for file in files for one in json.loads(file.read_bytes())
    ]
    reports = [one.peek(Report) for one in sealed]
    (entry,) = {report.key["keyid"]: report.key for report in reports if report.key}.values()
    key = Key.from_dict(entry["keyid"], {name: value for name, value in entry.items() if name != "keyid"})
    for one in sealed:
        one.verify({key.keyid: key}, "the report")
    return reports


def stages(reports: list[Report]) -> list[tuple[str, str]]:
    """Return what the reports are about."""
    return [(report.stage, report.outcome) for report in reports]


def test_a_host_says_who_it_is_and_what_it_did(reporting, box):
    """Enrolment, every stage of an update and a heartbeat arrive signed, numbered and labelled."""
    reporting.release("1.0.0")
    assert reporting.host.tick().exit_code == 0
    reports = said(*box.files)
    assert stages(reports) == [
        ("enroll", "ok"),
        ("update_download", "ok"),
        ("update_verify", "ok"),
        ("update_install", "ok"),
        ("update_healthcheck", "ok"),
        ("heartbeat", "ok"),
    ]
    assert [report.seq for report in reports] == [1, 2, 3, 4, 5, 6]
    assert {report.agent for report in reports} == {AGENT}
    assert {json.dumps(report.labels) for report in reports} == {'{"site": "fra1", "rack": "7"}'}
    assert (reports[4].wave, reports[4].to_version) == ("canary", "1.0.0")
    assert {report.running for report in reports} == {"1.0.0"}
    assert reports[5].decision is not None
    assert reports[5].decision["rule"] == "current"
    assert box.files[0].relative_to(box.folder).parts[:2] == ("reports", "v1")


def test_a_host_with_no_news_is_silent_until_its_heartbeat(reporting, box):
    """A tick that finds nothing new sends nothing."""
    reporting.host.tick()
    before = len(box.files)
    for _ in range(3):
        assert reporting.host.tick().exit_code == 0
    assert len(box.files) == before
    reporting.host.query("DELETE FROM memory WHERE key = 'heartbeat/agent'")  # as if a day had passed
    reporting.host.tick()
    assert stages(said(*box.files))[-1] == ("heartbeat", "ok")


def test_reports_wait_while_the_place_is_gone(reporting, box):
    """The update goes on, nothing is lost, and the place is not asked at each poll."""
    closed = box.folder.rename(box.folder.with_name("closed"))
    box.folder.write_text("no folder")
    reporting.release("1.0.0")
    assert reporting.host.tick().exit_code == 0
    assert reporting.host.installed == "1.0.0"
    box.folder.unlink()
    closed.rename(box.folder)
    reporting.host.tick()
    assert not box.files
    reporting.host.query("DELETE FROM memory WHERE key = 'reports/retry'")  # as if the pause were over
    reporting.host.tick()
    assert ("update_healthcheck", "ok") in stages(said(*box.files))


def test_a_flush_that_arrived_unnoticed_is_the_same_when_it_is_sent_again(reporting, box):
    """The host died before it noted that the flush arrived: the same reports, under the same numbers."""
    reporting.host.tick()
    first = said(*box.files)
    lane = {"place": box.url, "products": ["agent"]}
    batch = {"lane": lane, "first_seq": 1, "events": [event_of(reporting.host)]}
    reporting.host.query("INSERT INTO memory VALUES ('reports/batches', ?)", json.dumps([batch]))
    reporting.host.tick()
    again = [report for report in said(*box.files) if report.seq == 1]
    assert {report.stage for report in again} == {first[0].stage}


def event_of(host: Host) -> dict[str, Any]:
    """Return the first event as the journal has it."""
    names = ("id", "at", "product", "wave", "rollout", "from", "to", "stage", "outcome", "reason", "detail")
    (row,) = host.query("SELECT * FROM event ORDER BY id LIMIT 1")
    return dict(zip(names, row, strict=True))


def test_a_host_that_lost_its_journal_goes_on_counting(reporting, box):
    """The number lies beside the key; the doctor knows what to do should that be lost, too."""
    reporting.release("1.0.0")
    reporting.host.tick()
    before = len(said(*box.files))
    (reporting.host.state / "journal.db").unlink()
    examined = reporting.host.run("doctor", "--json").json["checks"]
    (mend,) = [entry["mend"] for entry in examined if entry["check"] == "journal"]
    assert "if identity/next-report was lost with it: tidegate-agent enroll --again" in mend
    assert reporting.host.tick().exit_code == 0
    reports = said(*box.files)
    assert stages(reports[before:]) == [("enroll", "ok"), ("heartbeat", "ok")]
    assert [report.seq for report in reports] == list(range(1, before + 3))


def test_a_refusal_is_told_when_it_changes(reporting, box):
    """An order by a key that may not is refused and reported once, not at each poll."""
    reporting.host.tick()
    reporting.forge.seal(key="rollouts")
    for _ in range(3):
        assert reporting.host.tick().exit_code == 12
    reports = said(*box.files)
    assert [(one.reason, one.outcome) for one in reports if one.stage == "refusal"] == [
        ("untrusted", "failed")
    ]


def test_the_drop_box_creates_and_does_nothing_else(box):
    """Nobody reads, changes, removes or lists, and without the key nobody writes."""
    url = f"{box.url}/reports/v1/dt=2026-11-22/hh=12/host-1/1.json"
    key = {"X-Reports-Key": KEY}
    assert requests.put(url, b"[]", timeout=5).status_code == 403
    assert requests.put(url, b"[]", headers=key, timeout=5).status_code == 201
    assert requests.put(url, b"[1]", headers=key, timeout=5).status_code == 409
    assert requests.get(url, headers=key, timeout=5).status_code == 405
    assert requests.delete(url, headers=key, timeout=5).status_code == 405
    assert requests.get(f"{box.url}/reports/v1/", headers=key, timeout=5).status_code == 404
    assert requests.put(f"{box.url}/elsewhere.json", b"[]", headers=key, timeout=5).status_code == 404
    assert [file.read_bytes() for file in box.files] == [b"[]"]


def test_a_place_that_refuses_changes_nothing_else(reporting):
    """A server that takes no PUT is told apart from one that is gone, and the update is done."""
    reporting.repo.do("fleet", "reports", "stable", "--url", reporting.web.url)
    reporting.release("1.0.0")
    assert reporting.host.tick().exit_code == 0
    assert reporting.host.installed == "1.0.0"
    ((kept,),) = reporting.host.query("SELECT value FROM memory WHERE key = 'reports/retry'")
    assert "HTTP 501" in json.loads(kept)[reporting.web.url]["why"]


def test_events_that_waited_too_long_are_counted(reporting, box):
    """A host that was cut off for months keeps its newest events, and says how many it had to drop."""
    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) "
    columns = "at, product, stage, outcome, reason, detail"
    row = "'2026-11-22T12:00:00Z', 'agent', 'soak', 'ok', '', 'number ' || i"
    reporting.host.tick()
    reporting.host.query(f"{many} INSERT INTO event ({columns}) SELECT {row} FROM n")
    reporting.release("1.0.0")
    for _ in range(2):
        assert reporting.host.tick().exit_code == 0
    reports = said(*box.files)
    assert reports[0].stage == "enroll"
    dropped = [report for report in reports if "older events were dropped] number" in report.detail]
    assert len(dropped) == 1
    ((oldest,),) = reporting.host.query("SELECT min(id) FROM event WHERE stage != 'enroll'")
    assert dropped[0].detail.startswith(f"[{oldest - 2} older events")
    assert sorted(report.seq for report in reports) == list(range(1, len(reports) + 1))


SECRETS = {
    "PGPASSWORD=hunter2 psql": "PGPASSWORD=[hidden] psql",
    '{"api_key": "abc def", "port": 1}': '{"api_key": [hidden], "port": 1}',
    "--token abcdef --port 1": "--token [hidden] --port 1",
    "Authorization: Bearer abcdefgh.ijkl": "Authorization: [hidden]",
    "GET https://user:pass@example.com/x": "GET https://[hidden]@example.com/x",
    "key AKIAIOSFODNN7EXAMPLE used": "key [hidden] used",
    "-----BEGIN PRIVATE KEY-----\nMC4C": HIDDEN,
}


@pytest.mark.parametrize("text", SECRETS)
def test_secrets_are_taken_out_of_what_is_said(text):
    """A probe's last words often hold what it was started with."""
    assert scrub(text) == SECRETS[text]


@pytest.mark.parametrize("text", ["GET /healthz answered 503", "the secretary left", "exited 1: no output"])
def test_other_text_is_left_alone(text):
    """What helps to find the fault stays readable."""
    assert scrub(text) == text
