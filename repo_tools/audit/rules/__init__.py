"""What an audit looks for; each rule is a pure function with a sentence, and yields findings.

``chain`` is about roots and signatures, ``order`` about versions and times, ``left`` about what
nobody needs, ``content`` about what roles say.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

from repo_tools.audit.findings import Finding
from repo_tools.audit.history import History
from repo_tools.audit.rules import chain, content, left, order

Rule = Callable[[History, datetime], Iterable[Finding]]

RULES: tuple[Rule, ...] = (
    chain.roots,
    chain.signatures,
    chain.stolen,
    chain.live,
    order.pinned,
    order.replays,
    order.future,
    order.rollbacks,
    order.rewritten,
    order.served,
    order.expired,
    order.stretched,
    left.later,
    left.passed,
    left.unused,
    left.stray,
    content.gone,
    content.shrank,
    content.documents,
    content.bounds,
    content.overlaps,
)
