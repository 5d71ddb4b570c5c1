"""A group of commands whose help has the whole first sentence of each: half of one tells nothing."""

import click

_LONGEST = 200
"""Characters; no command begins with a longer sentence."""


class Listing(click.Group):
    """A group that folds what its commands do, and never cuts it off."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands and what each of them does."""
        found = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        rows = [(name, one.get_short_help_str(_LONGEST)) for name, one in found.items() if one]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
