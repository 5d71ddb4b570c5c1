"""What opening a private part elsewhere needs: the back end's library, and the right question."""

import importlib

from securesystemslib.signer import SIGNER_FOR_URI_SCHEME, SecretsHandler

from repo_tools.keys.passphrase import Passphrases


def ready(uri: str) -> None:
    """Import what a URI's back end needs and was left out of a quick start."""
    if uri.startswith("awskms:"):
        module = importlib.import_module("securesystemslib.signer._aws_signer")
        if module.AWS_IMPORT_ERROR is not None:
            module = importlib.reload(module)  # the first import had boto3 hidden, which costs half a second
            SIGNER_FOR_URI_SCHEME["awskms"] = module.AWSSigner


def handler(uri: str, name: str, passphrases: Passphrases) -> SecretsHandler:
    """Return who is asked for a key's secret: the PIN of a token, the passphrase of a file."""
    return (lambda _what: passphrases.pin_of(name)) if uri.startswith("hsm:") else passphrases.ask
