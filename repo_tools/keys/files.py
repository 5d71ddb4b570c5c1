"""Private keys in files: PEM (PKCS#8), encrypted or plain, under the URI scheme ``file:``.

securesystemslib's own ``file2:`` cannot open encrypted keys.
"""

from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from securesystemslib.signer import (
    SIGNER_FOR_URI_SCHEME,
    CryptoSigner,
    Key,
    SecretsHandler,
    SSlibKey,
)

from metadata.errors import MalformedError, UnsuitableError, UntrustedError, UsageError

SCHEME = "file"
SCHEMES = ("ed25519", "ecdsa-p256", "ecdsa-p384", "rsa")


class FileSigner(CryptoSigner):
    """Signs with a key in a file; asks for its passphrase only when it is encrypted."""

    SCHEME = SCHEME

    @classmethod
    def from_priv_key_uri(
        cls, priv_key_uri: str, public_key: Key, secrets_handler: SecretsHandler | None = None
    ) -> CryptoSigner:
        """Return the signer of a ``file:`` URI.

        Raises:
            UsageError: There is no such file, or no passphrase.
            UntrustedError: The passphrase is wrong, or the key is another one.
            MalformedError: The file holds no private key.
        """
        if not isinstance(public_key, SSlibKey):
            raise UnsuitableError(f"{priv_key_uri} is a {public_key.keytype} key, which files cannot hold")
        private = open_private(path_of(priv_key_uri), secrets_handler)
        try:
            return CryptoSigner(private, public_key)
        except ValueError as error:  # KeyMismatchError is one
            raise UntrustedError(f"{priv_key_uri} does not belong to its public key: {error}") from error


def uri_of(path: Path) -> str:
    """Return the URI of a key in a file."""
    return f"{SCHEME}:{quote(str(path))}"


def path_of(uri: str) -> Path:
    """Return the file of a ``file:`` URI."""
    return Path(unquote(urlsplit(uri).path))


def open_private(path: Path, ask: SecretsHandler | None) -> PrivateKeyTypes:
    """Return the private key in a PEM file."""
    try:
        pem = path.read_bytes()
    except OSError as error:
        hint = "put the .pem file of this key there, or sign where it is"
        raise UsageError(f"cannot read private key {path}: {error.strerror}", hint) from error
    secret = None
    if is_encrypted(pem) and ask is not None:
        secret = ask(path.stem).encode()
    try:
        return load_pem_private_key(pem, secret)
    except TypeError as error:
        raise UsageError(f"private key {path.name} needs a passphrase") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        if secret is not None:
            raise UntrustedError(f"wrong passphrase for private key {path.name}", "try again") from error
        raise MalformedError(f"{path} holds no private key that can be read") from error


def is_encrypted(pem: bytes) -> bool:
    """Return whether a PEM file's private key needs a passphrase."""
    return b"ENCRYPTED" in pem


def generate(scheme: str) -> CryptoSigner:
    """Return a new key of a scheme."""
    match scheme:
        case "ed25519":
            return CryptoSigner.generate_ed25519()
        case "ecdsa-p256":
            return CryptoSigner.generate_ecdsa(scheme="ecdsa-sha2-nistp256")
        case "ecdsa-p384":
            return CryptoSigner.generate_ecdsa(scheme="ecdsa-sha2-nistp384")
        case "rsa":
            return CryptoSigner.generate_rsa()
    raise UsageError(f"unknown key scheme {scheme!r}", f"one of {', '.join(SCHEMES)}")


def pem_of(signer: CryptoSigner, passphrase: str | None) -> bytes:
    """Return a private key as a PEM file has it, encrypted unless ``passphrase`` is None."""
    private = load_pem_private_key(signer.private_bytes, None)
    shield = BestAvailableEncryption(passphrase.encode()) if passphrase is not None else NoEncryption()
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, shield)


SIGNER_FOR_URI_SCHEME[SCHEME] = FileSigner
