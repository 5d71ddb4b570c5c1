"""Time as the agent sees it: the calendar, and seconds awake (a host that sleeps is not on trial)."""

import os
import time
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path

from agent import processes


def now() -> datetime:
    """Return the calendar time in UTC."""
    return datetime.now(UTC)


def awake_s() -> float:
    """Return seconds since boot without those spent asleep (CLOCK_MONOTONIC on Linux)."""
    return time.monotonic()


def boot_id() -> str:
    """Return what tells this boot from every other; empty where the system does not say."""
    return processes.boot_id()


def host_zone() -> tzinfo:
    """Return the host's time zone, with its clock changes where the system names the zone."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415 (few hosts have windows)

    name = os.environ.get("TZ", "").lstrip(":") or _localtime_name()
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return timezone(timedelta(seconds=time.localtime().tm_gmtoff))


def _localtime_name() -> str:
    try:
        return str(Path("/etc/localtime").resolve()).partition("zoneinfo/")[2]
    except OSError:
        return ""
