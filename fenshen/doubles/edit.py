"""``fenshen edit``: a double's picture by named sliders."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fenshen import sliders
from fenshen.controls import INDEX
from fenshen.doubles.output import PICTURES, Output
from fenshen.doubles.store import Double
from fenshen.drawing import DrawRequest, draw, grid_requests, parse_axis, parse_words
from fenshen.errors import UsageError

if TYPE_CHECKING:
    from fenshen.provenance.credentials import Signer


def edit(
    double: Path | str,
    *,
    out: Path | str | None = None,
    settings: Sequence[str] = (),
    preset: str | None = None,
    grid: tuple[str, str] | None = None,
    before_after: bool = False,
    scale: float = 2.0,
    label: bool = True,
    transparent: bool = False,
    signer: Signer | None = None,
    device: str = "auto",
    force: bool = False,
) -> Path:
    """Draw a double as asked.

    Args:
        double: a ``.double``.
        out: a picture; by default named after the double.
        settings: ``slider=value``, from the face at rest: ``smile=0.8``, ``yaw=15``; of a double that was cast from
            photographs also what its human is: ``age=60``, ``hair=bob``.
        preset: an expression by its name, before the settings.
        grid: two sliders and where they go, such as ``("smile:0:1", "yaw:-20:20")``: a sheet.
        before_after: the face at rest beside the asked one.
        scale: 1 to 4.
        label: draw the visible label.
        transparent: leave out the background; not in a JPEG.
        signer: of the credentials, from :func:`fenshen.provenance.credentials.load`; self-made if None.
        device: where to compute.
        force: replace what is there.

    Raises:
        UsageError: an unknown slider or preset, or words that make no sense together.
        FenshenError: the double cannot be opened or used, or the picture cannot be written.
    """
    opened = Double.open(double, device)
    target = Path(out) if out is not None else Path(f"{Path(double).stem}.png")
    output = Output(
        opened,
        target,
        PICTURES,
        scale=scale,
        label=label,
        transparent=transparent,
        signer=signer,
        force=force,
    )
    rest = opened.wish()
    asked = _moved(opened, rest, {**_preset(preset), **parse_words(settings)})
    if grid:
        axes = parse_axis(grid[0]), parse_axis(grid[1])
        pictures = draw(opened.model, grid_requests(opened.model, asked, axes))
        return output.picture(pictures, len(axes[0].values))
    wishes = [rest, asked] if before_after else [asked]
    return output.picture(draw(opened.model, wishes), len(wishes))


def presets() -> tuple[str, ...]:
    """The names that ``--preset`` knows."""
    return tuple(_presets())


def _moved(double: Double, rest: DrawRequest, words: dict[str, str]) -> DrawRequest:
    """The wish with words said; what sets angles and places counts from the face at rest."""
    return rest.said(double.model, {name: _from_rest(double, name, word) for name, word in words.items()})


def _from_rest(double: Double, name: str, word: str) -> str:
    """A camera does not always stand straight before a face: ``yaw=0`` is how it is mostly seen."""
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
