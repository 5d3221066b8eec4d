"""Footage from photographs: moved into poses near their own, with labels that nobody had to measure.

Clothes, hair and light differ from photograph to photograph, and controls do not tell which is meant. So a pose has one
photograph that is moved there, the nearest; one that shows the head as another does only lends what that hides.
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
from fenshen.doubles.photographs import texture
from fenshen.doubles.photographs.texture import Photograph
from fenshen.faces.align import alignment
from fenshen.humans.camera import Camera
from fenshen.humans.render import Frame
from fenshen.humans.sampler import gaze, sample_controls
from fenshen.messages import message
from fenshen.preparation import running
from fenshen.preparation.joining import join
from fenshen.preparation.planning import plan
from fenshen.preparation.rows import Compare, Row, row
from fenshen.preparation.settings import Settings
from fenshen.preparation.sources import Listing, Source
from fenshen.preparation.store import Store

TURN = math.radians(16)  # to each side of a photograph's own pose
_TURNS, _ROLLS, _ROLL = TURN / 2, 0.08, 0.2  # spreads, and the furthest roll
_APART = math.radians(12)  # from all others, at which a photograph's pose is its own to show
_STILLS = 8  # times that a photograph itself is shown
_SHUT = 0.5  # of a blink that counts as one
_SETTINGS = Settings(size=texture.SIZE, min_face=1)


def lay(fitted: Cast, folder: Path) -> list[Path]:
    """Lay the cast human under each of its photographs, all as bright as the first and before the same background.

    Returns:
        What :func:`footage` moves, in ``folder``.
    """
    files: list[Path] = []
    first: Photograph | None = None
    for source, values, camera in zip(fitted.photos, fitted.controls, fitted.cameras, strict=True):
        picture = portraits.read(source.path, at_least=READ_AT)
        matrix = alignment(source.face.landmarks, texture.SIDE)
        photo = texture.photograph(fitted.human, values, camera, source.measured.points, picture, matrix)
        first = first or photo
        files.append(folder / f"photo-{len(files)}.npz")
        texture.save(photo.matched(first), files[-1])
    return files


def footage(files: Sequence[Path], human: Path, out: Path, *, frames: int, seed: int, progress: bool) -> None:
    """Write a dataset of the photographs and of ``frames`` pictures of them moved.

    Args:
        files: of :func:`lay`.
        human: JSON of the person that the records are to name.

    Raises:
        Interrupted: stopped; the same call goes on.
        OSError: ``out`` cannot be written.
    """
    poses = [photo.pose for photo in map(texture.load, files)]
    digests = [file.read_bytes() for file in (*files, human)]
    state = hashlib.sha256(b"".join(digests)).hexdigest()
    words = [file.stem for file in files]
    listing = Listing()
    for number in range(frames):
        file = files[number % len(files)]
        name = f"{file.stem}#{seed}-{number}"
        listing.add(MovedPhotograph(name, None, str(file), str(human), state, seed, number))
    always_train = [words[which] for which in shown(poses)]
    for which in shown(poses):
        still = MovedPhotograph(words[which], None, str(files[which]), str(human), state, seed, None)
        for _ in range(_STILLS):
            listing.add(still)
    units = plan(listing.sources, _SETTINGS)
    store = Store(out)
    store.open()
    running.run(units, _SETTINGS, store, progress=progress, title="double.bar_moving")
    join(units, _SETTINGS, store, listing, out=out, words=words, seed=seed, always_train=always_train)
    store.remove()


@dataclass(frozen=True)
class MovedPhotograph(Source):
    """A photograph moved into a pose near its own.

    Attributes:
        path: what :func:`lay` wrote for it; others of its folder lend what it hides.
        person: path of the JSON of the human under it.
        state: changes when any of the photographs does.
        seed: of the pose.
        number: of the pose; None: the photograph as it is.
    """

    path: str
    person: str
    state: str
    seed: int
    number: int | None

    at_once: ClassVar[int] = 32

    def rows(self, settings: Settings, store: Store) -> Iterator[Row]:
        """The picture with labels that nobody had to measure."""
        photo = _photo(self.path)
        if self.number is None:
            values = photo.controls
            picture, frame = texture.still(photo)
        else:
            values = near(photo.controls, self.seed, self.number)
            picture, frame = _from_nearest(Path(self.path).parent, values)
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
            # A double is drawn from the front; how near the camera stood is the footage's own.
            "camera": [front.azimuth, front.elevation, front.distance],
        }


def shown(poses: Sequence[Float[ndarray, "2"]]) -> list[int]:
    """Which photographs are moved: the first, and those that show the head turned otherwise than the ones before."""
    chosen: list[int] = []
    for which, pose in enumerate(poses):
        if all(np.linalg.norm(pose - poses[other]) > _APART for other in chosen):
            chosen.append(which)
    return chosen


def _from_nearest(folder: Path, values: Float[ndarray, "58"]) -> tuple[UInt8[ndarray, "S S 3"], Frame]:
    """The photograph in ``folder`` whose pose is nearest, moved; the others lend what it hides."""
    photos = [_photo(str(file)) for file in laid(folder)]
    pose = values[[control_space.INDEX["yaw"], control_space.INDEX["pitch"]]]
    chosen = shown([photo.pose for photo in photos])
    nearest = photos[min(chosen, key=lambda which: float(np.linalg.norm(photos[which].pose - pose)))]
    others = [photo for photo in photos if photo is not nearest]
    return texture.move(nearest, values, others)


def laid(folder: Path) -> list[Path]:
    """What :func:`lay` left in a folder."""
    return sorted(folder.glob("photo-*.npz"))


@lru_cache(maxsize=MOST_PHOTOS)
def _photo(file: str) -> Photograph:
    return texture.load(Path(file))


def near(pose: Float[ndarray, "58"], seed: int, number: int) -> Float[ndarray, "58"]:
    """An expression as the sampler draws it, in a pose near that of a photograph."""
    values = {
        name: float(x)
        for name, x in zip(control_space.NAMES, sample_controls(seed, number), strict=True)
        if not name.startswith("eyeLook")
    }
    draw = np.random.default_rng((0x6C, seed, number))
    turns = np.clip(draw.normal(0, _TURNS, 2), -TURN, TURN)
    roll = float(np.clip(draw.normal(0, _ROLLS), -_ROLL, _ROLL))
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
    """A face at rest where a photograph has it."""
    rest = control_space.NEUTRAL.copy()
    rest[-6:] = pose[-6:]
    return rest


def notes(photos: Sequence[Float[ndarray, "58"]]) -> list[str]:
    """What is seen in the photographs, and what is guessed."""
    values = np.stack(list(photos))
    yaw = np.degrees(values[:, control_space.INDEX["yaw"]])
    first, last = _side(yaw.min()), _side(yaw.max())
    more = round(math.degrees(TURN))
    if first == last:
        told = [message("double.seen_one", turn=first, more=more)]
    else:
        told = [message("double.seen", first=first, last=last, more=more)]
    blinks = [control_space.INDEX[f"eyeBlink{side}"] for side in ("Left", "Right")]
    if values[:, blinks].min(1).max() < _SHUT:
        told.append(message("double.drawn_blink"))
    return told


def _side(yaw: float) -> str:
    """A turn in words, in degrees."""
    angle = round(abs(yaw))
    if angle == 0:
        return message("double.turned_front")
    return message("double.turned_left" if yaw < 0 else "double.turned_right", angle=angle)
