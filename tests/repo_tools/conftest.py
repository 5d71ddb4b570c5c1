"""Fixtures of the release manager's stories."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.workspace import Workspace

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def work(tmp_path: Path) -> Workspace:
    """A founded and published repository, with the clock at noon."""
    return Workspace(tmp_path, NOON).found()


@pytest.fixture
def rolled(work: Workspace) -> Workspace:
    """The same, with 1.4.2 as the base of every wave."""
    work.publish_release("1.4.2")
    work.promote()
    return work


@pytest.fixture
def orders(rolled: Workspace) -> Callable[[], dict[str, Any]]:
    """Ask for each wave's order, staged over live."""

    def ask() -> dict[str, Any]:
        waves = rolled.do("rollout", "status", "stable")["waves"]
        return {wave["name"]: wave["order"] for wave in waves}

    return ask
