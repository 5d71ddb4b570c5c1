"""Detached GnuPG signatures on artifacts, made by the ``gpg`` of whoever adds a release.

They are statements beside TUF's signatures: hosts that demand them verify with a keyring of their own.
"""

import subprocess
from pathlib import Path

from metadata.errors import UnsuitableError

MAX_S = 600
"""A person may have to type a passphrase or touch a token."""


def sign(path: Path, key: str) -> bytes:
    """Return the armoured signature of a file by a key of the default key ring.

    Raises:
        UnsuitableError: gpg is not there, or does not sign.
    """
    line = ["gpg", "--batch", "--yes", "--local-user", key, "--armor", "--detach-sign", "--output", "-", "--"]
    try:
        done = subprocess.run([*line, str(path)], capture_output=True, timeout=MAX_S, check=False)
    except FileNotFoundError as error:
        raise UnsuitableError("gpg is not installed", "install gnupg, or leave --gpg out") from error
    except subprocess.TimeoutExpired as error:
        raise UnsuitableError(f"gpg did not sign within {MAX_S} s", "unlock the key first") from error
    if done.returncode != 0 or not done.stdout:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise UnsuitableError(
            f"gpg does not sign with {key}: {said[-1]}", "gpg --list-secret-keys shows yours"
        )
    return done.stdout
