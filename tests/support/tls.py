"""A certificate authority of its own, and what it signs: for servers and clients on loopback."""

import ipaddress
import ssl
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PAST, FUTURE = (datetime(year, 1, 1, tzinfo=UTC) for year in (2020, 2100))


class Authority:
    """Signs certificates into a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self._key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder("the authority", self._key)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.file = folder / "ca.pem"
        self.file.write_bytes(_pem(builder.sign(self._key, hashes.SHA256())))

    def certificate(self, name: str, address: str = "127.0.0.1") -> Path:
        """Return a file with a new certificate for an address and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        signed = (
            self._builder(name, key).add_extension(names, critical=False).sign(self._key, hashes.SHA256())
        )
        file = self.folder / f"{name}.pem"
        private = serialization.PrivateFormat.PKCS8
        file.write_bytes(
            _pem(signed)
            + key.private_bytes(serialization.Encoding.PEM, private, serialization.NoEncryption())
        )
        return file

    def server(self, *, asks: bool = False) -> ssl.SSLContext:
        """Return what a server needs, which may ask clients for a certificate of this authority."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate("server"))
        if asks:
            context.load_verify_locations(self.file)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _builder(self, name: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        builder = x509.CertificateBuilder(_name("the authority"), _name(name), key.public_key())
        numbered = builder.serial_number(x509.random_serial_number())
        return numbered.not_valid_before(PAST).not_valid_after(FUTURE)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(signed: x509.Certificate) -> bytes:
    return signed.public_bytes(serialization.Encoding.PEM)
