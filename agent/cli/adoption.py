"""Commands that take an installation over and let it go: adopt, let-go."""

from pathlib import Path

import click

from agent import adoption, output, settings
from agent.host import opened
from metadata.errors import UsageError

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.command()
@click.argument("product")
@click.option("--version", metavar="VERSION", help="What is installed.")
@click.option(
    "--from", "source", type=click.Path(path_type=Path), metavar="PATH", help="Where it is installed."
)
@click.option("--as-it-is", is_flag=True, help="Take it although it differs from what was signed.")
@as_json
@click.pass_obj
def adopt(
    config: Path, product: str, version: str | None, source: Path | None, *, as_it_is: bool, as_json: bool
) -> None:
    """Take an existing installation over as the first version; or, without options, one that was let go.

    It is compared with the release where one is published, and copied. Service and configuration stay
    as they are.

    Example: tidegate-agent adopt nats --version 2.10.1 --from /opt/nats-server
    """
    found, unknown = settings.load(config)
    settings.refuse_unknown(config, unknown)
    if (version is None) != (source is None):
        raise UsageError("--version and --from go together")
    with opened(found) as host:
        (work,) = host.works(product)
        if version is not None and source is not None:
            told = adoption.adopt(work, version, source.absolute(), as_it_is=as_it_is)
        else:
            version, told = adoption.take_back(work), "taken back"
    document = {"product": product, "version": version, "found": told}
    output.result(document, [f"{product} {version} is managed from now on: {told}"], as_json=as_json)


@click.command()
@click.argument("product")
@click.option(
    "--to", "target", type=click.Path(path_type=Path), metavar="PATH", help="Put a plain copy there."
)
@as_json
@click.pass_obj
def let_go(config: Path, product: str, target: Path | None, *, as_json: bool) -> None:
    """Leave a product as it runs and only watch it from now on; adopt takes it back."""
    found, unknown = settings.load(config)
    settings.refuse_unknown(config, unknown)
    with opened(found) as host:
        (work,) = host.works(product)
        version = adoption.let_go(work, target.absolute() if target else None)
    where = f"; a copy is at {target}" if target else ""
    document = {"product": product, "version": version, "copy": str(target) if target else None}
    output.result(document, [f"{product} {version} is only watched from now on{where}"], as_json=as_json)
