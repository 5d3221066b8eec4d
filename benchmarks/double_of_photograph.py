"""How much a double of one photograph stays the person of the photograph, at rest and while they talk.

Each photograph becomes a double as ``fenshen double PHOTO`` makes it. It is then drawn at rest, and in the mouth shapes
of speech with small turns; every picture is measured by the product's own landmarker and identity network against the
photograph itself. Two photographs of one person are about 0.15 apart, 0.6 still passes for one person. Photographs are
those of ``../shared/samples`` where that folder lies; else, and with ``--quick``, one of a drawn person.

``--out DIR`` writes a sheet of each: the photograph's keyframe, rest, and the shapes; for a person to judge.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray
from reporting import Figure, parser, progress, report

import fenshen
from fenshen import controls, portraits
from fenshen.doubles.store import Double
from fenshen.faces import identity
from fenshen.faces.detect import FaceFinder
from fenshen.humans import sample
from fenshen.humans.render import render

SAMPLES = Path(__file__).parents[2] / "shared/samples"
PHOTOS = ("people/f0.jpg", "people/m0.jpg", "selfies/lisa1.jpg")
DRAWN = 3_000_100  # seed of the drawn person
# What is added to the face at rest: the mouth shapes of speech, turning a little.
TALKING: tuple[dict[str, float], ...] = (
    {"jawOpen": 0.15},
    {"jawOpen": 0.3, "yaw": 0.08},
    {"mouthFunnel": 0.4, "jawOpen": 0.15},
    {"mouthPucker": 0.5},
    {"mouthSmileLeft": 0.3, "mouthSmileRight": 0.3, "jawOpen": 0.15, "yaw": -0.08},
    {"mouthPressLeft": 0.4, "mouthPressRight": 0.4},
    {"mouthUpperUpLeft": 0.3, "mouthUpperUpRight": 0.3, "jawOpen": 0.1, "pitch": 0.06},
    {"browInnerUp": 0.4, "jawOpen": 0.2, "pitch": -0.06},
)


def whose(finder: FaceFinder, picture: UInt8[ndarray, "H W 3"]) -> Float[ndarray, "128"]:
    """The embedding of the largest face."""
    face = max(finder.find(picture), key=lambda one: one.size)
    return identity.embed_chips(identity.chip(picture, face.landmarks)[None])[0]


def measured(double: Double, photo: Path) -> tuple[float, float, list[UInt8[ndarray, "S S 3"]]]:
    """Distances from the photograph at rest and, on average, talking; and the pictures."""
    player, rest = double.player(), double.neutral
    asked = [rest, *(controls.clip(rest + controls.vector(shape)) for shape in TALKING)]
    pictures = [player.draw(values) for values in asked]
    with FaceFinder() as finder:
        true = whose(finder, portraits.read(photo))
        far = [float(np.linalg.norm(whose(finder, picture) - true)) for picture in pictures]
    return far[0], float(np.mean(far[1:])), pictures


def main() -> None:
    """Make the doubles, measure them, report."""
    options = parser(__doc__)
    options.add_argument("--out", type=Path, help="folder for sheets")
    options.add_argument("--minutes", type=float, default=None, help="of training; by default the product's")
    words = options.parse_args()
    at_rest, talking, seconds = [], [], []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        photos = [SAMPLES / name for name in PHOTOS if (SAMPLES / name).is_file()]
        if words.quick or not photos:
            photos = [folder / "drawn.png"]
            portraits.write(photos[0], render(sample(DRAWN), size=768).picture)
        for photo in photos:
            started = time.perf_counter()
            double = fenshen.double(
                [photo],
                name=photo.stem,
                consent="self",
                out=folder / f"{photo.stem}.double",
                minutes=0.3 if words.quick else words.minutes,
                progress=False,
            )
            seconds.append(time.perf_counter() - started)
            rest, moving, pictures = measured(double, photo)
            at_rest.append(rest)
            talking.append(moving)
            progress(f"{photo.stem}: at rest {rest:.3f}, talking {moving:.3f}, {seconds[-1]:.0f} s")
            if words.out:
                words.out.mkdir(parents=True, exist_ok=True)
                assert double.keyframes is not None
                shown = np.stack([double.keyframes.pictures[0], *pictures])
                portraits.write(words.out / f"{photo.stem}.png", portraits.sheet(shown, 5, 4))
    report(
        "double_of_photograph",
        [
            Figure("identity_at_rest", round(float(np.mean(at_rest)), 3), 0.12, better="lower"),
            Figure("identity_talking", round(float(np.mean(talking)), 3), 0.25, better="lower"),
            Figure("worst_at_rest", round(max(at_rest), 3)),
            Figure("seconds", round(max(seconds)), 240, unit="s", better="lower"),
        ],
    )


if __name__ == "__main__":
    main()
