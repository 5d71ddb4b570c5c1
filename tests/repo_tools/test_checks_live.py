"""Check what is live, from a URL and a root file, as a monitoring job does."""

import json
from datetime import timedelta

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.agent.forge import Forge
from tests.support.web import answer, serving
from tests.support.workspace import Workspace


def test_a_job_without_a_workspace_checks_a_url(rolled, tmp_path):
    """A root file is all that it needs; clients that remember each publication read it, too."""
    job = Workspace(tmp_path / "job", rolled.now)
    with serving(rolled.store) as web:
        known = ("check", "--url", web.url, "--root", rolled.root_file)
        said = job.do(*known)
        assert said["findings"] == [one for one in said["findings"] if one["rule"] == "thresholds"]
        assert said["clients"] == 1 + 3
        assert said["expiry_days"]["timestamp"] == 3
        web.faults["timestamp.json"] = answer(500)
        assert job.run(*known).exit_code == 11
    assert job.run("check", "--url", str(tmp_path / "nothing"), "--root", rolled.root_file).exit_code != 0
    assert job.run("check", "--root", rolled.root_file).exit_code == 2


def test_monitoring_reads_days_to_expiry_as_metrics(rolled):
    """OpenMetrics text has every role, also when the check fails."""
    fresh = rolled.run("check", "--openmetrics")
    assert fresh.exit_code == 0
    lines = fresh.stdout.splitlines()
    assert lines[-1] == "# EOF"
    assert 'tidegate_expiry_days{role="timestamp"} 3.000' in lines
    assert 'tidegate_expiry_days{role="root"} 365.000' in lines
    assert 'tidegate_findings{level="error",rule="any"} 0' in lines
    assert "tidegate_timestamp_age_seconds 0" in lines
    rolled.now += timedelta(days=4)
    late = rolled.run("check", "--openmetrics", "--url", rolled.store)
    assert late.exit_code == 17
    assert 'tidegate_expiry_days{role="timestamp"} -1.000' in late.stdout
    assert 'rule="expiry"' in late.stdout


def test_metrics_are_read_by_the_parser_of_prometheus(rolled):
    """Every role has its days to expiry and its version, whatever else is wrong."""
    for path in rolled.store.glob("targets/releases/agent/1.4.2/*"):
        path.unlink()
    rolled.now += timedelta(days=1)
    text = rolled.run("check", "--openmetrics", "--url", rolled.store).stdout
    families = {family.name: family for family in text_string_to_metric_families(text)}
    days = {one.labels["role"]: one.value for one in families["tidegate_expiry_days"].samples}
    versions = {one.labels["role"]: one.value for one in families["tidegate_version"].samples}
    assert days.keys() == versions.keys() == {"root", "timestamp", *rolled.desk().live.meta, "snapshot"}
    assert (days["timestamp"], days["snapshot"], days["root"]) == (2, 6, 364)
    assert families["tidegate_timestamp_age_seconds"].samples[0].value == 86_400
    found = {
        (one.labels["level"], one.labels["rule"]): one.value for one in families["tidegate_findings"].samples
    }
    assert found["error", "files"] == 1
    assert found["error", "any"] >= 1
    assert all(family.type == "gauge" and family.documentation for family in families.values())


def test_a_bad_repository_fails_and_says_why(rolled):
    """What agents could not read is found from outside."""
    brake = rolled.store / "metadata" / "1.agent.stable.brake.json"
    value = json.loads(brake.read_bytes())
    value["signatures"] = []
    brake.write_text(json.dumps(value))
    result = rolled.run("check", "--url", rolled.store)
    assert result.exit_code == 12
    assert "is not what was signed" in result.stderr


def test_a_timestamp_of_the_future_fails_the_check(told, forge):
    """It would be fresh for longer than anybody agreed to."""
    known = ("--json", "check", "--url", told.store, "--root", told.root_file)
    forge.seal(issued_ago=-timedelta(minutes=4))
    assert "future" not in {one["rule"] for one in told.run(*known).json["findings"]}
    forge.seal(issued_ago=-timedelta(days=400), expires_in=timedelta(days=401))
    result = told.run(*known)
    assert result.exit_code == 17
    assert "future" in {one["rule"] for one in result.json["findings"] if one["level"] == "error"}


def test_a_signed_document_that_cannot_be_read_hides_nothing_else(rolled):
    """Whoever holds the keys signed nonsense: it is named, and monitoring still has its numbers."""
    forge = Forge(rolled)
    forge.document("agent.stable", "rollout/agent/stable/policy", {"poll_s": "often"})
    forge.order("canary", {"version": 7})
    said = rolled.run("check", "--openmetrics")
    assert (said.exit_code, said.stdout.splitlines()[-1]) == (17, "# EOF")
    assert 'tidegate_expiry_days{role="timestamp"}' in said.stdout
    found = [one for one in rolled.run("--json", "check").json["findings"] if one["rule"] == "files"]
    assert [one["role"] for one in found] == ["agent.stable"]
    forge.document("agent.stable", "rollout/agent/stable/policy", {"poll_s": 900})
    found = [one for one in rolled.run("--json", "check").json["findings"] if one["rule"] == "files"]
    assert len(found) == 1


def test_what_old_clients_refuse_is_said_once(rolled):
    """A month of daily refreshes is no reason for a month of sentences."""
    for _ in range(3):
        rolled.now += timedelta(days=1)
        rolled.publish_release(f"1.5.{rolled.now.day}")
    forge = Forge(rolled)
    name = "agent.stable.canary"
    found = forge.load(name)
    found.signed.version = 1
    forge.sign(found, "rollouts")
    (rolled.store / "metadata" / f"1.{name}.json").write_bytes(found.to_bytes())
    for path in (rolled.store / "metadata").glob(f"[2-9].{name}.json"):
        path.unlink()
    forge.seal()
    said = [one["text"] for one in rolled.run("--json", "check").json["findings"]]
    knowing = [text for text in said if text.startswith("a client that knows")]
    assert len(knowing) < 3, knowing
    assert any("others as well" in text for text in knowing)
