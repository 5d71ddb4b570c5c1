"""What the agent tells whoever looks: troubles, reasons, and only text that is text."""

import contextlib
import os
import pty
import subprocess

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families


def test_a_poll_that_fails_shows_in_the_status_until_one_works(scene):
    """Whoever asks for the status learns that the repository does not answer, and since when."""
    scene.ready()
    gone = scene.repo.store / "metadata" / "timestamp.json"
    kept = gone.read_bytes()
    gone.unlink()
    assert scene.host.tick().exit_code == 11
    trouble = scene.host.entry()["trouble"]
    assert trouble["error"] == "unreachable"
    told = scene.host.run("status").stdout
    assert "last decided: 1.0.0 is what" in told  # which is no word about what is ordered now
    assert "unreachable" in told
    explained = scene.host.run("explain").stdout
    assert "last decided: stay by rule current" in explained
    assert f"since {trouble['at']}, unreachable" in explained
    assert scene.host.run("explain", "--json").entry["trouble"] == trouble
    gone.write_bytes(kept)
    assert scene.host.tick().exit_code == 0
    assert "trouble" not in scene.host.entry()
    assert "last decided" not in scene.host.run("explain").stdout


def test_an_error_for_machines_is_one_document(scene):
    """Who asks for JSON reads what went wrong where the answer would have been, and an answer stays alone."""
    for line in (["check"], ["status"], ["tick"], ["let-go", "agent"], ["dance"]):
        done = scene.host.run(*line, "--json")
        found = done.json["error"]
        assert found["exit_code"] == done.exit_code > 0
        assert done.stderr.startswith(f"error: {found['message']}\n")
    scene.ready()
    (scene.host.root / "agent" / "versions" / "1.0.0" / "added").touch()
    done = scene.host.run("verify", "--json")
    assert (done.exit_code, done.json) == (12, {"differences": {"agent": ["added was added"]}})
    scene.host.settings.write_text("state = ")
    done = scene.host.run("doctor", "--json")
    assert (done.exit_code, [entry["ok"] for entry in done.json["checks"]]) == (14, [False])


def test_a_collector_of_metrics_reads_what_a_tick_came_to(scene, tmp_path):
    """Prometheus' own parser finds what runs, what was decided and what is wrong; no place stops a tick."""
    scene.ready()
    told = tmp_path / "textfile" / "tidegate.prom"
    told.parent.touch()
    scene.host.write_settings(top=f'metrics = "{told}"')
    done = scene.host.tick()
    assert (done.exit_code, "cannot be written" in done.stderr) == (0, True)
    told.parent.unlink()
    (scene.repo.store / "metadata" / "timestamp.json").unlink()
    assert scene.host.tick().exit_code == 11
    samples = {
        family.name: [sample.labels for sample in family.samples]
        for family in text_string_to_metric_families(told.read_text())
    }
    assert samples["tidegate_agent_running"] == [{"product": "agent", "version": "1.0.0"}]
    assert samples["tidegate_agent_error"] == [{"error": "unreachable"}]
    assert samples["tidegate_agent_decision"][0]["rule"] == "current"


def test_what_was_signed_is_text_and_never_a_command_to_a_terminal(scene):
    """A reason with control characters can neither colour a line nor break it."""
    scene.ready()
    scene.release("1.1.0")
    with scene.forge.edit("agent.stable.canary") as signed:
        for target in signed.targets.values():
            said = target.unrecognized_fields["custom"]["tidegate"]
            said |= {"state": "hold", "reason": "\x1b[31mred\nsecond line"}
    assert scene.host.run("tick").exit_code == 0
    shown = scene.host.run("status").stdout
    assert "\\x1b[31mred\\nsecond line" in shown
    assert "\x1b" not in shown


def test_going_back_twice_does_not_lead_up_again(scene):
    """The version that an operator left is not the way back from the one that was gone back to."""
    scene.ready()
    scene.release("1.1.0")
    assert scene.host.tick().exit_code == 0
    assert scene.host.run("rollback").exit_code == 0
    again = scene.host.run("rollback")
    assert (again.exit_code, scene.host.runs) == (13, "1.0.0")
    assert "unpin" in again.stderr


def test_history_says_why_a_host_went_back(scene):
    """A recall and a hand at the host are told apart."""
    scene.ready()
    scene.release("1.1.0")
    scene.host.tick()
    scene.host.run("rollback")
    assert scene.host.details("update_install") == "by hand"
    scene.host.run("unpin")
    scene.host.tick()
    scene.recall("1.0.0", "==1.1.0")
    assert scene.host.tick().exit_code == 0
    assert scene.host.details("update_install") == "recalled"


def test_a_link_that_was_turned_elsewhere_is_named(scene):
    """A current version that is no version stops the update, not what runs."""
    scene.ready()
    link = scene.host.root / "agent" / "current"
    link.unlink()
    link.symlink_to("/etc")
    done = scene.host.tick()
    assert (done.exit_code, scene.host.runs) == (13, "1.0.0")
    assert "points to /etc" in done.stderr


def test_a_lost_journal_is_noticed_by_the_doctor(scene):
    """A version that runs beside a journal that knows nothing means that somebody removed the journal."""
    scene.ready()
    (scene.host.state / "journal.db").unlink()
    done = scene.host.run("doctor")
    assert done.exit_code == 14
    assert "is new although agent is installed" in done.stdout


@pytest.mark.parametrize("command", ["doctor", "history"])
def test_a_table_fits_the_terminal(scene, command):
    """The last column is folded where somebody looks; what a script reads has one line for each row."""
    scene.ready()
    assert max(map(len, scene.host.run(command).stdout.splitlines())) > 80
    ours, theirs = pty.openpty()
    done = subprocess.Popen(
        scene.host.command(command), stdout=theirs, env={**scene.host.environment, "COLUMNS": "80"}
    )
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # the other side is closed
        while block := os.read(ours, 4096):
            shown += block
    os.close(ours)
    assert done.wait() == 0
    lines = shown.decode().splitlines()
    assert [line for line in lines if " " in line[80:]] == []
    assert len(lines) > len(scene.host.run(command).stdout.splitlines())
