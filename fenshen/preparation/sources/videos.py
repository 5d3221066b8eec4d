"""Videos: cut frame by frame, or by one steady crop for the whole clip once the faces of all frames are known."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa

from fenshen import portraits
from fenshen.errors import FenshenError
from fenshen.messages import sentence
from fenshen.preparation import faces
from fenshen.preparation.refusals import Reason, Refusal
from fenshen.preparation.rows import Compare, Row, row
from fenshen.preparation.settings import Settings
from fenshen.preparation.sources import SUFFIXES, FirstLook, Listing, Source
from fenshen.preparation.sources.files import state_of
from fenshen.preparation.store import Store

if TYPE_CHECKING:
    from fenshen.faces.detect import Face
    from fenshen.video import Frame

FILM_SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".mts", ".m2ts", ".3gp", ".ogv"),
    *(".wmv", ".flv"),
)
# A stretch is decoded from the video's start up to its own end: many short ones cost more than they win.
FRAMES_A_STRETCH = 128
MOST_STRETCHES = 8

# A row of a first look: one face of one frame.
LOOKS = pa.schema(
    [
        ("timestamp", pa.float64()),
        ("box", pa.list_(pa.float32(), 4)),
        ("landmarks", pa.list_(pa.float32())),
        ("blendshapes", pa.list_(pa.float32())),
        ("rotation", pa.list_(pa.float32())),
    ]
)


@dataclass(frozen=True)
class Video(Source):
    """A video file.

    Attributes:
        path: of the file.
        state: changes when the file does.
    """

    path: str
    state: str

    def parts(self, settings: Settings) -> Iterator[Source]:
        """Equal stretches of time, none of them short."""
        from fenshen import video

        whole = Stretch(self.name, self.subject, self.path, self.state)
        try:
            info = video.probe(self.path)
        except FenshenError:  # raised again, and recorded, when the stretch is read
            yield whole
            return
        expected = info.frames / (settings.every or 1)
        if settings.fps is not None:
            expected = min(expected, info.duration * settings.fps)
        count = 1
        if info.duration > 0:
            count = min(MOST_STRETCHES, max(1, round(expected / FRAMES_A_STRETCH)))
        edges = [info.duration * i / count for i in range(count)]
        for start, stop in zip(edges, [*edges[1:], None], strict=True):
            part = replace(whole, start=start, stop=stop, frames=max(1, math.ceil(expected / count)))
            yield Look(**vars(part)) if settings.crop == "clip" else part

    def rows(self, settings: Settings, store: Store) -> Iterator[Row | Refusal]:
        """The rows of all its parts."""
        for part in self.parts(settings):
            yield from part.rows(settings, store)


@dataclass(frozen=True)
class Stretch(Source):
    """The frames of a video between two times.

    Attributes:
        start: seconds, inclusive.
        stop: seconds, exclusive; None is the end.
        frames: about how many there are.
        looks: key of the unit that found their faces; None: not looked for yet.
        matrix: the clip's crop, row by row; None: every face is aligned by itself.
    """

    path: str
    state: str
    start: float = 0.0
    stop: float | None = None
    frames: int = 1
    looks: str | None = None
    matrix: tuple[float, ...] | None = None

    at_once: ClassVar[int] = 1

    @property
    def expected(self) -> int:
        return self.frames

    def rows(self, settings: Settings, store: Store) -> Iterator[Row | Refusal]:
        """The portraits of each frame: those of its faces, or one by the clip's crop, or the frame as it is."""
        sha256 = _hash(self.path, self.state)
        known = None if self.looks is None else faces_by_time(store.load(self.looks))
        matrix = None if self.matrix is None else np.array(self.matrix).reshape(2, 3)
        try:
            for frame in self.read(settings):
                at = frame.timestamp
                if settings.crop == "none":
                    portrait = portraits.resize(frame.picture, settings.size, settings.fit, settings.ground)
                    subject = self.subject
                    yield row(self.name, portrait, sha256, compare=Compare.BEFORE, subject=subject, at=at)
                    continue
                found = faces.finder().find(frame.picture) if known is None else known.get(at, [])
                size = settings.size
                chosen = (
                    faces.choose(found, settings) if matrix is None else faces.inside(found, matrix, size)
                )
                if isinstance(chosen, Refusal):
                    yield replace(chosen, source=self.name, timestamp=at)
                    continue
                for face in chosen:
                    yield faces.cut(
                        self.name,
                        sha256,
                        frame.picture,
                        face,
                        settings,
                        compare=Compare.BEFORE,
                        subject=self.subject,
                        at=at,
                        matrix=matrix,
                    )
        except FenshenError as error:
            reason = Reason.TOO_LARGE if error.key == "video.too_large" else Reason.UNREADABLE
            # In English, like every detail: what a dataset holds does not depend on the language of its maker.
            why = error.values.get("why") or sentence("en", error.key, error.values)
            yield Refusal(self.name, reason, str(why))

    def read(self, settings: Settings) -> Iterator[Frame]:
        """Its frames, as many of them as the settings want."""
        from fenshen import video

        return video.frames(
            self.path, every=settings.every, fps=settings.fps, start=self.start, stop=self.stop
        )


@dataclass(frozen=True)
class Look(Stretch, FirstLook):
    """A stretch in which faces are only looked for, so that the clip's crop can be known."""

    schema: ClassVar[pa.Schema] = LOOKS

    def rows(self, settings: Settings, store: Store) -> Iterator[Row]:
        """Every face of every frame; a video that cannot be read shows none."""
        try:
            for frame in self.read(settings):
                for face in faces.finder().find(frame.picture):
                    yield {
                        "timestamp": frame.timestamp,
                        "box": face.box,
                        "landmarks": face.landmarks.ravel(),
                        "blendshapes": face.blendshapes,
                        "rotation": face.rotation.ravel(),
                    }
        except FenshenError:
            return

    def about(self) -> Hashable:
        """The video."""
        return self.name

    def lead_to(
        self, looks: Sequence[Source], keys: Sequence[str], settings: Settings, store: Store
    ) -> Iterator[Source]:
        """The same stretches, cut by the one crop that suits the faces of them all."""
        from fenshen import video
        from fenshen.faces.clip import steady_crop

        found: list[list[Face]] = []
        for key in keys:
            found.extend(faces_by_time(store.load(key)).values())
        matrix: tuple[float, ...] | None = None
        if found:
            info = video.probe(self.path)
            crop = steady_crop(subject(found), settings.size, (info.width, info.height))
            matrix = tuple(map(float, crop.ravel()))
        for look, key in zip(looks, keys, strict=True):
            yield Stretch(**{**vars(look), "looks": key, "matrix": matrix})


def faces_by_time(looks: pa.Table) -> dict[float, list[Face]]:
    """The faces of each frame that shows some, largest first, from a table of :data:`LOOKS`."""
    from fenshen.faces.detect import Face

    found: dict[float, list[Face]] = {}
    for entry in looks.to_pylist():
        face = Face(
            box=np.array(entry["box"], dtype=np.float32),
            landmarks=np.array(entry["landmarks"], dtype=np.float32).reshape(-1, 3),
            blendshapes=np.array(entry["blendshapes"], dtype=np.float32),
            rotation=np.array(entry["rotation"], dtype=np.float32).reshape(3, 3),
        )
        found.setdefault(entry["timestamp"], []).append(face)
    return found


def subject(frames: Sequence[list[Face]]) -> list[Face]:
    """Of each frame, the face nearest to where the largest faces of the clip are.

    Someone who comes closer to the camera for a moment is not taken for the clip's subject.
    """
    largest = np.array([_middle(found[0]) for found in frames])
    centre = np.median(largest, axis=0)
    return [min(found, key=lambda face: float(np.abs(_middle(face) - centre).max())) for found in frames]


def _middle(face: Face) -> np.ndarray[Any, Any]:
    return (face.box[:2] + face.box[2:]) / 2


@lru_cache(maxsize=64)
def _hash(path: str, state: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _add(listing: Listing, file: str, subject: str | None, status: os.stat_result) -> None:
    listing.add(Video(file, subject, file, state_of(status)))


for _suffix in FILM_SUFFIXES:
    SUFFIXES.add(_suffix, _add)
