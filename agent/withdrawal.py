"""Versions that must not run (again): revoked, below the floor, or called back."""

import contextlib
from datetime import datetime

from agent import clock
from agent.resolve import Facts
from agent.states import Update
from agent.work import Work
from metadata.errors import TidegateError
from metadata.release import Release
from metadata.versions import within

MOST_QUIET_S = 300
"""How long a recall may wait for a trial to hear of it, at most."""


def withdrawn(facts: Facts, release: Release | None, version: str, now: datetime) -> str:
    """Return why a version must not run, or an empty text."""
    if entry := facts.policy.revocation(version):
        return f"{version} is revoked: {entry.reason or 'no reason given'}"
    if release and release.seq < facts.policy.floor_seq:
        return f"{version} is below the channel's floor"
    directed = facts.directed
    recall = directed.order.recall if directed and directed.order.wave == directed.wave else None
    if recall is None or (recall.until and now >= recall.until) or not within(version, recall.from_versions):
        return ""
    return f"{version} is recalled: {recall.reason or 'no reason given'}"


def no_way_back(work: Work, facts: Facts, update: Update) -> str:
    """Return why the version that ran before an update must not run again, or an empty text."""
    if update.before is None:
        return ""
    if update.stranded or update.before == update.version:
        return f"{update.before} did not run"
    return withdrawn(facts, work.old_release(update.before), update.before, clock.now())


class Withdrawal:
    """Asks now and then, during a trial, what was withdrawn meanwhile."""

    def __init__(self, work: Work, update: Update) -> None:
        self._work = work
        self._update = update
        self._every_s = max(1, min(int(work.journal.recall("poll_s", 900)), MOST_QUIET_S))
        self._asked_s = clock.awake_s()
        self.reason = ""
        """Why the version on trial must not go on."""
        self.no_way_back = update.no_way_back
        """Why the version before it must not run again."""

    def ask(self) -> str:
        """Return why the trial must end, or an empty text; asks the repository at its own pace."""
        if clock.awake_s() - self._asked_s >= self._every_s:
            with contextlib.suppress(TidegateError, OSError):  # no answer is no reason
                self._read()
            self._asked_s = clock.awake_s()
        return self.reason

    def _read(self) -> None:
        now = clock.now()
        _, facts = self._work.facts(now)
        self.reason = withdrawn(facts, self._update.release, self._update.version, now)
        self.no_way_back = no_way_back(self._work, facts, self._update)
