"""What ``--wave`` says of a wave: a cumulative share, hosts by name, or how many hosts. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from metadata.errors import UsageError
from repo_tools.names import check_agent_id, check_name

REST = "rest"
"""Everybody else: 100 %, in words that a count leaves room for."""
EVERYBODY = Decimal(100)
_HINT = "write --wave canary=5 --wave early=25 --wave full=100, or --wave canary=id:host-1,host-2"
_COUNT_HINT = "write --count --wave canary=1 --wave early=3 --wave full=rest"


@dataclass(frozen=True)
class Said:
    """One wave, in one of three ways."""

    name: str
    percent: str | None = None
    """Cumulative; None where hosts are counted into it."""
    hosts: tuple[str, ...] = ()
    """By name."""
    count: int | None = None
    """So many hosts, whichever they are."""


def parse_waves(texts: Sequence[str], *, counted: bool = False) -> tuple[Said, ...]:
    """Return what ``name=percent``, ``name=id:host,…``, ``name=rest`` and ``name=number`` say.

    Args:
        texts: What was said, in the order of the waves.
        counted: A number without a percent sign is a number of hosts.

    Raises:
        UsageError: It is none of that, or something is named twice.
    """
    waves = tuple(_parsed(text, counted) for text in texts)
    if len({wave.name for wave in waves}) != len(waves):
        raise UsageError("two waves have the same name", _HINT)
    hosts = [host for wave in waves for host in wave.hosts]
    if len(set(hosts)) != len(hosts):
        twice = next(host for host in hosts if hosts.count(host) > 1)
        raise UsageError(f"{twice} is named twice", "a host is in one wave")
    return waves


def ascending(waves: Sequence[Said]) -> list[str]:
    """Return each wave's cumulative percentage; one into which hosts are counted adds no share.

    Raises:
        UsageError: They go backwards, or the last is not everybody else.
    """
    found: list[str] = []
    for wave in waves:
        before = found[-1] if found else "0"
        if wave.percent is not None and not Decimal(before) < Decimal(wave.percent):
            text = f"percentages are cumulative: {wave.percent} does not come after {before}"
            raise UsageError(text, _HINT)
        found.append(before if wave.percent is None else wave.percent)
    if not waves or waves[-1].percent is None or Decimal(found[-1]) != EVERYBODY:
        counted = any(wave.count for wave in waves)
        text = f"the last wave must be {REST if counted else 100}: it is everybody else"
        raise UsageError(text, _COUNT_HINT if counted else _HINT)
    return found


def _parsed(text: str, counted: bool) -> Said:
    name, _, rest = text.partition("=")
    check_name("wave", name)
    if rest.startswith("id:"):
        return Said(name, hosts=_hosts(rest))
    if rest == REST:
        return Said(name, str(EVERYBODY))
    if counted and not rest.endswith("%"):
        return Said(name, count=_count(rest))
    return Said(name, _percent(rest.removesuffix("%")))


def _percent(text: str) -> str:
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise UsageError(f"not a percentage: {text!r}", _HINT) from error
    if not value.is_finite() or not 0 < value <= EVERYBODY:
        raise UsageError(f"percentages are above 0 and at most 100, and {text} is not", _HINT)
    return text


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:9]) > 0):
        raise UsageError(f"not a number of hosts: {text!r}", _COUNT_HINT)
    return int(text[:9])


def _hosts(text: str) -> tuple[str, ...]:
    hosts = tuple(host.removeprefix("id:") for host in text.split(","))
    for host in hosts:
        check_agent_id(host)
    return hosts
