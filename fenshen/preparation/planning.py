"""How the work is cut up: units that one process does at a time, and that are kept when they are finished."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

from fenshen import portraits
from fenshen.errors import FenshenError
from fenshen.preparation.sources import Item

Crop = Literal["face", "clip", "none"]
# Pictures and drawings; frames of a video; or only the faces of a video's frames, for the crop of the clip.
Step = Literal["items", "frames", "look"]

VERSION = 1  # of what a unit comes out as; a change makes cached work stale
PICTURES_A_UNIT = 16
DRAWINGS_A_UNIT = 64
# A stretch is decoded from the video's start up to its own end, so many short ones cost more than they win.
FRAMES_A_STRETCH = 128
MOST_STRETCHES = 8


@dataclass(frozen=True)
class Settings:
    """The options of ``prepare`` that decide what a portrait looks like and which are refused."""

    size: int
    crop: Crop
    fit: portraits.Fit
    all_faces: bool
    one_person: bool
    every: int | None
    fps: float | None
    min_face: int
    ground: portraits.Colour


@dataclass(frozen=True)
class Unit:
    """Work for one process.

    Args:
        items: of one kind; a single one if it is a video.
        step: what is done with them.
        span: of a video, the seconds from (inclusive) and to (exclusive; None is the end).
        expected: how many pictures or frames it is about, for the progress bar.
        looks: the key of the unit that found the faces of this stretch.
        matrix: the clip's crop, row by row; None where it has no face.
    """

    items: tuple[Item, ...]
    step: Step = "items"
    span: tuple[float, float | None] = (0.0, None)
    expected: int = 1
    looks: str | None = None
    matrix: tuple[float, ...] | None = None

    def key(self, settings: Settings) -> str:
        """A name for the outcome: equal keys, equal portraits."""
        what = {"version": VERSION, "settings": asdict(settings), "unit": asdict(self)}
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:32]


def plan(items: Sequence[Item], settings: Settings) -> list[Unit]:
    """Units in the order of the items: stretches of videos; neighbours of one kind, up to a fixed number."""
    units: list[Unit] = []
    waiting: list[Item] = []
    for item in (*items, None):
        if waiting and (item is None or item.kind != waiting[0].kind or len(waiting) >= _most(item)):
            units.append(Unit(tuple(waiting), expected=len(waiting)))
            waiting = []
        if item is not None and item.kind == "video":
            units.extend(_stretches(item, settings))
        elif item is not None:
            waiting.append(item)
    return units


def _most(item: Item) -> int:
    return DRAWINGS_A_UNIT if item.kind in ("drawn", "human") else PICTURES_A_UNIT


def _stretches(item: Item, settings: Settings) -> Iterator[Unit]:
    """A video in equal stretches of time, none of them short."""
    from fenshen import video

    step: Step = "look" if settings.crop == "clip" else "frames"
    try:
        info = video.probe(item.path)
    except FenshenError:  # said again, and kept on record, when the unit is done
        yield Unit((item,), "frames")
        return
    expected = info.frames / (settings.every or 1)
    if settings.fps is not None:
        expected = min(expected, info.duration * settings.fps)
    count = min(MOST_STRETCHES, max(1, round(expected / FRAMES_A_STRETCH))) if info.duration > 0 else 1
    edges = [info.duration * i / count for i in range(count)]
    for start, stop in zip(edges, [*edges[1:], None], strict=True):
        yield Unit((item,), step, (start, stop), max(1, math.ceil(expected / count)))


def with_crop(looks: Sequence[Unit], matrix: Sequence[float] | None, settings: Settings) -> Iterator[Unit]:
    """The units that cut a clip's frames, once its faces were found and its crop is known."""
    for unit in looks:
        found = unit.key(settings)
        crop = None if matrix is None else tuple(map(float, matrix))
        yield replace(unit, step="frames", looks=found, matrix=crop)
