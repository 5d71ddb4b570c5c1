"""Numbers of the documentation are those of the code, and each says where it comes from."""

import re
from datetime import timedelta

import msgspec

from agent import proof, trial, updater
from agent.blame import BACKOFF_S
from agent.guard.arming import MARGIN_S
from agent.guard.watch import MAX_BOOTS
from agent.services.systemd import PHASES
from agent.steps.healthcheck import MAX_TRIALS
from agent.work import READ_S
from metadata.release import Hook, Probe, Release
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "explanation" / "trials.md").read_text()
TIMER = (ROOT / "infra" / "systemd" / "tidegate-guard.timer").read_text()
NUMBERS = re.compile(r"^\| number \| value \| from \|\n\|[-|]+\n((?:\|.*\n)+)", re.MULTILINE)


def usual(kind: type[msgspec.Struct], field: str) -> int:
    """Return what a field is unless it is given."""
    (found,) = (one.default for one in msgspec.structs.fields(kind) if one.name == field)
    assert isinstance(found, int)
    return found


def rows() -> dict[str, tuple[str, str]]:
    """Return every number of the page by name: what it is, and where it comes from."""
    lines = [line for table in NUMBERS.findall(PAGE) for line in table.splitlines()]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {name: (value, source) for name, value, source in cells}


def test_numbers_of_trials_are_as_documented():
    """Whoever reads the page may rely on each of them."""
    first_s, *others_s = BACKOFF_S
    assert {name: value for name, (value, _) in rows().items()} == {
        "`start_s`": f"{usual(Release, 'start_s')} s",
        "`trial_s`": f"{usual(Release, 'trial_s')} s",
        "restarts": str(trial.MAX_RESTARTS),
        "`soak_s`": f"{usual(Release, 'soak_s') // 3600} h",
        "`interval_s`": f"{usual(Probe, 'interval_s')} s",
        "`timeout_s`": f"{usual(Probe, 'timeout_s')} s",
        "a unit's start and stop": f"its own limits, {['', 'once', 'twice', 'three times'][PHASES]}",
        "a hook": f"{usual(Hook, 'timeout_s')} s",
        "retry after the environment failed": f"{first_s // 60} m, "
        + ", ".join(f"{one // 3600}" for one in others_s)
        + " h",
        "time to keep a version": f"`start_s` + `trial_s` + {(READ_S + MARGIN_S) // 60} min",
        "boots that a trial may outlive": str(MAX_BOOTS),
        "looks": f"{re.findall('OnUnitInactiveSec=(.*)s', TIMER)[0]} s",
    }
    assert all(source for _, source in rows().values())
    assert MAX_TRIALS == MAX_BOOTS


def test_numbers_of_the_updater_are_as_documented():
    """They stand in sentences."""
    assert timedelta(seconds=updater.STALE_S) == timedelta(days=7)
    assert "After seven days without one good look" in PAGE
    assert timedelta(seconds=proof.PATIENCE_S) == timedelta(minutes=15)
    assert "it is waited for, a quarter of an hour at most" in PAGE
