"""What leaves a double: pictures and films, enlarged, marked, and signed once they are whole."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from itertools import chain, tee
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from fenshen.errors import FenshenError, UsageError
from fenshen.provenance.mark import Mark

if TYPE_CHECKING:
    from fenshen.doubles.store import Double
    from fenshen.motion.track import Track
    from fenshen.player import Player
    from fenshen.provenance.credentials import Signer
    from fenshen.video import Audio

PICTURES = (".png", ".jpg", ".jpeg", ".webp")
FILMS = (".mp4", ".mov", ".mkv", ".webm", ".gif", ".webp")
LARGEST_SCALE = 4.0
_STRIP, _STRIP_GREY = 0.14, 24  # of the shorter side; level of 255
STANDARD = Path("-")  # output, for films that are watched while they are made
Sound = tuple[Float[ndarray, "samples"], int]
Scene = tuple["Track", Sound | None]  # what moves, and what is heard; all of a film have one rate


class Output:
    """Where something of a double goes, and how it gets there.

    Args:
        target: a file with one of ``suffixes``, or, for films, a folder for single frames.
        scale: by which pictures are enlarged, 1 to 4.
        label: whether the visible label is drawn. Watermark and credentials always are.
        signer: of the credentials; self-made if None.
        force: replace what is there.
        live: an MP4 that can be watched while it grows, or standard output, ``-``.

    Raises:
        UsageError: the target cannot be what is asked for.
    """

    def __init__(
        self,
        double: Double,
        target: Path,
        suffixes: tuple[str, ...],
        *,
        scale: float = 2.0,
        label: bool = True,
        signer: Signer | None = None,
        force: bool = False,
        live: bool = False,
    ) -> None:
        if not 1 <= scale <= LARGEST_SCALE:
            raise UsageError(
                "generate.out_of_range", option="--scale", value=scale, low=1, high=LARGEST_SCALE
            )
        piped = live and target == STANDARD
        if piped and not label:
            raise UsageError("double.piped_label")
        if live:
            suffixes = (".mp4",)
        folder = suffixes is FILMS and not target.suffix
        if not folder and not piped and target.suffix.lower() not in suffixes:
            raise UsageError("double.output", path=target, suffixes=", ".join(suffixes))
        if target.exists() and (not force or target.is_dir() != folder):
            raise UsageError("generate.exists", path=target)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FenshenError("video.cannot_write", path=target, why=error.strerror or error) from error
        self.double, self.target, self.scale, self.live = double, target, scale, live
        self.mark = Mark(double.card.name, double.model.digest, double.consent, label, signer)

    def picture(self, picture: UInt8[ndarray, "H W 3"]) -> Path:
        """Write one picture; under a sheet of several a strip is left for the label, which would hide a face."""
        from fenshen import portraits

        height, width = picture.shape[:2]
        if (height, width) != (self.double.model.card.resolution,) * 2:
            strip = ((0, round(_STRIP * min(height, width))), (0, 0), (0, 0))
            picture = np.pad(picture, strip, constant_values=_STRIP_GREY)
        portraits.write(self.target, self._finished(picture))
        return self.mark.seal(self.target)

    def film(self, scenes: Iterable[Scene]) -> Path:
        """Write the double moving, scene by scene as they come: tracks are added to its face at rest."""
        player = self.double.player()
        player.draw(
            self.double.neutral
        )  # the first frame takes longer; who waits for a voice need not notice
        scenes = iter(scenes)
        first = next(scenes)
        rate, sound = first[0].rate, first[1]
        tracks, heard = tee(chain([first], scenes))
        frames = (
            self._finished(picture) for track, _ in tracks for picture in moving(self.double, track, player)
        )
        audio = None if sound is None else ((said[0] for _, said in heard if said), sound[1])
        if self.live:
            return self._stream(frames, rate, audio)
        if not self.target.suffix:
            return self._singles(frames)
        if self.target.suffix.lower() == ".webp":
            _animated_webp(self.target, frames, rate)
        else:
            from fenshen import video

            video.write(self.target, frames, rate, audio=audio)
        return self.mark.seal(self.target)

    def _stream(self, frames: Iterable[UInt8[ndarray, "H W 3"]], rate: float, audio: Audio | None) -> Path:
        """A file is signed once it is whole, and gone if it never is; what was piped only has its marks."""
        from fenshen import video

        if self.target == STANDARD:
            video.stream(sys.stdout.buffer, frames, rate, audio=audio)
            return self.target
        try:
            video.stream(self.target, frames, rate, audio=audio)
            return self.mark.seal(self.target)
        except BaseException:
            self.target.unlink(missing_ok=True)
            raise

    def _finished(self, picture: UInt8[ndarray, "H W 3"]) -> UInt8[ndarray, "h w 3"]:
        return self.mark.frame(enlarged(picture, self.scale))

    def _singles(self, frames: Iterable[UInt8[ndarray, "H W 3"]]) -> Path:
        """One PNG a frame; a folder that is there keeps what else is in it."""
        from fenshen import portraits

        with tempfile.TemporaryDirectory(prefix=".frames-", dir=self.target.parent) as name:
            for number, frame in enumerate(frames):
                file = Path(name) / f"frame-{number:06d}.png"
                portraits.write(file, frame)
                self.mark.seal(file)
            self.target.mkdir(exist_ok=True)
            for file in sorted(Path(name).iterdir()):
                os.replace(file, self.target / file.name)
        return self.target


def moving(double: Double, track: Track, player: Player) -> Iterator[UInt8[ndarray, "S S 3"]]:
    """The double, frame by frame: ``track`` is added to its face at rest."""
    from fenshen import controls as control_space

    yield from player.film(control_space.clip(double.neutral + track.controls))


def enlarged(picture: UInt8[ndarray, "H W 3"], scale: float) -> UInt8[ndarray, "h w 3"]:
    """Resampled with Lanczos' window, which keeps edges; even sides, for films want them."""
    import cv2

    if scale == 1:
        return picture
    height, width = (2 * round(side * scale / 2) for side in picture.shape[:2])
    return np.ascontiguousarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_LANCZOS4))


def _animated_webp(path: Path, frames: Iterable[UInt8[ndarray, "H W 3"]], rate: float) -> None:
    from PIL import Image

    first, *rest = (Image.fromarray(frame) for frame in frames)
    part = path.with_name(f".{path.name}.part")
    try:
        first.save(
            part, "WEBP", save_all=True, append_images=rest, duration=round(1000 / rate), loop=0, quality=90
        )
        part.replace(path)
    except OSError as error:
        raise FenshenError("video.cannot_write", path=path, why=error.strerror or error) from error
    finally:
        part.unlink(missing_ok=True)
