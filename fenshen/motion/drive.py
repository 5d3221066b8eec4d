"""Driving by video: a face's controls frame by frame, without jitter and without the driver's own shape."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from fenshen import controls, sliders, video
from fenshen.controls import BLENDSHAPES, COUNT, INDEX, NAMES
from fenshen.errors import FenshenError
from fenshen.motion.smooth import smooth
from fenshen.motion.track import LOWEST_RATE, Track

MAX_MINUTES = 20
_FASTEST = 60.0  # frames a second; of a quicker video some are left out
_SIZE = 256  # the crop's side that places are measured in; nothing is cut out
_BRIDGED = 0.4  # seconds without a face that are interpolated; in longer gaps the face comes to rest
_EASE = 0.4  # seconds in which it does
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
    track = smooth(measured(path, progress=progress), strength=smoothing)
    return without_neutral(track) if neutral else track


def measured(path: Path | str, *, progress: Callable[[float], None] | None = None) -> Track:
    """The measured controls of each frame of a video, gaps filled; see :func:`from_video`."""
    from fenshen.faces.clip import steady_crop
    from fenshen.faces.detect import FaceFinder
    from fenshen.faces.measure import measure
    from fenshen.preparation.faces import OUTSIDE
    from fenshen.preparation.sources.videos import subject

    path = Path(path)
    rate = float(np.clip(video.probe(path).fps or 25.0, LOWEST_RATE, _FASTEST))
    found, last = {}, 0
    with FaceFinder() as finder:
        for frame in video.frames(path, fps=rate):
            if frame.timestamp > 60 * MAX_MINUTES:
                raise FenshenError("motion.video_too_long", path=path, minutes=MAX_MINUTES)
            last = max(last, int(frame.timestamp * rate + 0.25))
            if faces := finder.find(frame.picture):
                found[last] = faces
            if progress is not None:
                progress(frame.timestamp)
    if not found:
        raise FenshenError("motion.no_face", path=path)
    faces = subject(list(found.values()))
    matrix = steady_crop(faces, _SIZE)
    values = np.full((last + 1, COUNT), np.nan, dtype=np.float32)
    for number, face in zip(found, faces, strict=True):
        values[number] = measure(face, matrix, _SIZE)
    away = np.abs(values[:, [INDEX["x"], INDEX["y"]]]).max(1) > OUTSIDE  # someone else's
    values[away & (len(found) > away.sum())] = np.nan
    return Track(_filled(values, rate), rate)


def neutral_of(track: Track) -> Float[ndarray, "58"]:
    """The driver's face at rest: over the stillest frames, a low quantile of each action and the median of gaze and
    head."""
    values = track.controls
    speed = (
        np.abs(np.gradient(values[:, : len(BLENDSHAPES)], axis=0)).sum(1) if len(values) > 1 else np.zeros(1)
    )
    quiet = values[speed <= np.quantile(speed, _QUIET)]
    rest = np.quantile(quiet, _REST, axis=0)
    return np.where(_one_way(), rest, np.median(values, axis=0)).astype(np.float32)


def without_neutral(track: Track) -> Track:
    """The track relative to its own rest; each action's remaining range is stretched to the full one."""
    rest = neutral_of(track)
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
