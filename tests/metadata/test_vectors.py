"""The published test vectors, run against this implementation as anybody would run them."""

import json
from collections import Counter
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from metadata import places, strict
from metadata.decide import decide
from metadata.documents import Brake, Order, Policy
from metadata.facts import Decision, Directed, Host, Releases
from metadata.release import Release
from metadata.rules import RULES
from metadata.windows import Window


@cache
def vectors(name: str) -> dict[str, Any]:
    """Return a file of vectors as it is shipped."""
    found: dict[str, Any] = json.loads((files("metadata") / "vectors" / f"{name}.json").read_text("utf-8"))
    return found


def merged(target: Any, patch: Any) -> Any:
    """Return the result of a JSON merge patch, as RFC 7396 section 2 has it."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def moment(text: str | None) -> datetime | None:
    """Return the moment that a vector names."""
    return None if text is None else datetime.fromisoformat(text)


def answer(asked: dict[str, Any]) -> Decision:
    """Return this implementation's decision."""
    host = dict(asked["host"])
    host["windows"] = tuple(Window.parse(text) for text in host["windows"])
    host["zone"] = ZoneInfo(host["zone"])
    host["scope"] = frozenset(host["scope"]) if "scope" in host else None
    order = asked.get("order")
    directed = order and Directed(strict.convert(order, Order), asked["wave"], asked["sha256"])
    listed = asked["releases"]
    now = moment(asked["now"])
    assert now is not None
    return decide(
        Host(**host),
        strict.convert(asked["policy"], Policy),
        directed,
        strict.convert(asked["brake"], Brake),
        Releases(
            {version: one["sha256"] for version, one in listed.items()},
            {version: strict.convert(one["document"], Release) for version, one in listed.items()},
        ),
        moment(asked.get("issued")),
        now,
    )


@pytest.mark.parametrize("case", vectors("decide")["cases"], ids=lambda case: case["name"])
def test_the_decision_is_the_one_in_the_table(case):
    """Action, rule, version and moment are those that the design asks for."""
    found = answer(merged(vectors("decide")["common"], case["given"]))
    expected = case["expect"]
    assert (found.action, found.rule, found.version) == (
        expected["action"],
        expected["rule"],
        expected["version"],
    ), found.text
    until = moment(expected.get("until"))
    assert (found.until is None) == (until is None)
    assert until is None or found.until is None or timedelta() <= found.until - until < timedelta(seconds=1)


def test_the_table_asks_for_every_rule_at_least_twice():
    """No rule is without a case that answers, and a second that shows its border."""
    rules = Counter(case["expect"]["rule"] for case in vectors("decide")["cases"])
    names = {rule.__name__ for rule in RULES} - {"proceed"} | {"update", "recall", "no_order"}
    assert set(rules) == names
    assert min(rules.values()) >= 2
    assert len({case["name"] for case in vectors("decide")["cases"]}) == rules.total()


@pytest.mark.parametrize("case", vectors("places")["agents"], ids=lambda case: case["agent_id"])
def test_an_agent_has_the_place_and_routes_in_the_table(case):
    """Digests of text that anybody can compute with sha256sum."""
    cohort_id = case.get("cohort_id")
    here = places.place(case["salt"], cohort_id or case["agent_id"])
    assert here == case["place"]
    assert places.fraction(here) * 2**32 == case["fraction_2_32"]
    routes = places.routes(case["salt"], case["agent_id"], case.get("ring"), cohort_id=cohort_id)
    assert routes == case["routes"]


@pytest.mark.parametrize("case", vectors("places")["covers"], ids=str)
def test_a_cover_is_the_one_in_the_table(case):
    """Minimal prefixes in ascending order."""
    assert places.cover(case["start"], case["end"], case["digits"]) == case["prefixes"]


@pytest.mark.parametrize("case", vectors("places")["waves"], ids=lambda case: ",".join(case["percents"]))
def test_waves_have_the_routes_in_the_table(case):
    """Cumulative percentages in, routes out."""
    assert places.wave_routes(case["percents"], case["digits"]) == case["routes"]


@pytest.mark.parametrize("case", vectors("places")["matches"], ids=lambda case: case["agent_id"])
def test_an_agent_takes_the_route_in_the_table(case):
    """The first of its routes that exists, which is the most specific."""
    routes = places.routes(case["salt"], case["agent_id"], case.get("ring"))
    assert next(route for route in routes if route in case["exist"]) == case["takes"]
