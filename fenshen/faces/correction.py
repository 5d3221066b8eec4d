"""What MediaPipe's scores say of one movement that another one made.

It reads a jaw as less open the further the head looks up, a raised brow where the head is lowered, half a blink in
every smile. Drawn humans tell by how much, for there the truth is known: ``scripts/make_correction.py`` measures them
and fits, by ridge regression (Hoerl and Kennard 1970), what has to be added. The fit is linear and mirrored, so that
it can be no more than a change of axes: left and right stay each other's mirror, and a face at rest stays at rest.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from fenshen import controls as control_space
from fenshen.landmarks import CORNERS, OPENINGS

FILE = Path(__file__).with_name("correction.json")
UNMEASURED = ("tongueOut",)  # MediaPipe has no score for it
SCORES = tuple(name for name in control_space.BLENDSHAPES if name not in UNMEASURED)
# Where eyes look is left alone: its four scores have one side each, and a fit would move eyes at rest. Pitch is
# geometry; only what a moving face adds to it is taken away.
OUTPUTS = (*(name for name in SCORES if not name.startswith("eyeLook")), "pitch")
POSE = ("yaw", "pitch", "roll", "yaw^2", "pitch^2", "roll^2")
APERTURES = ("right_eye", "left_eye", "mouth")
_AT_REST = (0.365, 0.365, 0.023)  # of drawn humans, the median
INPUTS = (*SCORES, *POSE, *APERTURES)

_SCORE_INDICES = [control_space.INDEX[name] for name in SCORES]
_OUTPUT_INDICES = [control_space.INDEX[name] for name in OUTPUTS]


def inputs(values: Float[ndarray, "N 58"], landmarks: Float[ndarray, "N 478 3"]) -> Float[ndarray, "N K"]:
    """What the correction looks at: scores, pose, and by how much further than at rest lids and lips stand apart."""
    yaw, pitch, roll = (values[..., control_space.INDEX[name]] for name in control_space.ROTATION)
    pose = np.stack([yaw, pitch, roll, yaw**2, pitch**2, roll**2], axis=-1)
    apart = [
        _distance(landmarks, opening) / _distance(landmarks, corners) - rest
        for opening, corners, rest in zip(OPENINGS, CORNERS, _AT_REST, strict=True)
    ]
    return np.concatenate([values[..., _SCORE_INDICES], pose, np.stack(apart, axis=-1)], axis=-1)


def corrected(values: Float[ndarray, "N 58"], landmarks: Float[ndarray, "N 478 3"]) -> Float[ndarray, "N 58"]:
    """Controls as they are read off MediaPipe's numbers, without what one movement lends to another.

    Args:
        landmarks: in any unit.
    """
    moved = values.copy()
    moved[..., _OUTPUT_INDICES] += inputs(values, landmarks) @ weights()
    return control_space.clip(moved)


@cache
def weights() -> Float[ndarray, "K O"]:
    """From :data:`INPUTS` to what is added to :data:`OUTPUTS`."""
    return np.array(json.loads(FILE.read_text(encoding="utf-8")), dtype=np.float64)


def _distance(landmarks: Float[ndarray, "N 478 3"], pair: tuple[int, int]) -> Float[ndarray, "N"]:
    first, second = pair
    return np.maximum(np.linalg.norm(landmarks[..., first, :] - landmarks[..., second, :], axis=-1), 1e-6)
