"""The faces in a few photographs, and which of them are the subject: the one person a double is made of.

A photograph with several people is fine if one of them is much larger than the others, or if the other photographs
show which one is meant. A face that appears on fewer photographs than the subject's is a stranger's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from fenshen import portraits
from fenshen.controls import INDEX
from fenshen.doubles.casting.shape import MeasuredFace
from fenshen.errors import FenshenError, UsageError
from fenshen.faces import align, identity
from fenshen.faces.detect import Face, FaceFinder
from fenshen.faces.judge import BLURRED, Quality, judge
from fenshen.faces.measure import measure
from fenshen.messages import message

SIDE = 256  # pixels of the portraits
MOST_PHOTOS = 8  # further ones are ignored
READ_AT = 1600  # a large photograph is read at about this length of its shorter side, in pixels
_SMALLEST = 56  # least height of a face, in pixels
_MUCH_LARGER = 1.6  # a face this many times as high as the next one is whom the photograph is of
# Share of a face's pixels that equal their neighbours. Photographs stay below 0.1, whether or not JPEG smoothed their
# noise; flat drawings are above 0.5. A drawing that is shaded like a photograph passes for one.
_DRAWN = 0.4


@dataclass(frozen=True, eq=False)
class SubjectPhoto:
    """One person in one photograph.

    Attributes:
        portrait: the head, aligned.
        measured: landmarks and controls, relative to the portrait.
        embedding: whose face it is, see :mod:`fenshen.faces.identity`.
    """

    path: Path
    face: Face
    portrait: UInt8[ndarray, "256 256 3"]
    measured: MeasuredFace
    embedding: Float[ndarray, "128"]
    quality: Quality

    @cached_property
    def small_portrait(self) -> UInt8[ndarray, "128 128 3"]:
        """The portrait at half its size, for comparison with renderings."""
        return portraits.resize(self.portrait, SIDE // 2)


@dataclass(frozen=True, eq=False)
class SubjectPhotos:
    """The photographs of the subject, clearest first, and notes on doubtful and ignored ones."""

    photos: list[SubjectPhoto]
    notes: list[str]


def find_subject(paths: Sequence[Path]) -> SubjectPhotos:
    """Find the one person that the photographs show.

    Raises:
        UsageError: there are no photographs.
        FenshenError: a file is no picture; there is no face, or only a drawn one; or the subject is ambiguous.
    """
    if not paths:
        raise UsageError("cast.no_photos")
    notes = []
    if len(paths) > MOST_PHOTOS:
        notes.append(message("cast.too_many", count=len(paths), most=MOST_PHOTOS))
    per_photo: list[list[SubjectPhoto]] = []
    problems: list[FenshenError] = []
    with FaceFinder() as finder:
        for path in paths[:MOST_PHOTOS]:
            picture = portraits.read(path, at_least=READ_AT)
            try:
                per_photo.append(_people_in(Path(path), picture, finder.find(picture)))
            except FenshenError as error:
                problems.append(error)
    if not per_photo:
        raise problems[0]
    notes += [str(problem) for problem in problems]
    if len(per_photo) == 1:
        return _with_notes([_single_subject(per_photo[0])], notes)
    found = []
    for people, subject in zip(per_photo, _most_frequent_person(per_photo), strict=True):
        if subject is None:
            notes.append(message("cast.stranger", path=people[0].path))
        else:
            found.append(subject)
    return _with_notes(found, notes)


def _with_notes(photos: list[SubjectPhoto], notes: list[str]) -> SubjectPhotos:
    doubts = [note for photo in photos for note in _quality_notes(photo)]
    return SubjectPhotos(sorted(photos, key=_unclearness), notes + doubts)


def _people_in(path: Path, picture: UInt8[ndarray, "H W 3"], faces: Sequence[Face]) -> list[SubjectPhoto]:
    """Every photographed face of a picture that is large enough, largest first."""
    if not faces:
        raise FenshenError("cast.no_face", path=path)
    large = [face for face in faces if face.size >= _SMALLEST]
    if not large:
        raise FenshenError("cast.small_face", path=path, height=round(faces[0].size), least=_SMALLEST)
    people = []
    for face in large:
        if _flat_share(picture, face) > _DRAWN:
            continue
        matrix = align.alignment(face.landmarks, SIDE)
        portrait = align.align(picture, matrix, SIDE)
        points = (face.landmarks[:, :2] @ matrix[:, :2].T + matrix[:, 2] + 0.5) / SIDE
        chip = identity.chip(picture, face.landmarks)
        people.append(
            SubjectPhoto(
                path=path,
                face=face,
                portrait=portrait,
                measured=MeasuredFace(points, measure(face, matrix, SIDE)),
                embedding=identity.embed_chips(chip[None])[0],
                quality=judge(portrait, face, matrix=matrix, shape=picture.shape),
            )
        )
    if not people:
        raise FenshenError("cast.drawing", path=path)
    return people


def _single_subject(people: Sequence[SubjectPhoto]) -> SubjectPhoto:
    """Whom a single photograph is of: its largest face.

    Raises:
        FenshenError: another face is about as large.
    """
    if len(people) > 1 and people[0].face.size < _MUCH_LARGER * people[1].face.size:
        raise FenshenError("cast.group", path=people[0].path, count=len(people))
    return people[0]


def _most_frequent_person(per_photo: Sequence[Sequence[SubjectPhoto]]) -> list[SubjectPhoto | None]:
    """The person who is on more photographs than anybody else: their face in each photograph, or None.

    Raises:
        FenshenError: two people are on as many photographs.
    """
    faces = [(number, person) for number, people in enumerate(per_photo) for person in people]
    group = list(
        range(len(faces))
    )  # single linkage: faces of different photographs that are alike join their groups
    for a in range(len(faces)):
        for b in range(a):
            distance = np.linalg.norm(faces[a][1].embedding - faces[b][1].embedding)
            if faces[a][0] != faces[b][0] and distance < identity.SAME_PERSON:
                group = [group[b] if g == group[a] else g for g in group]
    photos = {g: {faces[k][0] for k in range(len(faces)) if group[k] == g} for g in group}
    best = max(photos, key=lambda g: len(photos[g]))
    if sum(len(shown) == len(photos[best]) for shown in photos.values()) > 1:
        raise FenshenError("cast.several_people", count=len(per_photo))
    chosen: list[SubjectPhoto | None] = [None] * len(per_photo)
    for g, (number, person) in zip(group, faces, strict=True):
        if (
            g == best and chosen[number] is None
        ):  # the first is the largest, if two on one photograph look alike
            chosen[number] = person
    return chosen


def _flat_share(picture: UInt8[ndarray, "H W 3"], face: Face) -> float:
    """Share of the face's pixels that equal their neighbours to the left and above."""
    left, top, right, bottom = np.maximum(np.round(face.box).astype(int), 0)
    inner = picture[top:bottom, left:right].astype(np.int16)
    as_above = (np.diff(inner, axis=0)[:, 1:] == 0).all(2)
    as_left = (np.diff(inner, axis=1)[1:] == 0).all(2)
    same = as_above & as_left
    return float(same.mean()) if same.size else 0.0


def _quality_notes(photo: SubjectPhoto) -> list[str]:
    """What makes the photograph less certain, one sentence each."""
    notes = []
    if photo.quality.extreme_pose:
        notes.append(message("cast.turned", path=photo.path))
    if photo.quality.occluded:
        notes.append(message("cast.covered", path=photo.path))
    if photo.quality.sharpness < BLURRED:
        notes.append(message("cast.blurred", path=photo.path))
    return notes


def _unclearness(photo: SubjectPhoto) -> float:
    """How little a photograph shows: more if the head is turned, covered, blurred or small."""
    yaw, pitch = (abs(float(photo.measured.controls[INDEX[name]])) for name in ("yaw", "pitch"))
    blur = max(0.0, BLURRED - photo.quality.sharpness)
    return yaw + pitch + 0.3 * photo.quality.occluded + blur + 20 / photo.quality.face_size
