"""Video in and out, through PyAV: whatever FFmpeg reads becomes upright RGB frames with square pixels.

Every file is hostile until it is decoded: sizes are checked before frames are, a damaged tail ends the video
instead of the work, and a file without a single good frame is refused in a sentence.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from fenshen.errors import FenshenError, UsageError

MAX_PIXELS = 8192 * 8192  # of one frame
_MAX_ASPECT = 8.0  # of a pixel; anything beyond is a broken header
_HIGH_DEFINITION = 720  # rows from which unlabelled colour is BT.709, below BT.601


@dataclass(frozen=True)
class VideoInfo:
    """What a video says of itself.

    Attributes:
        width, height: of the frames as they are to be seen: turned upright, with square pixels.
        fps: mean frame rate; 0 where the file does not say.
        duration: seconds; 0 where the file does not say.
        frames: how many, or an estimate from duration and rate; 0 where neither is known.
        rotation: clockwise degrees by which the stored frames are turned to be upright: 0, 90, 180 or 270.
        has_audio: whether there is sound.
    """

    width: int
    height: int
    fps: float
    duration: float
    frames: int
    rotation: int
    has_audio: bool


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame: its number in the video from 0, its time in seconds from the first frame, its pixels."""

    index: int
    timestamp: float
    picture: UInt8[ndarray, "H W 3"]


def probe(path: Path | str) -> VideoInfo:
    """Look at a video's header and first frame.

    Raises:
        FenshenError: it is not a video that can be decoded.
    """
    path = Path(path)
    with _opened(path) as (container, stream):
        first = next(_decoded(container, stream, path), None)
        if first is None:
            raise FenshenError("video.no_frames", path=path)
        rotation = _rotation(first)
        width, height = _upright_size(first, stream)
        fps = float(stream.average_rate or 0)
        if stream.duration is not None:
            duration = float(stream.duration * stream.time_base)
        else:
            duration = (container.duration or 0) / 1e6
        frames = stream.frames or round(duration * fps)
        return VideoInfo(width, height, fps, duration, frames, rotation, bool(container.streams.audio))


def frames(
    path: Path | str,
    *,
    every: int | None = None,
    fps: float | None = None,
    start: float = 0.0,
    stop: float | None = None,
) -> Iterator[Frame]:
    """Decode a video frame by frame: upright, square pixels, RGB.

    Args:
        every: only each so many-th frame.
        fps: only so many frames for a second of video: the first at or after each tick of that clock.
        start, stop: only frames at or after ``start`` and before ``stop``, in seconds; the same ones that the
            whole video would give there.

    Raises:
        FenshenError: it is not a video that can be decoded. A damaged tail ends it quietly.
        UsageError: both ``every`` and ``fps`` are given, or one is not positive.
    """
    if every is not None and fps is not None:
        raise UsageError("video.every_and_fps")
    if every is not None and every < 1:
        raise UsageError("video.not_positive", option="--every", value=every)
    if fps is not None and not (math.isfinite(fps) and fps > 0):
        raise UsageError("video.not_positive", option="--fps", value=fps)
    return _frames(Path(path), every or 1, fps, start, stop)


def _frames(path: Path, every: int, fps: float | None, start: float, stop: float | None) -> Iterator[Frame]:
    with _opened(path) as (container, stream):
        first = None
        index = -1
        tick = 0
        rate = float(stream.average_rate or 25)
        for index, frame in enumerate(_decoded(container, stream, path)):
            time = frame.time if frame.time is not None else index / rate
            first = time if first is None else first
            timestamp = time - first
            if stop is not None and timestamp >= stop:
                return
            if index % every or (fps is not None and timestamp + 0.25 / rate < tick / fps):
                continue
            if fps is not None:
                tick = max(tick + 1, math.floor((timestamp + 0.25 / rate) * fps) + 1)
            if timestamp >= start:
                yield Frame(index, timestamp, _picture(frame, stream, path))
        if index < 0:
            raise FenshenError("video.no_frames", path=path)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """The container and its video stream; files only, so that no name can make FFmpeg open the network."""
    import av
    from av.error import FFmpegError

    if not path.is_file():
        raise FenshenError("video.missing", path=path)
    try:
        with path.open("rb") as file, av.open(file, metadata_errors="ignore") as container:
            pictures = [s for s in container.streams.video if s.disposition.name != "attached_pic"]
            if not pictures:
                raise FenshenError("video.no_picture", path=path)
            stream = pictures[0]
            stream.thread_type = "AUTO"
            _check_size(stream.codec_context, path)
            yield container, stream
    except (FFmpegError, OSError, ValueError) as error:
        raise FenshenError("video.not_a_video", path=path, why=error) from error


def _decoded(container: Any, stream: Any, path: Path) -> Iterator[Any]:
    """Frames until the end or the first damage that the decoder cannot get over."""
    from av.error import FFmpegError

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                return
            decoded = packet.decode()
        except FFmpegError:
            return
        for frame in decoded:
            _check_size(frame, path)
            yield frame


def _check_size(sized: Any, path: Path) -> None:
    if sized.width * sized.height > MAX_PIXELS:
        raise FenshenError("video.too_large", path=path, width=sized.width, height=sized.height)


def _picture(frame: Any, stream: Any, path: Path) -> UInt8[ndarray, "H W 3"]:
    import cv2
    from av.video.reformatter import Colorspace

    unlabelled = int(frame.colorspace) == 2
    high = frame.height >= _HIGH_DEFINITION
    colours = (Colorspace.ITU709 if high else Colorspace.ITU601) if unlabelled else None
    rgb = frame.to_ndarray(format="rgb24", src_colorspace=colours)
    turns = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}
    width, height = _square_size(frame, stream)
    if (width, height) != (frame.width, frame.height):
        rgb = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_CUBIC)
    rotation = _rotation(frame)
    return cv2.rotate(rgb, turns[rotation]) if rotation else rgb


def _rotation(frame: Any) -> int:
    """Clockwise quarter turns in degrees; FFmpeg gives the display matrix's angle anticlockwise."""
    return round(-frame.rotation / 90) % 4 * 90


def _square_size(frame: Any, stream: Any) -> tuple[int, int]:
    """Width and height after pixels were made square by stretching the shorter way."""
    aspect = float(stream.sample_aspect_ratio or 1)
    if not 1 / _MAX_ASPECT <= aspect <= _MAX_ASPECT:
        aspect = 1.0
    if aspect >= 1:
        return round(frame.width * aspect), frame.height
    return frame.width, round(frame.height / aspect)


def _upright_size(frame: Any, stream: Any) -> tuple[int, int]:
    width, height = _square_size(frame, stream)
    return (height, width) if _rotation(frame) in (90, 270) else (width, height)
