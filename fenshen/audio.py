"""Sound from any file, on the clock of its film; mixed down to mono, brought to the level of speech, and measured.

Sound keeps the times that its packets have: late sound comes late, a gap is silence. The same clock times the frames of
a video (:attr:`fenshen.video.VideoInfo.start`).
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from fenshen.errors import FenshenError, warn
from fenshen.video.reading import clock, decoded
from fenshen.video.writing import LAYOUTS

RATE = 24000  # samples a second of every sound that is measured
MAX_SECONDS = 3600
_LEVEL, _PEAK = 0.09, 0.95  # root mean square of the loud parts (-21 dBFS), and the largest sample
_SILENCE = 10 ** (-52 / 20)  # a sound that is quieter than this throughout holds no speech
_WINDOW = 0.04  # seconds around the middle of a frame that its loudness is measured over
_SLACK = 0.03  # seconds by which packets may miss their times: containers round them
_TRIAL, _MOST = 50, 0.5  # packets of a track that are tried, and the share of them that has to be decoded
_CANCELLED = 0.1  # power of the mono mix, relative to the louder side's, below which the sides cancel out
_KEPT = {
    1: "mono",
    2: "stereo",
    6: "5.1",
    8: "7.1",
}  # layouts that films are written with, by number of channels
# What a channel adds to left and right (ITU-R BS.775, table 2).
_FRONT = {
    "FL": (1.0, 0.0),
    "FR": (0.0, 1.0),
    "FLC": (1.0, 0.0),
    "FRC": (0.0, 1.0),
    "DL": (1.0, 0.0),
    "DR": (0.0, 1.0),
}
_MIDDLE = {"FC": (0.7071, 0.7071), "AMBI0": (0.7071, 0.7071)}  # of ambisonics the one without a direction
_AROUND = {"L": (0.7071, 0.0), "R": (0.0, 0.7071)}  # by the last letter: back, side, wide and above

Planes = Float[ndarray, "channels samples"]


@dataclass(frozen=True, eq=False)
class FilmSound:
    """The sound of a film as it is, piece by piece.

    Attributes:
        pieces: in order, each [samples, channels] in [-1, 1]; can be taken once.
        rate: samples a second.
    """

    pieces: Iterator[Float[ndarray, "samples channels"]]
    rate: int


def of_film(path: Path | str, start: float) -> FilmSound | None:
    """The sound of a film with its own rate and channels: mono, stereo, 5.1 and 7.1; others become stereo.

    Args:
        start: seconds on the film's clock at which the sound begins, usually those of the first frame.

    Returns:
        None, with a warning, where the film has no track that can be decoded; None where it has none at all.

    Raises:
        FenshenError: the file is missing or cannot be opened.
    """
    with _opened(path) as (container, name):
        number = _playable(container, name, path)
        if number is None:
            return None
        context = container.streams.audio[number].codec_context
        rate = context.sample_rate
    return FilmSound(_film_pieces(path, number, rate, start), rate)


def _film_pieces(
    path: Path | str, number: int, rate: int, start: float
) -> Iterator[Float[ndarray, "samples channels"]]:
    with _opened(path) as (container, _):
        stream = container.streams.audio[number]
        for planes, channels in _on_the_clock(container, stream, rate, start, Path(path)):
            kept = planes if _writable(channels) else _stereo(planes, channels)
            yield np.ascontiguousarray(kept.T)


def _writable(channels: tuple[str, ...]) -> bool:
    """Whether films are written with these channels; the surround of 5.1 may be at the back or at the sides."""
    import av

    known = av.AudioLayout(LAYOUTS.get(len(channels), "mono")).channels
    return tuple(channel.name for channel in known) in (channels, _at_the_back(channels))


def _at_the_back(channels: tuple[str, ...]) -> tuple[str, ...]:
    return tuple({"SL": "BL", "SR": "BR"}.get(name, name) for name in channels)


def pieces(path: Path) -> Iterator[Planes]:
    """A sound, or the sound of a video, at 24 kHz, piece by piece; what has several channels becomes stereo.

    Raises:
        FenshenError: the file is missing, has no sound, cannot be decoded or is longer than an hour.
    """
    with _opened(path) as (container, name):
        if not container.streams.audio:
            raise FenshenError("audio.no_sound", path=name)
        known = (container.duration or 0) / 1_000_000  # FFmpeg's unit
        number = None if known > MAX_SECONDS + 1 else _playable(container, name, path)
        count = round(known * RATE) if number is None else 0
        if number is not None:
            with _opened(path) as (again, _):
                stream = again.streams.audio[number]
                for planes, channels in _on_the_clock(again, stream, RATE, None, path):
                    count += planes.shape[1]
                    if count > MAX_SECONDS * RATE:
                        break
                    yield planes if len(planes) == 1 else _stereo(planes, channels)
        if count > MAX_SECONDS * RATE:
            raise FenshenError("audio.too_long", path=name, minutes=MAX_SECONDS // 60)


def native_rate(path: Path) -> int:
    """Samples a second of a file's first sound track.

    Raises:
        FenshenError: the file cannot be opened.
    """
    with _opened(path) as (container, _):
        return container.streams.audio[0].rate or RATE


def read(source: Path | str | bytes, start: float | None = None) -> Float[ndarray, "samples"]:
    """Read a sound, or the sound of a video: anything that FFmpeg decodes.

    The channels are mixed to mono (ITU-R BS.775). Where left and right cancel out, the louder one is taken.

    Args:
        source: a file, or the bytes of one.
        start: seconds on the file's clock at which the sound begins; by default with its first sample.

    Returns:
        Mono at 24 kHz, in [-1, 1].

    Raises:
        FenshenError: the file is missing, has no sound, cannot be decoded or is longer than an hour.
    """
    pieces, count = [], 0
    with _opened(source) as (container, name):
        if not container.streams.audio:
            raise FenshenError("audio.no_sound", path=name)
        number = _playable(container, name, source)
        if number is not None:
            with _opened(source) as (again, _):
                stream = again.streams.audio[number]
                file = None if isinstance(source, bytes) else Path(source)
                for planes, channels in _on_the_clock(again, stream, RATE, start, file):
                    pieces.append(_stereo(planes, channels))
                    count += planes.shape[1]
                    if count > MAX_SECONDS * RATE:
                        raise FenshenError("audio.too_long", path=name, minutes=MAX_SECONDS // 60)
    if not count:
        raise FenshenError("audio.not_a_sound", path=name, why="empty")
    return np.clip(_mono(np.concatenate(pieces, axis=1), name), -1, 1).astype(np.float32)


def is_silent(samples: Float[ndarray, "samples"], rate: int) -> bool:
    """Whether a sound is too quiet throughout to hold speech."""
    levels = power(samples, rate, 50.0, max(1, math.ceil(len(samples) / rate * 50)))
    return bool(np.quantile(levels, 0.97) < _SILENCE**2)


@contextmanager
def _opened(source: Path | str | bytes) -> Iterator[tuple[Any, Path | str]]:
    """The container and its name in messages."""
    import av
    from av.error import FFmpegError

    name = "audio" if isinstance(source, bytes) else Path(source)
    if isinstance(name, Path) and not name.is_file():
        raise FenshenError("audio.missing", path=name)
    # As for videos: a playlist may not name other files and hosts.
    options = {"protocol_whitelist": "none"}
    try:
        with (
            io.BytesIO(source) if isinstance(source, bytes) else Path(source).open("rb") as file,
            av.open(file, options=options, metadata_errors="ignore") as container,
        ):
            yield container, name
    except (FFmpegError, OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise FenshenError("audio.not_a_sound", path=name, why=why) from error


def _playable(container: Any, name: Path | str, source: Path | str | bytes) -> int | None:
    """The first sound track that can be decoded, the default one before others; None, with a warning, if none can."""
    from av.stream import Disposition

    tracks = list(enumerate(container.streams.audio))
    tracks.sort(key=lambda track: not track[1].disposition & Disposition.default)
    shares = [_decoded_share(source, number, track) for number, track in tracks]
    if tracks and not any(shares):
        warn("audio.undecodable", path=name)
    if not any(shares):
        return None
    place = next((place for place, share in enumerate(shares) if share > _MOST), int(np.argmax(shares)))
    if place:
        warn("audio.other_track", path=name, number=tracks[place][0] + 1)
    return tracks[place][0]


def _decoded_share(source: Path | str | bytes, number: int, track: Any) -> float:
    """The share of a track's first packets that can be decoded."""
    from av.error import FFmpegError

    if track.codec_context is None:  # FFmpeg has no decoder for it
        return 0.0
    good = bad = 0
    with _opened(source) as (trial, _):
        stream = trial.streams.audio[number]
        _named(stream)
        try:
            for packet in islice(trial.demux(stream), _TRIAL):
                try:
                    good += bool(packet.decode())
                except FFmpegError:
                    bad += 1
        except FFmpegError:
            pass
    return good / max(good + bad, 1)


def _named(stream: Any) -> tuple[str, ...]:
    """The channels of a stream where they are in an order of its own; none where it is a usual one.

    The decoder is told their number only: PyAV would free such an order again with every frame, and crash.
    """
    layout = stream.codec_context.layout
    count = f"{layout.nb_channels} channels"
    if not layout.name.startswith(f"{count} ("):
        return ()
    names = tuple(channel.name for channel in layout.channels)
    stream.codec_context.layout = count
    return names


def _on_the_clock(
    container: Any, stream: Any, rate: int, start: float | None, path: Path | None
) -> Iterator[tuple[Planes, tuple[str, ...]]]:
    """Pieces that follow one another without gaps from ``start`` on, and the names of their channels.

    Gaps become silence; what lies before ``start`` or overlaps what came before is cut off. The sound is resampled
    once, to ``rate`` and to the channels of the first frame.
    """
    placed: _Placed | None = None
    timing, named = clock(container, stream, path), _named(stream)
    for frame in decoded(container, stream):
        stamp = timing.time(frame)
        time = None if stamp is None else float(stamp)
        if placed is None:
            start = start if start is not None or time is None else time
            placed = _Placed(frame, rate, named)
        yield from placed.add(frame, None if time is None or start is None else round((time - start) * rate))
    if placed is not None:
        yield from placed.flush()


class _Placed:
    """Resampled pieces at their places, counted in samples from the start."""

    def __init__(self, first: Any, rate: int, named: tuple[str, ...]) -> None:
        import av

        self._rate = rate
        layout = first.layout
        if layout.channels[0].name == "NONE" and not named:  # a file that only counts its channels
            layout = av.AudioLayout(LAYOUTS.get(layout.nb_channels, layout.name))
        self._layout = layout.name
        self.channels = named or tuple(channel.name for channel in layout.channels)
        self._next = 0  # place of the next sample; below 0 it is cut off
        self._done = 0  # samples given
        self._setup: tuple[Any, ...] | None = None
        self._resampler: Any = None

    def add(self, frame: Any, due: int | None) -> Iterator[tuple[Planes, tuple[str, ...]]]:
        """The pieces that a frame leads to; it belongs at the place ``due``, or after the one before."""
        import av

        setup = (frame.format.name, frame.layout.name, frame.sample_rate)
        slack = _SLACK * self._rate if self._setup else 0
        missed = due is not None and abs(due - self._next) > slack
        if setup != self._setup or missed:
            yield from self.flush()
            self._resampler = av.AudioResampler(format="flt", layout=self._layout, rate=self._rate)
            self._setup = setup
            if due is not None and missed:
                self._next = due
        if self._next > self._done:
            yield np.zeros((len(self.channels), self._next - self._done), np.float32), self.channels
            self._done = self._next
        frame.pts = None
        yield from self._given(self._resampler.resample(frame))

    def flush(self) -> Iterator[tuple[Planes, tuple[str, ...]]]:
        """What the resampler still holds."""
        if self._resampler is not None:
            yield from self._given(self._resampler.resample(None))

    def _given(self, parts: list[Any]) -> Iterator[tuple[Planes, tuple[str, ...]]]:
        for part in parts:
            planes = np.nan_to_num(part.to_ndarray()).reshape(-1, len(self.channels)).T
            new = planes[:, max(self._done - self._next, 0) :]
            self._next += planes.shape[1]
            self._done += new.shape[1]
            if new.shape[1]:
                yield new, self.channels


def _stereo(planes: Planes, channels: tuple[str, ...]) -> Float[ndarray, "2 samples"]:
    """The standard downmix; channels that nobody named are spread evenly."""
    if len(planes) == 1:
        return np.repeat(planes, 2, axis=0)
    shares = np.array([_sides(name) for name in channels], np.float32).T
    if set(channels) == {"NONE"} or not shares.any(1).all():
        shares = np.full((2, len(planes)), 1 / len(planes), np.float32)
    return shares @ planes


def _sides(channel: str) -> tuple[float, float]:
    known = _FRONT.get(channel) or _MIDDLE.get(channel) or _AROUND.get(channel[-1])
    silent = channel.startswith(("LFE", "AMBI"))
    return known or ((0.0, 0.0) if silent else (0.5, 0.5))


def _mono(stereo: Float[ndarray, "2 samples"], name: Path | str) -> Float[ndarray, "samples"]:
    mixed = stereo.mean(0)
    powers = [float(np.mean(np.square(side, dtype=np.float64))) for side in (*stereo, mixed)]
    if powers[2] < _CANCELLED * max(powers[:2]):
        warn("audio.cancelled", path=name)
        return stereo[int(powers[1] > powers[0])]
    return mixed


def resampled(samples: Float[ndarray, "n"], factor: float) -> Float[ndarray, "m"]:
    """A sound with ``factor`` times as many samples, band-limited: its spectrum is cut off or filled up with zeros."""
    count = max(round(len(samples) * factor), 1)
    spectrum = np.fft.rfft(samples)
    kept = min(count // 2 + 1, len(spectrum))
    return (np.fft.irfft(spectrum[:kept], count) * (count / len(samples))).astype(np.float32)


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
