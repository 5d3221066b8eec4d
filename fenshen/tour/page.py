"""``index.html`` of the tour: what was made, how long it took, and what to type next."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from fenshen import files, pages
from fenshen.provenance.implicit import Aigc
from fenshen.provenance.options import PRODUCER
from fenshen.tour import parts
from fenshen.tour.parts import PARTS, Stage


class Noted(Protocol):
    """What the page says of a part."""

    seconds: float
    figures: dict[str, float | None]
    left_out: str | None


def write(stage: Stage, notes: Mapping[str, Noted]) -> Path:
    """Write the page beside what it shows.

    Raises:
        FenshenError: it cannot be written.
    """
    there = {part.name for part in PARTS if part.done(stage)}
    text = pages.render(
        "fenshen.tour",
        "page.html.jinja",
        "demo",
        there=there,
        notes=notes,
        stage=stage,
        parts=parts,
        label=Aigc.new(PRODUCER).json,
    )
    file = stage / "index.html"
    files.write_text(file, text)
    return file
