"""Sound in, and what a mouth may have done to make it, where nobody says which words they are."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from fenshen.errors import FenshenError
from fenshen.motion.idle import idle
from fenshen.motion.track import Track, check_rate
from fenshen.motion.visemes import shape

RATE = 24000  # of everything that is read
MAX_SECONDS = 3600
_LEVEL, _PEAK = 0.09, 0.95  # root mean square of the loud parts (-21 dBFS), and the most a sample may be
_SILENCE = 10 ** (-52 / 20)  # quieter than this throughout is no speech
_WINDOW = 0.04  # seconds that a frame's spectrum looks at


def read(source: Path | str | bytes) -> Float[ndarray, "samples"]:
    """Any sound that FFmpeg reads, also that of a video: mono at 24 kHz, in [-1, 1].

    Args:
        source: a file, or the bytes of one.

    Raises:
        FenshenError: there is no such file, no sound in it, none that can be decoded, or more than an hour.
    """
    import av
    from av.error import FFmpegError

    name = "audio" if isinstance(source, bytes) else Path(source)
    if isinstance(source, str | Path) and not Path(source).is_file():
        raise FenshenError("motion.no_sound_file", path=name)
    # As for videos: a playlist may not name other files and hosts.
    options = {"protocol_whitelist": "none"}
    pieces, count = [], 0
    try:
        with (
            io.BytesIO(source) if isinstance(source, bytes) else Path(source).open("rb") as file,
            av.open(file, options=options, metadata_errors="ignore") as container,
        ):
            if not container.streams.audio:
                raise FenshenError("motion.no_sound", path=name)
            for piece in _decoded(container):
                pieces.append(piece)
                count += len(piece)
                if count > MAX_SECONDS * RATE:
                    raise FenshenError("motion.sound_too_long", path=name, minutes=MAX_SECONDS // 60)
    except (FFmpegError, OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise FenshenError("motion.not_a_sound", path=name, why=why) from error
    if not count:
        raise FenshenError("motion.not_a_sound", path=name, why="empty")
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


def levelled(samples: Float[ndarray, "samples"], rate: int) -> Float[ndarray, "samples"]:
    """The sound at the level of speech: its loud parts at -21 dBFS, no sample beyond 0.95; silence stays silent."""
    heard = _power(samples, rate, 50.0, max(1, math.ceil(len(samples) / rate * 50)))
    loud = math.sqrt(float(np.mean(heard[heard >= np.quantile(heard, 0.6)])))
    if loud < _SILENCE / 4:
        return samples
    gain = min(_LEVEL / loud, _PEAK / max(float(np.abs(samples).max()), 1e-9))
    return (samples * gain).astype(np.float32)


def loudness(
    samples: Float[ndarray, "samples"], sample_rate: int, rate: float, frames: int
) -> Float[ndarray, "T"]:
    """How loud each frame is, from 0 (30 dB below the loudest, or silence) to 1."""
    decibels = 10 * np.log10(_power(samples, sample_rate, rate, frames) + 1e-12)
    top = np.quantile(decibels, 0.97)
    if top < 20 * math.log10(_SILENCE):
        return np.zeros(frames)
    return np.clip((decibels - top + 30) / 30, 0, 1)


def _power(
    samples: Float[ndarray, "samples"], sample_rate: int, rate: float, frames: int
) -> Float[ndarray, "T"]:
    """Mean square around the middle of each frame."""
    half = max(1, round(_WINDOW / 2 * sample_rate))
    sums = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    middles = np.round((np.arange(frames) + 0.5) / rate * sample_rate).astype(int)
    first, last = np.clip(middles - half, 0, len(samples)), np.clip(middles + half, 0, len(samples))
    return np.maximum(sums[last] - sums[first], 0) / np.maximum(last - first, 1)


def from_audio(
    samples: Float[ndarray, "samples"],
    sample_rate: int,
    *,
    rate: float = 25.0,
    seed: int = 0,
    start: float = 0.0,
) -> Track:
    """Movement to a voice whose words are not known; to silence, idle movement alone.

    Loudness and the centre of the first formant's band open the jaw, that of the second's band rounds or spreads the
    lips, hissing narrows the teeth; humming, and a short dip between loud frames, close the mouth.
    """
    check_rate(rate)
    count = max(1, round(len(samples) / sample_rate * rate))
    resting = idle(count / rate, rate, seed, start=start)
    heard = loudness(samples, sample_rate, rate, count)
    if not heard.any():
        return resting
    first, second, hiss, hum = _bands(samples, sample_rate, rate, count)
    first, second = (_stretched(places, heard > 0.3) for places in (first, second))
    open_ = heard * (0.35 + 0.6 * first) * (1 - 0.75 * hiss)
    spread = heard * np.clip(2.5 * (second - 0.6), 0, 1)
    round_ = heard * np.clip(2.5 * (0.4 - second), 0, 1) * (1 - hiss)
    mouth = (
        np.outer(open_, shape("aa"))
        + np.outer(spread * (1 - hiss), 0.7 * shape("ii"))
        + np.outer(round_, 0.8 * shape("uu"))
        + np.outer(heard * hiss, shape("SS"))
    )
    closed = np.maximum(_dips(heard), 0.8 * hum)[:, None]
    mouth = _softened(mouth * (1 - closed) + closed * 0.8 * shape("PP"))
    return (Track(mouth.astype(np.float32), rate) + resting).clipped()


def _bands(
    samples: Float[ndarray, "samples"], sample_rate: int, rate: float, frames: int
) -> Float[ndarray, "4 T"]:
    """The centres of the first and second formant's bands in Hz; from 0 to 1, how much of the sound hisses, and how
    surely it is hummed through the nose: vowels keep a hundredth of their power above 700 Hz, m and n a thousandth."""
    size = round(_WINDOW * sample_rate)
    middles = np.round((np.arange(frames) + 0.5) / rate * sample_rate).astype(int)
    padded = np.pad(samples, (size, 2 * size))
    window, frequencies = np.hanning(size), np.fft.rfftfreq(size, 1 / sample_rate)
    result = np.zeros((4, frames))
    for begin in range(0, frames, 1024):  # an hour does not fit into memory as one spectrogram
        some = middles[begin : begin + 1024]
        cut = padded[np.minimum(some[:, None] + size // 2 + np.arange(size), len(padded) - 1)]
        power = np.abs(np.fft.rfft(cut * window)) ** 2 + 1e-10
        for i, (low, high) in enumerate(((250, 1000), (800, 2700))):
            band = (frequencies >= low) & (frequencies < high)
            weights = np.sqrt(power[:, band])
            result[i, begin : begin + 1024] = (weights * frequencies[band]).sum(1) / weights.sum(1)
        high_share = power[:, frequencies >= 3500].sum(1) / power[:, frequencies >= 150].sum(1)
        upper = 10 * np.log10(power[:, frequencies >= 700].sum(1) / power[:, frequencies < 700].sum(1))
        result[2, begin : begin + 1024] = np.clip((high_share - 0.25) * 2.5, 0, 1)
        result[3, begin : begin + 1024] = np.clip((-20 - upper) / 8, 0, 1)
    return result


def _stretched(places: Float[ndarray, "T"], some: Bool[ndarray, "T"]) -> Float[ndarray, "T"]:
    """From 0 to 1 between what is low and what is high for this voice, which only its loud frames tell."""
    low, high = np.quantile(places[some], (0.1, 0.9)) if some.any() else (0.0, 1.0)
    return np.clip((places - low) / max(high - low, 1.0), 0, 1)


def _dips(heard: Float[ndarray, "T"]) -> Float[ndarray, "T"]:
    """How surely each frame is a short closure: quiet, and loud just before and after."""
    before = np.maximum(np.roll(heard, 1), np.roll(heard, 2))
    after = np.maximum(np.roll(heard, -1), np.roll(heard, -2))
    before[:2] = after[-2:] = 0
    return np.clip((np.minimum(before, after) - heard - 0.25) * 4, 0, 1)


def _softened(mouth: Float[ndarray, "T 58"]) -> Float[ndarray, "T 58"]:
    """Each frame with a quarter of either neighbour: spectra tremble more than lips."""
    padded = np.pad(mouth, ((1, 1), (0, 0)), mode="edge")
    return padded[1:-1] / 2 + padded[:-2] / 4 + padded[2:] / 4
