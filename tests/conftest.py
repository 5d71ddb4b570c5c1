"""Options and fixtures that every test may use."""

from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).parent.parent

# A busy machine is no failure, and the same code is judged by the same examples.
hypothesis.settings.register_profile("suite", deadline=None, derandomize=True)
hypothesis.settings.load_profile("suite")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let CI refuse skipped tests."""
    parser.addoption("--refuse-skips", action="store_true", help="a skipped test fails the run")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that skipped something, when asked to; the reasons stand in pytest's own summary."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    refuse = session.config.getoption("--refuse-skips")
    if reporter and refuse and reporter.stats.get("skipped") and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
