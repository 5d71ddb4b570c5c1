"""A GnuPG key of somebody, in a home of its own."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Signatory:
    """Somebody with a GnuPG key."""

    home: Path
    name: str

    def gpg(self, *words: str) -> bytes:
        """Run gpg in this home."""
        line = ["gpg", "--batch", "--quiet", "--homedir", str(self.home), *words]
        return subprocess.run(line, capture_output=True, check=True).stdout

    def keyring(self) -> Path:
        """Return a file with the public key."""
        path = self.home / "public.gpg"
        path.write_bytes(self.gpg("--export", self.name))
        return path

    def close(self) -> None:
        """End the key agent that gpg started for this home."""
        line = ["gpgconf", "--kill", "gpg-agent"]
        subprocess.run(line, env={**os.environ, "GNUPGHOME": str(self.home)}, check=False)


def signatory(home: Path, name: str, kind: str) -> Signatory:
    """Make a key without a passphrase."""
    home.mkdir(mode=0o700)
    made = Signatory(home, name)
    made.gpg("--passphrase", "", "--quick-generate-key", name, kind, "sign", "never")
    return made
