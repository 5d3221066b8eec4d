"""The style ``toon``: does a film flicker, and is everybody still themselves.

*Flicker* is the warping error of Lai et al. 2018: how far, in levels of 255, a frame is from the one before, moved
along the film's own optical flow. It is measured for the film itself, for frames redrawn one by one, and for what
``fenshen stylize`` makes of them: of the demo's film, whose person is drawn, or with ``--films FOLDER`` of your own.

*Identity*: 20 drawn people whom no training has seen, redrawn. Of how many is the nearest of the 20 original faces, by
the network for identity, their own: in the very same picture, and in another one with another expression and turn.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray
from reporting import Figure, parser, progress, report

from fenshen import assets, video
from fenshen.faces import identity
from fenshen.faces.detect import FaceFinder
from fenshen.humans import sample
from fenshen.humans.render import render
from fenshen.humans.sampler import sample_camera, sample_controls
from fenshen.model import Model
from fenshen.pictures.steady import Steady, warping_errors
from fenshen.pictures.styling import Styling
from fenshen.preparation.sources.videos import FILM_SUFFIXES

Picture = UInt8[ndarray, "H W 3"]

_FIRST = 710_000  # seed of the first person: none of the model's training
_PEOPLE, _SIDE = 20, 256
_KEPT = 0.7  # of the people
_FRAMES, _QUICK_FRAMES = 200, 20  # of each film, at most


def flicker(film: Path, styling: Styling, frames: int) -> dict[str, float]:
    """Mean warping errors of a film, in levels of 255."""
    shown = [frame.picture for frame in islice(video.frames(film), frames)]
    single = [styling(picture) for picture in shown]
    steady = Steady()
    steadied = [steady(picture, drawn) for picture, drawn in zip(shown, single, strict=True)]
    versions = {"film": shown, "frame_by_frame": single, "steadied": steadied}
    return {name: float(np.mean(list(warping_errors(shown, made)))) for name, made in versions.items()}


def identities(styling: Styling, people: int) -> tuple[float, float]:
    """Of how many people the nearest face is their own: in the same picture, in another one."""
    chips: dict[str, list[Picture]] = {"same": [], "other": [], "drawn": []}
    with FaceFinder(max_faces=1) as finder:
        for seed in range(_FIRST, _FIRST + people):
            human = sample(seed)
            pictures = [
                render(human, sample_controls(seed + k), sample_camera(seed + k), _SIDE).picture
                for k in (0, 5000)
            ]
            found = [finder.find(picture) for picture in pictures]
            if not all(found):
                continue
            for name, picture, (face, *_) in zip(("same", "other"), pictures, found, strict=True):
                chips[name].append(identity.chip(picture, face.landmarks))
            chips["drawn"].append(identity.chip(styling(pictures[0]), found[0][0].landmarks))
    same, other, drawn = (identity.embed_chips(np.stack(cut)) for cut in chips.values())
    progress(f"{len(drawn)} people")
    return nearest_is_own(drawn, same), nearest_is_own(drawn, other)


def nearest_is_own(found: Float[ndarray, "N 128"], known: Float[ndarray, "N 128"]) -> float:
    """Share of rows whose nearest is the row of the same number."""
    apart = np.linalg.norm(found[:, None] - known, axis=2)
    return float((apart.argmin(1) == np.arange(len(found))).mean())


def main() -> None:
    """Measure both, and print one JSON object."""
    options = parser(__doc__)
    options.add_argument("--films", type=Path, help="a folder of films, instead of the demo's")
    chosen = options.parse_args()
    films = (
        sorted(file for file in chosen.films.iterdir() if file.suffix.lower() in FILM_SUFFIXES)
        if chosen.films
        else [assets.path("demo/film.mp4")]
    )
    styling = Styling(Model.load("toon-128"), smooth=True)
    rows = []
    for film in films:
        rows.append(flicker(film, styling, _QUICK_FRAMES if chosen.quick else _FRAMES))
        progress(f"{film.name}: " + ", ".join(f"{name} {value:.3f}" for name, value in rows[-1].items()))
    means = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    same, other = identities(styling, _PEOPLE)
    report(
        "styles",
        [
            *(
                Figure(f"flicker_{name}", round(value, 3), unit="levels of 255", better="lower")
                for name, value in means.items()
            ),
            Figure("flicker_of_films_own", round(means["steadied"] / means["film"], 3), 1.0, 0, "x", "lower"),
            Figure(
                "flicker_of_frame_by_frame",
                round(means["steadied"] / means["frame_by_frame"], 3),
                0.8,
                0,
                "x",
                "lower",
            ),
            Figure("identity_same_picture", round(same, 2), _KEPT, 0, "of 20 people", "higher"),
            Figure("identity_other_picture", round(other, 2), unit="of 20 people", better="higher"),
        ],
    )


if __name__ == "__main__":
    main()
