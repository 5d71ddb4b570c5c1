"""Reporting hosts: how they are enrolled, and what they said."""

import json
from collections.abc import Iterable
from typing import Any

from securesystemslib.signer import Key

from metadata.envelope import unseal
from metadata.report import Report
from tests.agent.scene import Scene
from tests.support.host import Host, Ran
from tests.support.nginx import KEY

HEADER = ("--header", f"X-Reports-Key: {KEY}")


def token(scene: Scene, *options: str) -> str:
    """Return a registration token of the scene's repository."""
    return str(scene.repo.do("fleet", "token", "--url", scene.web.url, *options)["token"])


def paste(host: Host, text: str, *options: str) -> Ran:
    """Enrol a host by token."""
    done = host.run("enroll", "--token", text, *options, "--json")
    assert done.exit_code == 0, done.stderr
    return done


def report_to(scene: Scene, url: str) -> None:
    """Let the hosts of the scene's channel report to a place."""
    scene.repo.do("fleet", "reports", "stable", "--url", url, "--heartbeat", "1d")
    scene.repo.sign_and_publish()


def read(envelopes: Iterable[Any]) -> list[Report]:
    """Return the reports in some envelopes, each verified with a key that an enrolment among them names."""
    sealed = [unseal(json.dumps(one).encode(), Report) for one in envelopes]
    reports = [one.peek(Report) for one in sealed]
    entries = {report.key["keyid"]: report.key for report in reports if report.key}
    keys = {
        keyid: Key.from_dict(keyid, {name: value for name, value in entry.items() if name != "keyid"})
        for keyid, entry in entries.items()
    }
    for one in sealed:
        one.verify(keys, "the report")
    return reports


def peek(envelopes: Iterable[Any]) -> list[Report]:
    """Return the reports in some envelopes without a look at who signed them."""
    return [unseal(json.dumps(one).encode(), Report).peek(Report) for one in envelopes]


def stages(reports: Iterable[Report]) -> list[str]:
    """Return what reports are about."""
    return [report.stage for report in reports]


def forget_pauses(host: Host) -> None:
    """Let the pause after a failed flush be over."""
    host.query("DELETE FROM memory WHERE key = 'reports/retry'")
