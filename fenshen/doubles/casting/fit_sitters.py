"""Who sits for a double: the faces of a few photographs, and which of them are one person.

A photograph with several people is no trouble if one of them is much larger than the others, or if the other
photographs say who is meant. Whoever is on too few photographs is a stranger.
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
from fenshen.doubles.casting.fit_shape import Measured
from fenshen.errors import FenshenError, UsageError
from fenshen.faces import align, identity
from fenshen.faces.detect import Face, FaceFinder
from fenshen.faces.judge import BLURRED, Quality, judge
from fenshen.faces.measure import measure
from fenshen.messages import message

SIDE = 256  # of the portraits, in pixels
MOST = 8  # photographs that are looked at
_SMALLEST = 56  # pixels of a face's height
READ_AT = 1600  # pixels of a large photograph's shorter side are enough
_MUCH_LARGER = 1.6  # times the next face's height: the photograph is of this one
# Share of a face's pixels that are exactly like their neighbours. Photographs stay below 0.1, their noise smoothed
# by JPEG or not; flat drawings are above 0.5. A drawing that is shaded like a photograph passes for one.
_DRAWN = 0.4


@dataclass(frozen=True, eq=False)
class Sitter:
    """A person in a photograph.

    Attributes:
        portrait: the head, aligned.
        embedding: whose face it is, see :mod:`fenshen.faces.identity`.
    """

    path: Path
    face: Face
    portrait: UInt8[ndarray, "256 256 3"]
    measured: Measured
    embedding: Float[ndarray, "128"]
    quality: Quality

    @cached_property
    def small(self) -> UInt8[ndarray, "128 128 3"]:
        """The portrait at half its size: what drawn candidates are compared with."""
        return portraits.resize(self.portrait, SIDE // 2)


@dataclass(frozen=True, eq=False)
class Sitting:
    """The photographs that count, the most telling one first, and a sentence for each that does not."""

    sitters: list[Sitter]
    notes: list[str]


def meet(photos: Sequence[Path]) -> Sitting:
    """Find the one person that the photographs show.

    Raises:
        UsageError: there are no photographs.
        FenshenError: a file is no picture; there is no face, only a drawn one, or no way to tell who is meant.
    """
    if not photos:
        raise UsageError("cast.no_photos")
    notes = [message("cast.too_many", count=len(photos), most=MOST)] if len(photos) > MOST else []
    looked: list[list[Sitter]] = []
    reasons: list[FenshenError] = []
    with FaceFinder() as finder:
        for path in photos[:MOST]:
            picture = portraits.read(path, at_least=READ_AT)
            try:
                looked.append(_sitters(Path(path), picture, finder.find(picture)))
            except FenshenError as error:
                reasons.append(error)
    if not looked:
        raise reasons[0]
    notes += [str(reason) for reason in reasons]
    chosen = [_main(faces) for faces in looked] if len(looked) == 1 else _same(looked)
    for faces, sitter in zip(looked, chosen, strict=True):
        if sitter is None:
            notes.append(message("cast.stranger", path=faces[0].path))
    found = [sitter for sitter in chosen if sitter is not None]
    notes += [note for sitter in found for note in _doubts(sitter)]
    return Sitting(sorted(found, key=_telling), notes)


def _sitters(path: Path, picture: UInt8[ndarray, "H W 3"], faces: Sequence[Face]) -> list[Sitter]:
    """Every face of a picture that could be the one, largest first."""
    if not faces:
        raise FenshenError("cast.no_face", path=path)
    large = [face for face in faces if face.size >= _SMALLEST]
    if not large:
        raise FenshenError("cast.small_face", path=path, height=round(faces[0].size), least=_SMALLEST)
    found = []
    for face in large:
        if _flat(picture, face) > _DRAWN:
            continue
        matrix = align.alignment(face.landmarks, SIDE)
        portrait = align.align(picture, matrix, SIDE)
        points = (face.landmarks[:, :2] @ matrix[:, :2].T + matrix[:, 2] + 0.5) / SIDE
        chip = identity.chip(picture, face.landmarks)
        found.append(
            Sitter(
                path,
                face,
                portrait,
                Measured(points, measure(face, matrix, SIDE)),
                identity.embed_chips(chip[None])[0],
                judge(portrait, face, matrix=matrix, shape=picture.shape),
            )
        )
    if not found:
        raise FenshenError("cast.drawing", path=path)
    return found


def _main(faces: Sequence[Sitter]) -> Sitter:
    """The face that a single photograph is of."""
    if len(faces) > 1 and faces[0].face.size < _MUCH_LARGER * faces[1].face.size:
        raise FenshenError("cast.group", path=faces[0].path, count=len(faces))
    return faces[0]


def _same(looked: Sequence[Sequence[Sitter]]) -> list[Sitter | None]:
    """Of each photograph, the person who is on more of them than anybody else."""
    people = [(i, sitter) for i, faces in enumerate(looked) for sitter in faces]
    group = list(range(len(people)))  # single linkage
    for a in range(len(people)):
        for b in range(a):
            apart = np.linalg.norm(people[a][1].embedding - people[b][1].embedding)
            if people[a][0] != people[b][0] and apart < identity.SAME_PERSON:
                group = [group[b] if g == group[a] else g for g in group]
    photos = {g: {people[k][0] for k in range(len(people)) if group[k] == g} for g in group}
    best = max(photos, key=lambda g: len(photos[g]))
    if sum(len(on) == len(photos[best]) for on in photos.values()) > 1:
        raise FenshenError("cast.several_people", count=len(looked))
    chosen: list[Sitter | None] = [None] * len(looked)
    for g, (i, sitter) in reversed(list(zip(group, people, strict=True))):
        if g == best:
            chosen[i] = sitter  # the largest, should two look alike
    return chosen


def _flat(picture: UInt8[ndarray, "H W 3"], face: Face) -> float:
    """Share of the face's pixels that equal their neighbours to the left and above."""
    left, top, right, bottom = np.maximum(np.round(face.box).astype(int), 0)
    inner = picture[top:bottom, left:right].astype(np.int16)
    same = (np.diff(inner, axis=0)[:, 1:] == 0).all(2) & (np.diff(inner, axis=1)[1:] == 0).all(2)
    return float(same.mean()) if same.size else 0.0


def _doubts(sitter: Sitter) -> list[str]:
    quality = sitter.quality
    doubts = []
    if quality.extreme_pose:
        doubts.append(message("cast.turned", path=sitter.path))
    if quality.occluded:
        doubts.append(message("cast.covered", path=sitter.path))
    if quality.sharpness < BLURRED:
        doubts.append(message("cast.blurred", path=sitter.path))
    return doubts


def _telling(sitter: Sitter) -> float:
    """The lower, the more a photograph says: turned, covered, blurred and small faces say less."""
    yaw, pitch = (float(np.abs(x)) for x in sitter.measured.controls[52:54])
    quality = sitter.quality
    return (
        yaw + pitch + 0.3 * quality.occluded + max(0.0, BLURRED - quality.sharpness) + 20 / quality.face_size
    )
