"""Video out: H.264 or VP9 with sound, whole or while it is watched; GIF and animated WebP.

A file appears when it is whole; only a stream grows where it is seen.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from fenshen import files
from fenshen.errors import FenshenError, UsageError
from fenshen.video import animated
from fenshen.video.reading import reason

# What to write by the file's suffix: codec of picture and sound, and the picture codec's settings.
_ENCODERS: dict[str, tuple[str, str, dict[str, str]]] = {
    ".mp4": ("libx264", "aac", {"preset": "medium"}),
    ".mov": ("libx264", "aac", {"preset": "medium"}),
    ".mkv": ("libx264", "aac", {"preset": "medium"}),
    ".webm": ("libvpx-vp9", "libopus", {"b": "0", "row-mt": "1", "cpu-used": "4"}),
}
WRITABLE = (*_ENCODERS, *animated.WRITERS)
_PIXELS = {3: ("rgb24", "yuv420p"), 4: ("rgba", "yuva420p")}  # by the number of channels, given and stored
# A film that is watched while it is made: fragments of a tenth of a second, and no frame waits for a later one.
_LIVE = {
    "movflags": "+frag_keyframe+empty_moov+default_base_moof+use_metadata_tags",
    "frag_duration": "100000",
    "flush_packets": "1",
}
_QUICK = {"preset": "veryfast"}
_LIVE_PICTURE = {**_QUICK, "tune": "zerolatency", "g": "50"}
LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}  # by the number of channels
_AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_BITS_A_CHANNEL = 96000
# Mono or one column a channel, in [-1, 1], whole or piece by piece; and how many samples there are a second.
Audio = tuple[Float[ndarray, "samples *channels"] | Iterable[Float[ndarray, "samples *channels"]], int]


def write(
    path: Path | str,
    pictures: Iterable[UInt8[ndarray, "H W C"]],
    fps: float,
    *,
    audio: Audio | None = None,
    crf: int = 18,
    quick: bool = False,
    tags: Mapping[str, str] | None = None,
    xmp: bytes | None = None,
) -> None:
    """Write pictures of one size as a video that plays everywhere: H.264 or VP9, 4:2:0, BT.709.

    Odd sizes grow by one pixel, because 4:2:0 needs even ones. Pictures are RGB, or RGBA
    in .webm, .webp and .gif, which keep the transparency (GIF: all or nothing).

    Args:
        path: its suffix decides: .mp4, .mov, .mkv, .webm, or .gif and .webp (which have no sound).
        pictures: taken one by one.
        fps: frames a second.
        audio: a piece is taken when the pictures have come so far.
        crf: constant rate factor, 0 (lossless) to 51; 18 looks like the original.
        quick: half the work for H.264, and about 1 dB less at the same size.
        tags: metadata by any names, for what is not a picture file.
        xmp: a packet of metadata, for .webp.

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
    import av
    from av.error import FFmpegError

    with files.writing(path, FFmpegError) as part:
        if writer := animated.WRITERS.get(path.suffix.lower()):
            writer(part, pictures, fps, xmp)
        else:
            codec, audio_codec, options = _ENCODERS[path.suffix.lower()]
            if quick and codec == "libx264":
                options = _QUICK
            boxes = path.suffix.lower() in (".mp4", ".mov")
            whole = {"movflags": "+faststart+use_metadata_tags"} if boxes else {}
            with av.open(part, "w", container_options=whole) as container:
                container.metadata.update(tags or {})
                _encode(container, codec, options | {"crf": str(crf)}, audio_codec, pictures, fps, audio)


def stream(
    file: Path | io.IOBase,
    pictures: Iterable[UInt8[ndarray, "H W 3"]],
    fps: float,
    *,
    audio: Audio | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Write a film that can be watched while it grows: MP4 in fragments, H.264 and AAC.

    Args:
        file: of the film, or where its bytes go, such as standard output.
        tags: metadata by any names.

    Raises:
        FenshenError: it cannot be written, or nobody reads it any more.
    """
    import av
    from av.error import FFmpegError

    codec, audio_codec, _ = _ENCODERS[".mp4"]
    try:
        with av.open(file, "w", format="mp4", container_options=_LIVE) as container:
            container.metadata.update(tags or {})
            _encode(container, codec, _LIVE_PICTURE, audio_codec, pictures, fps, audio)
    except (FFmpegError, OSError) as error:
        raise FenshenError(
            "video.cannot_write", path=getattr(file, "name", file), why=reason(error)
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
        self._waiting = _planes(next(self._pieces, np.zeros(0, np.float32)))
        self._layout = LAYOUTS[len(self._waiting)]
        self._rate = rate
        self._done = 0
        self._container = container
        # PyAV resamples to the codec's rate.
        own = rate if codec == "aac" and rate in _AAC_RATES else 48000
        self._stream = container.add_stream(codec, rate=own, layout=self._layout)
        if len(self._waiting) > 2:
            self._stream.bit_rate = _BITS_A_CHANNEL * len(self._waiting)

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
        packed = np.ascontiguousarray(
            piece.T.reshape(1, -1)
        )  # PyAV counts planes wrongly from eight channels on
        frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=self._layout)
        frame.sample_rate = self._rate
        frame.time_base = Fraction(1, self._rate)
        frame.pts = self._done
        self._done += piece.shape[1]
        self._container.mux(self._stream.encode(frame))


def _planes(samples: Float[ndarray, "samples *channels"]) -> Float[ndarray, "channels samples"]:
    columns = samples[:, None] if samples.ndim == 1 else samples
    if columns.ndim != 2 or columns.shape[1] not in LAYOUTS:
        raise ValueError(
            f"sound has 1, 2, 6 or 8 channels, [samples] or [samples, channels], not {samples.shape}"
        )
    return np.ascontiguousarray(np.clip(columns.T, -1, 1), dtype=np.float32)
