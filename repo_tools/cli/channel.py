"""``tidegate product`` and ``tidegate channel``."""

from typing import Any

import click

from repo_tools.cli.app import App, changes
from repo_tools.cli.listing import Listing
from repo_tools.cli.options import dry_run, fine, shape, trusted, with_options
from repo_tools.desk import Desk
from repo_tools.founding import adding, said
from repo_tools.founding.plan import Plan
from repo_tools.founding.tables import added
from repo_tools.output import Answer
from repo_tools.publishing.words import staged_changes

_PRODUCT = ("releases", "rollouts")
_CHANNEL = ("rollouts",)
_like = click.option(
    "--like",
    metavar="CHANNEL",
    help="Whose signers and policy it begins with. [the first channel of the product, or of all]",
)


@click.group(cls=Listing)
def product() -> None:
    """Add what is updated beside what there is."""


@click.group(cls=Listing)
def channel() -> None:
    """Add streams that agents follow."""


@product.command("add")
@click.argument("name")
@click.option(
    "--channel", default="stable", show_default=True, metavar="NAME", help="The stream agents follow."
)
@with_options(shape, trusted(_PRODUCT), fine, _like)
@dry_run
@changes
def add_product(app: App, name: str, channel: str, **options: Any) -> Answer:
    """Stage another product with its first channel.

    Whoever signs for a channel that is there signs for the new one, unless --key or --like says otherwise.
    The owners of the repository sign targets, which lets the new roles speak.

    \b
    Examples:
      tidegate product add relay
      tidegate product add relay --channel beta --key releases=carol.json --threshold releases=1
    """
    desk = app.desk()
    plan = said.planned(adding.new_product(desk, name, channel), options, app.keys(), _PRODUCT)
    return _added(desk, plan, options)


@channel.command("add")
@click.argument("name", metavar="CHANNEL")
@with_options(shape, trusted(_CHANNEL), fine, _like)
@dry_run
@changes
def add_channel(app: App, name: str, **options: Any) -> Answer:
    """Stage another channel of a product; CHANNEL is product/channel, or the channel alone.

    Releases are those of the product. Whoever signs for a channel that is there signs for the new one, unless
    --key or --like says otherwise. The owners of the repository sign targets, which lets the new roles speak.

    \b
    Examples:
      tidegate channel add beta
      tidegate channel add agent/edge --wave canary=10 --wave full=100 --threshold rollouts=1
    """
    desk = app.desk()
    plan = said.planned(adding.new_channel(desk, name), options, app.keys(), _CHANNEL)
    return _added(desk, plan, options)


def _added(desk: Desk, plan: Plan, options: dict[str, Any]) -> Answer:
    addition = adding.prepare(desk, plan, options["like"])
    if options["dry_run"]:
        return added(desk, addition, adding.words(desk, addition), dry=True)
    adding.stage(desk, addition)
    return added(desk, addition, staged_changes(desk), dry=False)
