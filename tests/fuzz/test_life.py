"""Whatever happens to a host and around it, in whatever order: what must never be, is not."""

import itertools
import shutil
from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from agent.states import State
from metadata.versions import parse
from tests.fuzz.life import BAD, BUG, VERSIONS, Life, View
from tests.fuzz.parser import scratch

NUMBERS = itertools.count()
SETTLED_BEFORE = {State.SWITCHING, State.ON_TRIAL, State.ROLLING_BACK}
"""From here on an update comes to its end by what was decided before."""
versions = st.sampled_from(VERSIONS)


class Host(RuleBasedStateMachine):
    """One life of a host."""

    def __init__(self) -> None:
        super().__init__()
        self.life = Life(scratch("lives", str(next(NUMBERS))))
        self.left: str | None = None
        """What the bad version came after, when it came last."""

    def teardown(self) -> None:
        """Leave nothing behind."""
        shutil.rmtree(self.life.folder)

    @rule(kind=st.sampled_from(["order", "order", "recall", "revoke", "brake", "let go"]), version=versions)
    def publish(self, kind: str, version: str) -> None:
        """Publish something new, which the host hears of at once if nothing keeps it."""
        life = self.life
        if kind == "order":
            life.publish(version=version, recalled="")
        elif kind == "recall":
            life.publish(version=version, recalled=f">{version},<={VERSIONS[-1]}")
        elif kind == "revoke":
            life.publish(revoked=frozenset({version}))
        else:
            life.publish(braked=frozenset({version} if kind == "brake" else ()))
        assert self.judged() != BUG

    @rule(kind=st.sampled_from(["cut", "back_up", "restore", "forget", "heal"]))
    def trouble(self, kind: str) -> None:
        """Take the network away or bring it back, copy the host's state, put it back, lose its cache."""
        getattr(self.life, kind)()
        assert self.judged() != BUG

    @rule(hours=st.sampled_from([-48, 2, 400]))
    def jump(self, hours: int) -> None:
        """Let the clocks of host and repository part."""
        self.life.jump(timedelta(hours=hours))
        assert self.judged() != BUG

    @rule(back=st.integers(1, 4))
    def freeze(self, back: int) -> None:
        """Serve what was true some publications ago."""
        self.life.freeze(back)
        assert self.judged() != BUG

    @rule(back=st.sampled_from([None, 0, 1, 3]))
    def mirror(self, back: int | None) -> None:
        """Let a mirror give nothing, what is new, or what was true before; it does not follow."""
        if back is None:
            self.life.mirror.cut()
        else:
            self.life.freeze(back, at_mirror=True)
        assert self.judged() != BUG

    @rule(dies_at=st.integers(0, 400))
    def die(self, dies_at: int) -> None:
        """End a tick at one of its calls."""
        assert self.judged(dies_at) != BUG

    def judged(self, dies_at: int | None = None) -> int:
        """Run a tick and hold the version that is in place then against what the host had been told."""
        before, state = self.life.running, self.life.journal()[0]
        code = self.life.tick(dies_at)
        now, given = self.life.running, self.life.given
        if now != before and now == BAD:
            self.left, self.life.unknown = before, False
        assert now is not None or before is None or (before == BAD and self.left is None)
        if now != before and state not in SETTLED_BEFORE:
            assert any(self.allows(self.life.views[one], before, now) for one in given)
        if code == 0 and now == BAD:
            self.judge_bad()
        if code == 0 and given:
            self.life.seen = min(given)
        return code

    def allows(self, view: View, before: str | None, now: str | None) -> bool:
        """Return whether a publication allows a switch; one that is older than what was seen is not asked."""
        goes_down = before is not None and now is not None and parse(now) < parse(before)
        wanted = now == view.version and now not in view.revoked
        return wanted and (not goes_down or view.recalls(str(before)))

    def judge_bad(self) -> None:
        """A trial that was lost goes back, unless nobody may run what was there before."""
        forbidden = any(view.forbids(self.left) for view in self.life.views) if self.left else False
        assert forbidden or self.life.unknown

    @rule()
    def settle(self) -> None:
        """With a good network, the host comes to where the model says, and stays there."""
        self.life.publish()
        self.life.heal()
        self.life.mirror.cut()
        for _ in range(2):
            assert self.judged() == 0
        stands, highest, why = self.life.journal()
        if why in {"backoff", "quarantined"}:
            assert self.life.deaths or self.life.newest.version == BAD
            return
        assert stands.value == "IDLE"
        assert self.life.running == self.life.newest.target(self.life.running, highest)

    @invariant()
    def something_runs(self) -> None:
        """What is in place is whole, and the journal can be read."""
        self.life.journal()
        version = self.life.running
        assert version is None or self.life.whole(version)


CHECKS = (HealthCheck.too_slow, HealthCheck.data_too_large)
"""What a tick takes, and is allowed to."""
TestHost = Host.TestCase
TestHost.settings = settings(
    max_examples=6, stateful_step_count=15, suppress_health_check=CHECKS, database=None
)
