"""A run's ``log.jsonl`` as curves, for the report."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Curve = list[tuple[float, float]]  # step and value, steps ascending

SERIES = ("kid", "loss_g", "loss_d", "real_score", "fake_score")
_MOST_POINTS = 240


@dataclass
class History:
    """The curves of a run and what the watch found."""

    curves: dict[str, Curve] = field(default_factory=dict)
    findings: list[tuple[int, str]] = field(default_factory=list)
    steps: int = 0
    seconds: float = 0.0
    pictures: int = 0


def read(run: Path) -> History:
    """Read a run's log; rows that cannot be parsed are skipped."""
    history = History(curves={name: [] for name in SERIES})
    try:
        lines = (run / "log.jsonl").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return history
    for line in lines:
        row = _parse(line)
        step = _number(row.get("step"))
        if step is None:
            continue
        history.steps = max(history.steps, int(step))
        history.seconds = max(history.seconds, _number(row.get("time")) or 0.0)
        history.pictures = max(history.pictures, int(_number(row.get("images")) or 0))
        if isinstance(row.get("finding"), str):
            history.findings.append((int(step), str(row.get("text", row["finding"]))))
        for name in SERIES:
            value = _number(row.get(name))
            if value is not None:
                history.curves[name].append((step, value))
    history.curves = {name: thin(sorted(curve)) for name, curve in history.curves.items()}
    return history


def thin(curve: Curve, most: int = _MOST_POINTS) -> Curve:
    """Reduce to at most ``most`` points by averaging neighbours."""
    group = math.ceil(len(curve) / most)
    if group <= 1:
        return curve
    parts = [curve[i : i + group] for i in range(0, len(curve), group)]
    return [(sum(s for s, _ in part) / len(part), sum(v for _, v in part) / len(part)) for part in parts]


def _parse(line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return row if isinstance(row, dict) else {}


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
