"""Footage and keyframes of a double from photographs: they are moved, or the human who was cast for them is drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from fenshen import controls as control_space
from fenshen import dataset
from fenshen.dataset import Dataset
from fenshen.keyframes import MOST, Keyframes
from fenshen.networks.contours import CONTOUR_POINTS

if TYPE_CHECKING:
    from fenshen.doubles.casting.cast import Cast

FRAMES, _LONG = 180, 2.0  # pictures that a double learns from; minutes of training that use all of them
_HUMAN = "human.json"
LEARNT = 256  # most pixels of a side that they have: motion knows no resolution
# What keyframes show beside the face at rest, the most useful first: what cannot be invented, several things at once
# where none is in another's way.
_SHOWN: tuple[dict[str, float], ...] = (
    {"jawOpen": 0.6, "eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0},
    {"yaw": -0.2},
    {"yaw": 0.2},
    {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8, "jawOpen": 0.15},
    {"pitch": 0.16, "mouthPucker": 0.7},
    {"pitch": -0.16, "mouthFunnel": 0.7, "jawOpen": 0.2},
    {"yaw": -0.12, "jawOpen": 0.3},
    {"yaw": 0.12, "jawOpen": 0.3},
    {"jawOpen": 0.3, "eyeBlinkLeft": 0.5, "eyeBlinkRight": 0.5},
    {"browInnerUp": 0.8, "eyeWideLeft": 0.6, "eyeWideRight": 0.6},
    {"browDownLeft": 0.8, "browDownRight": 0.8, "eyeSquintLeft": 0.6, "eyeSquintRight": 0.6},
)
assert len(_SHOWN) == MOST - 1

Note = Callable[
    [list[str], Float[ndarray, "58"]], None
]  # called with what casting found, and the controls at rest


class Photographed(Protocol):
    """A look: how photographs become footage and keyframes. All files lie in a folder, to go on from there."""

    def cast(self, photos: Sequence[Path], work: Path, *, note: Note, progress: bool) -> None:
        """Find the human under the photographs."""

    def footage(self, work: Path, *, minutes: float, seed: int, progress: bool) -> Dataset:
        """A dataset of the person in many movements, with exact labels."""

    def keyframes(self, work: Path, count: int) -> Keyframes:
        """The pictures that the double keeps."""


@dataclass(frozen=True)
class DrawnHuman:
    """The human who was cast, drawn by a virtual camera.

    Attributes:
        size: side of the keyframes in pixels; by default the largest.
        sizes: to choose from, ascending.
    """

    size: int | None
    sizes: Sequence[int]

    def cast(self, photos: Sequence[Path], work: Path, *, note: Note, progress: bool) -> None:
        """See :class:`Photographed`."""
        from fenshen.humans.human import write

        file = work / _HUMAN
        if not file.is_file():
            fitted = _cast(photos, progress)
            note(fitted.notes, control_space.NEUTRAL)
            write(fitted.human, file)

    def footage(self, work: Path, *, minutes: float, seed: int, progress: bool) -> Dataset:
        """See :class:`Photographed`."""
        from fenshen.doubles.photographs.footage import enough
        from fenshen.preparation.prepare import prepare

        file, out, side = work / _HUMAN, work / "footage", min(self._side, LEARNT)
        if not out.exists():
            frames = enough(FRAMES, minutes, _LONG)
            prepare([f"human:{file}:{frames}"], out, size=side, seed=seed, progress=progress)
        return dataset.Dataset(out)

    def keyframes(self, work: Path, count: int) -> Keyframes:
        """See :class:`Photographed`."""
        from fenshen.faces.align import fill_unknown
        from fenshen.humans.human import read
        from fenshen.humans.render import Kind, render

        human = read(work / _HUMAN)
        frames = [render(human, values, size=self._side) for values in _shown(control_space.NEUTRAL, count)]
        pictures = np.stack([frame.picture for frame in frames])
        empty = np.stack([frame.kinds == Kind.BACKGROUND for frame in frames]).astype(np.float32)
        seen = empty.mean(0)
        mean = (pictures * empty[..., None]).sum(0) / np.maximum(empty.sum(0), 1)[..., None]
        behind = fill_unknown(mean.astype(np.float32), (seen > 0).astype(np.float32))
        return Keyframes(
            pictures,
            np.stack([frame.controls for frame in frames]),
            np.stack([frame.landmarks[CONTOUR_POINTS, :2] for frame in frames]).astype(np.float32),
            np.rint(np.dstack([behind, 255 * seen])).astype(np.uint8),
        )

    @property
    def _side(self) -> int:
        return self.size or self.sizes[-1]


@dataclass(frozen=True)
class MovedPhotographs:
    """The photographs themselves, moved by the head of the human who was cast.

    Attributes:
        size: side of the keyframes in pixels; by default as large as the face in the photographs.
        sizes: to choose from, ascending.
    """

    size: int | None
    sizes: Sequence[int]

    def cast(self, photos: Sequence[Path], work: Path, *, note: Note, progress: bool) -> None:
        """See :class:`Photographed`."""
        from fenshen.doubles.photographs import footage
        from fenshen.humans.human import write

        file = work / _HUMAN
        if not file.is_file():
            fitted = _cast(photos, progress)
            size = self.size or footage.fitting_size(fitted, self.sizes)
            fits = footage.fit_photographs(fitted, work, min(size, LEARNT))
            if size > LEARNT:
                footage.fit_photographs(fitted, _large(work), size)
            rest = footage.at_rest(footage.pose_of(fits[0]))
            note(fitted.notes + footage.notes_on_poses(fitted.controls), rest)
            write(fitted.human, file)

    def footage(self, work: Path, *, minutes: float, seed: int, progress: bool) -> Dataset:
        """See :class:`Photographed`."""
        from fenshen.doubles.photographs import footage

        file, out = work / _HUMAN, work / "footage"
        if not out.exists():
            fits = footage.fitted_files(work)
            count = footage.enough(FRAMES, minutes, _LONG)
            footage.write_footage(
                fits, file, out, frames=count, seed=seed, title="double.bar_moving", progress=progress
            )
        return dataset.Dataset(out)

    def keyframes(self, work: Path, count: int) -> Keyframes:
        """See :class:`Photographed`."""
        from fenshen.doubles.photographs import footage

        fits = footage.fitted_files(_large(work)) or footage.fitted_files(work)
        rest = footage.at_rest(footage.pose_of(fits[0]))
        return footage.keyframes(fits, _shown(rest, count)[1:])


LOOKS: dict[str, Callable[[int | None, Sequence[int]], Photographed]] = {
    "photo": MovedPhotographs,
    "human": DrawnHuman,
}


def _shown(rest: Float[ndarray, "58"], count: int) -> list[Float[ndarray, "58"]]:
    """Controls of that many keyframes: the face at rest, and what is done from there."""
    done = [control_space.vector(one) for one in _SHOWN[: count - 1]]
    return [rest, *(control_space.clip(rest + one) for one in done)]


def _large(work: Path) -> Path:
    """The folder of photographs that were fitted for keyframes larger than the footage."""
    folder = work / "large"
    folder.mkdir(exist_ok=True)
    return folder


def _cast(photos: Sequence[Path], progress: bool) -> Cast:
    from rich.console import Console

    from fenshen.doubles.casting.cast import cast

    console = Console(stderr=True, highlight=False, quiet=not progress)
    return cast(photos, progress=console.print)
