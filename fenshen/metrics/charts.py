"""Line charts for a report: the lines as SVG that stretches, the words as HTML that does not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fenshen.metrics.history import Curve

_WIDTH, _HEIGHT = 600, 200  # of the drawing; the page stretches it to its column


@dataclass(frozen=True)
class Tick:
    """A label beside an axis; ``at`` is its place from the left or the bottom, in percent."""

    at: float
    label: str


@dataclass(frozen=True)
class Chart:
    """A drawn chart: one SVG path a line, and the labels of its axes."""

    paths: list[str]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    width: int = _WIDTH
    height: int = _HEIGHT


def lines(curves: Sequence[Curve], *, low: float | None = None, high: float | None = None) -> Chart | None:
    """Draw curves over the same axes; None where no curve has two points.

    Args:
        low, high: fixed ends of the vertical axis; by default the data decide.
    """
    drawn = [curve for curve in curves if len(curve) > 1]
    if not drawn:
        return None
    right = max(x for curve in drawn for x, _ in curve)
    values = [y for curve in drawn for _, y in curve]
    ticks = _round_ticks(min(values) if low is None else low, max(values) if high is None else high)
    bottom, top = ticks[0], ticks[-1]

    def place(x: float, y: float) -> str:
        across = _WIDTH * x / max(right, 1e-9)
        up = min(max((y - bottom) / (top - bottom), 0.0), 1.0)
        return f"{across:.1f} {_HEIGHT * (1 - up):.1f}"

    return Chart(
        paths=["M" + "L".join(place(x, y) for x, y in curve) if len(curve) > 1 else "" for curve in curves],
        x_ticks=[Tick(100 * x / max(right, 1e-9), _short(x)) for x in _round_ticks(0.0, right) if x <= right],
        y_ticks=[Tick(100 * (y - bottom) / (top - bottom), _short(y)) for y in ticks],
    )


def _round_ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round tick values that enclose [low, high], in about this many steps (Heckbert 1990)."""
    span = max(high - low, abs(high) * 1e-6, 1e-9)
    rough = span / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [i * step for i in range(first, max(last, first + 1) + 1)]


def _short(value: float) -> str:
    if abs(value) >= 1e6:
        return f"{value / 1e6:g}M"
    return f"{value / 1000:g}k" if abs(value) >= 10_000 else f"{value:.6g}"
