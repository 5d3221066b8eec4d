"""Who signs: a certificate that was made on this machine when first needed, or one's own."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from fenshen.errors import FenshenError, UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate

ORGANISATION = "Fenshen (self-made)"
_YEARS = 10
_CURVES = {"secp256r1": b"es256", "secp384r1": b"es384", "secp521r1": b"es512"}
_CERTIFICATES, _KEY = "certificates.pem", "key.pem"


@dataclass(frozen=True, repr=False)
class Signer:
    """Who signs.

    Attributes:
        certificates: PEM texts of the chain, the signer's own first.
        key: PEM text of the key that belongs to it.
    """

    certificates: bytes
    key: bytes

    @property
    def algorithm(self) -> bytes:
        """C2PA's name of the signature that the key makes.

        Raises:
            ValueError: it has none.
        """
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        key = load_pem_private_key(self.key, None)
        if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
            return _CURVES[key.curve.name]
        if isinstance(key, ed25519.Ed25519PrivateKey):
            return b"ed25519"
        if isinstance(key, rsa.RSAPrivateKey):
            return b"ps256"
        raise ValueError("a key that C2PA does not know")


def folder() -> Path:
    """This user's settings: ``FENSHEN_CONFIG``, else ``XDG_CONFIG_HOME/fenshen``, else ``~/.config/fenshen``."""
    if said := os.environ.get("FENSHEN_CONFIG"):
        return Path(said)
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "fenshen"


def own() -> Signer:
    """This user's self-made certificate, made when first needed and renewed when it nears its end.

    Raises:
        FenshenError: the folder cannot be written.
    """
    place = folder() / "credentials"
    try:
        if not _lasts(place):
            _make(place)
        return Signer((place / _CERTIFICATES).read_bytes(), (place / _KEY).read_bytes())
    except OSError as error:
        raise FenshenError("provenance.no_credentials", path=place, why=error.strerror or error) from error


def load(certificates: Path | str, key: Path | str) -> Signer:
    """One's own certificate chain and key, both PEM.

    Raises:
        UsageError: one is missing or no PEM of its kind, or they do not belong together.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    texts = []
    for path in (Path(certificates), Path(key)):
        try:
            texts.append(path.read_bytes())
        except OSError as error:
            raise UsageError("provenance.unreadable", path=path, why=error.strerror or error) from error
    try:
        chain, secret = x509.load_pem_x509_certificates(texts[0]), load_pem_private_key(texts[1], None)
        if chain[0].public_key() != secret.public_key():
            raise UsageError("provenance.strange_key", certificates=certificates, key=key)
        signer = Signer(*texts)
        signer.algorithm  # noqa: B018  (refuses what C2PA has no signature for)
        return signer
    except (ValueError, TypeError) as error:
        raise UsageError("provenance.bad_pem", certificates=certificates, key=key) from error


def is_own(serial: str | None) -> bool:
    """Whether this is the number of this user's own self-made certificate."""
    from cryptography import x509

    try:
        text = (folder() / "credentials" / _CERTIFICATES).read_bytes()
        return serial == str(x509.load_pem_x509_certificates(text)[0].serial_number)
    except (OSError, ValueError):
        return False


def _lasts(place: Path) -> bool:
    """Whether there is a certificate that is good for another month."""
    from cryptography import x509

    if not (place / _KEY).is_file() or not (place / _CERTIFICATES).is_file():
        return False
    try:
        certificate = x509.load_pem_x509_certificates((place / _CERTIFICATES).read_bytes())[0]
    except ValueError:
        return False
    return certificate.not_valid_after_utc > datetime.now(timezone.utc) + timedelta(days=30)


def _make(place: Path) -> None:
    """Create a chain of two certificates, as C2PA requires; the authority's key is discarded after signing."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    place.parent.mkdir(parents=True, exist_ok=True)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    authority = _certificate("Fenshen on this machine, authority", keys[0], None, keys[0])
    chain = [_certificate("Fenshen on this machine", keys[1], authority, keys[0]), authority]
    part = Path(tempfile.mkdtemp(prefix=".credentials-", dir=place.parent))  # only its owner may look inside
    try:
        (part / _CERTIFICATES).write_bytes(b"".join(c.public_bytes(Encoding.PEM) for c in chain))
        secret = keys[1].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        with os.fdopen(os.open(part / _KEY, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secret)
        if place.exists() and not _lasts(place):
            os.replace(place, tempfile.mkdtemp(prefix="credentials-old-", dir=place.parent))
        try:
            os.replace(part, place)
        except OSError:
            if not _lasts(place):  # else another process was quicker
                raise
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _certificate(
    name: str,
    key: EllipticCurvePrivateKey,
    issuer: Certificate | None,
    issuer_key: EllipticCurvePrivateKey,
) -> Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    authority = issuer is None
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANISATION),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    now = datetime.now(timezone.utc)
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only"),
        False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365 * _YEARS))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not authority,
                key_cert_sign=authority,
                crl_sign=authority,
                decipher_only=False,
                **usage,
            ),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
    )
    if not authority:
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False
        )
    return builder.sign(issuer_key, SHA256())
