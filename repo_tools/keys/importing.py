"""Take over a key in an HSM or a key service, opened by securesystemslib's own signers.

``awskms:`` AWS KMS, ``hsm:`` PKCS#11, ``gcpkms:`` Google Cloud KMS, ``azurekms:`` Azure Key Vault, ``hv:``
HashiCorp Vault. Only the public part comes here, once, and the key must sign something before it is believed:
some services hand out public keys whose signatures clients cannot verify.
"""

import secrets
from collections.abc import Callable
from urllib.parse import parse_qsl, urlsplit

from securesystemslib.signer import (
    SIGNER_FOR_URI_SCHEME,
    AzureSigner,
    GCPSigner,
    HSMSigner,
    Key,
    SecretsHandler,
    Signer,
    VaultSigner,
)

from metadata.errors import TidegateError, UnsuitableError, UntrustedError, UsageError
from repo_tools.keys.folder import KeyFile
from repo_tools.keys.passphrase import Passphrases
from repo_tools.keys.remote import handler, ready

KINDS = ("awskms:", "hsm:", "gcpkms:", "azurekms:", "hv:")
_HINTS = {
    "awskms": "set AWS_REGION and credentials; kms:GetPublicKey and kms:Sign are needed",
    "hsm": "set PYKCS11LIB to the PKCS#11 library, and TIDEGATE_PIN or type the PIN",
    "gcpkms": "install google-cloud-kms and sign in to Google Cloud",
    "azurekms": "install azure-identity and azure-keyvault-keys and sign in to Azure",
    "hv": "install hvac, and set VAULT_ADDR and VAULT_TOKEN",
}


def imported(name: str, uri: str, owner: str, passphrases: Passphrases) -> KeyFile:
    """Return a key whose private part is at ``uri``, after it has signed a test.

    Raises:
        UsageError: This is no URI of a key service.
        UnsuitableError: The key cannot be opened, or cannot sign.
        UntrustedError: Its signature does not verify.
    """
    scheme = uri.partition(":")[0]
    if f"{scheme}:" not in KINDS:
        raise UsageError(
            f"not the URI of a key service: {uri!r}", f"it begins with one of {', '.join(KINDS)}"
        )
    ready(uri)
    ask = handler(uri, name, passphrases)
    try:
        kept, public = _IMPORTS[scheme](uri, ask)
        _prove(Signer.from_priv_key_uri(kept, public, ask), public)
    except TidegateError:
        raise
    except Exception as error:  # back ends raise whatever they like
        reason = str(error) or type(error).__name__
        raise UnsuitableError(f"{uri} cannot be used: {reason}", _HINTS[scheme]) from error
    return KeyFile(name=name, keyid=public.keyid, uri=kept, public=public.to_dict(), owner=owner)


def _prove(signer: Signer, public: Key) -> None:
    data = secrets.token_bytes(32)
    signature = signer.sign(data)
    try:
        public.verify_signature(signature, data)
    except Exception as error:
        text = f"what {public.scheme} key {public.keyid[:12]} signs does not verify: {error}"
        raise UntrustedError(text, "use an ECDSA P-256 key") from error


def _aws(uri: str, _ask: SecretsHandler) -> tuple[str, Key]:
    found: tuple[str, Key] = SIGNER_FOR_URI_SCHEME["awskms"].import_(uri.partition(":")[2])  # type: ignore[attr-defined]  # the registry knows signers only
    return found


def _hsm(uri: str, ask: SecretsHandler) -> tuple[str, Key]:
    parts = urlsplit(uri)
    label = dict(parse_qsl(parts.query)).get("label")
    return HSMSigner.import_(int(parts.path) if parts.path else None, label, ask)


def _gcp(uri: str, _ask: SecretsHandler) -> tuple[str, Key]:
    return GCPSigner.import_(uri.partition(":")[2])


def _azure(uri: str, _ask: SecretsHandler) -> tuple[str, Key]:
    parts = urlsplit(uri)
    names = [part for part in parts.path.split("/") if part]
    if len(names) < 2 or names[0] != "keys" or not parts.hostname:
        raise UsageError(f"not a key of Azure: {uri}", "write azurekms://VAULT.vault.azure.net/keys/NAME")
    return AzureSigner.import_(parts.hostname.partition(".")[0], names[1])


def _vault(uri: str, _ask: SecretsHandler) -> tuple[str, Key]:
    return VaultSigner.import_(uri.partition(":")[2].partition("/")[0])


_IMPORTS: dict[str, Callable[[str, SecretsHandler], tuple[str, Key]]] = {
    "awskms": _aws,
    "hsm": _hsm,
    "gcpkms": _gcp,
    "azurekms": _azure,
    "hv": _vault,
}
