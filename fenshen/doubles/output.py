"""Writes a double's pictures and films: enlarged, cut out, marked, and signed when complete."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from fenshen import files
from fenshen.ahead import ahead
from fenshen.doubles.framing import Framing
from fenshen.doubles.matte import Matte
from fenshen.doubles.options import OutputOptions
from fenshen.errors import FenshenError, ReaderGoneError, UsageError
from fenshen.keyframes import Whole
from fenshen.provenance.credentials import must_fit
from fenshen.provenance.inputs import Input

if TYPE_CHECKING:
    from fenshen.doubles.store import Double
    from fenshen.motion.track import Track
    from fenshen.networks.upscaler import Upscaler
    from fenshen.player import Player
    from fenshen.video import Audio

_AHEAD = 8  # frames that are drawn before they are encoded
_END = object()  # after the last sound of a film
STANDARD = Path("-")  # output, for films that are watched while they are made
Frames = Iterable[UInt8[ndarray, "H W C"]]
Scene = tuple["Track", "Audio | None"]  # what moves, and what is heard; all of a film have one rate


@dataclass(frozen=True)
class Medium:
    """What an output can be.

    Attributes:
        suffixes: of its files.
        moves: whether it is a film.
        frames: whether it can also be a folder of single frames.
    """

    suffixes: tuple[str, ...]
    moves: bool = False
    frames: bool = False

    @property
    def transparent(self) -> tuple[str, ...]:
        """The suffixes of files that can be transparent."""
        return tuple(suffix for suffix in self.suffixes if suffix in (".png", ".webp", ".webm", ".gif"))


PICTURE = Medium((".png", ".jpg", ".jpeg", ".webp"))
FILM = Medium((".mp4", ".mov", ".mkv", ".webm", ".gif", ".webp"), moves=True, frames=True)
SOUND_FILM = Medium((".mp4", ".mov", ".mkv", ".webm", ".wav"), moves=True)
SOUND = ".wav"
LIVE_FILM = Medium((".mp4",), moves=True)  # can be watched while it grows


class Output:
    """Writes one picture or film of a double.

    Args:
        target: a file, or a folder for single frames; ``-`` is standard output, for live films.
        medium: what it can be.
        options: how it is finished.
        sheet: whether several pictures are put side by side.
        inputs: what goes into it besides the double: who drives it, what it says.
        force: overwrite an existing file.

    Raises:
        UsageError: the target or the options are not possible.
        FenshenError: the double has no whole frame to be put into.
    """

    def __init__(
        self,
        double: Double,
        target: Path,
        medium: Medium,
        options: OutputOptions,
        *,
        sheet: bool = False,
        inputs: Sequence[Input] = (),
        force: bool = False,
    ) -> None:
        options.check()
        _check_target(target, medium, options, force)
        self.double, self.target, self.medium, self.options = double, target, medium, options
        self.scale = options.scale_of(double.size)
        self.framing = _framing(double, options, sheet)
        self.mark = double.mark(options, inputs)
        self._matte = Matte(double.model.device, film=medium.moves) if options.transparent else None

    def picture(self, pictures: UInt8[ndarray, "N S S 3"], columns: int = 1) -> Path:
        """Write a picture, or several as a sheet."""
        shown = [self._shown(picture) for picture in pictures]
        if len(shown) == 1:
            return self.mark.picture(self.target, shown[0])
        return self.mark.sheet(self.target, np.stack(shown), columns)

    def film(self, scenes: Iterable[Scene]) -> Path:
        """Write the double moving, scene by scene as they come: tracks are added to its face at rest."""
        from threadpoolctl import threadpool_limits

        if self.target != STANDARD:
            self.mark.ready()
        player = self.double.player(held=self.framing is not None)
        # The first frame takes longer: let it be one that nobody waits for.
        player.draw(self.double.neutral)
        scenes = iter(scenes)
        track, sound = next(scenes)
        # Frames are drawn in another thread than the one that encodes them and what is heard with them.
        heard: SimpleQueue[Any] = SimpleQueue()
        heard.put(sound)

        def frames() -> Frames:
            try:
                yield from map(self._shown, moving(self.double, track, player))
                for moves, said in scenes:
                    heard.put(said)
                    yield from map(self._shown, moving(self.double, moves, player))
            finally:
                heard.put(_END)

        audio = None if sound is None else (_joined(iter(heard.get, _END)), sound[1])
        # The watermark's small products wake BLAS's threads, which then keep cores busy that drawing waits for: films
        # took twice as long.
        with threadpool_limits(1, user_api="blas"):
            return self._written(ahead(frames(), _AHEAD), track.rate, audio)

    def sound(self, pieces: Iterable[Audio]) -> Path:
        """Write what a double says, without its picture."""
        pieces = iter(pieces)
        samples, rate = next(pieces)
        mark = self.double.mark(self.options, seen=False)
        return mark.sound(self.target, _joined(chain([(samples, rate)], pieces)), rate)

    def _written(self, frames: Frames, rate: float, audio: Audio | None) -> Path:
        if self.medium is LIVE_FILM:
            return self._stream(frames, rate, audio)
        if not self.target.suffix:
            return self.mark.singles(self.target, frames)
        return self.mark.film(self.target, frames, rate, audio, quick=True)

    def _shown(self, picture: UInt8[ndarray, "S S 3"]) -> UInt8[ndarray, "h w C"]:
        if self.framing is not None:
            return self.framing.frame(picture)
        large = enlarged(picture, self.scale, str(self.double.model.device))
        return large if self._matte is None else self._matte.cut(large)

    def _stream(self, frames: Frames, rate: float, audio: Audio | None) -> Path:
        """Stream a film. A file is removed on failure."""
        if self.target == STANDARD:
            pipe = _Pipe(sys.stdout.buffer)
            self.mark.stream(pipe, pipe.watched(frames), rate, audio)
            pipe.check()
            return self.target
        try:
            self.mark.stream(self.target, frames, rate, audio)
        except BaseException:
            self.target.unlink(missing_ok=True)
            raise
        return self.target


class _Pipe(io.RawIOBase):
    """Standard output for an encoder, whose callbacks must not raise: the next frame raises what went wrong."""

    name = str(STANDARD)

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._error: BaseException | None = None

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        """Write and flush; after an error, only pretend to."""
        if self._error is None:
            try:
                self._file.write(data)
                self._file.flush()
            except BaseException as error:  # also an interrupt, which the encoder would swallow
                self._error = error
        return len(data)

    def watched(self, frames: Frames) -> Frames:
        """The frames, until something could not be written."""
        for frame in frames:
            self.check()
            yield frame

    def check(self) -> None:
        """Raise what went wrong.

        Raises:
            ReaderGoneError: nobody reads any more.
            FenshenError: the pipe cannot be written for another reason.
        """
        error = self._error
        if isinstance(error, OSError):
            kind = ReaderGoneError if isinstance(error, BrokenPipeError) else FenshenError
            raise kind("video.cannot_write", path=self.name, why=files.reason(error)) from error
        if error is not None:
            raise error


def _joined(sounds: Iterable[Audio | None]) -> Iterator[Float[ndarray, "samples *channels"]]:
    for sound in sounds:
        if sound is not None:
            yield from [sound[0]] if isinstance(sound[0], ndarray) else sound[0]


def _framing(double: Double, options: OutputOptions, sheet: bool) -> Framing | None:
    """What puts frames back into the film's own frame; None where they stay as they are.

    Raises:
        FenshenError: it is asked for, and the double has no such frame.
    """
    whole = None if double.keyframes is None else double.keyframes.whole
    if options.frame == "full" and whole is None:
        key = "double.no_frame" if double.card.still else "double.frame_moved"
        raise FenshenError(key, name=double.card.name)
    usual = "crop" if sheet or options.transparent else "full"
    if whole is None or (options.frame or usual) == "crop":
        return None
    device = str(double.model.device)
    frame = enlarged(whole.picture, options.scale or 1.0, device)
    factor = len(frame) / len(whole.picture)
    larger = Whole(frame, *(factor * value for value in whole.square))
    return Framing(larger, lambda crop: _doubled(crop, device))


def _check_target(target: Path, medium: Medium, options: OutputOptions, force: bool) -> None:
    """Refuse a target that cannot be what is asked for.

    Raises:
        UsageError: it has another suffix, cannot be transparent or without a label, or exists.
    """
    live = medium is LIVE_FILM
    if live and target == STANDARD:
        if not options.label:
            raise UsageError("double.piped_label")
        if options.transparent:
            raise UsageError("double.opaque_stream")
        return
    folder = medium.frames and not target.suffix
    suffix = target.suffix.lower()
    if live and options.transparent:
        raise UsageError("double.opaque_stream")
    if not folder and suffix not in medium.suffixes:
        raise UsageError("double.output", path=target, suffixes=", ".join(medium.suffixes))
    must_fit(target)
    if options.transparent and not folder and suffix not in medium.transparent:
        key = "double.opaque_film" if medium.frames else "double.opaque"
        raise UsageError(key, path=target, suffixes=", ".join(medium.transparent))
    if target.exists() and (not force or target.is_dir() != folder):
        raise UsageError("generate.exists", path=target)


def moving(double: Double, track: Track, player: Player) -> Iterator[UInt8[ndarray, "S S 3"]]:
    """The double, frame by frame: ``track`` is added to its face at rest."""
    from fenshen import controls as control_space

    yield from player.film(control_space.clip(double.neutral + track.controls))


def enlarged(picture: UInt8[ndarray, "H W 3"], scale: float, device: str = "cpu") -> UInt8[ndarray, "h w 3"]:
    """Enlarge with the upscaling network, then resize; the sides are even, as films need.

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

    from fenshen.media import from_pixels, to_pixels

    with torch.inference_mode():
        (large,) = to_pixels(_upscaler(device)(from_pixels(picture[None], device)))
    return large


@cache
def _upscaler(device: str) -> Upscaler:
    from fenshen.networks.upscaler import Upscaler

    return Upscaler.load().to(device)
