"""``tidegate key``."""

import click

from metadata.errors import UsageError
from repo_tools.cli.app import App, reads
from repo_tools.keys.files import SCHEMES
from repo_tools.keys.folder import KeyFile, KeyFolder
from repo_tools.output import Answer, Sheet


@click.group()
def key() -> None:
    """Make keys, and see which are at hand."""


@key.command("new")
@click.argument("name")
@click.option("--scheme", type=click.Choice(SCHEMES), default="ed25519", show_default=True)
@click.option("--no-passphrase", is_flag=True, help="Leave the private key unencrypted.")
@reads
def new(app: App, name: str, scheme: str, no_passphrase: bool) -> Answer:
    """Make a key in the key folder (TIDEGATE_KEYS, or tidegate/keys in your configuration).

    \b
    Example:
      tidegate key new release-manager-3
    """
    folder = app.keys()
    folder.check_free([name])
    phrase = None if no_passphrase else app.passphrases().choose(f"key {name}")
    made = folder.new(name, scheme, phrase)
    text = f"made {scheme} key {name} ({made.keyid[:12]}…) in {folder.folder}; back up {name}.pem"
    return Answer(_data(folder, made), [text])


@key.command("list")
@reads
def list_command(app: App) -> Answer:
    """List the keys in the key folder.

    \b
    Example:
      tidegate key list
    """
    folder = app.keys()
    found = folder.all()
    if not found and not folder.folder.is_dir():
        raise UsageError(f"there is no key folder {folder.folder}", "tidegate key new NAME makes it")
    rows = [[one.name, one.scheme, one.keyid[:12], one.uri, _where(folder, one)] for one in found]
    return Answer(
        [_data(folder, one) for one in found], [Sheet(["name", "scheme", "key id", "uri", ""], rows)]
    )


def _data(folder: KeyFolder, one: KeyFile) -> dict[str, object]:
    return {
        "name": one.name,
        "keyid": one.keyid,
        "scheme": one.scheme,
        "uri": one.uri,
        "at_hand": folder.at_hand(one),
    }


def _where(folder: KeyFolder, one: KeyFile) -> str:
    return "at hand" if folder.at_hand(one) else "not here"
