"""A double's footage from photographs: reposed into poses near their own, with exact labels.

Clothes, hair and light differ between photographs, and controls do not say which one is meant. So each pose has one
photograph that is moved there, the nearest. Of photographs in about the same pose only the first is moved; the others
lend what it hides.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from fenshen import controls as control_space
from fenshen import portraits
from fenshen.doubles.casting.cast import Cast
from fenshen.doubles.casting.subjects import MOST_PHOTOS, READ_AT
from fenshen.doubles.photographs.photograph import Photograph, fit_photograph, halved, load, save
from fenshen.doubles.photographs.repose import repose, unmoved
from fenshen.faces.align import alignment
from fenshen.faces.clip import steady_crop
from fenshen.humans.camera import Camera
from fenshen.humans.render import Frame
from fenshen.humans.sampler import gaze, sample_controls
from fenshen.keyframes import Keyframes
from fenshen.messages import message
from fenshen.networks.contours import CONTOUR_POINTS
from fenshen.preparation import running
from fenshen.preparation.joining import join
from fenshen.preparation.planning import plan
from fenshen.preparation.rows import Compare, Row, row
from fenshen.preparation.settings import Settings
from fenshen.preparation.sources import Listing, Source
from fenshen.preparation.store import Store

TURN = math.radians(20)  # most yaw and pitch to each side of a photograph's own pose
_TURN_SPREAD, _ROLL_SPREAD, _MOST_ROLL = TURN / 2, 0.08, 0.2  # radians
_DISTINCT = math.radians(12)  # photographs whose poses differ by less show the same pose
_ENOUGH = 0.8  # of the photograph's own resolution: what JPEG leaves of the rest is hardly a detail
_OPENING = (
    *("jawOpen", "mouthClose", "mouthFunnel", "tongueOut", "mouthUpperUpLeft", "mouthUpperUpRight"),
    *("mouthLowerDownLeft", "mouthLowerDownRight", "eyeBlinkLeft", "eyeBlinkRight"),
)
_FEWEST = 48  # pictures in which every movement still comes up
_STILL_COPIES = 8  # rows of the dataset that show a photograph as it is
_SHUT = 0.5  # eyeBlink from which an eye counts as shut


def enough(frames: int, minutes: float, long: float) -> int:
    """How many of ``frames`` pictures a training can use: all in ``long`` minutes, and a fair share in fewer."""
    return min(frames, max(_FEWEST, round(frames * minutes / long)))


def fit_photographs(fitted: Cast, folder: Path, size: int) -> list[Path]:
    """Lay the cast human under each of its photographs, and write them.

    Crops stay upright, and inside the photographs as far as they can. All get the exposure and the background of the
    first.

    Args:
        size: side of the pictures that will be made of them, in pixels.

    Returns:
        The files in ``folder``, for :func:`write_footage`.
    """
    files: list[Path] = []
    first: Photograph | None = None
    for source, values, camera in zip(fitted.photos, fitted.controls, fitted.cameras, strict=True):
        picture = portraits.read(source.path, at_least=READ_AT)
        matrix = steady_crop([source.face], 2 * size, (picture.shape[1], picture.shape[0]))
        points = (source.face.landmarks[:, :2] @ matrix[:, :2].T + matrix[:, 2] + 0.5) / (2 * size)
        there = _replaced(values, alignment(source.face.landmarks, 2 * size), matrix, 2 * size)
        photo = fit_photograph(fitted.human, there, camera, points, picture, matrix, size)
        first = first or photo
        files.append(folder / f"photo-{len(files)}.npz")
        save(photo.matched_to(first), files[-1])
    return files


def fitting_size(fitted: Cast, sizes: Sequence[int]) -> int:
    """The smallest size at which the largest of some photographs' faces loses next to nothing.

    Args:
        sizes: to choose from, ascending.
    """
    reduced = min(np.linalg.norm(alignment(source.face.landmarks, 1)[0, :2]) for source in fitted.photos)
    return next((size for size in sizes if size >= _ENOUGH / reduced), sizes[-1])


def _replaced(
    values: Float[ndarray, "58"], matrix: Float[ndarray, "2 3"], other: Float[ndarray, "2 3"], side: int
) -> Float[ndarray, "58"]:
    """Controls that were fitted in one crop, for another.

    Args:
        matrix, other: from the photograph's pixels to those of a crop of that side.
    """
    linear = other[:, :2] @ np.linalg.inv(matrix[:, :2])
    x, y, scale = (control_space.INDEX[name] for name in control_space.PLACEMENT)
    centre = side * (np.array(control_space.CENTRE) + values[[x, y]]) - 0.5
    placed = (linear @ (centre - matrix[:, 2]) + other[:, 2] + 0.5) / side - control_space.CENTRE
    there = values.copy()
    there[[x, y]] = placed
    there[scale] += math.log2(math.hypot(linear[0, 0], linear[1, 0]))
    there[control_space.INDEX["roll"]] += math.atan2(linear[1, 0], linear[0, 0])
    return control_space.clip(there)


def write_footage(
    files: Sequence[Path], human: Path, out: Path, *, frames: int, seed: int, title: str, progress: bool
) -> None:
    """Write a dataset of the photographs and of ``frames`` reposed pictures of them.

    Args:
        files: from :func:`fit_photographs`.
        human: JSON file of the human that the records name.
        title: of the bar, the key of a message.

    Raises:
        Interrupted: stopped; the same call goes on.
        OSError: ``out`` cannot be written.
    """
    photos = [load(file) for file in files]
    poses, settings = [photo.pose for photo in photos], Settings(size=photos[0].size, min_face=1)
    digests = [file.read_bytes() for file in (*files, human)]
    state = hashlib.sha256(b"".join(digests)).hexdigest()
    words = [file.stem for file in files]
    listing = Listing()
    for number in range(frames):
        file = files[number % len(files)]
        name = f"{file.stem}#{seed}-{number}"
        listing.add(ReposedPhotograph(name, None, str(file), str(human), state, seed, number))
    distinct = distinct_poses(poses)
    always_train = [words[which] for which in distinct]
    for which in distinct:
        still = ReposedPhotograph(words[which], None, str(files[which]), str(human), state, seed, None)
        for _ in range(_STILL_COPIES):
            listing.add(still)
    units = plan(listing.sources, settings)
    store = Store(out)
    store.open()
    running.run(units, settings, store, progress=progress, title=title)
    join(units, settings, store, listing, out=out, words=words, seed=seed, always_train=always_train)
    store.remove()


@dataclass(frozen=True)
class ReposedPhotograph(Source):
    """A photograph in a pose near its own.

    Attributes:
        path: file from :func:`fit_photographs`; others in its folder lend what it hides.
        person: path of the JSON of the human under it.
        state: digest of all the photographs.
        seed: of the poses.
        number: of the pose, or None for the photograph as it is.
    """

    path: str
    person: str
    state: str
    seed: int
    number: int | None

    at_once: ClassVar[int] = 32

    def rows(self, settings: Settings, store: Store) -> Iterator[Row]:
        """One row: the picture and its exact labels."""
        photo = _load_cached(self.path)
        if self.number is None:
            values = photo.controls
            picture, frame = unmoved(photo)
        else:
            values = controls_near(photo.controls, self.seed, self.number)
            photos = [_load_cached(str(file)) for file in fitted_files(Path(self.path).parent)]
            picture, frame = _nearest_reposed(photos, values)
        points = frame.landmarks[:, :2] * len(picture)
        front = Camera()
        sha256 = hashlib.sha256(picture.tobytes()).hexdigest()
        yield row(self.name, picture, sha256, compare=Compare.NEVER, subject=self.subject) | {
            "box": np.concatenate([points.min(0), points.max(0)]).astype(np.float32),
            "landmarks": frame.landmarks.astype(np.float32).ravel(),
            "controls": values.astype(np.float32),
            "face_size": float(np.ptp(points[:, 1])),
            "occluded": False,
            "extreme_pose": False,
            "human": Path(self.person).read_text(encoding="utf-8"),
            # A double is always drawn with the standard camera; the perspective is that of the photograph.
            "camera": [front.azimuth, front.elevation, front.distance],
        }


def distinct_poses(poses: Sequence[Float[ndarray, "2"]]) -> list[int]:
    """Which photographs are moved: the first, and each whose pose differs from those of all chosen before it.

    Args:
        poses: yaw and pitch of each, in radians.
    """
    chosen: list[int] = []
    for which, pose in enumerate(poses):
        if all(np.linalg.norm(pose - poses[other]) > _DISTINCT for other in chosen):
            chosen.append(which)
    return chosen


def _nearest_reposed(
    photos: Sequence[Photograph], values: Float[ndarray, "58"]
) -> tuple[UInt8[ndarray, "S S 3"], Frame]:
    """The photograph with the nearest pose, reposed; the others lend what it hides."""
    pose = values[[control_space.INDEX["yaw"], control_space.INDEX["pitch"]]]
    chosen = distinct_poses([photo.pose for photo in photos])
    nearest = photos[min(chosen, key=lambda which: float(np.linalg.norm(photos[which].pose - pose)))]
    others = [photo for photo in photos if photo is not nearest]
    return repose(nearest, values, others)


def keyframes(files: Sequence[Path], shown: Sequence[Float[ndarray, "58"]]) -> Keyframes:
    """Keyframes of photographs: as they are, as many as show different poses, and moved.

    Args:
        files: from :func:`fit_photographs`.
        shown: controls of the moved ones, the most important first; the last ones make room for photographs.
    """
    photos = [load(file) for file in files]
    count = len(shown) + 1
    still = distinct_poses([photo.pose for photo in photos])[: (count + 1) // 2]
    asked = [photos[which].controls for which in still] + [*shown[: count - len(still)]]
    made = [unmoved(photos[which]) for which in still]
    made += [_nearest_reposed(photos, values) for values in asked[len(still) :]]
    first = photos[0]
    plate = halved(np.dstack([first.behind, 255 * (1 - np.clip(first.portrait_share, 0, 1))]))
    return Keyframes(
        np.stack([picture for picture, _ in made]),
        np.stack(asked).astype(np.float32),
        np.stack([frame.landmarks[CONTOUR_POINTS, :2] for _, frame in made]).astype(np.float32),
        np.clip(np.rint(plate), 0, 255).astype(np.uint8),
    )


def pose_of(file: Path) -> Float[ndarray, "58"]:
    """Controls of a photograph that :func:`fit_photographs` wrote."""
    return load(file).controls


def fitted_files(folder: Path) -> list[Path]:
    """The files that :func:`fit_photographs` wrote into a folder."""
    return sorted(folder.glob("photo-*.npz"))


@lru_cache(maxsize=MOST_PHOTOS)
def _load_cached(file: str) -> Photograph:
    return load(Path(file))


def controls_near(pose: Float[ndarray, "58"], seed: int, number: int) -> Float[ndarray, "58"]:
    """A random expression in a random pose near that of a photograph.

    Args:
        pose: controls of the photograph.
    """
    values = {
        name: float(x)
        for name, x in zip(control_space.NAMES, sample_controls(seed, number), strict=True)
        if not name.startswith("eyeLook")
    }
    draw = np.random.default_rng((0x6C, seed, number))
    turns = np.clip(draw.normal(0, _TURN_SPREAD, 2), -TURN, TURN)
    roll = float(np.clip(draw.normal(0, _ROLL_SPREAD), -_MOST_ROLL, _MOST_ROLL))
    there = {name: float(pose[control_space.INDEX[name]]) for name in control_space.NAMES[-6:]}
    values["yaw"], values["pitch"] = there["yaw"] + turns[0], there["pitch"] + turns[1]
    values["roll"] = there["roll"] + roll
    for name in control_space.PLACEMENT:
        values[name] += there[name]
    # Eyes stay on the camera by about half of what the head turns away.
    aside = np.clip(draw.normal(-turns, (0.35, 0.4)), -1, 1)
    values |= gaze(float(aside[0]), float(aside[1]))
    moved = np.array([values.get(name, 0.0) for name in control_space.NAMES], dtype=np.float32)
    return control_space.clip(moved)


def at_rest(pose: Float[ndarray, "58"]) -> Float[ndarray, "58"]:
    """The face of a photograph with closed lips and open eyes, otherwise as it is: a face made blank is not theirs.

    Args:
        pose: controls of the photograph.
    """
    rest = pose.copy()
    rest[[control_space.INDEX[name] for name in _OPENING]] = 0
    return rest


def notes_on_poses(photos: Sequence[Float[ndarray, "58"]]) -> list[str]:
    """Sentences on which poses the photographs show, and on what is guessed."""
    values = np.stack(list(photos))
    yaw = np.degrees(values[:, control_space.INDEX["yaw"]])
    first, last = _turn_in_words(yaw.min()), _turn_in_words(yaw.max())
    more = round(math.degrees(TURN))
    if first == last:
        found = [message("double.seen_one", turn=first, more=more)]
    else:
        found = [message("double.seen", first=first, last=last, more=more)]
    blinks = [control_space.INDEX[f"eyeBlink{side}"] for side in ("Left", "Right")]
    if values[:, blinks].min(1).max() < _SHUT:
        found.append(message("double.drawn_blink"))
    return found


def _turn_in_words(yaw: float) -> str:
    """A yaw, given in degrees, in words."""
    angle = round(abs(yaw))
    if angle == 0:
        return message("double.turned_front")
    return message("double.turned_left" if yaw < 0 else "double.turned_right", angle=angle)
