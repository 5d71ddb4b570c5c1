"""Who is to blame for a failed trial: pure, from what was healthy before and after."""

from datetime import datetime, timedelta

from agent.states import Blame

BACKOFF_S = (1_800, 3_600, 7_200, 14_400, 28_800, 57_600, 86_400)
"""30 m, 1, 2, 4, 8, 16, 24 h: the list that Elastic's fleet retries by."""


def blame(*, baseline_ok: bool | None, old_ok: bool | None, host_failed: bool = False) -> Blame:
    """Return whose fault a failed trial is.

    Args:
        host_failed: Whether the switch failed for the host's own sake, as on a full disk.
        baseline_ok: Whether the product was healthy before the switch; None for a first install.
        old_ok: Whether the old version is healthy after going back; None where there is none.

    Returns:
        ``environment`` when the host failed, or it was unhealthy before and after both versions; ``damaged``
        when only the update can have broken it for the old version too; ``version`` otherwise.
    """
    if host_failed or (baseline_ok is False and old_ok is False):
        return "environment"
    if baseline_ok is True and old_ok is False:
        return "damaged"
    return "version"


def retry_at(attempts: int, now: datetime) -> datetime:
    """Return when an attempt that failed for the environment is made again; attempts count from 1."""
    return now + timedelta(seconds=BACKOFF_S[min(attempts, len(BACKOFF_S)) - 1])
