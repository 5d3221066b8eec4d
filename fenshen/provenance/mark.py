"""Marks everything that Fenshen draws or says, in one order for every kind of file.

The visible label, the watermark, then the encoder, metadata in the file, and credentials last, which seal the rest.
"""

from __future__ import annotations

import io
import wave
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from fenshen import files, greys
from fenshen.errors import FenshenError
from fenshen.greys import Greys, Levels
from fenshen.messages import message
from fenshen.provenance import containers, rhythm
from fenshen.provenance import label as labels
from fenshen.provenance.consent import Consent, OwnWord, check
from fenshen.provenance.credentials import About, sign
from fenshen.provenance.implicit import COMPOSITE, HEAD, TAG, TRAINED, Aigc, Said
from fenshen.provenance.inputs import Input
from fenshen.provenance.options import MarkOptions
from fenshen.provenance.watermark import Watermark

if TYPE_CHECKING:
    from fenshen.video import Audio

Picture = UInt8[ndarray, "H W C"]


class Mark:
    """The marks of one model or double, for everything made with it.

    Args:
        about: what it is; the first 32 bits of its model's hash are the watermark's identity.
        options: how outputs are marked.
        source_type: IPTC's word for how they are made.

    Raises:
        UsageError: options that make no sense.
    """

    def __init__(
        self, about: About, options: MarkOptions = MarkOptions(), source_type: str = TRAINED
    ) -> None:
        options.check()
        self.about, self.options, self.source_type = about, options, source_type
        self._watermark, self._signer = Watermark(about.model), options.signer()

    @classmethod
    def of_model(cls, digest: str, options: MarkOptions = MarkOptions()) -> Mark:
        """The marks of a model, whose pictures it draws alone.

        Args:
            digest: sha256 of its weights, in hex.
        """
        return cls(About(model=digest), options)

    @classmethod
    def of_double(
        cls,
        name: str,
        digest: str,
        consent: Consent,
        options: MarkOptions = MarkOptions(),
        *,
        inputs: Sequence[Input] = (),
        composite: bool = False,
    ) -> Mark:
        """The marks of a double.

        Args:
            consent: that it was made with; it must hold today.
            inputs: what it was made of.
            composite: a real person's own pixels are moved, not only drawn.

        Raises:
            FenshenError: the consent does not hold.
        """
        check(consent)
        about = About(
            double=name,
            model=digest,
            consent=consent.digest,
            purposes=consent.purposes,
            own_face=isinstance(consent.signature, OwnWord),
            inputs=list(inputs),
        )
        return cls(about, options, COMPOSITE if composite else TRAINED)

    def frame(self, picture: Picture) -> Picture:
        """A finished picture or frame, RGB or RGBA, with its marks, in 1.5 ms at 128 px and 1.8 ms at 256 px.

        Neither mark fits on pictures whose shorter side is under 64 pixels: only metadata and credentials mark those.
        """
        return self._watermark.on(labels.put(picture) if self.options.label else picture)

    def picture(
        self, path: Path, picture: Picture, text: Mapping[str, str] | None = None, *, signed: bool = True
    ) -> Path:
        """Write a picture.

        Args:
            text: more that the file says about itself.
            signed: whether it gets credentials.

        Returns:
            Its path.

        Raises:
            UsageError: there are no pictures with this suffix.
            FenshenError: the file cannot be written or signed. What was there before is unchanged.
        """
        return self._written(path, self.frame(picture), text, signed)

    def sheet(
        self,
        path: Path,
        pictures: UInt8[ndarray, "N H W C"],
        columns: int,
        text: Mapping[str, str] | None = None,
        *,
        signed: bool = True,
    ) -> Path:
        """Write pictures of one size as a sheet: a watermark in each, one label below all.

        Everything else is as in :meth:`picture`.
        """
        from fenshen import portraits

        sheet = portraits.sheet(np.stack([self._watermark.on(picture) for picture in pictures]), columns)
        if self.options.label:
            sheet = labels.below(sheet, min(pictures.shape[1:3]))
        return self._written(path, sheet, text, signed)

    def _written(self, path: Path, marked: Picture, text: Mapping[str, str] | None, signed: bool) -> Path:
        from fenshen import portraits

        if not signed:
            portraits.write(path, marked, text, xmp=self._said().packet)
            return path
        with self._sealed(path) as (part, said):
            portraits.write(part, marked, text, xmp=said.packet)
        return path

    def grey(
        self,
        path: Path,
        pictures: Greys,
        columns: int,
        levels: Levels,
        text: Mapping[str, str] | None = None,
    ) -> Path:
        """Write one grey picture, or a sheet of them, as a PNG of one channel of 16 bits, in the unit of ``levels``.

        There is no watermark in it, which would change the values; what the label does not cover is as it was drawn.

        Args:
            text: more that the file says about itself.

        Raises:
            FenshenError: the file cannot be written or signed. What was there before is unchanged.
        """
        sheet, side = greys.sheet(pictures, columns), min(pictures.shape[1:])
        if self.options.label:
            alone = len(pictures) == 1
            sheet = greys.labelled(sheet, labels.put if alone else partial(labels.below, side=side))
        numbers, slope, intercept = levels.stored(sheet)
        unit = {"RescaleSlope": f"{slope:.9g}", "RescaleIntercept": f"{intercept:.9g}"}
        with self._sealed(path) as (part, said):
            greys.write(part, numbers, {**(text or {}), **unit}, said.packet)
        return path

    def singles(self, folder: Path, pictures: Iterable[Picture]) -> Path:
        """Write one PNG per frame; other files in the folder stay."""
        with files.writing_folder(folder, keep=True) as part:
            for number, picture in enumerate(pictures):
                self.picture(part / f"frame-{number:06d}.png", picture)
        return folder

    def film(
        self,
        path: Path,
        frames: Iterable[Picture],
        rate: float,
        audio: Audio | None = None,
        *,
        quick: bool = False,
        marked: bool = False,
    ) -> Path:
        """Write a film.

        Args:
            quick: see :func:`fenshen.video.write`.
            marked: the frames have label and watermark already.

        Returns:
            The film; the credentials of WebM and Matroska lie beside it (``.c2pa``).
        """
        from fenshen import video

        finished = frames if marked else map(self.frame, frames)
        with self._sealed(path) as (part, said):
            video.write(part, finished, rate, audio=audio, quick=quick, tags=said.tags, xmp=said.packet)
        return path

    def stream(
        self, file: Path | io.IOBase, frames: Iterable[Picture], rate: float, audio: Audio | None = None
    ) -> None:
        """Write a film that is watched while it grows. A file is sealed in the end; a pipe only carries the marks."""
        from fenshen import video

        said = self._said()
        video.stream(file, map(self.frame, frames), rate, audio=audio, tags=said.tags)
        if isinstance(file, Path):
            self._seal(file, file, said)

    def sound(
        self, path: Path, pieces: Iterable[Float[ndarray, "samples *C"]], rate: int, channels: int = 1
    ) -> Path:
        """Write sound alone as a WAV file of 16 bits, after the label's rhythm; several channels are [samples, C]."""
        sounded = rhythm.sounded(rate).repeat(channels).reshape(-1, channels)
        opening = [sounded] if self.options.label else []
        with self._sealed(path) as (part, _), part.open("wb") as file, wave.open(file, "wb") as written:
            written.setnchannels(channels)
            written.setsampwidth(2)
            written.setframerate(rate)
            for piece in (*opening, *pieces):
                written.writeframes(np.rint(np.clip(piece, -1, 1) * 32767).astype("<i2").tobytes())
        return path

    def text(self, path: Path, lines: Sequence[str]) -> Path:
        """Write lines of text, first one that says that AI made them, for the eye and as China's implicit label.

        A text file has no metadata and no room for credentials: who takes that line out has taken out all marks.
        """
        said = self._said()
        label = [message("texts.label")] if self.options.label else []
        head = " ".join([HEAD, *label, *([] if said.aigc is None else [f"{TAG}: {said.aigc.json}"])])
        files.write_text(path, "\n".join([head, *lines]) + "\n")
        return path

    def inside(self, picture: Picture, quality: int) -> bytes:
        """A WebP picture for a page that says in words what it shows: with watermark and metadata."""
        from PIL import Image

        stream = io.BytesIO()
        image = Image.fromarray(np.ascontiguousarray(self._watermark.on(picture)))
        image.save(stream, "WEBP", quality=quality, method=4, xmp=self._said().packet)
        return stream.getvalue()

    def ready(self) -> None:
        """Make sure that there is a certificate to sign with, before any work.

        Raises:
            FenshenError: there is none, and none can be made.
        """
        from fenshen.provenance.certificates import own

        self._signer = self._signer or own()

    def implicit_label(self) -> str:
        """China's implicit label for a page, as JSON."""
        return Aigc.new(self.options.producer).json

    def can_sign(self) -> bool:
        """Whether there is a certificate to sign with."""
        try:
            self.ready()
        except FenshenError:
            return False
        return True

    def _said(self) -> Said:
        return Said(Aigc.new(self.options.producer), self.source_type)

    @contextmanager
    def _sealed(self, path: Path) -> Iterator[tuple[Path, Said]]:
        """Write a file that appears only when it is signed: the body writes to the path it is given."""
        said = self._said()
        with files.writing(path) as part:
            yield part, said
            self._seal(part, path, said)

    def _seal(self, part: Path, final: Path, said: Said) -> None:
        try:
            with files.writing_errors(final, ValueError):
                containers.describe(part, said)
            sign(
                part,
                self.about,
                self._signer,
                final,
                source_type=self.source_type,
                authority=self.options.time_stamps,
            )
        except FenshenError as error:
            if error.key != "provenance.cannot_sign":
                raise
            raise FenshenError("provenance.not_kept", path=final, why=error.values["why"]) from error
