"""Movement: windows of tracks, [steps, 58], to learn from, to look at, and to drive a double with.

``tracks:PATH`` are a track, a film, or a folder of both. Films are measured as those that drive a double are, once:
what was measured is kept in the cache.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy import ndarray
from torch import Tensor

from fenshen import controls as control_space
from fenshen import files, sliders
from fenshen.controls import COUNT, NEUTRAL
from fenshen.data import KINDS, FormulaCard
from fenshen.errors import FenshenError, UsageError, warn
from fenshen.media import Medium
from fenshen.motion import track as tracks
from fenshen.motion.track import Track

if TYPE_CHECKING:
    from fenshen.provenance.mark import Mark

RATE, STEPS = 25.0, 64  # frames a second, and of a window: 2.6 s
_MEASURED = 1  # version of what films are measured as: another one is measured anew
_HELD_OUT = 0.2  # of the clips; of a single clip's end
_FEW = 60.0  # seconds, below which a warning says that little can be learnt
_SMALL = 0.05  # of a network's units: about as much as a face at rest moves
_ROWS, _LANE, _WIDE, _GAP = 4, 22, 144, 12  # of a plot: 4 x 4 windows, px
_PAPER, _FRAME = (250, 249, 246), (222, 224, 226)
# What a plot shows, and how far each goes from the middle of its lane to the edge.
_SHOWN = {"blink": 1.0, "gaze_x": 0.5, "yaw": 12.0, "pitch": 12.0, "brow": 0.5, "smile": 0.5, "jaw": 0.6}
_INKS = (
    *((196, 64, 36), (36, 106, 160), (66, 132, 76), (190, 138, 20)),
    *((116, 78, 150), (200, 90, 130), (70, 70, 70)),
)
_FINER = 3


def squeezed(normalised: Float[Tensor, "*B 58"]) -> Float[Tensor, "*B 58"]:
    """Normalised controls as networks of movement see them: 0.02 of a blink's way is visible beside the blink."""
    return torch.asinh(normalised / _SMALL) / math.asinh(1 / _SMALL)


def encode(controls: Float[ndarray, "B T 58"], device: torch.device | str = "cpu") -> Float[Tensor, "B T 58"]:
    """Controls to what networks see: normalised and squeezed, most of them in [-1, 1]."""
    return squeezed(torch.from_numpy(control_space.normalise(controls)).to(device))


def decode(seen: Float[Tensor, "B T 58"]) -> Float[ndarray, "B T 58"]:
    """The inverse; controls are clipped to their ranges."""
    wide = torch.sinh(seen.float() * math.asinh(1 / _SMALL)) * _SMALL
    return control_space.clip(control_space.denormalise(wide.cpu().numpy()))


def along(controls: Float[ndarray, "*T 58"], slider: str) -> Float[ndarray, "*T"]:
    """Where a slider stands, judged by the controls that it moves."""
    low, _ = sliders.limits(slider)
    way = sliders.move(NEUTRAL, slider, 1.0) - (sliders.move(NEUTRAL, slider, -1.0) if low < 0 else 0)
    return controls @ way / (way @ way) * (2 if low < 0 else 1)


def plot(windows: Float[ndarray, "N T 58"], origin: Sequence[str] = ()) -> UInt8[ndarray, "H W 3"]:
    """The first 16 windows, each in a frame of its own: blinks on top, then gaze, head, brows and mouth, by lanes."""
    import cv2

    lane, wide, gap = (_FINER * side for side in (_LANE, _WIDE, _GAP))
    high = lane * len(_SHOWN)
    size = (_ROWS * (high + gap) + gap, _ROWS * (wide + gap) + gap, 3)
    picture = np.full(size, _PAPER, np.uint8)
    for number, window in enumerate(windows[: _ROWS**2]):
        row, column = divmod(number, _ROWS)
        left, top = gap + column * (wide + gap), gap + row * (high + gap)
        cv2.rectangle(picture, (left, top), (left + wide, top + high), _FRAME, _FINER)
        x = left + np.linspace(0, wide, len(window))
        for place, ((name, most), ink) in enumerate(zip(_SHOWN.items(), _INKS, strict=True)):
            share = np.clip(along(window, name) / most, -1, 1)
            one_way = sliders.limits(name)[0] >= 0
            y = top + lane * (place + (0.95 - 0.9 * share if one_way else 0.5 - 0.45 * share))
            points = np.stack([x, y], axis=1).round().astype(np.int32)
            cv2.polylines(picture, [points], False, ink, round(1.4 * _FINER), cv2.LINE_AA)
    small = (size[1] // _FINER, size[0] // _FINER)
    return cv2.resize(picture, small, interpolation=cv2.INTER_AREA)


def write_track(windows: Float[ndarray, "N T 58"], origin: Sequence[str], path: Path, mark: Mark) -> None:
    """One window as a track, which is no picture and carries no mark.

    Raises:
        UsageError: there are several, or the file's name is no track's.
        FenshenError: the file cannot be written.
    """
    if not path.name.endswith(tracks.SUFFIX):
        raise UsageError("motion.suffix", path=path, suffix=tracks.SUFFIX)
    if len(windows) != 1:
        raise UsageError("motion.one_track", path=path)
    Track(windows[0], RATE).save(path)


TRACKS = Medium(
    "tracks", lambda steps, numbers: (steps, numbers), encode, decode, plot, {".parquet": write_track}
)


@KINDS.register("tracks")
class Tracks:
    """Training data of tracks and films: every window of 64 frames, at 25 frames a second.

    Whole clips are held out, a fifth of them; of a single clip its end, a window's length away from the rest.

    Args:
        name: a track, a film, or a folder of them.

    Raises:
        FenshenError: there are none, a file cannot be read, or all are shorter than a window.
    """

    medium = TRACKS
    recipe = "motion"

    def __init__(self, name: str) -> None:
        self.path = Path(f"tracks:{name}")
        self.clips = _long_enough(Path(name))
        self.frames = np.concatenate([clip.controls for clip in self.clips])
        self.card = FormulaCard([str(self.path)], STEPS, licence=None)
        self.shape = {"size": STEPS, "dimensions": COUNT}
        seconds = len(self.frames) / RATE
        if seconds < _FEW:
            warn("motion.few", path=name, seconds=seconds, clips=len(self.clips), least=_FEW)

    @property
    def samples(self) -> Float[ndarray, "N T 58"]:
        """Every window, also those across the ends of clips, which no split has: a view, of no size."""
        return np.lib.stride_tricks.sliding_window_view(self.frames, STEPS, axis=0).transpose(0, 2, 1)

    @property
    def controls(self) -> Float[ndarray, "N 58"]:
        """Where each window begins: what the generator is told."""
        return self.frames[: len(self.frames) - STEPS + 1]

    @cached_property
    def fingerprint(self) -> str:
        """Changes with the movements."""
        ends = str([len(clip) for clip in self.clips]).encode()
        return hashlib.sha256(ends + np.ascontiguousarray(self.frames).tobytes()).hexdigest()

    def indices(self, split: Literal["train", "held_out"]) -> np.ndarray:
        """Where one split's windows begin."""
        spans = self._spans
        own = [span for held_out, span in spans if held_out == (split == "held_out")]
        return np.concatenate([np.arange(first, last - STEPS + 1) for first, last in own] or [np.arange(0)])

    @cached_property
    def _spans(self) -> list[tuple[bool, tuple[int, int]]]:
        """Frames from and to, of each clip, and whether it is held out."""
        ends = np.cumsum([len(clip) for clip in self.clips]).tolist()
        starts = [0, *ends[:-1]]
        if len(ends) == 1:
            cut = ends[0] - max(STEPS, round(_HELD_OUT * ends[0]))
            return (
                [(False, (0, max(cut - STEPS, 0))), (True, (cut, ends[0]))]
                if cut >= 2 * STEPS
                else [(False, (0, ends[0]))]
            )
        out = max(round(_HELD_OUT * len(ends)), 1)
        drawn = sorted(
            range(len(ends)), key=lambda i: hashlib.sha256(self.clips[i].controls.tobytes()).digest()
        )[:out]
        return [(i in drawn, span) for i, span in enumerate(zip(starts, ends, strict=True))]


def _long_enough(path: Path) -> list[Track]:
    """The clips, at one rate, that have a window."""
    read = [(file, _read(file).resampled(RATE)) for file in _listed(path)]
    long = [clip for _, clip in read if len(clip) >= STEPS]
    if not long:
        raise FenshenError("motion.all_short", path=path, seconds=STEPS / RATE)
    if len(long) < len(read):
        warn("motion.some_short", count=len(read) - len(long), total=len(read), seconds=STEPS / RATE)
    return long


def _listed(path: Path) -> Iterator[Path]:
    from fenshen.preparation.sources.videos import FILM_SUFFIXES

    if not path.exists():
        raise FenshenError("motion.missing", path=path)
    if not path.is_dir():
        return iter([path])
    found = [
        file
        for file in sorted(path.rglob("*"))
        if file.name.endswith(tracks.SUFFIX) or file.suffix.lower() in FILM_SUFFIXES
    ]
    if not found:
        raise FenshenError("motion.no_clips", path=path)
    return iter(found)


def _read(file: Path) -> Track:
    """A track, or a film's movement, which is measured once."""
    if file.name.endswith(tracks.SUFFIX):
        return tracks.load(file)
    from fenshen.motion.drive import from_video

    kept = files.cache("tracks") / f"{files.sha256(file)[:32]}-{_MEASURED}{tracks.SUFFIX}"
    if not kept.is_file():
        from_video(file).save(kept)
    return tracks.load(kept)
