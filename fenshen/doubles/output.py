"""What leaves a double: pictures and films, enlarged, cut out, marked, and signed once they are whole."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import chain, tee
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from fenshen.doubles.matte import Matte
from fenshen.errors import FenshenError, UsageError
from fenshen.provenance.mark import Mark

if TYPE_CHECKING:
    from fenshen.doubles.store import Double
    from fenshen.motion.track import Track
    from fenshen.networks.upscaler import Upscaler
    from fenshen.player import Player
    from fenshen.provenance.credentials import Signer
    from fenshen.video import Audio

PICTURES = (".png", ".jpg", ".jpeg", ".webp")
FILMS = (".mp4", ".mov", ".mkv", ".webm", ".gif", ".webp")
_SEE_THROUGH = (".png", ".webp", ".webm", ".gif")
LARGEST_SCALE = 4.0
_STRIP, _STRIP_GREY = 0.14, 24  # of the shorter side; level of 255
STANDARD = Path("-")  # output, for films that are watched while they are made
Sound = tuple[Float[ndarray, "samples"], int]
Frames = Iterable[UInt8[ndarray, "H W C"]]
Scene = tuple["Track", Sound | None]  # what moves, and what is heard; all of a film have one rate


class Output:
    """Where something of a double goes, and how it gets there.

    Args:
        target: a file with one of ``suffixes``, or, for films, a folder for single frames.
        scale: by which pictures are enlarged, 1 to 4.
        label: whether the visible label is drawn. Watermark and credentials always are.
        transparent: cut the person out; the background is left transparent.
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
        transparent: bool = False,
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
        if live and transparent:
            raise UsageError("double.opaque_stream")
        if live:
            suffixes = (".mp4",)
        folder = suffixes is FILMS and not target.suffix
        if not folder and not piped and target.suffix.lower() not in suffixes:
            raise UsageError("double.output", path=target, suffixes=", ".join(suffixes))
        if transparent and not folder and target.suffix.lower() not in _SEE_THROUGH:
            able = [suffix for suffix in suffixes if suffix in _SEE_THROUGH]
            key = "double.opaque_film" if suffixes is FILMS else "double.opaque"
            raise UsageError(key, path=target, suffixes=", ".join(able))
        if target.exists() and (not force or target.is_dir() != folder):
            raise UsageError("generate.exists", path=target)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FenshenError("video.cannot_write", path=target, why=error.strerror or error) from error
        self.double, self.target, self.scale, self.live = double, target, scale, live
        self.mark = Mark(double.card.name, double.model.digest, double.consent, label, signer)
        self._matte = Matte(double.model.device, film=suffixes is not PICTURES) if transparent else None

    def picture(self, pictures: UInt8[ndarray, "N S S 3"], columns: int = 1) -> Path:
        """Write a picture, or several as a sheet; under that a strip is left for the label, which would hide a face."""
        from fenshen import portraits

        shown = np.stack([self._shown(picture) for picture in pictures])
        count, side, _, channels = shown.shape
        rows = shown.reshape(count // columns, columns, side, side, channels).swapaxes(1, 2)
        sheet = rows.reshape(-1, columns * side, channels)
        if count > 1:
            height = round(_STRIP * min(sheet.shape[:2]))
            grey = _STRIP_GREY if self._matte is None else 0
            sheet = np.pad(sheet, ((0, height), (0, 0), (0, 0)), constant_values=grey)
        portraits.write(self.target, self.mark.frame(sheet))
        return self.mark.seal(self.target)

    def film(self, scenes: Iterable[Scene]) -> Path:
        """Write the double moving, scene by scene as they come: tracks are added to its face at rest."""
        from threadpoolctl import threadpool_limits

        player = self.double.player()
        # The first frame takes longer: let it be one that nobody waits for.
        player.draw(self.double.neutral)
        scenes = iter(scenes)
        track, sound = first = next(scenes)
        tracks, heard = tee(chain([first], scenes))
        frames = (
            self._finished(picture) for track, _ in tracks for picture in moving(self.double, track, player)
        )
        audio = None if sound is None else ((said[0] for _, said in heard if said), sound[1])
        # The watermark's small products wake BLAS's threads, which then keep cores busy that drawing waits for: films
        # took twice as long.
        with threadpool_limits(1, user_api="blas"):
            return self._written(frames, track.rate, audio)

    def _written(self, frames: Frames, rate: float, audio: Audio | None) -> Path:
        from fenshen import video

        if self.live:
            return self._stream(frames, rate, audio)
        if not self.target.suffix:
            return self._singles(frames)
        video.write(self.target, frames, rate, audio=audio)
        return self.mark.seal(self.target)

    def _finished(self, picture: UInt8[ndarray, "S S 3"]) -> UInt8[ndarray, "s s C"]:
        return self.mark.frame(self._shown(picture))

    def _shown(self, picture: UInt8[ndarray, "S S 3"]) -> UInt8[ndarray, "s s C"]:
        large = enlarged(picture, self.scale, str(self.double.model.device))
        return large if self._matte is None else self._matte.cut(large)

    def _stream(self, frames: Frames, rate: float, audio: Audio | None) -> Path:
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

    def _singles(self, frames: Frames) -> Path:
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


def enlarged(picture: UInt8[ndarray, "H W 3"], scale: float, device: str = "cpu") -> UInt8[ndarray, "h w 3"]:
    """Doubled by the network for it, then brought to size, for films with even sides.

    Beyond twice the side nothing more is known: a second pass would draw hard lines where eyes are soft, so that
    Lanczos' window does the rest.
    """
    import cv2

    if scale == 1:
        return picture
    height, width = (2 * round(side * scale / 2) for side in picture.shape[:2])
    large = _doubled(picture, device)
    if large.shape[:2] == (height, width):
        return large
    window = cv2.INTER_AREA if height < len(large) else cv2.INTER_LANCZOS4
    return np.ascontiguousarray(cv2.resize(large, (width, height), interpolation=window))


def _doubled(picture: UInt8[ndarray, "H W 3"], device: str) -> UInt8[ndarray, "2*H 2*W 3"]:
    import torch

    from fenshen.model import from_pixels, to_pixels

    with torch.inference_mode():
        (large,) = to_pixels(_upscaler(device)(from_pixels(picture[None], device)))
    return large


@cache
def _upscaler(device: str) -> Upscaler:
    from fenshen.networks.upscaler import Upscaler

    return Upscaler.load().to(device)
