"""Video in and out, through PyAV: whatever FFmpeg reads becomes upright RGB frames with square pixels.

Every file is hostile until it is decoded: it may not name other files or hosts, sizes are checked before
frames are decoded, what is damaged is left out, and a file without a single good frame is refused in a
sentence.
"""

from __future__ import annotations

import math
import os
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from fenshen import animations
from fenshen.errors import FenshenError, UsageError

MAX_PIXELS = 8192 * 8192  # of one frame
_MAX_ASPECT = 8.0  # of a pixel; anything beyond is a broken header
_SEEK_FROM = 8.0  # seconds; up to there it is cheaper to decode from the start
_TRIES = 3  # key frames: in a transport stream, seeking may lead to a later one
_HEAD = 16  # frames that are decoded to see whether packets are frames
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
        first = None
        rate = stream.average_rate or 25
        for index, frame in enumerate(_decoded(container, stream, path)):
            time = index / rate if frame.pts is None else frame.pts * stream.time_base
            first = time if first is None else first
            yield index, float(time - first), frame, stream


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

    None where packets do not tell (interlaced pictures in two fields, times that are missing or repeat, program
    streams, whose times depend on where reading begins): such videos are decoded from the start.
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
            raise FenshenError("video.not_a_video", path=path, why=_reason(error)) from error
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


def _threads() -> int:
    """For the decoder: what OMP_NUM_THREADS says, which joblib sets in its workers; 0 is FFmpeg's choice."""
    said = os.environ.get("OMP_NUM_THREADS", "")
    return int(said) if said.isdecimal() else 0


def _decoded(container: Any, stream: Any, path: Path) -> Iterator[Any]:
    """All frames that can be decoded; what is damaged is left out."""
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
            decoded = packet.decode()
        except FFmpegError:
            continue
        for frame in decoded:
            if not frame.is_corrupt:
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


def _reason(error: Exception) -> str:
    """What FFmpeg or the system says, without the path, which the sentence already names."""
    return getattr(error, "strerror", None) or str(error)


# What to write by the file's suffix: codec of picture and sound, and the picture codec's settings.
_ENCODERS: dict[str, tuple[str, str, dict[str, str]]] = {
    ".mp4": ("libx264", "aac", {"preset": "medium"}),
    ".mov": ("libx264", "aac", {"preset": "medium"}),
    ".mkv": ("libx264", "aac", {"preset": "medium"}),
    ".webm": ("libvpx-vp9", "libopus", {"b": "0", "row-mt": "1", "cpu-used": "4"}),
}
WRITABLE = (*_ENCODERS, ".gif")
_PIXELS = {3: ("rgb24", "yuv420p"), 4: ("rgba", "yuva420p")}  # by the number of channels, given and stored
# A film that is watched while it is made: fragments of a tenth of a second, and no frame waits for a later one.
_LIVE = {
    "movflags": "+frag_keyframe+empty_moov+default_base_moof",
    "frag_duration": "100000",
    "flush_packets": "1",
}
_LIVE_PICTURE = {"preset": "veryfast", "tune": "zerolatency", "g": "50"}
# Mono or one column a channel, in [-1, 1], whole or piece by piece; and how many samples there are a second.
Audio = tuple[Float[ndarray, "samples *channels"] | Iterable[Float[ndarray, "samples *channels"]], int]


def write(
    path: Path | str,
    pictures: Iterable[UInt8[ndarray, "H W C"]],
    fps: float,
    *,
    audio: Audio | None = None,
    crf: int = 18,
) -> None:
    """Write pictures of one size as a video that plays everywhere: H.264 or VP9, 4:2:0, BT.709.

    The file appears when it is whole. Odd sizes grow by one pixel, for 4:2:0 wants even ones. Pictures are RGB, or RGBA
    in .webm and .gif, which keep the transparency (GIF: all or nothing).

    Args:
        path: its suffix decides: .mp4, .mov, .mkv, .webm, or .gif (which has no sound).
        pictures: taken one by one.
        fps: frames a second.
        audio: a piece is taken when the pictures have come so far.
        crf: constant rate factor, 0 (lossless) to 51; 18 looks like the original.

    Raises:
        UsageError: the suffix is not one of :data:`WRITABLE`.
        FenshenError: the file cannot be written.
        ValueError: there are no pictures, or they differ in size.
    """
    path = Path(path)
    if path.suffix.lower() not in WRITABLE:
        raise UsageError("video.suffix", path=path, suffixes=", ".join(WRITABLE))
    if not (math.isfinite(fps) and fps > 0):
        raise UsageError("video.not_positive", option="fps", value=fps)
    part = path.with_name(f".{path.stem}.part{path.suffix}")
    import av
    from av.error import FFmpegError

    try:
        if path.suffix.lower() == ".gif":
            animations.gif(part, pictures, fps)
        else:
            codec, audio_codec, options = _ENCODERS[path.suffix.lower()]
            whole = {"movflags": "+faststart"} if path.suffix.lower() in (".mp4", ".mov") else {}
            with av.open(part, "w", container_options=whole) as container:
                _encode(container, codec, options | {"crf": str(crf)}, audio_codec, pictures, fps, audio)
        os.replace(part, path)
    except (FFmpegError, OSError) as error:
        raise FenshenError("video.cannot_write", path=path, why=_reason(error)) from error
    finally:
        part.unlink(missing_ok=True)


def stream(
    file: Path | BinaryIO,
    pictures: Iterable[UInt8[ndarray, "H W 3"]],
    fps: float,
    *,
    audio: Audio | None = None,
) -> None:
    """Write a film that can be watched while it grows: MP4 in fragments, H.264 and AAC.

    Args:
        file: of the film, or where its bytes go, such as standard output.

    Raises:
        FenshenError: it cannot be written, or nobody reads it any more.
    """
    import av
    from av.error import FFmpegError

    codec, audio_codec, _ = _ENCODERS[".mp4"]
    try:
        with av.open(file, "w", format="mp4", container_options=_LIVE) as container:
            _encode(container, codec, _LIVE_PICTURE, audio_codec, pictures, fps, audio)
    except (FFmpegError, OSError) as error:
        raise FenshenError(
            "video.cannot_write", path=getattr(file, "name", file), why=_reason(error)
        ) from error


def _encode(
    container: Any,
    codec: str,
    options: dict[str, str],
    audio_codec: str,
    pictures: Iterable[UInt8[ndarray, "H W C"]],
    fps: float,
    audio: Audio | None,
) -> None:
    rate = Fraction(fps).limit_denominator(60000)
    stream = container.add_stream(codec, rate=rate, options=options)
    sound = _Sound(container, audio_codec, *audio) if audio is not None else None
    size = None
    for index, picture in enumerate(pictures):
        if size is None:
            size = picture.shape
            _configure(stream, picture)
        elif picture.shape != size:
            raise ValueError(f"picture {index} is {picture.shape}, the first is {size}")
        container.mux(stream.encode(_yuv(picture)))
        if sound is not None:
            sound.until(float((index + 1) / rate))  # keeps both side by side in the file
    if size is None:
        raise ValueError("a video needs at least one picture")
    container.mux(stream.encode(None))
    if sound is not None:
        sound.finish()


def _configure(stream: Any, picture: UInt8[ndarray, "H W C"]) -> None:
    from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

    context = stream.codec_context
    stream.height, stream.width = (n + n % 2 for n in picture.shape[:2])
    stream.pix_fmt = _PIXELS[picture.shape[2]][1]
    context.colorspace = Colorspace.ITU709
    context.color_range = ColorRange.MPEG
    context.color_primaries = ColorPrimaries.BT709
    context.color_trc = ColorTrc.BT709


def _yuv(picture: UInt8[ndarray, "H W C"]) -> Any:
    import av
    from av.video.reformatter import ColorRange, Colorspace

    height, width = picture.shape[:2]
    if height % 2 or width % 2:
        picture = np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    given, stored = _PIXELS[picture.shape[2]]
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format=given)
    return frame.reformat(format=stored, dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG)


class _Sound:
    """The sound track of a file that is being written, added piece by piece beside the pictures."""

    def __init__(self, container: Any, codec: str, samples: Any, rate: int) -> None:
        self._pieces = iter([samples] if isinstance(samples, ndarray) else samples)
        self._waiting = _planes(next(self._pieces))
        self._layout = "mono" if len(self._waiting) == 1 else "stereo"
        self._rate = rate
        self._done = 0
        self._container = container
        # Opus knows only a few rates; PyAV resamples to the codec's.
        own = 48000 if codec == "libopus" else rate
        self._stream = container.add_stream(codec, rate=own, layout=self._layout)

    def until(self, time: float) -> None:
        wanted = round(time * self._rate) - self._done
        while self._waiting.shape[1] < wanted and (piece := next(self._pieces, None)) is not None:
            self._waiting = np.concatenate([self._waiting, _planes(piece)], axis=1)
        self._add(wanted)

    def finish(self) -> None:
        for piece in self._pieces:
            self._waiting = np.concatenate([self._waiting, _planes(piece)], axis=1)
        self._add(self._waiting.shape[1])
        self._container.mux(self._stream.encode(None))

    def _add(self, count: int) -> None:
        import av

        piece, self._waiting = self._waiting[:, :count], self._waiting[:, max(count, 0) :]
        if count <= 0 or not piece.size:
            return
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(piece), format="fltp", layout=self._layout)
        frame.sample_rate = self._rate
        frame.time_base = Fraction(1, self._rate)
        frame.pts = self._done
        self._done += piece.shape[1]
        self._container.mux(self._stream.encode(frame))


def _planes(samples: Float[ndarray, "samples *channels"]) -> Float[ndarray, "channels samples"]:
    columns = samples[:, None] if samples.ndim == 1 else samples
    if columns.ndim != 2 or columns.shape[1] not in (1, 2):
        raise ValueError(f"sound is mono or stereo, [samples] or [samples, 2], not {samples.shape}")
    return np.ascontiguousarray(np.clip(columns.T, -1, 1), dtype=np.float32)
