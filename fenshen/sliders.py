"""Sliders: plain names for what moves a face, such as ``smile=0.7``, ``gaze_x=-1``, ``yaw=20``.

A slider sets one control or several at once. Those that go both ways run from -1 to 1, the others from 0 to 1; angles
are in degrees, and ``zoom`` in octaves. Every control's own name is a slider too.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from jaxtyping import Float
from numpy import ndarray

from fenshen import controls as control_space
from fenshen.errors import UsageError

_OTHER_UNITS: Mapping[str, tuple[str, float]] = {
    **{name: (name, math.pi / 180) for name in control_space.ROTATION},
    "x": ("x", 1.0),
    "y": ("y", 1.0),
    "zoom": ("scale", 1.0),
}


@cache
def _both_ways() -> dict[str, dict[str, dict[str, float]]]:
    return json.loads(Path(__file__).with_name("sliders.json").read_text(encoding="utf-8"))


@cache
def names() -> tuple[str, ...]:
    """All sliders: plain words first, then the controls' own names."""
    return (*_both_ways(), *_OTHER_UNITS, *control_space.BLENDSHAPES)


def limits(name: str) -> tuple[float, float]:
    """A slider's smallest and largest value.

    Raises:
        KeyError: there is no such slider.
    """
    if name in _OTHER_UNITS:
        control, unit = _OTHER_UNITS[name]
        index = control_space.INDEX[control]
        return float(control_space.LOW[index] / unit), float(control_space.HIGH[index] / unit)
    if name in control_space.BLENDSHAPES:
        return 0.0, 1.0
    return (-1.0 if "down" in _both_ways()[name] else 0.0), 1.0


def move(controls: Float[ndarray, "58"], name: str, value: float) -> Float[ndarray, "58"]:
    """The controls with one slider set; the others stay as they are.

    Raises:
        UsageError: the value is out of the slider's range or not a number.
        KeyError: there is no such slider.
    """
    low, high = limits(name)
    if not low - 1e-6 <= value <= high + 1e-6:  # NaN compares false
        raise UsageError("sliders.range", name=name, value=value, low=low, high=high)
    moved = controls.copy()
    if name in _OTHER_UNITS:
        control, unit = _OTHER_UNITS[name]
        moved[control_space.INDEX[control]] = value * unit
        return control_space.clip(moved)
    ways = _both_ways().get(name, {"up": {name: 1.0}})
    for way in ways.values():
        for control in way:
            moved[control_space.INDEX[control]] = 0
    for control, share in ways["up" if value >= 0 else "down"].items():
        moved[control_space.INDEX[control]] = abs(value) * share
    return moved
