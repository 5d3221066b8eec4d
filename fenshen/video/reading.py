"""Video in: whatever FFmpeg reads becomes upright BT.709 frames with square pixels, each with its own time.

Every file is hostile until it is decoded: it may not name other files or hosts, sizes are checked before
frames are decoded, what is damaged is left out, and a file without a single good frame is refused in a
sentence.
"""

from __future__ import annotations

import math
import os
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import Any

from jaxtyping import UInt8
from numpy import ndarray

from fenshen.errors import FenshenError, UsageError
from fenshen.video import colour
from fenshen.video.clock import Clock, Starts, new_starts

MAX_PIXELS = 8192 * 8192  # of one frame
_MAX_ASPECT = 8.0  # of a pixel; anything beyond is a broken header
_SEEK_FROM = 8.0  # seconds; up to there it is cheaper to decode from the start
_TRIES = 3  # key frames: in a transport stream, seeking may lead to a later one
_COMB = (8.0, 8.0, 8.0, 0.0)  # levels by which a line may differ from both neighbours
_HEAD = 16  # frames that are decoded to see whether packets are frames


@dataclass(frozen=True)
class VideoInfo:
    """What a video's header says.

    Attributes:
        width, height: of the frames as they are to be seen: turned upright, with square pixels.
        fps: mean frame rate; 0 where the file does not say.
        start: time of the first frame in seconds, on the clock that the file's sound shares.
        duration: seconds; 0 where the file does not say.
        frames: how many, or an estimate from duration and rate; 0 where neither is known.
        rotation: clockwise degrees by which the stored frames are turned to be upright: 0, 90, 180 or 270.
        has_audio: whether there is a sound track, which may be one that cannot be decoded.
    """

    width: int
    height: int
    fps: float
    duration: float
    frames: int
    rotation: int
    has_audio: bool
    start: float


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
        start = float(clock(container, stream, path).time(first) or 0)
        has_audio = bool(container.streams.audio)
        return VideoInfo(width, height, fps, duration, frames, rotation, has_audio, start)


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
            whole video would give there. Decoding begins at the key frame before ``start``.

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
    index = -1
    before = -math.inf  # ticks of the clock up to the frame before
    for index, timestamp, frame, stream in _numbered(path, start):
        if stop is not None and timestamp >= stop:
            return
        slack = 0.25 / float(stream.average_rate or 25)
        ticks = math.inf if fps is None else math.floor((timestamp + slack) * fps)
        due = index % every == 0 if fps is None else ticks > before
        before = ticks
        if due and timestamp >= start:
            yield Frame(index, timestamp, _picture(frame, stream, path))
    if index < 0:
        raise FenshenError("video.no_frames", path=path)


def _numbered(path: Path, start: float) -> Iterator[tuple[int, float, Any, Any]]:
    """Frames with their number, their time in seconds and their stream, from one before ``start`` at the latest."""
    if start >= _SEEK_FROM and (table := _timetable(path, *_state(path))) is not None:
        with _opened(path) as (container, stream):
            frames = _sought(container, stream, path, table, start)
            if frames is not None:
                for frame in frames:
                    if frame.pts in table.numbers:
                        seconds = float((frame.pts - table.times[0]) * stream.time_base)
                        yield table.numbers[frame.pts], seconds, frame, stream
                return
    with _opened(path) as (container, stream):
        timing = clock(container, stream, path)
        step = Fraction(1 / (stream.average_rate or 25))
        index, first, before = 0, None, Fraction(0)
        for frame in _decoded(container, stream, path):
            time = timing.time(frame)
            if first is None:
                first = before = time or Fraction(0)
            else:
                time = before + step if time is None else time
                if time <= before:  # damaged: its turn is over
                    continue
                before = time
            yield index, float(before - first), frame, stream
            index += 1


def _sought(container: Any, stream: Any, path: Path, table: _Timetable, start: float) -> Iterator[Any] | None:
    """The frames from a key frame before ``start`` on; None where seeking does not lead to one."""
    from av.error import FFmpegError

    # The frame before the first is wanted too: a clock looks at both.
    wanted = bisect_left(table.times, table.times[0] + start / float(stream.time_base)) - 1
    for key in reversed(table.keys[: bisect_right(table.keys, wanted)][-_TRIES:]):
        try:
            container.seek(table.times[key], stream=stream)
        except FFmpegError:
            return None
        frames = _decoded(container, stream, path)
        first = next(frames, None)
        if first is not None and table.numbers.get(first.pts, wanted + 1) <= wanted:
            return chain([first], frames)
    return None


@dataclass(frozen=True)
class _Timetable:
    """When every frame is shown, in the stream's unit; the number of each by that; the numbers of key frames."""

    times: list[int]
    numbers: dict[int, int]
    keys: list[int]


def _state(path: Path) -> tuple[int, int]:
    """What changes when the file does."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns


@lru_cache(maxsize=2)
def _timetable(path: Path, size: int, changed: int) -> _Timetable | None:
    """The frames of a video by its packets, which are read and not decoded: a second or two for an hour.

    None where packets do not tell (interlaced pictures in two fields, times that are missing, repeat or start anew,
    program streams, whose times depend on where reading begins): such videos are decoded from the start.
    """
    from av.error import FFmpegError

    try:
        with _opened(path) as (container, stream):
            if container.format.name == "mpeg":
                return None
            packets = [(packet.pts, packet.is_keyframe) for packet in container.demux(stream) if packet.size]
        with _opened(path) as (container, stream):
            head = [frame.pts for frame in islice(_decoded(container, stream, path), _HEAD)]
    except (FFmpegError, FenshenError):
        return None
    if any(time is None for time, _ in packets) or len(dict(packets)) < len(packets):
        return None
    if any(new_starts(path, size, changed).values()):
        return None
    packets.sort()
    times = [time for time, _ in packets]
    if not head or head != times[: len(head)]:
        return None
    keys = [number for number, (_, key) in enumerate(packets) if key]
    return _Timetable(times, {time: number for number, time in enumerate(times)}, keys)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """The container and its video stream."""
    import av
    from av.error import FFmpegError
    from av.stream import Disposition

    if not path.is_file():
        raise FenshenError("video.missing", path=path)
    # Playlists name other files and hosts to open: no protocol is allowed but the open file itself.
    options = {"protocol_whitelist": "none", "max_pixels": str(MAX_PIXELS)}
    with ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb"))
            container = stack.enter_context(av.open(file, options=options, metadata_errors="ignore"))
        except (FFmpegError, OSError, ValueError) as error:
            raise FenshenError("video.not_a_video", path=path, why=reason(error)) from error
        shown = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
        if not shown:
            raise FenshenError("video.no_picture", path=path)
        stream = shown[0]
        if stream.codec_context is None:  # FFmpeg knows the container, but has no decoder for what is in it
            raise FenshenError("video.not_a_video", path=path, why="no decoder")
        _check_size(stream.codec_context, path)
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = _threads()
        yield container, stream


def clock(container: Any, stream: Any, path: Path | None) -> Clock:
    """The clock of a stream; without its file, it does not know what other streams do where time stamps start anew."""

    def starts() -> Starts:
        return [] if path is None else new_starts(path, *_state(path)).get(stream.index, [])

    return Clock(container, stream, starts)


def _threads() -> int:
    """For the decoder: what OMP_NUM_THREADS says, which joblib sets in its workers; 0 is FFmpeg's choice."""
    said = os.environ.get("OMP_NUM_THREADS", "")
    return int(said) if said.isdecimal() else 0


def _decoded(container: Any, stream: Any, path: Path) -> Iterator[Any]:
    """All frames that can be decoded, none of them too large."""
    for frame in decoded(container, stream):
        if not frame.is_corrupt:
            _check_size(frame, path)
            yield frame


def decoded(container: Any, stream: Any) -> Iterator[Any]:
    """The frames of an ``av`` stream of pictures or sound; damaged packets are left out, a damaged tail ends it."""
    from av.error import FFmpegError

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except FFmpegError:
            return
        if packet is None:
            return
        try:
            yield from packet.decode()
        except FFmpegError:
            continue


def _check_size(sized: Any, path: Path) -> None:
    if sized.width * sized.height > MAX_PIXELS:
        raise FenshenError("video.too_large", path=path, width=sized.width, height=sized.height)


def _picture(frame: Any, stream: Any, path: Path) -> UInt8[ndarray, "H W 3"]:
    import cv2

    rgb = colour.rgb(frame, stream.codec_context.color_trc, stream.codec_context.color_primaries)
    if frame.interlaced_frame and frame.height > 2:
        rgb = _of_one_moment(rgb)
    turns = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}
    width, height = _square_size(frame, stream)
    if (width, height) != (frame.width, frame.height):
        rgb = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_CUBIC)
    rotation = _rotation(frame)
    return cv2.rotate(rgb, turns[rotation]) if rotation else rgb


def _of_one_moment(rgb: UInt8[ndarray, "H W 3"]) -> UInt8[ndarray, "H W 3"]:
    """An interlaced frame without combs: where things moved, every other line lies outside its two neighbours.

    Lines are kept within a little more than their neighbours' range, so that still parts keep all of theirs.
    """
    import cv2

    above, line, below = rgb[:-2:2], rgb[1:-1:2], rgb[2::2]
    low = cv2.subtract(cv2.min(above, below), _COMB)
    high = cv2.add(cv2.max(above, below), _COMB)
    whole = rgb.copy()
    whole[1:-1:2] = cv2.min(cv2.max(line, low), high)
    return whole


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


def reason(error: Exception) -> str:
    """The reason given by FFmpeg or the system, without the path, which the sentence already names."""
    return getattr(error, "strerror", None) or str(error)
