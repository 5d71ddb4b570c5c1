"""Where hosts report, and what that costs."""

import re

from metadata.documents import Reporting
from repo_tools.fleet.reporting import puts
from tests.conftest import ROOT

DAILY = Reporting(url="https://reports.example.com")
"""As the format has it where nothing is said of heartbeats."""


def test_the_page_states_what_the_constants_say():
    """Every number in the table of costs is computed from the constants that hosts go by."""
    page = (ROOT / "docs" / "explanation" / "reports.md").read_text("utf-8")
    rows = re.findall(r"^\| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|$", page, re.MULTILINE)
    found = [[int(cell.replace(",", "")) for cell in row] for row in rows]
    assert found == [
        [
            hosts,
            puts(hosts, 7, DAILY),
            puts(hosts, 1, DAILY),
            puts(hosts, 7, DAILY, 1),
            puts(hosts, 1, DAILY, 1),
        ]
        for hosts in (10_000, 1_000_000)
    ]


def test_a_place_is_named_with_what_it_must_take(work):
    """Whoever sets the heartbeat reads what it costs."""
    done = work.run("fleet", "reports", "stable", "--url", "https://reports.example.com", "--heartbeat", "6h")
    assert (
        "10,000 hosts make at most 40,000 PUTs on a quiet day, and 70,000 when all of them update"
        in done.stdout
    )
