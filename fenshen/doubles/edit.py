"""``fenshen edit``: a double's picture by named sliders."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np

from fenshen import sliders
from fenshen.commands import DEVICE, GRID, SLIDERS
from fenshen.controls import INDEX
from fenshen.doubles.options import OutputOptions
from fenshen.drawing import DrawRequest, grid_requests, parse_axis, parse_words
from fenshen.errors import UsageError

if TYPE_CHECKING:
    from fenshen.doubles.store import Double


def edit(
    double: Path | str | Double,
    *,
    out: Path | str | None = None,
    settings: Annotated[Sequence[str], SLIDERS] = (),
    preset: str | None = None,
    grid: Annotated[tuple[str, str] | None, GRID] = None,
    before_after: bool = False,
    output: OutputOptions = OutputOptions(),
    device: Annotated[str, DEVICE] = "auto",
    force: bool = False,
) -> Path:
    """Draw a double: expressions and poses by named sliders.

    Args:
        double: a .double file
        out: the picture to write; by default named after the double
        settings: a slider and its value, from the face at rest: smile=0.8, yaw=15; for a double cast from photographs
            also age=60 or hair=bob. Can be repeated
        preset: an expression: neutral, happy, gentle, surprised, thoughtful, sad, angry, wink, asleep; the settings
            come on top
        grid: make a sheet of two sliders, such as smile:0:1 yaw:-20:20
        before_after: put the face at rest beside the edited one
        output: how the picture is finished
        device: where to compute
        force: overwrite an existing picture

    Returns:
        The picture's path.

    Raises:
        UsageError: an unknown slider or preset, or options that do not go together.
        FenshenError: the double cannot be opened or used, or the picture cannot be written.
    """
    from fenshen.doubles.output import PICTURE, Output
    from fenshen.doubles.store import Double

    opened = Double.of(double, device)
    target = Path(out) if out is not None else Path(f"{opened.path.stem}.png")
    several = grid is not None or before_after
    writer = Output(opened, target, PICTURE, output, sheet=several, force=force)
    rest = opened.request()
    asked = _changed(opened, rest, {**_preset(preset), **parse_words(settings)})
    if grid:
        axes = parse_axis(grid[0]), parse_axis(grid[1])
        pictures = opened.draw(grid_requests(opened.model, asked, axes), held=writer.framing is not None)
        return writer.picture(pictures, len(axes[0].values))
    requests = [rest, asked] if before_after else [asked]
    return writer.picture(opened.draw(requests, held=writer.framing is not None), len(requests))


def presets() -> tuple[str, ...]:
    """The names that ``--preset`` knows."""
    return tuple(_presets())


def _changed(double: Double, rest: DrawRequest, words: dict[str, str]) -> DrawRequest:
    """The request with sliders moved; angles count from the face at rest."""
    return rest.with_words(
        double.model, {name: _from_rest(double, name, word) for name, word in words.items()}
    )


def _from_rest(double: Double, name: str, word: str) -> str:
    """An angle relative to the face at rest, because cameras rarely stand straight in front of a face."""
    if name not in ("yaw", "pitch", "roll"):
        return word
    try:
        low, high = sliders.limits(name)
        return f"{np.clip(float(word) + np.degrees(double.neutral[INDEX[name]]), low, high):g}"
    except ValueError:
        return word  # the slider says what is wrong


def _preset(name: str | None) -> dict[str, str]:
    if name is None:
        return {}
    if name not in _presets():
        raise UsageError("double.unknown_preset", name=name, names=", ".join(presets()))
    return {slider: f"{value:g}" for slider, value in _presets()[name].items()}


@cache
def _presets() -> dict[str, dict[str, float]]:
    return json.loads(Path(__file__).with_name("presets.json").read_text(encoding="utf-8"))
