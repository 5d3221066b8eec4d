"""Faces in pictures: found, chosen, judged, and cut out as portraits."""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from fenshen import portraits
from fenshen.preparation import duplicates
from fenshen.preparation.refusals import Reason, Refusal
from fenshen.preparation.rows import Compare, Row, row
from fenshen.preparation.settings import Settings

if TYPE_CHECKING:
    from fenshen.faces.detect import Face, FaceFinder

Picture = UInt8[ndarray, "H W 3"]
Matrix = Float[ndarray, "2 3"]

# A JPEG is first opened at this many pixels (its shorter side) or at twice the portrait's, whichever is more.
LOOK_SIDE = 512
# A face this high shows its landmarks as well as a larger one (within a hundredth of its height); a lower one is
# looked at again in a larger version of the picture.
LOOK_FACE = 100
# With one_person, a second face of this share of the first's height leaves open who is meant.
RIVAL = 0.6
# A head further than this from its place in the clip's crop, in sides of the crop, is another's.
OUTSIDE = 0.4

_finders: dict[int, FaceFinder] = {}  # one a thread


def finder() -> FaceFinder:
    """The face finder of this thread, which stays open between units of work."""
    from fenshen.faces.detect import FaceFinder

    thread = threading.get_ident()
    if thread not in _finders:
        _finders[thread] = FaceFinder()
    return _finders[thread]


def close() -> None:
    """Free this process's face finders."""
    while _finders:
        _finders.popitem()[1].close()


def read(data: bytes, settings: Settings) -> tuple[Picture, list[Face], float]:
    """A picture, its faces, and how many source pixels one of its pixels spans.

    A large JPEG is decoded at an eighth, a quarter or a half of its size where that loses nothing: where the
    faces are high enough for the landmarks, and the portraits are still made smaller, not larger.
    """
    whole = max(portraits.dimensions(data))
    at_least = max(LOOK_SIDE, 2 * settings.size)
    while True:
        picture = portraits.read(data, ground=settings.ground, at_least=at_least)
        scale = whole / max(picture.shape[:2])
        faces = finder().find(picture)
        lowest = min((face.size for face in (faces if settings.all_faces else faces[:1])), default=0.0)
        if scale == 1 or lowest >= LOOK_FACE:
            break
        shorter = min(picture.shape[:2])
        at_least = math.ceil(1.1 * shorter * LOOK_FACE / lowest) if lowest else whole
    if scale > 1 and lowest < settings.size:
        picture = portraits.read(data, ground=settings.ground)
        faces = [replace(face, box=face.box * scale, landmarks=face.landmarks * scale) for face in faces]
        scale = 1.0
    return picture, faces, scale


def choose(faces: list[Face], settings: Settings) -> list[Face] | Refusal:
    """The faces of a picture to keep, or a refusal without a source name."""
    if not faces:
        return Refusal("", Reason.NO_FACE)
    if settings.all_faces:
        return faces
    if settings.one_person and len(faces) > 1 and faces[1].size >= RIVAL * faces[0].size:
        return Refusal("", Reason.SEVERAL_FACES, f"{len(faces)} faces")
    return faces[:1]


def inside(faces: list[Face], matrix: Matrix, size: int) -> list[Face] | Refusal:
    """The face that the clip's crop was made for: the one nearest to where it puts heads."""
    from fenshen.controls import CENTRE
    from fenshen.faces.pose import head_frame

    def off(face: Face) -> float:
        centre = matrix[:, :2] @ head_frame(face.landmarks).centre + matrix[:, 2]
        return float(np.abs((centre + 0.5) / size - CENTRE).max())

    nearest = min(faces, key=off, default=None)
    if nearest is None or off(nearest) > OUTSIDE:
        return Refusal("", Reason.NO_FACE, "outside the clip's crop" if faces else "")
    return [nearest]


def cut(
    name: str,
    sha256: str,
    picture: Picture,
    face: Face,
    settings: Settings,
    *,
    compare: Compare,
    subject: str | None = None,
    scale: float = 1.0,
    at: float | None = None,
    matrix: Matrix | None = None,
) -> Row | Refusal:
    """One face's portrait with all that is measured, or why it is refused.

    Args:
        name: of the source.
        sha256: of the source file.
        scale: source pixels a pixel of ``picture``.
        at: seconds into the video.
        matrix: the clip's crop; by default the face's own alignment.
    """
    from fenshen.faces.align import align, alignment
    from fenshen.faces.judge import BLURRED, judge
    from fenshen.faces.measure import measure

    height = face.size * scale
    if height < settings.min_face:
        detail = f"{height:.0f} pixels high; {settings.min_face} wanted"
        return Refusal(name, Reason.TOO_SMALL, detail, at)
    size = settings.size
    matrix = alignment(face.landmarks, size) if matrix is None else matrix
    portrait = align(picture, matrix, size)
    quality = judge(portrait, face, matrix=matrix, shape=picture.shape)
    if quality.sharpness < BLURRED:
        detail = f"sharpness {quality.sharpness:.2f}; {BLURRED:.2f} wanted"
        return Refusal(name, Reason.BLURRED, detail, at)
    found = row(name, portrait, sha256, compare=compare, subject=subject, at=at)
    points = face.landmarks.astype(np.float64)
    shrink = math.hypot(matrix[0, 0], matrix[1, 0]) / size
    placed = np.column_stack(
        [(points[:, :2] @ matrix[:, :2].T + matrix[:, 2] + 0.5) / size, points[:, 2] * shrink]
    )
    found |= {
        "box": face.box * np.float32(scale),
        "landmarks": placed.astype(np.float32).ravel(),
        "signature": duplicates.signature(portrait, placed),
        "controls": measure(face, matrix, size),
        "face_size": height,
        "occluded": quality.occluded,
        "extreme_pose": quality.extreme_pose,
        "sharpness": quality.sharpness,
        "exposure": quality.exposure,
    }
    return found
