"""Driving by video: a face's controls frame by frame, without jitter and without the driver's own shape."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from fenshen import controls, sliders, video
from fenshen.controls import BLENDSHAPES, COUNT, INDEX, NAMES
from fenshen.errors import FenshenError
from fenshen.motion.smooth import smooth
from fenshen.motion.track import LOWEST_RATE, Track

if TYPE_CHECKING:
    from fenshen.faces.detect import Face

MAX_MINUTES = 20
_FASTEST = 60.0  # frames a second; of a quicker video some are left out
_SIZE = 256  # the crop's side that places are measured in; nothing is cut out
_BRIDGED = 0.4  # seconds without a face that are interpolated; in longer gaps the face comes to rest
_EASE = 0.4  # seconds in which it does
_STEP = (
    0.25  # the quantile of the steps between frames that counts as one step; dropped frames make longer ones
)
_QUIET = 0.5  # of the frames, those that move least, show how the driver looks at rest
_REST = 0.25  # the quantile of an action that counts as its rest: it goes one way only


def from_video(
    path: Path | str,
    *,
    smoothing: float = 1.0,
    neutral: bool = True,
    progress: Callable[[float], None] | None = None,
) -> Track:
    """The movement of the face in a video.

    Args:
        path: video of one person; of several, the one who is largest most of the time.
        smoothing: strength of the one-euro filter; 0 switches it off.
        neutral: subtract the driver's face at rest, so that its shape does not leak into the double.
        progress: called with the number of seconds processed.

    Returns:
        Controls at the video's rate, at most 60 frames a second. Short gaps without a face are
        interpolated; in longer ones the face comes to rest.

    Raises:
        FenshenError: the video cannot be read, shows no face, or is too long.
    """
    track, seen = measured(path, progress=progress)
    track = smooth(track, strength=smoothing)
    return without_neutral(track, seen) if neutral else track


def measured(
    path: Path | str, *, progress: Callable[[float], None] | None = None
) -> tuple[Track, Bool[ndarray, "T"]]:
    """The controls of a video, measured at its frames' own times; see :func:`from_video`.

    Returns:
        The track at the video's rate, gaps filled, which begins with the first frame; and which of its rows show the
        face.
    """
    from fenshen.faces.clip import steady_crop
    from fenshen.faces.measure import measure
    from fenshen.preparation.faces import OUTSIDE
    from fenshen.preparation.sources.videos import subject

    path = Path(path)
    times, found = _faces(path, progress)
    faces = subject(list(found.values()))
    matrix = steady_crop(faces, _SIZE)
    values = np.full((len(times), COUNT), np.nan, dtype=np.float32)
    for number, face in zip(found, faces, strict=True):
        values[number] = measure(face, matrix, _SIZE)
    away = np.abs(values[:, [INDEX["x"], INDEX["y"]]]).max(1) > OUTSIDE  # someone else's
    values[away & (len(found) > away.sum())] = np.nan
    rate = _rate_of(times)
    values = _at_rate(values, times, rate)
    return Track(_filled(values, rate), rate), np.isfinite(values[:, 0])


def _faces(path: Path, progress: Callable[[float], None] | None) -> tuple[list[float], dict[int, list[Face]]]:
    """The time of each frame, and the faces of those that show one."""
    from fenshen.faces.detect import FaceFinder
    from fenshen.faces.judge import unlit

    times: list[float] = []
    found: dict[int, list[Face]] = {}
    with FaceFinder() as finder:
        for frame in video.frames(path, fps=_FASTEST):
            if frame.timestamp > 60 * MAX_MINUTES:
                raise FenshenError("motion.video_too_long", path=path, minutes=MAX_MINUTES)
            if faces := finder.find(frame.picture):
                found[len(times)] = faces
            times.append(frame.timestamp)
            if progress is not None:
                progress(frame.timestamp)
    if not found:
        raise unlit(path) or FenshenError("motion.no_face", path=path)
    return times, found


def _rate_of(times: list[float]) -> float:
    """The rate at which frames follow one another, not their mean rate, which dropped and held frames lower."""
    steps = np.diff(times)
    steps = steps[steps > 0]
    return (
        float(np.clip(round(1 / np.quantile(steps, _STEP), 3), LOWEST_RATE, _FASTEST)) if len(steps) else 25.0
    )


def _at_rate(values: Float[ndarray, "N 58"], times: list[float], rate: float) -> Float[ndarray, "T 58"]:
    """Rows at even times. A frame is held until the next one is due, as players do; NaN stays NaN."""
    shown = np.array(times)
    held = np.flatnonzero(
        np.diff(shown) > 1.5 / rate
    )  # insert each held frame again, one step before the next
    shown = np.insert(shown, held + 1, shown[held + 1] - 1 / rate)
    values = np.insert(values, held + 1, values[held], axis=0)
    places = np.arange(max(1, round((shown[-1] - shown[0]) * rate) + 1)) / rate + shown[0]
    right = np.clip(np.searchsorted(shown, places), 0, len(shown) - 1)
    left = np.maximum(right - 1, 0)
    gap = np.maximum(shown[right] - shown[left], 1e-9)
    share = np.clip((places - shown[left]) / gap, 0, 1)[:, None]
    mixed = values[left] * (1 - share) + values[right] * share
    # Where one of the two shows no face, the nearer one decides.
    nearer = np.where(share < 0.5, values[left], values[right])
    return np.where(np.isfinite(mixed), mixed, nearer).astype(np.float32)


def neutral_of(track: Track, seen: Bool[ndarray, "T"] | None = None) -> Float[ndarray, "58"]:
    """The driver's face at rest: over the stillest frames, a low quantile of each action and the median of gaze and
    head.

    Args:
        seen: which rows were measured; filled ones say nothing about the driver. By default all.
    """
    values = track.controls
    seen = np.ones(len(values), bool) if seen is None else seen
    speed = (
        np.abs(np.gradient(values[:, : len(BLENDSHAPES)], axis=0)).sum(1) if len(values) > 1 else np.zeros(1)
    )
    values, speed = values[seen], speed[seen]
    quiet = values[speed <= np.quantile(speed, _QUIET)]
    rest = np.quantile(quiet, _REST, axis=0)
    return np.where(_one_way(), rest, np.median(values, axis=0)).astype(np.float32)


def without_neutral(track: Track, seen: Bool[ndarray, "T"] | None = None) -> Track:
    """The track relative to its own rest; each action's remaining range is stretched to the full one.

    Args:
        seen: see :func:`neutral_of`.
    """
    rest = neutral_of(track, seen)
    values = (track.controls - rest) / np.where(_one_way(), np.maximum(1 - rest, 0.2), 1)
    for slider in ("gaze_x", "gaze_y"):
        there, back = (np.flatnonzero(sliders.move(controls.NEUTRAL, slider, way)) for way in (1.0, -1.0))
        looked = values[:, there] - values[:, back]
        values[:, there], values[:, back] = np.maximum(looked, 0), np.maximum(-looked, 0)
    return Track(controls.clip(values), track.rate)


def _one_way() -> Bool[ndarray, "58"]:
    """Actions that start from rest; gaze and head go both ways from it."""
    return np.array([name in BLENDSHAPES and not name.startswith("eyeLook") for name in NAMES])


def _filled(values: Float[ndarray, "T 58"], rate: float) -> Float[ndarray, "T 58"]:
    """Rows of NaN interpolated where they are few, and eased to the median and back where they are many."""
    known = np.flatnonzero(np.isfinite(values[:, 0]))
    places = np.arange(len(values))
    filled = np.column_stack([np.interp(places, known, column[known]) for column in values.T])
    before = known[np.maximum(np.searchsorted(known, places, side="right") - 1, 0)]
    after = known[np.minimum(np.searchsorted(known, places), len(known) - 1)]
    nearest = np.where(np.abs(places - before) <= np.abs(after - places), before, after)
    gone = np.clip(np.abs(places - nearest) / (rate * _EASE), 0, 1)[:, None]
    share = gone * gone * (3 - 2 * gone)
    eased = values[nearest] * (1 - share) + np.median(values[known], axis=0) * share
    bridged = (after - before <= _BRIDGED * rate) & (places >= known[0]) & (places <= known[-1])
    return np.where(bridged[:, None], filled, eased).astype(np.float32)
