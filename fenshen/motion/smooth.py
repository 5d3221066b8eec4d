"""The one-euro filter: a low-pass whose cut-off rises with speed (Casiez, Roussel, Vogel 2012).

Measured controls jitter. A low cut-off hides that but lags behind a blink; here the cut-off of each control rises
with its own speed, ``fc = mincutoff + beta |dx/dt|`` (equation 5 of the paper).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from fenshen.controls import NAMES, PLACEMENT, ROTATION
from fenshen.motion.track import Track

_SPEED_CUTOFF = 1.0  # Hz, of the speed's own low-pass: the paper's

# By what a name begins with: the cut-off at rest in Hz, and how many Hz a unit a second adds. Lids and lips may jump
# from frame to frame; a head has mass.
_GROUPS: tuple[tuple[str, float, float], ...] = (
    ("eyeBlink", 4.0, 3.0),
    ("eye", 2.5, 2.5),
    ("jaw", 3.0, 3.0),
    ("mouth", 2.5, 3.0),
    ("", 1.5, 1.5),
)
_HEAD = (1.0, 2.0)


def _settings() -> tuple[Float[ndarray, "58"], Float[ndarray, "58"]]:
    pairs = [
        _HEAD
        if name in ROTATION + PLACEMENT
        else next((low, gain) for prefix, low, gain in _GROUPS if name.startswith(prefix))
        for name in NAMES
    ]
    low, gain = np.array(pairs, dtype=np.float64).T
    return low, gain


def smooth(track: Track, *, strength: float = 1.0) -> Track:
    """The track without jitter.

    Args:
        strength: divides the cut-off at rest; 0 leaves the track as it is.
    """
    if strength <= 0:
        return track
    low, gain = _settings()
    return Track(one_euro(track.controls, track.rate, low / strength, gain), track.rate)


def one_euro(
    values: Float[ndarray, "T n"], rate: float, mincutoff: Float[ndarray, "n"], beta: Float[ndarray, "n"]
) -> Float[ndarray, "T n"]:
    """Filter every column by itself.

    Args:
        rate: rows a second.
        mincutoff: Hz, the cut-off of a column that stands still.
        beta: Hz that a speed of one unit a second adds.
    """
    result = np.array(values, dtype=np.float64)
    speed = np.zeros(values.shape[1])
    slow = _alpha(np.full(values.shape[1], _SPEED_CUTOFF), rate)
    for i in range(1, len(result)):
        speed += slow * ((values[i] - result[i - 1]) * rate - speed)
        alpha = _alpha(mincutoff + beta * np.abs(speed), rate)
        result[i] = result[i - 1] + alpha * (values[i] - result[i - 1])  # equation 1
    return result.astype(np.float32)


def _alpha(cutoff: Float[ndarray, "n"], rate: float) -> Float[ndarray, "n"]:
    """How much of the new value a first-order low-pass takes: equations 2 and 3."""
    return 1 / (1 + rate / (2 * np.pi * cutoff))
