"""Removes from MediaPipe's scores what other movements add to them.

MediaPipe reads a jaw as less open when the head looks up, a raised brow when the head is lowered, half a blink in
every smile. Drawn humans show by how much, because their true controls are known: ``scripts/make_correction.py``
measures them and fits the correction by ridge regression (Hoerl and Kennard 1970). The fit is linear and mirrored, so
it can only change axes: left and right stay mirror images, and a face at rest stays at rest.
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
# Gaze is left alone: each of its four scores is one-sided, and a fit would move eyes at rest. Pitch is
# geometry; only what a moving face adds to it is taken away.
OUTPUTS = (*(name for name in SCORES if not name.startswith("eyeLook")), "pitch")
POSE = ("yaw", "pitch", "roll", "yaw^2", "pitch^2", "roll^2")
APERTURES = ("right_eye", "left_eye", "mouth")
_AT_REST = (0.365, 0.365, 0.023)  # of drawn humans, the median
INPUTS = (*SCORES, *POSE, *APERTURES)

_SCORE_INDICES = [control_space.INDEX[name] for name in SCORES]
_OUTPUT_INDICES = [control_space.INDEX[name] for name in OUTPUTS]


def inputs(values: Float[ndarray, "N 58"], landmarks: Float[ndarray, "N 478 3"]) -> Float[ndarray, "N K"]:
    """The correction's inputs: scores, pose, and how much wider than at rest lids and lips are open."""
    yaw, pitch, roll = (values[..., control_space.INDEX[name]] for name in control_space.ROTATION)
    pose = np.stack([yaw, pitch, roll, yaw**2, pitch**2, roll**2], axis=-1)
    apart = [
        _distance(landmarks, opening) / _distance(landmarks, corners) - rest
        for opening, corners, rest in zip(OPENINGS, CORNERS, _AT_REST, strict=True)
    ]
    return np.concatenate([values[..., _SCORE_INDICES], pose, np.stack(apart, axis=-1)], axis=-1)


def corrected(values: Float[ndarray, "N 58"], landmarks: Float[ndarray, "N 478 3"]) -> Float[ndarray, "N 58"]:
    """Controls corrected for what one movement adds to the score of another.

    Args:
        landmarks: in any unit.
    """
    moved = values.copy()
    moved[..., _OUTPUT_INDICES] += inputs(values, landmarks) @ weights()
    return control_space.clip(moved)


@cache
def weights() -> Float[ndarray, "K O"]:
    """The matrix from :data:`INPUTS` to the correction of :data:`OUTPUTS`."""
    return np.array(json.loads(FILE.read_text(encoding="utf-8")), dtype=np.float64)


def _distance(landmarks: Float[ndarray, "N 478 3"], pair: tuple[int, int]) -> Float[ndarray, "N"]:
    first, second = pair
    return np.maximum(np.linalg.norm(landmarks[..., first, :] - landmarks[..., second, :], axis=-1), 1e-6)
