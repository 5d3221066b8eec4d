"""A double at full size beside one that is drawn whole, on frames held out, with the same footage and minutes.

Films: a drawn person with glasses, long hair and stripes, filmed at 512 px; or clips of your own (``--film``, such as a
recording of yourself; nothing of them is kept). Both doubles are compared with the held-out frames at the film's size:
how much fine detail there is (mean absolute Laplacian), how far a face's frozen features and its identity are from the
real ones, in units of what two real frames a few apart differ by; and PSNR, which prefers blur and only must not fall.

In time: how much the empty background changes from frame to frame; the largest change of the face within five frames,
against the real one there; and how much landmarks tremble while the double follows somebody who keeps still.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from double_from_video import movement
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray
from reporting import Figure, parser, progress, report

import fenshen
from fenshen import controls, dataset, landmarks, portraits, video
from fenshen.dataset import Dataset
from fenshen.doubles import double as doubling
from fenshen.doubles.output import enlarged
from fenshen.doubles.store import Double
from fenshen.faces import identity
from fenshen.faces.detect import FaceFinder
from fenshen.humans import sample
from fenshen.humans.camera import Camera
from fenshen.humans.encoding import encode_records
from fenshen.humans.render import render
from fenshen.landmarks import EYE_OUTER
from fenshen.metrics.features import Features
from fenshen.metrics.meters import psnr
from fenshen.model import Model
from fenshen.motion.drive import from_video

PERSON, SIZE, RATE = 6_000_002, 512, 25.0  # glasses, long hair, stripes; a seed that no model has seen
APART = 3  # frames between two real ones
FACE = 224  # pixels of a face that features are shown
WINDOW = 5  # frames in which the largest steps are compared
STILL, GRAIN = 50, 3.0  # frames of somebody who keeps still, and the camera's noise in levels of 255
Pictures = UInt8[ndarray, "N S S 3"]


class Likeness(NamedTuple):
    """How pictures compare with the real ones beside them."""

    detail: float  # of the real pictures'
    face: float
    identity: float
    psnr: float


class Ruler:
    """Compares pictures with real frames.

    Args:
        real: the frames.
        points: landmarks of the faces, in sides.
    """

    def __init__(self, real: Pictures, points: Float[ndarray, "N 478 3"]) -> None:
        self.real, self.points, self.features = real, points, Features()
        self._faces, self._persons = self._seen(real)
        self.face = _apart(self._faces[APART:], self._faces[:-APART])
        self.identity = _apart(self._persons[APART:], self._persons[:-APART])

    def compare(self, pictures: Pictures) -> Likeness:
        """Pictures in the order of the frames."""
        faces, persons = self._seen(pictures)
        return Likeness(
            _detail(pictures) / _detail(self.real),
            _apart(faces, self._faces),
            _apart(persons, self._persons),
            psnr(pictures, self.real),
        )

    def _seen(self, pictures: Pictures) -> tuple[Float[ndarray, "N 1280"], Float[ndarray, "N 128"]]:
        size = pictures.shape[1]
        faces = []
        for picture, points in zip(pictures, self.points, strict=True):
            low, high = points[:, :2].min(0) * size, points[:, :2].max(0) * size
            reach = 0.55 * float((high - low).max())
            (left, top), (right, bottom) = ((low + high) / 2 + sign * reach for sign in (-1, 1))
            cut = picture[max(int(top), 0) : int(bottom), max(int(left), 0) : int(right)]
            faces.append(cv2.resize(cut, (FACE, FACE), interpolation=cv2.INTER_AREA))
        return self.features(np.stack(faces)), identity.embed(pictures, self.points)


def main() -> None:
    """Film, make both doubles, compare, and print one JSON object."""
    options = parser(__doc__)
    options.add_argument("--minutes", type=float, help="of training each; 8, or 2 with --quick")
    options.add_argument("--film", type=Path, action="append", help="a clip to use instead of the drawn one")
    options.add_argument("--out", type=Path, help="folder for a sheet: held-out frames, before, now")
    chosen = options.parse_args()
    minutes = chosen.minutes or (2.0 if chosen.quick else 8.0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        films = chosen.film or [_drawn_film(folder / "film.mp4", 8.0 if chosen.quick else 20.0)]
        figures = _compared(films, minutes, folder, chosen.out)
    report("double_at_full_size", figures)


def _drawn_film(path: Path, seconds: float) -> Path:
    human = sample(PERSON)
    moves = movement(seconds)
    progress(f"drawing {len(moves)} frames")
    video.write(path, (render(human, move, Camera(), SIZE).picture for move in moves), RATE)
    return path


def _compared(films: Sequence[Path], minutes: float, folder: Path, out: Path | None) -> list[Figure]:
    target, started = folder / "now.double", time.perf_counter()
    double = fenshen.double(films, name="now", consent="self", out=target, minutes=minutes, keep=True)
    took = (time.perf_counter() - started) / 60
    data = Dataset(doubling.workplace(target) / "footage")
    assert data.controls is not None
    rows = data.indices("held_out")
    player = double.player()
    now = np.stack([player.draw(data.controls[row]) for row in rows])
    before = _drawn_whole(data, folder, minutes)[rows]
    flat = data.records["landmarks"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    ruler = Ruler(np.array(data.pixels[rows]), flat.reshape(-1, landmarks.COUNT, 3)[rows])
    new, old = ruler.compare(now), ruler.compare(before)
    assert double.keyframes is not None
    empty = double.keyframes.plate[..., 3] == 255
    if out is not None:
        some = rows[np.linspace(0, len(rows) - 1, 4).astype(int)] - rows[0]
        sheet = [p for one in (ruler.real, before, now) for p in one[some]]
        portraits.write(out / "held-out.png", portraits.sheet(np.stack(sheet), 4))
    return [
        Figure("size", data.card.size, unit="px"),
        Figure("minutes", round(took, 2), 10, unit="minutes", better="lower"),
        Figure("detail", round(new.detail, 3), 1.0, 0.1, unit="of the real"),
        Figure("detail_before", round(old.detail, 3), unit="of the real"),
        Figure("face_of_before", round(new.face / old.face, 3), 0.5, better="lower"),
        Figure("face_of_two_real_frames", round(new.face / ruler.face, 3), 1.0, better="lower"),
        Figure("identity_of_two_real_frames", round(new.identity / ruler.identity, 3), 1.25, better="lower"),
        Figure("psnr_over_before", round(new.psnr - old.psnr, 2), -0.5, unit="dB", better="higher"),
        Figure("psnr", round(new.psnr, 2), unit="dB"),
        Figure("background_flicker_p95", flicker(now, empty), 1.0, unit="levels of 255", better="lower"),
        Figure("largest_step_of_the_real", steps(now, ruler), 1.0, better="lower"),
        Figure("jitter_at_rest", tremble(double, folder), 0.002, unit="eye distances", better="lower"),
    ]


def flicker(pictures: Pictures, empty: Bool[ndarray, "S S"]) -> float:
    """95th percentile of how much pixels change where nobody ever was."""
    changes = [np.abs(a[empty].astype(int) - b[empty]) for a, b in pairwise(pictures)]
    return float(np.quantile(np.concatenate(changes), 0.95))


def steps(pictures: Pictures, ruler: Ruler) -> float:
    """The largest change of the face in a few frames, over the real film's in the same ones; the worst of all."""
    low, high = (f(ruler.points[..., :2].reshape(-1, 2), axis=0) for f in (np.min, np.max))
    (left, top), (right, bottom) = (np.rint(at * pictures.shape[1]).astype(int) for at in (low, high))
    face = np.s_[top:bottom, left:right]
    ours, real = (
        np.array([np.abs(a[face].astype(int) - b[face]).mean() for a, b in pairwise(one)])
        for one in (pictures, ruler.real)
    )
    largest = [ours[i : i + WINDOW].max() / real[i : i + WINDOW].max() for i in range(len(ours) - WINDOW + 1)]
    return round(float(max(largest)), 3)


def tremble(double: Double, folder: Path) -> float:
    """Median standard deviation of landmarks while the double follows a still face in a noisy film."""
    still = render(sample(PERSON), size=SIZE).picture
    draw, path = np.random.default_rng(0), folder / "still.mp4"
    noisy = (np.clip(still + GRAIN * draw.standard_normal(still.shape), 0, 255) for _ in range(STILL))
    video.write(path, (np.rint(one).astype(np.uint8) for one in noisy), RATE)
    asked = controls.clip(double.neutral + from_video(path).controls)
    with FaceFinder(max_faces=1) as finder:
        found = np.stack([finder.find(one)[0].landmarks for one in double.player().film(asked)])
    right, left = found[:, list(EYE_OUTER), :2].mean(0)
    spread = found[..., :2].std(0)
    return round(float(np.median(np.linalg.norm(spread, axis=1)) / np.linalg.norm(left - right)), 4)


def _drawn_whole(data: Dataset, folder: Path, minutes: float) -> Pictures:
    """Every frame as a double that draws everything shows it: trained on the same footage at 128 px, enlarged."""
    side = doubling.SIZE
    small = dataset.write(
        folder / "small",
        data.card.model_copy(update={"size": side}),
        (cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA) for picture in data.pixels),
        data.records,
        data.rejected,
    )
    model = Model.load(doubling.tune(small, folder / "run", minutes, (), 0, "cpu", progress=True))
    humans, cameras = (small.records[name].to_pylist() for name in ("human", "camera"))
    drawn = model.draw(torch.from_numpy(encode_records(humans, cameras)), controls=small.controls)
    return np.stack([enlarged(picture, data.card.size / side) for picture in drawn])


def _detail(pictures: Pictures) -> float:
    """Mean absolute Laplacian of the lightness."""
    grey = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in pictures)
    return float(np.mean([np.abs(cv2.Laplacian(one, cv2.CV_32F)).mean() for one in grey]))


def _apart(a: Float[ndarray, "N D"], b: Float[ndarray, "N D"]) -> float:
    return float(np.linalg.norm(a - b, axis=1).mean())


if __name__ == "__main__":
    main()
