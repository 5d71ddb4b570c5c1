"""The decision: what a host does next, and why.

``decide`` is pure: no I/O, no clock, no randomness. The agent, the simulator, the console, ``explain`` and
the auditor's replay call it with the same facts and get the same answer. ``metadata.rules.RULES`` is the
whole policy, read from the top; the first rule that answers wins, and the last one always answers.
"""

from datetime import datetime

from metadata.documents import Brake, Policy
from metadata.facts import Decision, Directed, Host, Question, Releases
from metadata.rules import RULES


def decide(
    host: Host,
    policy: Policy,
    order: Directed | None,
    brake: Brake,
    releases: Releases,
    issued: datetime | None,
    now: datetime,
) -> Decision:
    """Return what a host does next, by the first rule that answers.

    Args:
        host: Local facts.
        policy: The channel's policy.
        order: The order on the host's most specific route; None when no route exists.
        brake: The channel's brake; an empty one when it is verifiably absent.
        releases: The product's live releases.
        issued: When the timestamp was signed (``x-tidegate-issued``), UTC; None when it does not say.
        now: The present, UTC.
    """
    if order is None:
        return Decision("stay", "no_order", f"nothing was ordered for {host.product}/{host.channel} yet")
    asked = Question(
        host,
        policy,
        order,
        brake,
        releases,
        issued,
        now,
        version=order.order.version,
        sha256=order.sha256,
    )
    while True:  # ends: ``proceed`` always answers, and bases and barriers rephrase at most nine times
        answer = next(found for rule in RULES if (found := rule(asked)) is not None)
        if isinstance(answer, Decision):
            return answer
        asked = answer
