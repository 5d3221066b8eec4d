"""How a double moves into expressions and turns that its film does not show.

The film is drawn: somebody who glances about and blinks, but never opens the mouth, smiles, or turns by more than five
degrees. The double is then driven through all of that. The truth is drawn too: what the landmarker reads on it drives
the double, as in ``fenshen animate``, and what it reads on the double is compared: a gain of 1 is as far as the truth.
The colour of bare skin is compared at the same places, as a distance in CIELAB.

``--driver FILM`` also drives the double by a film of somebody, and compares what is read on both. ``--out DIR`` writes
a sheet: the truth, and the double below it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from double_at_full_size import PERSON, RATE
from double_from_video import movement
from jaxtyping import Float, UInt8
from label_agreement import WHOLE, signals
from numpy import ndarray
from reporting import Figure, parser, progress, report

import fenshen
from fenshen import controls, portraits, video
from fenshen.doubles.casting.regions import SKIN_PATCHES, patch_colours, to_lab
from fenshen.doubles.store import Double
from fenshen.faces.detect import FaceFinder
from fenshen.faces.measure import measure
from fenshen.humans import sample
from fenshen.humans.camera import Camera
from fenshen.humans.render import render
from fenshen.motion.drive import measured

SIZE = 256
FILMED_TURN, FILMED = np.radians(5), {"mouthSmile": 0.1, "jawOpen": 0.05, "mouthPress": 1.0, "mouthRoll": 1.0}
STEPS = 9
# What is driven: the control or both of a pair, and from where to where.
DRIVEN = {
    "jawOpen": (0.0, 0.9),
    "mouthSmile": (0.0, 1.0),
    "eyeBlink": (0.0, 1.0),
    "yaw": (-np.radians(20), np.radians(20)),
    "pitch": (-np.radians(12), np.radians(12)),
}
Pictures = UInt8[ndarray, "N S S 3"]


class Read(NamedTuple):
    """What is seen on pictures: controls, and skin in CIELAB."""

    controls: Float[ndarray, "N 58"]
    skin: Float[ndarray, "N 3"]


def main() -> None:
    """Film, make the double, drive it, and print one JSON object."""
    options = parser(__doc__)
    options.add_argument("--minutes", type=float, help="of training; 8, or 2 with --quick")
    options.add_argument("--driver", type=Path, help="a film of somebody who drives the double too")
    options.add_argument("--out", type=Path, help="folder for a sheet: the truth, and the double below")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        film, target = Path(name) / "film.mp4", Path(name) / "someone.double"
        shown = quiet(movement(8.0 if chosen.quick else 20.0))
        progress(f"drawing {len(shown)} frames")
        video.write(film, pictures_of(shown), RATE)
        minutes = chosen.minutes or (2.0 if chosen.quick else 8.0)
        double = fenshen.double([film], name="someone", consent="self", out=target, minutes=minutes)
    figures, sheets = [], []
    for which, asked in sweeps().items():
        true = pictures_of(asked)
        truth = read(true)
        drawn = film_of(double, truth.controls)
        seen = read(drawn)
        figures += [*moved(which, truth, seen), Figure(f"skin_{which}", *apart(truth, seen))]
        sheets += [true[:: STEPS // 2], drawn[:: STEPS // 2]]
    if chosen.driver:
        figures += driven(double, chosen.driver)
    if chosen.out:
        chosen.out.mkdir(parents=True, exist_ok=True)
        portraits.write(chosen.out / "unfilmed.png", portraits.sheet(np.concatenate(sheets), 6))
    report("double_unfilmed", figures)


def quiet(moves: Float[ndarray, "T 58"]) -> Float[ndarray, "T 58"]:
    """Movements without an open mouth, a smile, or a turn of more than a few degrees."""
    kept = moves.copy()
    for name, i in controls.INDEX.items():
        if name in ("yaw", "pitch"):
            kept[:, i] = np.clip(kept[:, i], -FILMED_TURN, FILMED_TURN)
        elif name.startswith(("mouth", "jaw", "tongue")):
            most = next((most for start, most in FILMED.items() if name.startswith(start)), 0.0)
            kept[:, i] = np.minimum(kept[:, i], most)
    return kept


def sweeps() -> dict[str, Float[ndarray, "n 58"]]:
    """Evenly spaced values of everything that is driven, one by one, from the face at rest."""
    found = {}
    for which, (low, high) in DRIVEN.items():
        names = [name for name in controls.NAMES if name in (which, f"{which}Left", f"{which}Right")]
        found[which] = np.stack(
            [controls.vector(dict.fromkeys(names, value)) for value in np.linspace(low, high, STEPS)]
        )
    return found


def pictures_of(moves: Float[ndarray, "n 58"]) -> Pictures:
    """The drawn person in these movements."""
    human = sample(PERSON)
    return np.stack([render(human, move, Camera(), SIZE).picture for move in moves])


def film_of(double: Double, asked: Float[ndarray, "n 58"]) -> Pictures:
    """The double in these movements."""
    return np.stack([*double.player().film(asked.astype(np.float32))])


def read(pictures: Pictures) -> Read:
    """What the landmarker and the eye see on pictures with one face each."""
    moves, skins = [], []
    with FaceFinder(max_faces=1) as finder:
        for picture in pictures:
            (face,) = finder.find(picture)
            side = len(picture)
            moves.append(measure(face, WHOLE, side))
            places = (face.landmarks[list(SKIN_PATCHES), :2] + 0.5) / side
            skins.append(np.median(patch_colours(to_lab(picture), places), axis=0))
    return Read(np.stack(moves), np.stack(skins))


def moved(which: str, truth: Read, seen: Read) -> list[Figure]:
    """Correlation and gain of what is read on the double against what is read on the truth."""
    everything = np.ones(len(truth.controls), bool)
    wanted, found = (signals(one.controls, everything)[which] for one in (truth, seen))
    return [
        Figure(f"correlation_{which}", correlation(wanted, found), 0.9, better="higher"),
        Figure(f"gain_{which}", gain(wanted, found), 1.0, 0.15),
    ]


def correlation(wanted: Float[ndarray, "M"], found: Float[ndarray, "M"]) -> float:
    """Pearson's."""
    return round(float(np.corrcoef(wanted, found)[0, 1]), 3)


def gain(wanted: Float[ndarray, "M"], found: Float[ndarray, "M"]) -> float:
    """The slope of a line through what was found over what was wanted."""
    return round(float(np.polyfit(wanted, found, 1)[0]), 3)


def apart(truth: Read, seen: Read) -> tuple[float, float, float, str, str]:
    """The mean distance of the skin's colours, as a figure's value, goal and so on."""
    far = float(np.linalg.norm(truth.skin - seen.skin, axis=1).mean())
    return round(far, 2), 2.0, 0.0, "Delta E", "lower"


def driven(double: Double, driver: Path) -> list[Figure]:
    """What is read on a driver and on the double that follows, for what the driver does."""
    track, there = measured(driver)
    asked = track.controls - np.median(track.controls[there], axis=0) + double.neutral
    asked = controls.clip(asked.astype(np.float32))
    seen = read(film_of(double, asked))
    figures = []
    for which in ("jawOpen", "eyeBlink", "yaw", "pitch"):
        everything = np.ones(len(asked), bool)
        wanted, found = (signals(one, everything)[which] for one in (asked, seen.controls))
        figures += [
            Figure(f"driver_correlation_{which}", correlation(wanted, found), 0.9, better="higher"),
            Figure(f"driver_gain_{which}", gain(wanted, found), 1.0, 0.15),
        ]
    return figures


if __name__ == "__main__":
    main()
