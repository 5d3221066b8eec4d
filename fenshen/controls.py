"""The control space: everything that moves a face is a vector of 58 numbers.

The first 52 are the ARKit blendshapes in Apple's order, each in [0, 1]; then head yaw, pitch and roll in
radians; then head x, y and scale inside the crop. As the viewer sees it: yaw > 0 turns the face to the
viewer's right, pitch > 0 looks up, roll > 0 tilts clockwise; x to the right and y downward as fractions of
the crop; scale is log2 of the face's height over its neutral. ARKit's left and right are the subject's own.

This module owns the names, their order, ranges, the neutral vector and (de)normalisation; nothing else in
the tree spells out a blendshape's name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from numpy import ndarray

_EYE = ("Blink", "LookDown", "LookIn", "LookOut", "LookUp", "Squint", "Wide")

BLENDSHAPES: tuple[str, ...] = (
    *(f"eye{action}Left" for action in _EYE),
    *(f"eye{action}Right" for action in _EYE),
    *("jawForward", "jawLeft", "jawRight", "jawOpen"),
    *("mouthClose", "mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight"),
    *("mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight"),
    *("mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight"),
    *("mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper"),
    *("mouthPressLeft", "mouthPressRight", "mouthLowerDownLeft", "mouthLowerDownRight"),
    *("mouthUpperUpLeft", "mouthUpperUpRight"),
    *("browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
    *("cheekPuff", "cheekSquintLeft", "cheekSquintRight"),
    *("noseSneerLeft", "noseSneerRight", "tongueOut"),
)
ROTATION: tuple[str, ...] = ("yaw", "pitch", "roll")
PLACEMENT: tuple[str, ...] = ("x", "y", "scale")

# Where x, y and scale are 0, in portrait sides; aligned portraits put the head there.
CENTRE = (0.5, 0.515)  # the head's centre, four centimetres behind the eyes; x right, y down
FACE_HEIGHT = 0.48  # forehead to chin
NAMES: tuple[str, ...] = BLENDSHAPES + ROTATION + PLACEMENT
COUNT = len(NAMES)

INDEX: Mapping[str, int] = {name: i for i, name in enumerate(NAMES)}

NEUTRAL: Float[ndarray, "58"] = np.zeros(COUNT, dtype=np.float32)
LOW: Float[ndarray, "58"] = np.array([0.0] * 52 + [-math.pi / 2] * 3 + [-0.5, -0.5, -2.0], dtype=np.float32)
HIGH: Float[ndarray, "58"] = np.array([1.0] * 52 + [math.pi / 2] * 3 + [0.5, 0.5, 2.0], dtype=np.float32)

# What one unit of network input means: a blendshape's full range, a third of a radian (19 degrees), a twelfth
# of the crop, a third of an octave. All inputs of a network then have spreads of the same order.
_UNIT: Float[ndarray, "58"] = np.array([1.0] * 52 + [1 / 3] * 3 + [1 / 12, 1 / 12, 1 / 3], dtype=np.float32)


def _mirrored_name(name: str) -> str:
    for side, other in (("Left", "Right"), ("Right", "Left")):
        if name.endswith(side):
            return name[: -len(side)] + other
    return name


_MIRROR_ORDER = np.array([INDEX[_mirrored_name(name)] for name in NAMES])
_MIRROR_SIGN = np.array([-1.0 if name in ("yaw", "roll", "x") else 1.0 for name in NAMES], dtype=np.float32)


def vector(values: Mapping[str, float] | None = None, /, **named: float) -> Float[ndarray, "58"]:
    """A neutral control vector with some values set: ``vector(jawOpen=0.4, yaw=0.2)``.

    Raises:
        KeyError: a name is not one of :data:`NAMES`.
        ValueError: a value is not finite or outside its range.
    """
    controls = NEUTRAL.copy()
    for name, value in {**(values or {}), **named}.items():
        controls[INDEX[name]] = value
    check(controls)
    return controls


def check(controls: Float[ndarray, "*frames 58"]) -> None:
    """Refuse controls that are not finite or out of range, naming the first one.

    Raises:
        ValueError: with the control's name, its value and its range.
    """
    if controls.shape[-1] != COUNT:
        raise ValueError(f"controls have {COUNT} numbers, not {controls.shape[-1]}")
    tolerance = 1e-4
    good = (controls >= LOW - tolerance) & (controls <= HIGH + tolerance)  # NaN compares false
    if not good.all():
        i = int(np.argwhere(~good)[0][-1])
        value = controls[~good][0]
        raise ValueError(f"{NAMES[i]} is {value:g}, outside [{LOW[i]:g}, {HIGH[i]:g}]")


def clip(controls: Float[ndarray, "*frames 58"]) -> Float[ndarray, "*frames 58"]:
    """Controls moved into their ranges; NaN becomes neutral."""
    return np.clip(np.nan_to_num(controls, nan=0.0), LOW, HIGH).astype(np.float32)


def normalise(controls: Float[ndarray, "*frames 58"]) -> Float[ndarray, "*frames 58"]:
    """Scale controls to network inputs: each divided by its unit, neutral at 0."""
    return (controls / _UNIT).astype(np.float32)


def denormalise(inputs: Float[ndarray, "*frames 58"]) -> Float[ndarray, "*frames 58"]:
    """The inverse of :func:`normalise`."""
    return (inputs * _UNIT).astype(np.float32)


def mirror(controls: Float[ndarray, "*frames 58"]) -> Float[ndarray, "*frames 58"]:
    """The controls of the picture flipped left to right: sides swap; yaw, roll and x change sign."""
    return controls[..., _MIRROR_ORDER] * _MIRROR_SIGN
