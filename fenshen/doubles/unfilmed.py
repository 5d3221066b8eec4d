"""What a film does not show: one of its frames, moved into other expressions and poses by the head of a cast human.

A minute of film shows a few expressions of one person. Learnt from it alone, a mouth that was never open opens too
little, and turns that were not filmed smear. So a plain frame, with the lips closed and the eyes open, is treated like
a photograph (see :mod:`fenshen.doubles.photographs`): it is moved into many expressions with exact labels, from which
every batch has a few, and some of them become keyframes, with teeth and lids that no frame shows. Only turns are read
off the pictures, as off the film: the landmarker sees less of them than there is, on films (of pitch two thirds) and
on what was moved (of yaw three quarters to nine tenths), and who drives the double is read in the same way.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from fenshen import controls as control_space
from fenshen import dataset, files, landmarks, portraits
from fenshen.dataset import UNFILMED, Dataset
from fenshen.doubles.keyframes import plain
from fenshen.doubles.photographs import footage
from fenshen.doubles.photographs.photograph import fit_photograph, load, save
from fenshen.doubles.photographs.repose import repose
from fenshen.faces.detect import FaceFinder
from fenshen.faces.measure import measure
from fenshen.keyframes import Keyframes
from fenshen.networks.contours import CONTOUR_POINTS

FRAMES = 160  # pictures of what was not filmed, where there are some minutes to learn from them
LEARNT = 256  # most pixels of a side that they have: motion knows no resolution
_LONG = 4.0  # minutes of training that use all of them
_CAST_AT = 256  # least pixels of a side of the picture that a human is cast for
_LARGE = "large.npz"
# What the made keyframes show beside the face at rest.
_SHOWN: tuple[dict[str, float], ...] = (
    {"jawOpen": 0.6, "eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0},
    {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8, "jawOpen": 0.15},
    {"yaw": -0.3},
    {"yaw": 0.3},
)


def write_unfilmed(data: Dataset, work: Path, *, minutes: float, seed: int, progress: bool) -> None:
    """Move a plain frame of a film, and write the pictures beside the film's.

    Args:
        data: the film's portraits, with the human whose code their double has.
        work: folder for what :func:`with_made` needs; the same call goes on from there.
        minutes: of the training that follows.

    Raises:
        FenshenError: humans cannot be rendered here, or no face is found in the frame.
        Interrupted: stopped; the same call goes on.
    """
    photo, human, moved = work / "photo-0.npz", work / "human.json", work / "moved"
    if not photo.is_file():
        _fit(data, work / _LARGE, photo)
        files.write_text(human, data.records["human"][0].as_py())
    if not moved.is_dir():
        count = footage.enough(FRAMES, minutes, _LONG)
        footage.write_footage(
            [photo], human, moved, frames=count, seed=seed, title="double.bar_unfilmed", progress=progress
        )
    if not (data.path / UNFILMED).is_dir():
        made = Dataset(moved)
        assert made.controls is not None
        read = turned_as_read(made.pixels, made.controls)
        records = dataset.replaced(made.records, "controls", list(read))
        dataset.write(data.path / UNFILMED, made.card, made.pixels, records, made.rejected)


def turned_as_read(
    pictures: UInt8[ndarray, "N S S 3"], controls: Float[ndarray, "N 58"]
) -> Float[ndarray, "N 58"]:
    """Controls with the turns that the landmarker reads off their pictures, where it finds a face."""
    turns = [control_space.INDEX[name] for name in ("yaw", "pitch")]
    whole = np.eye(2, 3)
    read = controls.copy()
    with FaceFinder(max_faces=1) as finder:
        for picture, values in zip(pictures, read, strict=True):
            for face in finder.find(np.ascontiguousarray(picture)):
                values[turns] = measure(face, whole, len(picture))[turns]
    return read


def _fit(data: Dataset, large: Path, small: Path) -> None:
    """Lay the head of a cast human under a plain frame, for its own size and for what is learnt."""
    from fenshen.doubles.casting.cast import cast

    assert data.controls is not None
    row, side = plain(data), data.card.size
    portrait = np.array(data.pixels[row])
    file = small.with_suffix(".png")
    file.parent.mkdir(parents=True, exist_ok=True)
    portraits.write(file, portraits.resize(portrait, max(side, _CAST_AT)))
    fitted = cast([file])
    found = np.array(data.records["landmarks"][row].as_py(), np.float32)
    points = found.reshape(landmarks.COUNT, 3)[:, :2]
    for path, size in ((large, side), (small, min(side, LEARNT))):
        scale = 2 * size / side
        # Pixels are counted from the middle of the first one.
        matrix = np.array([[scale, 0, (scale - 1) / 2], [0, scale, (scale - 1) / 2]])
        save(
            fit_photograph(
                fitted.human, data.controls[row], fitted.cameras[0], points, portrait, matrix, size
            ),
            path,
        )


def with_made(kept: Keyframes, work: Path, count: int) -> Keyframes:
    """Keyframes of a film, and further ones that :func:`write_unfilmed` has prepared."""
    photo = load(work / _LARGE)
    rest = footage.at_rest(photo.controls)
    asked = [control_space.clip(rest + control_space.vector(one)) for one in _SHOWN[:count]]
    made = [repose(photo, values) for values in asked]
    pictures = np.stack([picture for picture, _ in made])
    points = np.stack([frame.landmarks[CONTOUR_POINTS, :2] for _, frame in made]).astype(np.float32)
    read = turned_as_read(pictures, np.stack(asked).astype(np.float32))
    return replace(
        kept,
        pictures=np.concatenate([kept.pictures, pictures]),
        controls=np.concatenate([kept.controls, read]),
        points=np.concatenate([kept.points, points]),
        made=len(made),
    )
