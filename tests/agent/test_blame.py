"""Whose fault it was: the version, the environment, or damage; and hosts on which nothing runs any more."""

from datetime import UTC, datetime, timedelta

import pytest

from agent.blame import blame, retry_at
from agent.commands import unstartable
from tests.agent.test_trial import BREAKS

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("baseline_ok", "old_ok", "whose"),
    [
        (True, True, "version"),
        (True, False, "damaged"),
        (False, False, "environment"),
        (False, True, "version"),
        (None, None, "version"),
    ],
)
def test_blame_is_a_table(baseline_ok, old_ok, whose):
    """Before and after are compared, since the new version cannot be asked."""
    assert blame(baseline_ok=baseline_ok, old_ok=old_ok) == whose


@pytest.mark.parametrize(
    ("attempts", "hours"), [*enumerate((0.5, 1, 2, 4, 8, 16, 24), 1), (8, 24), (1_000, 24)]
)
def test_retries_back_off(attempts, hours):
    """Each attempt waits longer, up to a day."""
    assert retry_at(attempts, NOW) - NOW == timedelta(hours=hours)


def pause(host) -> timedelta:
    """Return how long the next attempt waits for after the last event, in whole minutes."""
    ((due,),) = host.query("SELECT value ->> '$.at' FROM memory WHERE key LIKE 'retry/%'")
    ((at,),) = host.query("SELECT at FROM event ORDER BY id DESC LIMIT 1")
    waits = datetime.fromisoformat(due) - datetime.fromisoformat(at)
    return timedelta(minutes=round(waits / timedelta(minutes=1)))


def test_a_sick_environment_is_not_the_version_s_fault(scene):
    """Unhealthy before, unhealthy after: no quarantine, another try later."""
    scene.ready("1.0.0", "good", "--start-s", "8")
    sick = scene.host.folder / "sick"
    sick.touch()
    scene.release("1.1.0", "good", "--start-s", "8")
    done = scene.host.tick()
    assert (done.exit_code, done.rule, done.entry["decision"]["action"]) == (0, "backoff", "wait")
    assert scene.host.installed == "1.0.0"
    assert scene.host.history()[-1] == ("update_rollback", "ok", "environment")
    assert pause(scene.host) == timedelta(minutes=30)
    sick.unlink()
    assert scene.host.tick().rule == "backoff"
    pass_time(scene.host)
    scene.host.tick()
    assert scene.host.runs == "1.1.0"


def pass_time(host) -> None:
    """Let the next attempt be due, as if the host had waited."""
    host.query(
        "UPDATE memory SET value = json_set(value, '$.at', '2020-01-01T00:00:00Z') WHERE key LIKE 'retry/%'"
    )


def test_damage_is_the_worst_failure(scene):
    """Healthy before, and unhealthy with the old version too: the update left something broken."""
    scene.ready("1.0.0", "good", "--start-s", "8")
    scene.release("1.1.0", "poisons", *BREAKS)
    scene.host.tick()
    assert scene.host.history()[-1] == ("update_rollback", "ok", "damaged")
    assert scene.host.tick().rule == "quarantined"


def test_data_that_a_release_migrated_before_it_failed_is_damage(scene):
    """What is not named as configuration does not come back, and the old version cannot read it."""
    text = scene.host.settings.read_text()
    scene.host.settings.write_text(text.replace(f'["{scene.host.config.parent}"]', "[]"))
    scene.ready("1.0.0", "old", "--start-s", "8")
    scene.release("1.1.0", "migrates+unhealthy", *BREAKS)
    assert scene.host.tick().entry["state"] == "STRANDED"
    assert scene.host.history()[-1] == ("update_rollback", "failed", "damaged")
    assert scene.host.config.read_text() == "migrated by 1.1.0"
    scene.release("1.1.1")
    scene.host.tick()
    assert (scene.host.runs, scene.host.stands) == ("1.1.1", "IDLE")


def test_a_host_on_which_nothing_starts_is_stranded_and_a_fixed_release_takes_it_out(scene):
    """An old version that cannot be started either leaves the host stranded until something runs."""
    scene.ready("1.0.0", "good", "--start-s", "8")
    scene.release("1.1.0", "wrecks", *BREAKS)
    done = scene.host.tick()
    assert (done.exit_code, done.entry["state"], scene.host.runs) == (0, "STRANDED", None)
    assert scene.host.history()[-1] == ("update_rollback", "failed", "damaged")
    done = scene.host.tick()
    assert (done.rule, done.entry["state"]) == ("quarantined", "STRANDED")
    scene.release("1.1.1", "heals")
    done = scene.host.tick()
    assert (scene.host.runs, done.entry["state"]) == ("1.1.1", "IDLE")


@pytest.mark.parametrize(("refusals", "state", "runs"), [(3, "IDLE", "1.0.0"), (4, "STRANDED", None)])
def test_the_old_version_is_started_up_to_three_times(scene, refusals, state, runs):
    """One that comes up at the third attempt strands no host."""
    scene.ready()
    for number in range(refusals):  # the first of them refuses the new version
        (scene.host.folder / f"refuse-start-{number}").touch()
    scene.release("1.1.0")
    assert (scene.host.tick().entry["state"], scene.host.runs) == (state, runs)
    assert not list(scene.host.folder.glob("refuse-start-*"))


@pytest.mark.parametrize(
    ("content", "mode", "why"),
    [
        (b"#! \t/bin/sh -e\n", 0o755, ""),
        (b"#!/nope/sh\n", 0o755, "asks for /nope/sh, which is not there"),
        (b"#!/bin/sh\r\n", 0o755, "asks for /bin/sh\r, which is not there"),
        (b"#!sh\n", 0o755, ""),
        (b"\x7fELF", 0o755, ""),
        (b"", 0o755, ""),
        (b"#!/bin/sh\n", 0o644, "is not executable"),
        (None, 0, "is not there"),
    ],
)
def test_what_speaks_against_a_program(tmp_path, content, mode, why):
    """A look at a program tells what the kernel would refuse, and no more than it can know."""
    program = tmp_path / "program"
    if content is not None:
        program.write_bytes(content)
        program.chmod(mode)
    assert unstartable(str(program)) == why


@pytest.mark.parametrize(
    ("program", "why"),
    [("/nope/st", "is not there"), ("script", "asks for /nope/sh, which is not there")],
    ids=["program", "interpreter"],
)
def test_a_status_command_that_is_not_there_keeps_the_host_waiting(scene, program, why):
    """Nothing is stopped for an update that could not be judged, and doctor names the setting."""
    scene.ready()
    pid = scene.host.pid
    script = scene.host.folder / "script"
    script.write_text("#! /nope/sh -e\n")
    script.chmod(0o755)
    program = str(scene.host.folder / program)  # an absolute one stays what it is
    scene.host.settings.write_text(with_status(scene, program))
    scene.release("1.1.0")
    done = scene.host.tick()
    assert (done.exit_code, scene.host.runs, scene.host.pid) == (13, "1.0.0", pid), done.stderr
    assert f"the status command {why}: {program}" in done.stderr
    assert "correct service.status in the settings" in done.stderr
    assert "mend: correct service.status in the settings" in scene.host.run("doctor").stdout
    scene.host.settings.write_text(scene.host.plain)
    assert (scene.host.tick().exit_code, scene.host.runs) == (0, "1.1.0")


def test_a_status_command_that_is_wrong_leaves_no_product_stopped(scene):
    """Whatever it says, the last thing done is to start what is in place."""
    scene.ready("1.0.0", "good", "--start-s", "8")
    scene.host.settings.write_text(with_status(scene, "/bin/false"))
    scene.release("1.1.0", "good", "--start-s", "1")
    assert scene.host.tick().entry["state"] == "STRANDED"
    scene.host.eventually(lambda: scene.host.runs == "1.0.0")
    assert "correct service.status in the settings" in scene.host.run("doctor").stdout


def with_status(scene, program: str) -> str:
    """Return the host's settings with another status command."""
    asked = f'"{scene.host.folder / "ctl"}", "status", "{{current}}"'
    assert asked in scene.host.plain
    return str(scene.host.plain.replace(asked, f'"{program}"'))


def test_a_stranded_host_stays_stranded_when_the_next_release_fails_too(scene):
    """There is nothing to go back to: the newer version stays where it is, and the host says what it is."""
    scene.ready("1.0.0", "good", "--start-s", "8")
    scene.release("1.1.0", "wrecks", *BREAKS)
    scene.host.tick()
    scene.release("1.1.1", "crashes", "--start-s", "1")
    done = scene.host.tick()
    assert done.entry["state"] == "STRANDED"
    scene.release("1.1.2", "heals")
    assert scene.host.tick().entry["state"] == "IDLE"
    assert scene.host.runs == "1.1.2"


def test_an_old_version_that_does_not_end_is_not_the_new_one_s_fault(scene):
    """It runs on, as the same process, and the new version is tried again later."""
    scene.ready("1.0.0", "good", "--start-s", "8")
    pid = scene.host.pid
    (scene.host.folder / "refuse-stop").touch()
    scene.release("1.1.0")
    assert scene.host.tick().rule == "backoff"
    assert (scene.host.runs, scene.host.pid, scene.host.stands) == ("1.0.0", pid, "IDLE")
    assert scene.host.history()[-1] == ("update_rollback", "ok", "environment")
    assert "three users are at work" in scene.host.details("update_install")
    (scene.host.folder / "refuse-stop").unlink()
    pass_time(scene.host)
    scene.host.tick()
    assert scene.host.runs == "1.1.0"
