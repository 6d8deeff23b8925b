"""Certificates for the sites of a rehearsal's web, made in memory: only sessions of the rehearsal trust who signs."""

import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_LIFE = timedelta(days=30)
_AUTHORITY = "who signs in a rehearsal"
_SITE = "a site of a rehearsal"
"""Not the name of who signs: else it would pass for a certificate that signs itself."""


class Authority:
    """Signs a certificate for any host. Its key never leaves this process."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = (
            _builder(_AUTHORITY, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.context = lru_cache(maxsize=256)(self._context)
        """TLS of a server that passes for this host."""

    @property
    def pem(self) -> str:
        """Its own certificate: whoever trusts it trusts every site that it signs for."""
        return self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def _context(self, host: str) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        signed = (
            _builder(_SITE, key)
            .add_extension(x509.SubjectAlternativeName([_name(host)]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory(prefix="harness-rehearsal-") as folder:  # the ssl module reads files only
            file = Path(folder) / "site.pem"
            file.write_bytes(key.private_bytes(*form) + signed.public_bytes(serialization.Encoding.PEM))
            made.load_cert_chain(file)
        return made


def _builder(subject: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_named(subject))
        .issuer_name(_named(_AUTHORITY))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _LIFE)
        .not_valid_after(now + _LIFE)
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
