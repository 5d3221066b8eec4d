"""Write the short film at the top of the README, ``docs/images/talking.webp``, from a double of the demo's person.

``fenshen double fenshen/assets/demo/film.mp4 --name her --consent self`` makes one in some minutes; then
``python scripts/make_readme_film.py her.double``. It has no sound, but all marks.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2

from fenshen.doubles.output import moving
from fenshen.doubles.store import Double
from fenshen.motion.talk import talk
from fenshen.provenance.options import MarkOptions

_WORDS = "Hi! I have never existed. This computer made me."
_SIDE, _RATE = 400, 16.0


def main() -> None:
    """Let her speak, and write it."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    her = Double.open(sys.argv[1])
    _, track = talk(_WORDS, rate=_RATE, seed=4)
    frames = (
        cv2.resize(frame, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
        for frame in moving(her, track, her.player())
    )
    target = Path(__file__).parents[1] / "docs" / "images" / "talking.webp"
    her.mark(MarkOptions()).film(target, frames, _RATE)


if __name__ == "__main__":
    main()
