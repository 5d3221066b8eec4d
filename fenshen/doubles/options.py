"""How what leaves a double is finished: the options that edit, animate and say share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from fenshen.commands import Word
from fenshen.errors import UsageError
from fenshen.provenance.options import MarkOptions

LARGEST_SCALE = 4.0
_SMALL = 128  # pixels of a side


@dataclass(frozen=True)
class OutputOptions(MarkOptions):
    """How a picture or film of a double is finished, and how it is marked.

    Attributes:
        frame: crop is the head in a square; full puts it back into the film's own frame, where the camera stood still.
            By default full where it is possible; crop for sheets and without the background
        scale: enlarge this many times, 1 to 4; by default small pictures of 128 pixels twice, others not
        transparent: leave out the background: PNG or WebP; for films WebM, WebP, GIF or frames
    """

    frame: Literal["crop", "full"] | None = None
    scale: Annotated[float | None, Word(low=1, high=LARGEST_SCALE)] = None
    transparent: bool = False

    def check(self) -> None:
        """Refuse values that make no sense.

        Raises:
            UsageError: the scale is out of range, an unknown frame, a full one without its background, or marks that
                make no sense.
        """
        super().check()
        if self.frame not in (None, "crop", "full"):
            raise UsageError("double.unknown_frame", frame=self.frame)
        if self.frame == "full" and self.transparent:
            raise UsageError("double.full_transparent")
        if self.scale is not None and not 1 <= self.scale <= LARGEST_SCALE:
            raise UsageError(
                "generate.out_of_range", option="--scale", value=self.scale, low=1, high=LARGEST_SCALE
            )

    def scale_of(self, size: int) -> float:
        """How many times pictures of a size are enlarged."""
        return (2.0 if size <= _SMALL else 1.0) if self.scale is None else self.scale
