"""SoftHSM2: a PKCS#11 token in software, and keys on it."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

LIBRARIES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")
PIN = "123456"
LABEL = "tidegate"


@dataclass(frozen=True)
class Token:
    """A token, and the environment in which it is found."""

    environ: dict[str, str]

    def make(self, number: int, curve: str) -> str:
        """Make a key on the token, and return its URI."""
        words = [
            "--login",
            "--pin",
            PIN,
            "--keypairgen",
            "--key-type",
            f"EC:{curve}",
            "--id",
            f"{number:02x}",
        ]
        line = ["pkcs11-tool", "--module", self.environ["PYKCS11LIB"], "--token-label", LABEL, *words]
        subprocess.run(line, env={**os.environ, **self.environ}, capture_output=True, check=True)
        return f"hsm:{number}?label={LABEL}"


def token(folder: Path) -> Token:
    """Return a new token below ``folder``; skips the test where SoftHSM2 is not installed."""
    library = next((path for path in LIBRARIES if Path(path).exists()), None)
    if library is None:
        pytest.skip("SoftHSM2 is not installed: apt-get install softhsm2 opensc")
    (folder / "tokens").mkdir(parents=True)
    settings = folder / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\n")
    environ = {"SOFTHSM2_CONF": str(settings), "PYKCS11LIB": library}
    line = ["softhsm2-util", "--init-token", "--free", "--label", LABEL, "--pin", PIN, "--so-pin", PIN]
    subprocess.run(line, env={**os.environ, **environ}, capture_output=True, check=True)
    return Token(environ)
