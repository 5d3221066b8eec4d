"""``fenshen verify``: who made this picture or video, and has it been changed since."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, Field

from fenshen import files
from fenshen.errors import FenshenError
from fenshen.messages import message
from fenshen.names import readable

if TYPE_CHECKING:
    from jaxtyping import UInt8
    from numpy import ndarray

    from fenshen.provenance.credentials import Credentials
    from fenshen.provenance.watermark import Found

_FRAMES, _EVERY = 60, 5  # frames that are looked at, at most one in so many: the first 12 s at 25 a second
_EXPIRED = {"signingCredential.expired", "claimSignature.outsideValidity"}

Status = Literal["valid", "changed", "stripped", "labelled", "nothing"]


class Verdict(BaseModel):
    """What a file says about its origin, and what can be trusted."""

    file: str
    status: Status = Field(
        description="valid: signed and unchanged; changed: credentials that no longer fit; "
        "stripped: no credentials, but a watermark; labelled: neither, but metadata say that AI made it; "
        "nothing: none of these"
    )
    made_by: str | None = Field(default=None, description="the program that signed")
    generated: bool = Field(
        default=False, description="whether credentials, watermark or metadata say that AI made it"
    )
    source_type: str | None = Field(default=None, description="IPTC's word for how it was made")
    aigc: dict[str, str] | None = Field(default=None, description="China's implicit label, by whoever")
    ingredients: int = Field(default=0, description="files that the credentials say it was made of")
    inputs_generated: int = Field(default=0, description="of these, how many were labelled as made by AI")
    signed_at: str | None = Field(default=None, description="by a time stamp authority's word")
    double: str | None = Field(default=None, description="name of the double")
    model: str | None = Field(default=None, description="sha256 of the model's weights")
    consent: str | None = Field(default=None, description="sha256 of the consent record")
    purposes: list[str] = Field(default_factory=list, description="what the consent allows")
    own_face: bool | None = Field(
        default=None, description="whether the maker says that the face is their own"
    )
    signer: str | None = Field(default=None, description="name in the signing certificate, as it says itself")
    signer_is: Literal["yours", "self-made", "unknown", "trusted"] | None = None
    expired: bool = Field(default=False, description="whether the certificate has ended")
    failures: list[str] = Field(default_factory=list, description="C2PA's codes of what is wrong")
    watermark: str | None = Field(
        default=None, description="identity in the watermark: the first 32 bits of the model's sha256"
    )
    agreement: float | None = Field(
        default=None, description="of the watermark with what was read; noise reaches 2.1"
    )

    @property
    def ok(self) -> bool:
        """Whether the file is valid; the command's exit code says the same to scripts."""
        return self.status == "valid"

    @property
    def text(self) -> str:
        """The verdict in plain sentences."""
        return "\n".join(_sentences(self))


def verify(file: Path | str) -> Verdict:
    """Find out who made a picture, film or sound, and whether it was changed since.

    Reads the credentials, the metadata and the watermark of PNG, JPEG, WebP, GIF, MP4, MOV, WebM, MKV, WAV, the label
    of TXT, and whatever else can be decoded, also what other programs wrote. Nothing is asked of the network. The
    watermark survives recompressing, scaling, mirroring and trimming by up to 5 %; in a video, the first seconds are
    read together.

    Args:
        file: a picture, film or sound

    Raises:
        UsageError: it is a folder.
        FenshenError: there is no such file, or it is no picture, video or sound that can be read.
    """
    from fenshen.provenance import credentials, implicit
    from fenshen.provenance.watermark import detect

    path = Path(file)
    files.must_be_file(path, "files.picture_or_film")
    if not path.is_file():
        raise FenshenError("portraits.missing", path=path)
    metadata = implicit.read(path)
    is_text = path.suffix.lower() == ".txt"  # which holds neither credentials nor a watermark
    said = None if is_text else credentials.read(path)
    intact = said is not None and (said.intact or set(said.failures) <= _EXPIRED)
    try:
        mark = None if is_text else detect(_pictures(path), thorough=not intact)
    except FenshenError:
        if said is None and not _is_sound(path):
            raise
        mark = None  # what was changed may no longer be a picture
    verdict = _judged(path, said, intact, mark)
    verdict.generated |= metadata.generated
    if metadata.aigc is not None:
        verdict.aigc = {name: _harmless(text) or "" for name, text in metadata.aigc.fields.items()}
    verdict.source_type = verdict.source_type or _harmless(metadata.source_type)
    if verdict.status == "nothing" and metadata.generated:
        verdict.status = "labelled"
    return verdict


def _judged(path: Path, said: Credentials | None, intact: bool, mark: Found | None) -> Verdict:
    status: Status = "stripped" if mark else "nothing"
    if said is not None:
        status = "valid" if intact else "changed"
    verdict = Verdict(file=readable(path), status=status, generated=mark is not None)
    if mark is not None:
        verdict.watermark, verdict.agreement = mark.identity, mark.agreement
    if said is None:
        return verdict
    from fenshen.provenance.certificates import ORGANISATION, is_own

    verdict.made_by, verdict.failures = _harmless(said.generator), list(said.failures)
    verdict.generated |= said.generated
    verdict.source_type, verdict.ingredients = _harmless(said.source_type), said.ingredients
    verdict.signed_at = _harmless(said.time)
    verdict.signer = _harmless(said.name or said.organisation)
    verdict.expired = bool(set(said.failures) & _EXPIRED)
    if said.serial is not None:
        self_made = "self-made" if said.organisation == ORGANISATION else "unknown"
        verdict.signer_is = "trusted" if said.trusted else "yours" if is_own(said.serial) else self_made  # type: ignore[assignment]
    if said.about is not None:
        about = said.about
        verdict.double, verdict.model, verdict.consent = map(
            _harmless, (about.double, about.model, about.consent)
        )
        verdict.purposes = [_harmless(purpose) or "" for purpose in about.purposes]
        verdict.own_face = about.own_face
        verdict.inputs_generated = sum(
            one.aigc is not None or (one.source_type or "").endswith("lgorithmicMedia")
            for one in about.inputs
        )
    return verdict


def _is_sound(path: Path) -> bool:
    """Whether it has sound and no picture, and so no place for a watermark."""
    import av
    from av.error import FFmpegError

    options = {"protocol_whitelist": "none"}  # no other file is opened that this one may name
    try:
        with (
            path.open("rb") as file,
            av.open(file, options=options, metadata_errors="ignore") as container,
        ):
            return bool(container.streams.audio) and not container.streams.video
    except (FFmpegError, OSError):
        return False


def _harmless(said: str | None) -> str | None:
    """Foreign text without characters that control a terminal or reverse its lines."""
    if said is None:
        return None
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in said[:300])


def _pictures(path: Path) -> UInt8[ndarray, "H W 3"] | Iterator[UInt8[ndarray, "H W 3"]]:
    """The picture, or some frames of the video."""
    from fenshen import portraits

    if path.suffix.lower() == ".gif" or path.suffix.lower() not in portraits.SUFFIXES:
        return _frames(path)
    if path.stat().st_size > portraits.MAX_BYTES:
        raise FenshenError("provenance.too_large", path=path)
    return portraits.read(path)


def _frames(path: Path) -> Iterator[UInt8[ndarray, "H W 3"]]:
    from fenshen import video

    try:
        every = min(max(video.probe(path).frames // _FRAMES, 1), _EVERY)
        yield from (frame.picture for frame in islice(video.frames(path, every=every), _FRAMES))
    except FenshenError as error:
        if error.key.startswith("files."):  # the system refused it, whatever it is
            raise
        raise FenshenError("provenance.not_media", path=path) from error


def _sentences(verdict: Verdict) -> Iterator[str]:
    what = verdict.model_dump() | {"made_by": verdict.made_by or message("provenance.someone")}
    yield message(f"provenance.is_{verdict.status}", **what)
    if verdict.status in ("valid", "changed"):
        if verdict.double is not None:
            yield message("provenance.says_double", **what)
            key = "provenance.says_own_face" if verdict.own_face else "provenance.says_consent"
            yield message(
                key,
                consent=(verdict.consent or "")[:16],
                purposes=message("provenance.comma").join(verdict.purposes),
            )
        elif verdict.model is not None:
            yield message("provenance.says_model", **what)
        elif verdict.generated:
            yield message("provenance.says_generated")
        if verdict.ingredients:
            yield message("provenance.says_ingredients", **what)
        if verdict.inputs_generated:
            yield message("provenance.inputs_generated", **what)
    if verdict.status == "valid":
        if verdict.signer_is is not None:
            yield message(f"provenance.signer_{verdict.signer_is.replace('-', '_')}", signer=verdict.signer)
        if verdict.signed_at is not None:
            yield message("provenance.stamped", **what)
        if verdict.expired:
            yield message("provenance.certificate_ended")
    if verdict.watermark is not None:
        agrees = verdict.model is not None and verdict.model.startswith(verdict.watermark)
        yield message("provenance.mark_agrees" if agrees else "provenance.mark_found", **what)
    if verdict.aigc is not None:
        label = verdict.aigc["Label"]
        kind = {"1": "is", "2": "may_be", "3": "suspected"}.get(label, "unknown")
        yield message(f"provenance.aigc_{kind}", label=label, producer=verdict.aigc["ContentProducer"])
    elif verdict.generated and verdict.source_type is not None and verdict.status == "labelled":
        yield message("provenance.source_type", **what)
