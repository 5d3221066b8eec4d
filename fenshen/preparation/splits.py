"""Which pictures are held out: whole subjects, whole clips or single pictures, never single frames of a clip."""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from fenshen.dataset import Split

SHARE = 0.1


@dataclass(frozen=True)
class Origin:
    """Where one portrait came from, as far as the split cares; ``timestamp`` is None for a still."""

    source: str
    subject: str | None
    timestamp: float | None


def split(origins: Sequence[Origin], seed: int = 0) -> list[Split]:
    """Hold out about a tenth, so that nothing held out was nearly seen in training.

    Groups go whole to one side, drawn by a hash of their name: subjects where there are folders of them, else
    source clips and single still pictures. Where the groups are too large for a tenth (two subjects, a single
    clip), the next finer grouping is tried; the last one cuts the final tenth of each clip's seconds off as a
    clip of its own. Of two pictures one is held out; a single one is for training.
    """
    count = len(origins)
    target = max(1, round(SHARE * count)) if count > 1 else 0
    groupings: list[Callable[[Origin], Hashable]] = [
        lambda origin: ("subject", origin.subject) if origin.subject else ("source", origin.source),
        lambda origin: ("source", origin.source),
        _ends(origins),
    ]
    for grouping in groupings:
        groups: dict[Hashable, list[int]] = defaultdict(list)
        for i, origin in enumerate(origins):
            if (key := grouping(origin)) is not None:
                groups[key].append(i)
        held_out = _draw(groups, target, min(math.ceil(1.5 * target), count - 1), seed)
        if 2 * len(held_out) >= target:
            break
    return ["held_out" if i in held_out else "train" for i in range(count)]


def _draw(groups: dict[Hashable, list[int]], target: int, most: int, seed: int) -> set[int]:
    """Whole groups, in the order of their hashes, until ``target`` are held out; never over ``most``."""
    held_out: set[int] = set()
    for key in sorted(groups, key=lambda key: hashlib.sha256(f"{seed}/{key}".encode()).digest()):
        if len(held_out) >= target:
            break
        if len(held_out) + len(groups[key]) <= most:
            held_out.update(groups[key])
    return held_out


def _ends(origins: Sequence[Origin]) -> Callable[[Origin], Hashable]:
    """A grouping in which the last tenth of a clip is a clip of its own; the rest stays in training."""
    times: dict[str, list[float]] = defaultdict(list)
    for origin in origins:
        if origin.timestamp is not None:
            times[origin.source].append(origin.timestamp)
    start = {source: sorted(at)[math.floor((1 - SHARE) * len(at))] for source, at in times.items()}

    def grouping(origin: Origin) -> Hashable:
        if origin.timestamp is None:
            return ("source", origin.source)
        return ("end", origin.source) if origin.timestamp >= start[origin.source] else None

    return grouping
