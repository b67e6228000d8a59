"""A certificate for the local server. The real services speak TLS, and one peer knows nothing else."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from pathlib import Path

HOST = "127.0.0.1"


def make(folder: Path) -> tuple[Path, Path]:
    """
    Write key and certificate to one file, and what clients shall trust to another.

    Clients trust the usual authorities too: reading some 150 certificates is what a TLS context costs in real life,
    and some clients make one for each trigger.
    """
    import certifi
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "benchmark")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=7))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    public = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    folder.mkdir(parents=True, exist_ok=True)
    own, trusted = folder / "server.pem", folder / "trusted.pem"
    own.write_bytes(private + public)
    trusted.write_bytes(Path(certifi.where()).read_bytes() + b"\n" + public)
    return own, trusted


def server_context(own: Path) -> ssl.SSLContext:
    """Return the server's side."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own)
    return context


def trusting(trusted: Path) -> dict[str, str]:
    """Return the variables that make OpenSSL, httpx and requests trust it."""
    return {"SSL_CERT_FILE": str(trusted), "REQUESTS_CA_BUNDLE": str(trusted)}
