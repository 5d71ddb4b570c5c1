"""What would be done now: asked by people and by scripts, so it starts without a command line parser."""

from pathlib import Path

import msgspec

from agent import output, settings
from agent.host import opened
from agent.status import product_status, status
from agent.steps.choose import look, noted


def check(config: Path, product: str | None = None, *, as_json: bool = False) -> int:
    """Poll, print the decision on every product, or on one, and return the exit code; change nothing."""
    found, unknown = settings.load(config)
    settings.refuse_unknown(config, unknown)
    with opened(found) as host:
        works = host.works(product)
        seen = {work.name: msgspec.to_builtins(noted(*look(work))) for work in works}
        entries = [product_status(found, host.journal, name, decision) for name, decision in seen.items()]
        document = {**status(found, host.journal, host.identity.agent), "products": entries}
    output.result(document, output.product_lines(document), as_json=as_json)
    return 0
