"""Products that systemd runs: the same life of an update, with a real systemd as the manager."""

import os
import signal
from functools import partial

import pytest

from tests.agent.test_blame import pass_time
from tests.agent.test_crashes import dies_in
from tests.support.host import eventually
from tests.support.product import build
from tests.support.systemd import SystemdHost


def test_a_unit_is_installed_and_updated(units):
    """The first version is started, the second takes its place, and systemd restarts what ends by itself."""
    units.ready()
    units.release("1.1.0")
    assert units.host.tick().exit_code == 0
    assert units.host.runs == "1.1.0"
    os.kill(units.host.pid, signal.SIGKILL)
    eventually(lambda: units.host.runs == "1.1.0" and units.host.restarts == 1)


def test_a_crash_loop_goes_back(units):
    """Under ``Restart=always`` three restarts lose the trial, and no start limit holds up the way back."""
    units.ready()
    units.release("1.1.0", "crashes", "--start-s", "600")
    done = units.host.tick()
    assert (done.exit_code, done.entry["state"], units.host.runs) == (0, "IDLE", "1.0.0"), done.stderr
    assert ("update_healthcheck", "failed", "restarts") in units.host.history()
    assert ("update_rollback", "ok", "version") in units.host.history()


def test_a_start_limit_that_was_reached_before_does_not_hold_up_an_update(units):
    """A product that systemd has given up is started again by the update that mends it."""
    units.ready()
    (units.host.folder / "wrecked").touch()
    os.kill(units.host.pid, signal.SIGKILL)
    eventually(lambda: units.host.systemd.show(units.host.unit, "ActiveState") == "failed")
    units.release("1.1.0", "heals")
    units.host.tick()
    assert (units.host.runs, units.host.restarts) == ("1.1.0", 0)


def test_a_start_limit_that_the_new_version_reaches_does_not_hold_up_the_way_back(units):
    """The unit would not be started again for an hour, and the old version runs all the same."""
    units.ready()
    units.host.write_unit(extra="[Unit]\nStartLimitBurst=2\nStartLimitIntervalSec=1h")
    units.host.systemd.ctl("daemon-reload")
    units.release("1.1.0", "crashes", "--start-s", "2")
    units.host.tick()
    assert (units.host.runs, units.host.stands) == ("1.0.0", "IDLE")
    starts = [units.host.systemd.ctl("restart", units.host.unit).returncode for _ in range(2)]
    assert starts == [0, 1]  # the way back was one of the two that the limit allows


def test_a_stop_that_outlasts_the_settings_speaks_against_no_version(units):
    """The unit itself would wait for ever; the settings say how long the agent does."""
    units.host.write_unit("simple", "TimeoutStopSec=infinity")
    text = units.host.settings.read_text()
    units.host.settings.write_text(text.replace('.service" }', '.service", timeout_s = 2 }', 1))
    units.ready("1.0.0", "stubborn")
    units.release("1.1.0")
    pid = units.host.pid
    done = units.host.tick()
    assert (done.exit_code, done.rule, done.entry["state"]) == (0, "backoff", "STRANDED"), done.stdout
    assert units.host.history()[-1] == ("update_rollback", "failed", "environment")
    assert (units.host.runs, units.host.pid, units.host.installed) == ("1.0.0", pid, "1.0.0")
    os.kill(pid, signal.SIGKILL)  # systemd starts it again, as it was told to
    eventually(lambda: units.host.runs == "1.0.0" and units.host.pid != pid)
    units.host.write_unit("simple", "TimeoutStopSec=1")
    units.host.systemd.ctl("daemon-reload")
    pass_time(units.host)
    units.host.tick()
    assert (units.host.runs, units.host.stands) == ("1.1.0", "IDLE")


def came_back(host: SystemdHost, restarts: int) -> bool:
    """Return whether the product answers again after so many restarts."""
    return host.restarts == restarts and host.runs is not None


def test_one_restart_is_forgiven(units):
    """Restarts count from the last start on purpose: earlier ones cost a new version nothing."""
    units.ready()
    for count in range(1, 4):
        os.kill(units.host.pid, signal.SIGKILL)
        eventually(partial(came_back, units.host, count))
    units.release("1.1.0", "trips", "--start-s", "30", "--trial-s", "1")
    units.host.tick()
    assert (units.host.runs, units.host.restarts) == ("1.1.0", 1)


def test_a_service_that_is_never_ready_goes_back(units):
    """A ``Type=notify`` unit must say that it is ready within its own time limit."""
    units.host.write_unit("notify", "TimeoutStartSec=20")
    units.ready("1.0.0", "notifies")
    units.host.write_unit("notify", "TimeoutStartSec=3")
    units.host.systemd.ctl("daemon-reload")
    units.release("1.1.0")
    done = units.host.tick()
    assert (done.exit_code, units.host.runs) == (0, "1.0.0"), done.stderr
    assert "result timeout" in units.host.details("update_install")
    assert ("update_rollback", "ok", "version") in units.host.history()


def test_a_service_that_is_slow_to_be_ready_is_waited_for(units):
    """The start is over when the service says so, not when its process is there."""
    units.host.write_unit("notify")
    units.ready("1.0.0", "slow+notifies")
    assert units.host.history()[-2:] == [("update_install", "ok", ""), ("update_healthcheck", "ok", "")]


@pytest.mark.parametrize("state", ["SWITCHING", "ON_TRIAL"])
def test_a_tick_that_is_killed_is_finished_by_the_next(units, state):
    """Killed in the middle, the update comes to the same end."""
    units.ready()
    units.release("1.1.0")
    dies_in(units.host, state)
    done = units.host.tick()
    assert (done.exit_code, done.entry["state"], units.host.runs) == (0, "IDLE", "1.1.0"), done.stderr


@pytest.mark.parametrize("state", ["SWITCHING", "ON_TRIAL"])
def test_a_power_cut_is_survived(units, state):
    """After a cut in the middle the enabled unit runs, old or new, and the next tick finishes."""
    units.ready()
    units.release("1.1.0")
    dies_in(units.host, state)
    trial_boot = "SELECT work ->> '$.trial_boot' FROM product"
    before = units.host.query(trial_boot)
    units.host.power_cut()
    eventually(lambda: units.host.runs == units.host.installed)
    dies_in(units.host, "ON_TRIAL")
    assert units.host.query(trial_boot) != before
    done = units.host.tick()
    assert (done.exit_code, done.entry["state"], units.host.runs) == (0, "IDLE", "1.1.0"), done.stderr


def test_a_tick_killed_on_the_way_back_is_finished_by_the_next(units):
    """The old version runs again, whenever the tick that was to bring it back has died."""
    units.ready()
    units.release("1.1.0", "unhealthy", "--start-s", "1")
    dies_in(units.host, "ROLLING_BACK")
    units.host.tick()
    assert (units.host.runs, units.host.stands) == ("1.0.0", "IDLE")


def test_a_stop_that_overstays_is_ended_by_systemd(units):
    """A version that ignores SIGTERM is killed after the unit's own time limit."""
    units.host.write_unit("simple", "TimeoutStopSec=1")
    units.ready("1.0.0", "stubborn")
    units.release("1.1.0")
    units.host.tick()
    assert units.host.runs == "1.1.0"


def test_a_unit_is_taken_over_while_it_runs(units, tmp_path):
    """The service runs on from where it was installed until the first update, and from the link after it."""
    legacy = build(tmp_path / "legacy", "1.0.0")
    units.host.write_unit(folder=legacy)
    units.host.systemd.ctl("daemon-reload")
    units.host.systemd.ctl("start", units.host.unit)
    assert units.enroll().exit_code == 0
    units.release("1.0.0")
    pid = units.host.pid
    adopted = units.host.run("adopt", "agent", "--version", "1.0.0", "--from", str(legacy))
    assert (adopted.exit_code, units.host.tick().rule, units.host.pid) == (0, "current", pid), adopted.stderr
    units.host.write_unit()
    units.host.systemd.ctl("daemon-reload")
    units.release("1.1.0")
    units.host.tick()
    assert units.host.runs == "1.1.0"


def test_another_unit_can_be_what_health_asks_for(units):
    """A helper that does not run fails the trial, and was unwell before: the version is not to blame."""
    helper = units.host.systemd.units / "helper.service"
    helper.write_text("[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n")
    units.host.systemd.ctl("daemon-reload")
    units.host.systemd.ctl("start", "helper.service")
    units.host.health.append('{ systemd = "helper.service", interval_s = 1 }')
    units.host.write_settings()
    units.ready()
    units.host.systemd.ctl("stop", "helper.service")
    units.release("1.1.0", "good", "--start-s", "1")
    assert (units.host.tick().rule, units.host.runs) == ("backoff", "1.0.0")
    assert "helper.service is inactive" in units.host.details("update_healthcheck")


def test_a_unit_that_nobody_installed_changes_nothing(units):
    """Without its unit a product cannot be started, and no version is blamed for it."""
    (units.host.systemd.units / units.host.unit).unlink()
    assert units.enroll().exit_code == 0
    units.release("1.0.0")
    done = units.host.tick()
    assert (done.exit_code, units.host.installed, units.host.stands) == (13, None, "IDLE")
    assert "there is no unit agent.service" in done.stderr
    assert units.host.entry()["trouble"]["error"] == "no_manager"
    examined = units.host.run("doctor").stdout
    assert "mend: install it, then: systemctl daemon-reload" in examined
    assert "tidegate-guard.timer is not enabled" in examined
    units.host.write_unit()
    units.host.systemd.ctl("daemon-reload")
    assert (units.host.tick().exit_code, units.host.runs) == (0, "1.0.0")


def test_a_host_without_systemd_says_so(scene):
    """Settings from another kind of host are answered by a hint, and change nothing."""
    text = scene.host.settings.read_text()
    start = text.index("service = ")
    service = 'service = { kind = "systemd", unit = "agent.service" }'
    scene.host.settings.write_text(text.replace(text[start : text.index("\n", start)], service))
    scene.enroll()
    scene.release("1.0.0")
    done = scene.host.tick()
    assert (done.exit_code, scene.host.installed) == (13, None)
    assert "does not run systemd" in done.stderr


@pytest.mark.parametrize("unit", ["nats.timer", "--help.service x", "../nats.service", ""])
def test_only_services_can_be_named(scene, unit):
    """A unit that is no service is refused with the settings."""
    text = scene.host.settings.read_text()
    start = text.index("service = ")
    service = f'service = {{ kind = "systemd", unit = "{unit}" }}'
    scene.host.settings.write_text(text.replace(text[start : text.index("\n", start)], service))
    assert scene.host.run("doctor").stdout.count("malformed") == 1


def mask(host: SystemdHost) -> None:
    """Forbid systemd to start the unit, as ``systemctl mask`` does."""
    unit = host.systemd.units / host.unit
    unit.unlink()
    unit.symlink_to("/dev/null")
    host.systemd.ctl("daemon-reload")


def unmask(host: SystemdHost) -> None:
    """Put the unit back."""
    (host.systemd.units / host.unit).unlink()
    host.write_unit()
    host.systemd.ctl("daemon-reload")


def test_a_masked_unit_changes_nothing(units):
    """What an operator does not want started is not stopped either, and the mend is told."""
    units.ready()
    mask(units.host)
    units.release("1.1.0")
    done = units.host.tick()
    assert (done.exit_code, units.host.runs, units.host.stands) == (13, "1.0.0", "IDLE")
    assert "agent.service is masked" in done.stderr
    assert "systemctl unmask agent.service" in units.host.run("doctor").stdout
    unmask(units.host)
    units.host.tick()
    assert units.host.runs == "1.1.0"


def test_a_unit_that_is_masked_in_the_middle_speaks_against_no_version(units):
    """Nothing runs, so the host is stranded, and the same version is tried again."""
    units.ready()
    units.release("1.1.0")
    dies_in(units.host, "SWITCHING")
    mask(units.host)
    assert units.host.tick().entry["state"] == "STRANDED"
    assert units.host.history()[-1] == ("update_rollback", "failed", "environment")
    unmask(units.host)
    assert units.host.run("quarantine", "lift", "1.1.0").exit_code == 0
    units.host.tick()
    assert (units.host.runs, units.host.stands) == ("1.1.0", "IDLE")
