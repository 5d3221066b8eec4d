"""Content Credentials (C2PA): a signed statement inside a file of who made it and how, broken by any later change.

Signed by a certificate that was made on this machine, or by one's own. No network is used: no time stamps are asked
for, no remote manifests or revocation lists are read. What the format cannot hold (WebM, Matroska) goes into a
standard ``.c2pa`` file beside it.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fenshen import files
from fenshen.errors import FenshenError, UsageError
from fenshen.names import readable

if TYPE_CHECKING:
    from c2pa import Context, Reader
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate

ABOUT = "org.fenshen.double"  # the label of our own assertion
ORGANISATION = "Fenshen (self-made)"
_GENERATED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
_KINDS = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
}
_BESIDE = (".webm", ".mkv")
_YEARS = 10
_CERTIFICATES, _KEY = "certificates.pem", "key.pem"


class About(BaseModel):
    """What our assertion says about a file. It does not contain the names of faces or signers."""

    model_config = ConfigDict(extra="ignore")

    schema_version: int = 1
    double: str = Field(description="name of the double", max_length=300)
    model: str = Field(description="sha256 of the model's weights, in hex", max_length=64)
    consent: str = Field(description="sha256 of the consent record, in hex", max_length=64)
    purposes: list[str] = Field(description="what the consent allows", max_length=50)
    own_face: bool = Field(description="whether the maker says that the face is their own")


@dataclass(frozen=True, repr=False)
class Signer:
    """Who signs: PEM texts of certificates, the signer's first, and of the key that belongs to it."""

    certificates: bytes
    key: bytes


@dataclass(frozen=True)
class Credentials:
    """What a file's credentials say, and whether they can be trusted.

    Attributes:
        intact: neither the file nor the credentials were changed since they were signed.
        failures: C2PA's codes of what is wrong.
        generator: the program that signed.
        organisation, name: of the signing certificate, as it says itself.
        serial: of that certificate.
        trusted: the certificate leads to an authority that C2PA knows; never so for self-made ones.
        generated: the credentials say that the file was made by AI.
        about: our own assertion, if Fenshen made the file.
    """

    intact: bool
    failures: tuple[str, ...]
    generator: str | None = None
    organisation: str | None = None
    name: str | None = None
    serial: str | None = None
    trusted: bool = False
    generated: bool = False
    about: About | None = None


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
        _algorithm(signer)
        return signer
    except (ValueError, TypeError) as error:
        raise UsageError("provenance.bad_pem", certificates=certificates, key=key) from error


def sign(path: Path | str, about: About, signer: Signer | None = None, final: Path | None = None) -> Path:
    """Put credentials into a finished file in place, or beside it if its format has no room for them.

    Args:
        final: where the file will be moved, if it is not in its place yet.

    Returns:
        The file that holds the credentials: ``path``, or ``path`` with ``.c2pa`` added.

    Raises:
        UsageError: the suffix is none of .png .jpg .jpeg .webp .gif .mp4 .mov .webm .mkv.
        FenshenError: the file cannot be read, signed or written.
    """
    import c2pa

    path = Path(path)
    final = final or path
    kind = _KINDS.get(path.suffix.lower())
    if kind is None:
        raise UsageError("provenance.suffix", path=final, suffixes=" ".join(_KINDS))
    beside = path.suffix.lower() in _BESIDE
    target = holder(final) if beside else path
    signer = signer or own()
    try:
        made = c2pa.Signer.from_info(
            c2pa.C2paSignerInfo(_algorithm(signer), signer.certificates, signer.key, None)
        )
        with (
            files.writing(target) as part,
            c2pa.Builder(_manifest(final.name, kind, about), context=_offline()) as builder,
            path.open("rb") as source,
        ):
            if beside:
                builder.set_no_embed()
                with open(os.devnull, "w+b") as nowhere:
                    part.write_bytes(builder.sign(made, kind, source, nowhere))
            else:
                with part.open("w+b") as signed:
                    builder.sign(made, kind, source, signed)
    except (c2pa.C2paError, OSError) as error:
        raise FenshenError("provenance.cannot_sign", path=path, why=_reason(error)) from error
    except FenshenError as error:
        raise FenshenError("provenance.cannot_sign", path=path, why=error.values.get("why", error)) from error
    return target


def holder(path: Path) -> Path:
    """The file that holds the credentials of a signed file: itself, or the one beside it."""
    return sidecar(path) if path.suffix.lower() in _BESIDE else path


def sidecar(path: Path) -> Path:
    """Where the credentials lie that a format has no room for."""
    return path.with_name(f"{path.name}.c2pa")


def read(path: Path | str) -> Credentials | None:
    """The credentials in a file or beside it, checked; None where there are none.

    Raises:
        FenshenError: the file cannot be opened.
    """
    import c2pa

    path = Path(path)
    beside = sidecar(path)
    try:
        with path.open("rb") as file:
            kind = _KINDS.get(path.suffix.lower(), "application/octet-stream")
            try:
                with c2pa.Reader(None, file, context=_offline()) as reader:
                    return _understood(reader)
            except (c2pa.C2paError.ManifestNotFound, c2pa.C2paError.NotSupported, c2pa.C2paError.Other):
                if not os.path.isfile(beside) or beside.stat().st_size > 1 << 26:
                    return None
            file.seek(0)
            with c2pa.Reader(kind, file, beside.read_bytes(), context=_offline()) as reader:
                return _understood(reader)
    except OSError as error:
        raise FenshenError("provenance.unreadable", path=path, why=error.strerror or error) from error
    except (c2pa.C2paError, ValueError, LookupError, TypeError, AttributeError) as error:
        return Credentials(intact=False, failures=(_reason(error),))


def is_own(credentials: Credentials) -> bool:
    """Whether they were signed with this user's own self-made certificate."""
    from cryptography import x509

    try:
        text = (folder() / "credentials" / _CERTIFICATES).read_bytes()
        return credentials.serial == str(x509.load_pem_x509_certificates(text)[0].serial_number)
    except (OSError, ValueError):
        return False


def _manifest(name: str, kind: str, about: About) -> dict[str, Any]:
    from fenshen.version import __version__

    ourselves = {"name": "Fenshen", "version": __version__}
    made = {"action": "c2pa.created", "softwareAgent": ourselves, "digitalSourceType": _GENERATED}
    return {
        "claim_generator_info": [ourselves],
        "title": readable(name),
        "format": kind,
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [made]}},
            {"label": ABOUT, "data": about.model_dump()},
        ],
    }


@cache
def _offline() -> Context:
    """Settings that keep the library off the network, and thumbnails out of files that are pictures themselves."""
    import c2pa

    return c2pa.Context.from_dict(
        {
            "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
            "builder": {"thumbnail": {"enabled": False}},
        }
    )


def _understood(reader: Reader) -> Credentials:
    store = json.loads(reader.json())
    manifest = store["manifests"][store["active_manifest"]]
    codes = [status["code"] for status in store.get("validation_status", [])]
    failures = tuple(dict.fromkeys(code for code in codes if code != "signingCredential.untrusted"))
    signature = manifest.get("signature_info") or {}
    generators = manifest.get("claim_generator_info") or [{"name": manifest.get("claim_generator")}]
    data = {assertion["label"]: assertion.get("data") for assertion in manifest.get("assertions", [])}
    actions = [
        a for label, d in data.items() if label.startswith("c2pa.actions") for a in d.get("actions", [])
    ]
    try:
        about = About.model_validate(data[ABOUT]) if ABOUT in data else None
    except ValidationError:
        about = None
    return Credentials(
        intact=store["validation_state"] in ("Valid", "Trusted"),
        failures=failures,
        generator=generators[0].get("name"),
        organisation=signature.get("issuer"),
        name=signature.get("common_name"),
        serial=signature.get("cert_serial_number"),
        trusted=store["validation_state"] == "Trusted",
        generated=any(str(a.get("digitalSourceType", "")).endswith("lgorithmicMedia") for a in actions),
        about=about,
    )


def _algorithm(signer: Signer) -> bytes:
    """C2PA's name of the signature that a key makes."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(signer.key, None)
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in (
        "secp256r1",
        "secp384r1",
        "secp521r1",
    ):
        return {256: b"es256", 384: b"es384", 521: b"es512"}[key.curve.key_size]
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return b"ed25519"
    if isinstance(key, rsa.RSAPrivateKey):
        return b"ps256"
    raise ValueError("a key that C2PA does not know")


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


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
