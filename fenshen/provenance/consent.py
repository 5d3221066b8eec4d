"""Consent records: who agreed to a double of whose face, for what, and until when, as signed JSON.

A key proves that the file is as it was signed, and that whoever holds the key signed it; a typed name or one's own
word proves nothing, and is called what it is.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import uuid
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fenshen import cards, files
from fenshen.errors import FenshenError
from fenshen.messages import message

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SCHEMA_VERSION = 1
MAX_BYTES = 1 << 20
_BLANK = "____"
_UNSIGNED = {
    "signature",
    "withdrawn_on",
    "explanation",
}  # may change after signing: a consent can be taken back

Text = Annotated[str, Field(min_length=1, max_length=300)]


class TypedName(BaseModel):
    """A name typed where a signature belongs: it states an agreement and proves nothing."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["typed"] = "typed"
    name: Text


class OwnWord(BaseModel):
    """The maker of the double says that the face is their own; nothing was signed."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["self"] = "self"


class KeySignature(BaseModel):
    """An Ed25519 signature (RFC 8032) over the record's canonical JSON, and the public key that proves it."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["ed25519"] = "ed25519"
    public_key: str = Field(description="32 bytes in base64", max_length=64)
    value: str = Field(description="64 bytes in base64", max_length=128)


class Consent(BaseModel):
    """One person's agreement to a double of a face."""

    model_config = ConfigDict(extra="forbid")

    schema_version: Literal[1] = 1
    id: str = Field(
        default_factory=lambda: uuid.uuid4().hex,
        pattern="^[0-9a-f]{32}$",
        description="random, so that the record's digest tells nothing of the names in it",
    )
    face: Text = Field(description="whose face it is")
    given_by: Text = Field(description="who agrees: the person, or who may decide for them")
    given_to: Text = Field(description="who may make and use the double")
    purposes: list[Text] = Field(description="what for", min_length=1, max_length=50)
    given_on: date
    until: date | None = Field(default=None, description="the last day; null for no end")
    withdrawn_on: date | None = Field(
        default=None, description="the day it was taken back; null while it holds"
    )
    signature: TypedName | OwnWord | KeySignature | None = Field(default=None, discriminator="kind")
    explanation: dict[str, str] | None = Field(
        default=None, description="of the template; not part of what is signed"
    )

    @property
    def digest(self) -> str:
        """sha256 of what was agreed to, in hex: it names the record without telling what is in it."""
        return hashlib.sha256(_canonical(self)).hexdigest()

    @property
    def signed(self) -> str:
        """How it is signed, in words that do not promise too much."""
        if isinstance(self.signature, KeySignature):
            return message("provenance.signed_by_key", key=self.signature.public_key[:12])
        if isinstance(self.signature, TypedName):
            return message("provenance.signed_by_name", name=self.signature.name)
        return message("provenance.signed_by_word" if self.signature else "provenance.not_signed")


def template() -> str:
    """A consent to be filled in: JSON with blanks, explained in the language in use."""
    fields = ("face", "given_by", "given_to", "purposes", "given_on", "until", "withdrawn_on", "signature")
    blanks: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "id": uuid.uuid4().hex,
        "explanation": {name: message(f"provenance.about_{name}") for name in fields},
        "face": _BLANK,
        "given_by": _BLANK,
        "given_to": _BLANK,
        "purposes": [_BLANK],
        "given_on": _BLANK,
        "until": None,
        "withdrawn_on": None,
        "signature": {"kind": "typed", "name": _BLANK},
    }
    return json.dumps(blanks, indent=2, ensure_ascii=False) + "\n"


def self_consent(name: str) -> Consent:
    """The consent of ``--consent self``: the maker of the double states that the face is their own."""
    purposes = [message("provenance.purpose_self")]
    signature = OwnWord()
    return Consent(
        face=name, given_by=name, given_to=name, purposes=purposes, given_on=date.today(), signature=signature
    )


def read(path: Path | str) -> Consent:
    """A consent record from its file; :func:`check` says whether it holds.

    Raises:
        FenshenError: no such file, not a consent, blanks left in it, or from a newer Fenshen.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise FenshenError("provenance.not_a_consent", path=path, why=message("provenance.too_long"))
        raw = json.loads(path.read_text(encoding="utf-8-sig"))
        if not isinstance(raw, dict):
            raise FenshenError("provenance.not_a_consent", path=path, why="JSON")
        cards.check(raw, path, SCHEMA_VERSION)
        if blanks := list(_blanks(raw)):
            raise FenshenError("provenance.blanks", path=path, fields=", ".join(blanks))
        return Consent.model_validate(raw)
    except ValidationError as error:
        raise FenshenError("provenance.not_a_consent", path=path, why=cards.why(error)) from error
    except FileNotFoundError as error:
        raise FenshenError("provenance.no_consent", path=path) from error
    except OSError as error:
        raise FenshenError("files.cannot_read", path=path, why=files.reason(error)) from error
    except (ValueError, RecursionError) as error:
        raise FenshenError("provenance.not_a_consent", path=path, why=" ".join(str(error).split())) from error


def write(path: Path | str, consent: Consent) -> None:
    """Save a consent record.

    Raises:
        FenshenError: the file cannot be written.
    """
    files.write_text(path, consent.model_dump_json(indent=2) + "\n")


def check(consent: Consent, today: date | None = None) -> None:
    """Check that the consent is valid today.

    Raises:
        FenshenError: it has blanks, no or a wrong signature, has not begun, has ended or was withdrawn.
    """
    today = today or date.today()
    if blanks := list(_blanks(consent.model_dump(mode="json"))):
        raise FenshenError("provenance.blanks", path=consent.face, fields=", ".join(blanks))
    if consent.signature is None:
        raise FenshenError("provenance.unsigned", face=consent.face)
    if isinstance(consent.signature, OwnWord) and not consent.face == consent.given_by == consent.given_to:
        raise FenshenError("provenance.not_self", face=consent.face, given_by=consent.given_by)
    if isinstance(consent.signature, KeySignature) and not _genuine(consent, consent.signature):
        raise FenshenError("provenance.forged", face=consent.face)
    if consent.withdrawn_on is not None:
        raise FenshenError("provenance.withdrawn", face=consent.face, day=consent.withdrawn_on)
    if today < consent.given_on:
        raise FenshenError("provenance.not_yet", face=consent.face, day=consent.given_on)
    if consent.until is not None and today > consent.until:
        raise FenshenError("provenance.expired", face=consent.face, day=consent.until)


def sign_consent(consent: Consent, key: Path | str) -> Consent:
    """Sign a consent with the Ed25519 private key in a PEM file; the file is created if it does not exist.

    The person who agrees does this, with a key that nobody else has.

    Raises:
        FenshenError: the file is no such key, is locked by a password, or cannot be written.
    """
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    secret = _secret_key(Path(key))
    public = secret.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    value = secret.sign(_canonical(consent))
    texts = [base64.b64encode(part).decode() for part in (public, value)]
    return consent.model_copy(update={"signature": KeySignature(public_key=texts[0], value=texts[1])})


def _secret_key(path: Path) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        load_pem_private_key,
    )

    try:
        if not path.exists():
            key = Ed25519PrivateKey.generate()
            text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(text)
            return key
        loaded = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise FenshenError("files.cannot_write", path=path, why=error.strerror or error) from error
    except (ValueError, TypeError) as error:
        raise FenshenError("provenance.not_a_key", path=path) from error
    if not isinstance(loaded, Ed25519PrivateKey):
        raise FenshenError("provenance.not_a_key", path=path)
    return loaded


def _genuine(consent: Consent, signature: KeySignature) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        public = base64.b64decode(signature.public_key, validate=True)
        value = base64.b64decode(signature.value, validate=True)
        Ed25519PublicKey.from_public_bytes(public).verify(value, _canonical(consent))
    except (InvalidSignature, ValueError):
        return False
    return True


def _canonical(consent: Consent) -> bytes:
    """The same bytes for the same agreement: keys sorted, no spaces, UTF-8."""
    agreed = consent.model_dump(mode="json", exclude=_UNSIGNED)
    return json.dumps(agreed, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _blanks(raw: dict[str, Any]) -> Iterator[str]:
    """The fields in which a blank of the template is left."""
    for name, value in raw.items():
        if name != "explanation" and _BLANK in json.dumps(value):
            yield name
