"""Content Credentials (C2PA): a signed statement inside a file of who made it and how, broken by any later change.

Signed by a certificate that was made on this machine, or by one's own. No network is used: no remote manifests or
revocation lists are read, and a time stamp is asked for only from an authority that the user names. What the format
cannot hold (WebM, Matroska) goes into a standard ``.c2pa`` file beside it.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fenshen import files
from fenshen.errors import FenshenError, UsageError
from fenshen.names import readable
from fenshen.provenance.certificates import Signer, own
from fenshen.provenance.implicit import SOURCE_TYPES, TRAINED
from fenshen.provenance.inputs import Input

if TYPE_CHECKING:
    from c2pa import Builder, Context, Reader

ABOUT = "org.fenshen.double"  # the label of our own assertion
KINDS = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
    ".wav": "audio/wav",
}
_BESIDE = (".webm", ".mkv")


class About(BaseModel):
    """What our assertion says about a file. It does not contain the names of faces or signers."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=())

    schema_version: int = 2
    model: str = Field(description="sha256 of the model's weights, in hex", max_length=64)
    double: str | None = Field(default=None, description="name of the double", max_length=300)
    consent: str | None = Field(default=None, description="sha256 of its consent record", max_length=64)
    purposes: list[str] = Field(default=[], description="what the consent allows", max_length=50)
    own_face: bool | None = Field(
        default=None, description="whether the maker says that the face is their own"
    )
    inputs: list[Input] = Field(default=[], description="what it was made of", max_length=100)


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
        source_type: IPTC's word for how, the first that they say.
        ingredients: how many files they say it was made of.
        time: when it was signed, by a time stamp authority.
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
    source_type: str | None = None
    ingredients: int = 0
    time: str | None = None
    about: About | None = None


def sign(
    path: Path | str,
    about: About,
    signer: Signer | None = None,
    final: Path | None = None,
    *,
    source_type: str = TRAINED,
    authority: str | None = None,
) -> Path:
    """Put credentials into a finished file in place, or beside it if its format has no room for them.

    Args:
        final: where the file will be moved, if it is not in its place yet.
        source_type: IPTC's word for how it was made.
        authority: the address of a time stamp authority (RFC 3161), which is then asked.

    Returns:
        The file that holds the credentials: ``path``, or ``path`` with ``.c2pa`` added.

    Raises:
        UsageError: the suffix is none of :data:`KINDS`.
        FenshenError: the file cannot be read, signed or written.
    """
    import c2pa

    path = Path(path)
    final = final or path
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise UsageError("provenance.suffix", path=final, suffixes=" ".join(KINDS))
    beside = path.suffix.lower() in _BESIDE
    target = holder(final) if beside else path
    signer = signer or own()
    manifest = _manifest(final.name, kind, about, source_type)
    try:
        made = c2pa.Signer.from_info(
            c2pa.C2paSignerInfo(
                signer.algorithm,
                signer.certificates,
                signer.key,
                authority.encode() if authority else None,
            )
        )
        with (
            files.writing(target) as part,
            c2pa.Builder(manifest, context=offline()) as builder,
            path.open("rb") as source,
        ):
            _add_ingredients(builder, about.inputs)
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


def must_fit(path: Path) -> None:
    """Refuse a name beside which there is no room for that of its credentials, before any work.

    Raises:
        UsageError: it is too long.
    """
    if len(os.fsencode(holder(path).name)) > files.LONGEST:
        raise UsageError("files.long_name", path=holder(path))


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
            kind = KINDS.get(path.suffix.lower(), "application/octet-stream")
            try:
                with c2pa.Reader(None, file, context=offline()) as reader:
                    return _understood(reader)
            except (c2pa.C2paError.ManifestNotFound, c2pa.C2paError.NotSupported, c2pa.C2paError.Other):
                if not os.path.isfile(beside) or beside.stat().st_size > 1 << 26:
                    return None
            file.seek(0)
            with c2pa.Reader(kind, file, beside.read_bytes(), context=offline()) as reader:
                return _understood(reader)
    except OSError as error:
        raise FenshenError("provenance.unreadable", path=path, why=error.strerror or error) from error
    except (c2pa.C2paError, ValueError, LookupError, TypeError, AttributeError) as error:
        return Credentials(intact=False, failures=(_reason(error),))


def _manifest(name: str, kind: str, about: About, source_type: str) -> dict[str, Any]:
    from fenshen.version import __version__

    ourselves = {"name": "Fenshen", "version": __version__}
    actions: list[dict[str, Any]] = [
        {
            "action": "c2pa.created",
            "softwareAgent": ourselves,
            "digitalSourceType": SOURCE_TYPES + source_type,
        }
    ]
    if placed := [one.label for one in about.inputs if one.placed and one.ingredient]:
        actions.append({"action": "c2pa.placed", "parameters": {"ingredientIds": placed}})
    return {
        "claim_generator_info": [ourselves],
        "title": readable(name),
        "format": kind,
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": actions}},
            {"label": ABOUT, "data": about.model_dump(exclude={"inputs": {"__all__": {"ingredient"}}})},
        ],
    }


def _add_ingredients(builder: Builder, inputs: Sequence[Input]) -> None:
    for one in inputs:
        if one.ingredient:
            builder.add_ingredient_from_archive(io.BytesIO(one.ingredient))


@cache
def offline() -> Context:
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
    sources = [str(action.get("digitalSourceType", "")).rsplit("/", 1)[-1] for action in actions]
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
        generated=any(source.endswith("lgorithmicMedia") for source in sources),
        source_type=next((source[:100] for source in sources if source), None),
        ingredients=len(manifest.get("ingredients") or ()),
        time=signature.get("time"),
        about=about,
    )


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
