"""``tidegate check``."""

from dataclasses import asdict

import click

from metadata.errors import CheckFailedError
from repo_tools.checks import table
from repo_tools.checks.facts import gather
from repo_tools.cli.app import App, reads
from repo_tools.output import Answer, Sheet


@click.command()
@reads
def check(app: App) -> Answer:
    """Look for what would hurt agents, in what is live with everything staged over it.

    \b
    Example:
      tidegate check
    """
    desk = app.desk()
    facts = gather(desk, publishing=False)
    found = table.run(facts)
    errors = sum(one.level == "error" for one in found)
    failure = CheckFailedError(f"{errors} things would hurt agents") if errors else None
    rows = [[one.level, one.rule, one.text, one.hint] for one in found]
    count = f"{len(table.RULES)} rules, {len(facts.after)} roles"
    shown = [Sheet(["level", "rule", "what", "what to do"], rows)] if rows else [f"nothing found ({count})"]
    data = {"findings": [asdict(one) for one in found], "rules": [rule.__name__ for rule in table.RULES]}
    return Answer(data, shown, failure)
