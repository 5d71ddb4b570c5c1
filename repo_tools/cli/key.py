"""``tidegate key``."""

from pathlib import Path

import click
from msgspec import to_builtins
from msgspec.structs import replace

from metadata.errors import UsageError
from repo_tools import files
from repo_tools.cli.app import App, reads
from repo_tools.cli.listing import Listing
from repo_tools.cli.rekey import revoke, rotate
from repo_tools.keys.choice import public_key
from repo_tools.keys.files import SCHEMES
from repo_tools.keys.folder import KeyFile, KeyFolder, text_of
from repo_tools.keys.importing import KINDS, imported
from repo_tools.output import Answer, Sheet


@click.group(cls=Listing)
def key() -> None:
    """Make keys, see which are at hand, replace and revoke them."""


@key.command("new")
@click.argument("name")
@click.option("--scheme", type=click.Choice(SCHEMES), default="ed25519", show_default=True)
@click.option("--owner", default="", metavar="WHO", help="Whose key it is, if its name does not say it.")
@click.option("--uri", metavar="URI", help=f"A private part that stays where it is: {', '.join(KINDS)}.")
@click.option("--no-passphrase", is_flag=True, help="Leave the private key unencrypted.")
@reads
def new(app: App, name: str, scheme: str, owner: str, uri: str | None, no_passphrase: bool) -> Answer:
    """Make a key in the key folder (TIDEGATE_KEYS, or tidegate/keys in your configuration).

    With --uri, take over the public part of a key in an HSM or a key service; it must sign once to prove
    that it can.

    \b
    Examples:
      tidegate key new release-manager-3
      tidegate key new publisher --uri awskms:alias/tidegate-online
      tidegate key new alice --owner alice@example.com --uri "hsm:2?label=alice"
    """
    folder = app.keys()
    folder.check_free([name])
    if uri is not None:
        made = imported(name, uri, owner, app.passphrases())
        folder.keep(made)
        return Answer(_data(folder, made), [f"{uri} is key {name} ({made.scheme}); it signed a test"])
    phrase = None if no_passphrase else app.passphrases().choose(f"key {name}")
    made = folder.new(name, scheme, phrase, owner)
    text = f"made {scheme} key {name} ({made.keyid[:12]}…) in {folder.folder}; back up {name}.pem"
    return Answer(_data(folder, made), [text])


@key.command("export")
@click.argument("name")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write it there.")
@reads
def export(app: App, name: str, out: Path | None) -> Answer:
    """Show a key's public part, for those who found a repository or rotate keys.

    \b
    Example:
      tidegate key export alice --out alice.json
    """
    made = replace(app.keys().get(name), uri="")
    if out is not None:
        files.write(out, text_of(made))
    said = [f"{name}'s public part is in {out}"] if out else text_of(made).decode().splitlines()
    return Answer(to_builtins(made), said)


@key.command("import")
@click.argument("file", metavar="FILE")
@reads
def import_command(app: App, file: str) -> Answer:
    """Take over somebody's public part; compare the key id with what they tell you.

    \b
    Example:
      tidegate key import alice.json
    """
    folder = app.keys()
    made = public_key(folder, file)
    folder.keep(made)
    return Answer(_data(folder, made), [f"{made.name} of {made.person} has key id {made.keyid}"])


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
    for text in folder.broken():
        app.terminal.warn(text)
    if not found and not folder.folder.is_dir():
        raise UsageError(f"there is no key folder {folder.folder}", "tidegate key new NAME makes it")
    rows = [
        [one.name, one.person, one.scheme, one.keyid[:12], one.uri or "-", _where(folder, one)]
        for one in found
    ]
    return Answer(
        [_data(folder, one) for one in found],
        [Sheet(["name", "owner", "scheme", "key id", "uri", "private part"], rows)],
    )


key.add_command(rotate)
key.add_command(revoke)


def _data(folder: KeyFolder, one: KeyFile) -> dict[str, object]:
    return {
        "name": one.name,
        "owner": one.person,
        "keyid": one.keyid,
        "scheme": one.scheme,
        "uri": one.uri,
        "at_hand": folder.at_hand(one),
    }


def _where(folder: KeyFolder, one: KeyFile) -> str:
    return "at hand" if folder.at_hand(one) else "not here"
