"""How much a cast human is like the person of one photograph, where the truth is known and where it is not.

Subjects are drawn humans, other ones each time, so that nothing can have been tuned to them; ``--first`` draws those of
another run again. They are photographed once: a mild expression, a slightly turned head, 256 pixels, PNG. Each is cast
from that picture alone. Subject and cast are then drawn alike, from the front and without expression, and embedded by
the identity network: the cast should be nearer to its own subject than to all others. Landmarks are compared in the
photograph itself, against the subject's true ones.

``--out DIR`` writes a sheet of the photographs of ``../shared/samples`` where that folder lies: the photograph,
the cast in its place, smiling, and turned; for a person to judge.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray
from reporting import Figure, parser, progress, report

from fenshen import controls, portraits
from fenshen.doubles.casting.cast import Cast, cast
from fenshen.doubles.casting.subjects import find_subject
from fenshen.faces import identity
from fenshen.faces.align import align, alignment
from fenshen.humans import Human, sample
from fenshen.humans.render import render
from fenshen.humans.sampler import expression, sample_controls
from fenshen.landmarks import EYE_OUTER

SIZE = 256
SEEDS = 10_000_000, 2**31 - 1_000  # of the first subject; no model has seen people from here on
MILD = 0.5  # of what the sampler's faces do
SAMPLES = Path(__file__).parents[2] / "shared/samples"
PHOTOS_OF = (("selfies/lisa1.jpg", "selfies/lisa3.jpg"), ("people/f0.jpg",), ("people/m0.jpg",))


def neutral(human: Human) -> Float[ndarray, "128"]:
    """The embedding of a person from the front, without expression."""
    frame = render(human, size=128)
    return identity.embed(frame.picture[None], frame.landmarks[None])[0]


def photographed(seed: int, folder: Path) -> tuple[Path, Float[ndarray, "478 2"]]:
    """A picture of a subject, and where it truly has the landmarks, in sides."""
    frame = render(sample(seed), controls.clip(MILD * sample_controls(seed)), size=SIZE)
    path = folder / f"{seed}.png"
    portraits.write(path, frame.picture)
    return path, frame.landmarks[:, :2]


def landmark_error(made: Cast, path: Path, true: Float[ndarray, "478 2"]) -> float:
    """Median distance of the cast's landmarks from the subject's, in eye distances."""
    frame = render(made.human, made.controls[0], made.cameras[0], 32)
    matrix = alignment(find_subject([path]).photos[0].face.landmarks, SIZE)
    there = (true * SIZE - 0.5) @ matrix[:, :2].T + matrix[:, 2]
    apart = np.linalg.norm(frame.landmarks[:, :2] - (there + 0.5) / SIZE, axis=1)
    right, left = frame.landmarks[list(EYE_OUTER), :2]
    return float(np.median(apart) / np.linalg.norm(left - right))


def sheet(folder: Path) -> UInt8[ndarray, "H W 3"]:
    """A row for each real person: photograph, cast, smiling, turned."""
    rows = []
    for files in PHOTOS_OF:
        made = cast([SAMPLES / file for file in files])
        photo = made.photos[0]
        picture = portraits.read(photo.path)
        rows.append(align(picture, alignment(photo.face.landmarks, SIZE), SIZE))
        seen = (
            (made.controls[0], made.cameras[0]),
            (expression("smile"), None),
            (controls.vector(yaw=0.5), None),
        )
        rows += [render(made.human, values, camera, SIZE).picture for values, camera in seen]
        progress(f"{files[0]}: {made.quality}, {' '.join(made.notes)}")
        portraits.write(folder / f"{Path(files[0]).stem}.png", portraits.sheet(np.stack(rows[-4:]), 4, 4))
    return portraits.sheet(np.stack(rows), 4, 4)


def main() -> None:
    """Measure, and print one JSON object."""
    options = parser(__doc__)
    options.add_argument("--out", type=Path, help="where to write the sheet of real photographs")
    options.add_argument("--people", type=int, default=20, help="subjects")
    options.add_argument("--first", type=int, help="seed of the first subject, instead of a new one")
    words = options.parse_args()
    count = 3 if words.quick else words.people
    first = int(np.random.default_rng().integers(*SEEDS)) if words.first is None else words.first
    progress(f"people {first} to {first + count - 1}")
    subjects, casts, errors, drawn = [], [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for i in range(count):
            path, true = photographed(first + i, Path(folder))
            made = cast([path])
            subjects.append(neutral(sample(first + i)))
            casts.append(neutral(made.human))
            errors.append(landmark_error(made, path, true))
            drawn.append(
                (portraits.read(path), render(made.human, made.controls[0], made.cameras[0], SIZE).picture)
            )
            progress(
                f"{i + 1} of {count}: landmarks {errors[-1]:.3f}, {made.human.hair.style}, {made.quality}"
            )
    apart = np.linalg.norm(np.array(casts)[:, None] - np.array(subjects)[None], axis=2)
    own = float((apart.argmin(1) == np.arange(count)).mean())
    figures = [
        Figure("nearest_to_own_subject", round(own, 3), 0.95, unit=f"of {count}", better="higher"),
        Figure(
            "landmark_error", round(float(np.median(errors)), 4), 0.04, unit="eye distances", better="lower"
        ),
        Figure("worst_landmark_error", round(max(errors), 4), unit="eye distances"),
        Figure("identity_distance", round(float(np.diag(apart).mean()), 3)),
        Figure("identity_distance_to_others", round(float(apart[~np.eye(count, dtype=bool)].mean()), 3)),
    ]
    if words.out:
        words.out.mkdir(parents=True, exist_ok=True)
        pairs = np.stack([picture for pair in drawn for picture in pair])
        portraits.write(words.out / "drawn.png", portraits.sheet(pairs, 8, 4))
        if SAMPLES.is_dir():
            portraits.write(words.out / "photographs.png", sheet(words.out))
    report("double_from_photo", figures)


if __name__ == "__main__":
    main()
