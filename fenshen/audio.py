"""Sound from any file: decoded to mono at 24 kHz, brought to the level of speech, and how loud each moment is."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from fenshen.errors import FenshenError

RATE = 24000  # samples a second of every sound that is read
MAX_SECONDS = 3600
_LEVEL, _PEAK = 0.09, 0.95  # root mean square of the loud parts (-21 dBFS), and the largest sample
_SILENCE = 10 ** (-52 / 20)  # a sound that is quieter than this throughout holds no speech
_WINDOW = 0.04  # seconds around the middle of a frame that its loudness is measured over


def read(source: Path | str | bytes) -> Float[ndarray, "samples"]:
    """Read a sound, or the sound of a video: anything that FFmpeg decodes.

    Args:
        source: a file, or the bytes of one.

    Returns:
        Mono at 24 kHz, in [-1, 1].

    Raises:
        FenshenError: the file is missing, has no sound, cannot be decoded or is longer than an hour.
    """
    import av
    from av.error import FFmpegError

    name = "audio" if isinstance(source, bytes) else Path(source)
    if isinstance(source, str | Path) and not Path(source).is_file():
        raise FenshenError("audio.missing", path=name)
    # As for videos: a playlist may not name other files and hosts.
    options = {"protocol_whitelist": "none"}
    pieces, count = [], 0
    try:
        with (
            io.BytesIO(source) if isinstance(source, bytes) else Path(source).open("rb") as file,
            av.open(file, options=options, metadata_errors="ignore") as container,
        ):
            if not container.streams.audio:
                raise FenshenError("audio.no_sound", path=name)
            for piece in _decoded(container):
                pieces.append(piece)
                count += len(piece)
                if count > MAX_SECONDS * RATE:
                    raise FenshenError("audio.too_long", path=name, minutes=MAX_SECONDS // 60)
    except (FFmpegError, OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise FenshenError("audio.not_a_sound", path=name, why=why) from error
    if not count:
        raise FenshenError("audio.not_a_sound", path=name, why="empty")
    return np.clip(np.nan_to_num(np.concatenate(pieces)), -1, 1).astype(np.float32)


def _decoded(container: Any) -> Iterator[Float[ndarray, "samples"]]:
    """Mono float pieces at 24 kHz; damaged packets are left out."""
    import av
    from av.error import FFmpegError

    resampler = av.AudioResampler(format="fltp", rate=RATE)  # keeps the channels: FFmpeg's own mono is louder
    for packet in container.demux(container.streams.audio[0]):
        try:
            frames = packet.decode()
            for frame in frames:
                frame.pts = None
                for part in resampler.resample(frame):
                    yield part.to_ndarray().mean(0)
        except FFmpegError:
            continue
    for part in resampler.resample(None):
        yield part.to_ndarray().mean(0)


def normalised(samples: Float[ndarray, "samples"], rate: int) -> Float[ndarray, "samples"]:
    """The sound at the level of speech.

    Args:
        samples: in [-1, 1].
        rate: samples a second.

    Returns:
        The same sound with its loud parts at -21 dBFS and no sample beyond 0.95; silence stays silent.
    """
    levels = power(samples, rate, 50.0, max(1, math.ceil(len(samples) / rate * 50)))
    loud = math.sqrt(float(np.mean(levels[levels >= np.quantile(levels, 0.6)])))
    if loud < _SILENCE / 4:
        return samples
    gain = min(_LEVEL / loud, _PEAK / max(float(np.abs(samples).max()), 1e-9))
    return (samples * gain).astype(np.float32)


def loudness(
    samples: Float[ndarray, "samples"], sample_rate: int, rate: float, frames: int
) -> Float[ndarray, "T"]:
    """How loud each frame of a film is, from 0 (30 dB below the loudest frames, or silence) to 1.

    Args:
        samples: in [-1, 1].
        sample_rate: samples a second.
        rate: frames a second.
        frames: how many frames to measure, from the start of the sound.
    """
    decibels = 10 * np.log10(power(samples, sample_rate, rate, frames) + 1e-12)
    top = np.quantile(decibels, 0.97)
    if top < 20 * math.log10(_SILENCE):
        return np.zeros(frames)
    return np.clip((decibels - top + 30) / 30, 0, 1)


def power(
    samples: Float[ndarray, "samples"], sample_rate: int, rate: float, frames: int
) -> Float[ndarray, "T"]:
    """The mean square around the middle of each frame; arguments as for :func:`loudness`."""
    half = max(1, round(_WINDOW / 2 * sample_rate))
    sums = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    middles = np.round((np.arange(frames) + 0.5) / rate * sample_rate).astype(int)
    first, last = np.clip(middles - half, 0, len(samples)), np.clip(middles + half, 0, len(samples))
    return np.maximum(sums[last] - sums[first], 0) / np.maximum(last - first, 1)
