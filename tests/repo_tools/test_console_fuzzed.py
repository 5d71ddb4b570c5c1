"""The API under requests that its description allows, and forbids: no server error, no undocumented answer.

Schemathesis draws the requests. ``make test-api`` draws many more of them than the suite does.
"""

import os
import shutil

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi import checks

from tests.support.console import opened
from tests.support.workspace import HERE, Workspace

EXAMPLES = int(os.environ.get("API_EXAMPLES", "1"))
"""Of each operation, of each kind; every sound one is a command that runs."""
ENDLESS = "events"
"""A stream has no end that could be waited for; stories follow it."""
CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
]


@pytest.fixture(scope="module")
def console(with_base, tmp_path_factory):
    """The console of a repository that may come to any harm, and what is added to it."""
    place = tmp_path_factory.mktemp("fuzzed")
    work = Workspace(shutil.copytree(with_base, place / "place"))
    with opened(work, place / "session.json") as found:
        yield found, work.build("1.5.0")


@pytest.fixture(scope="module")
def described(console):
    """The API as it describes itself."""
    found = console[0].get("openapi/openapi.json").json()
    return schemathesis.openapi.from_dict(found).exclude(operation_id=ENDLESS)


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda one: str(one.value))
def test_no_request_finds_a_server_error_or_an_undocumented_answer(console, described, mode):
    """Whatever is drawn, sound or not, is answered as the description says, and never with a bug."""
    operations = [one.ok() for one in described.get_all_operations()]
    for operation in operations:
        if mode.is_positive or operation.body or any(operation.iter_parameters()):
            ask(console, operation, mode)


def ask(console, operation, mode):
    """Send what is drawn for an operation, and look at each answer."""
    found, build = console

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), database=None)
    @given(case=operation.as_strategy(generation_mode=mode))
    def sent(case):
        if operation.label == "POST /api/v1/releases" and isinstance(case.body, dict):
            case.body |= {"path": str(build), "platform": HERE} if "path" in case.body else {}
        with requests.Session() as session:
            case.call_and_validate(
                base_url=found.url,
                session=session,
                headers=dict(found.session.headers),
                checks=CHECKS,
            )

    sent()
