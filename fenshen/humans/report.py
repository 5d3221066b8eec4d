"""``fenshen humans --report N``: counts and plots who is drawn, to make fairness visible."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from PIL import Image, ImageDraw
from pydantic import BaseModel

from fenshen.commands import SEED, Word
from fenshen.errors import FenshenError, UsageError
from fenshen.humans.human import OLDEST, YOUNGEST, Human
from fenshen.humans.looks import skin_colour
from fenshen.humans.sampler import sample
from fenshen.messages import message

MOST = 1_000_000
_AXES = ("age", "gender", "tone", "african", "asian", "caucasian")
_FREE = ("age", "gender", "tone")  # drawn independently of each other and of the corner shapes
_BINS = 12
_PLOT = (360, 200)
_INK, _BAR = (40, 44, 52), (88, 132, 180)


class Report(BaseModel):
    """The distribution of a cast.

    Attributes:
        counts: people in each twelfth of an axis's range, for age, gender, skin tone and the corner shapes.
        styles: people by hair, beard and glasses.
        correlations: correlation of each pair of independently drawn axes.
    """

    count: int
    seed: int
    counts: dict[str, list[int]]
    styles: dict[str, dict[str, int]]
    correlations: dict[str, float]
    age_range: tuple[float, float]
    feminine: float
    tone_thirds: tuple[float, float, float]

    @property
    def text(self) -> str:
        """The report in a sentence or two."""
        return message(
            "humans.report",
            count=f"{self.count:,}",
            seed=self.seed,
            age_low=self.age_range[0],
            age_high=self.age_range[1],
            feminine=self.feminine,
            tones=" / ".join(f"{share:.0%}" for share in self.tone_thirds),
            worst=max(map(abs, self.correlations.values()), default=0.0),
        )


def report(
    count: Annotated[int, Word("--report", "1000", low=2)],
    *,
    out: Path | str | None = None,
    seed: Annotated[int, SEED] = 0,
    force: bool = False,
) -> Report:
    """Sample people, count them, and plot them.

    Args:
        count: how many people to count
        out: a PNG for the plots
        seed: seed of the first person
        force: overwrite an existing file

    Raises:
        UsageError: ``out`` exists, or does not name a picture.
        FenshenError: the count is out of range, or ``out`` cannot be written.
    """
    if not 2 <= count <= MOST:
        raise FenshenError("humans.report_count", count=count, most=f"{MOST:,}")
    people = [sample(seed + i) for i in range(count)]
    values = np.array([_axes(human) for human in people])
    made = _count(people, values, seed)
    if out is not None:
        _write(plot(made), Path(out), force)
    return made


def _axes(human: Human) -> list[float]:
    body = human.body
    return [body.age, body.gender, human.skin.tone, body.african, body.asian, body.caucasian]


def _count(people: Sequence[Human], values: Float[ndarray, "N 6"], seed: int) -> Report:
    counts = {}
    for i, name in enumerate(_AXES):
        low, high = (YOUNGEST, OLDEST) if name == "age" else (0.0, 1.0)
        counts[name] = np.histogram(values[:, i], bins=_BINS, range=(low, high))[0].tolist()
    matrix = np.nan_to_num(np.corrcoef(values.T))
    pairs = {
        f"{a}/{b}": round(float(matrix[i, j]), 3)
        for i, a in enumerate(_AXES)
        for j, b in enumerate(_AXES)
        if i < j and a in _FREE
    }
    tones = np.histogram(values[:, 2], bins=3, range=(0, 1))[0] / len(people)
    return Report(
        count=len(people),
        seed=seed,
        counts=counts,
        styles={
            "hair": dict(Counter(human.hair.style for human in people).most_common()),
            "beard": dict(Counter(human.beard.style for human in people).most_common()),
            "glasses": dict(Counter("yes" if human.glasses else "no" for human in people).most_common()),
        },
        correlations=pairs,
        age_range=(float(values[:, 0].min()), float(values[:, 0].max())),
        feminine=float((values[:, 1] > 0.5).mean()),
        tone_thirds=(float(tones[0]), float(tones[1]), float(tones[2])),
    )


def plot(made: Report) -> Image.Image:
    """Histograms of all axes, and a bar chart of hair styles."""
    panels = [_histogram(name, made.counts[name]) for name in _AXES]
    panels += [_bars(name, table) for name, table in made.styles.items()]
    columns = 3
    rows = -(-len(panels) // columns)
    picture = Image.new("RGB", (columns * _PLOT[0], rows * _PLOT[1]), "white")
    for i, panel in enumerate(panels):
        picture.paste(panel, (i % columns * _PLOT[0], i // columns * _PLOT[1]))
    return picture


def _histogram(name: str, counts: Sequence[int]) -> Image.Image:
    panel, draw = _panel(name)
    left, bottom, top = 20, _PLOT[1] - 28, 34
    wide = (_PLOT[0] - 2 * left) / len(counts)
    for i, count in enumerate(counts):
        height = (bottom - top) * count / max(*counts, 1)
        colour = _BAR
        if name == "tone":
            red, green, blue = (255 * skin_colour((i + 0.5) / len(counts), 0)).astype(int)
            colour = (int(red), int(green), int(blue))
        draw.rectangle([left + i * wide, bottom - height, left + (i + 1) * wide - 2, bottom], fill=colour)
    low, high = (YOUNGEST, OLDEST) if name == "age" else (0, 1)
    draw.text((left, bottom + 6), str(low), fill=_INK)
    draw.text((_PLOT[0] - left, bottom + 6), str(high), fill=_INK, anchor="ra")
    return panel


def _bars(name: str, table: dict[str, int]) -> Image.Image:
    panel, draw = _panel(name)
    step = min(18.0, (_PLOT[1] - 44) / max(len(table), 1))
    for i, (label, count) in enumerate(table.items()):
        y = 34 + i * step
        draw.text((20, y - 2), label, fill=_INK, font_size=9)
        length = (_PLOT[0] - 150) * count / max(table.values())
        draw.rectangle([100, y, 100 + length, y + step - 3], fill=_BAR)
        draw.text((106 + length, y - 2), f"{count:,}", fill=_INK, font_size=9)
    return panel


def _panel(name: str) -> tuple[Image.Image, Any]:
    panel = Image.new("RGB", _PLOT, "white")
    draw = ImageDraw.Draw(panel)
    draw.text((20, 12), name, fill=_INK, font_size=13)
    return panel, draw


def _write(picture: Image.Image, path: Path, force: bool) -> None:
    from fenshen import portraits

    if path.exists() and not force:
        raise UsageError("humans.exists", path=path)
    portraits.write(path, np.asarray(picture))
