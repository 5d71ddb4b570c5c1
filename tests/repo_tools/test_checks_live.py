"""Check what is live, from a URL and a root file, as a monitoring job does."""

import json
from datetime import timedelta

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


def test_metrics_have_the_form_that_scrapers_ask_for(rolled):
    """Each name has one type line, and every sample is a name, labels and a number."""
    lines = rolled.run("check", "--openmetrics").stdout.splitlines()
    types = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(types) == len(set(types))
    for line in lines:
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            assert name.partition("{")[0] in types
            float(value)


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
