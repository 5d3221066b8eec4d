"""Drawn humans: ``humans:N`` and ``humans:NxF``, the same as ``toons:``; ``human:FILE:N`` for one from a file."""

from __future__ import annotations

import hashlib
import os
import re
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from fenshen.errors import UsageError
from fenshen.preparation.rows import Compare, Row, row
from fenshen.preparation.settings import Settings
from fenshen.preparation.sources import PREFIXES, Listing, Source
from fenshen.preparation.store import Store

if TYPE_CHECKING:
    from fenshen.humans.human import Human
    from fenshen.humans.render import Look

MOST = 1_000_000  # pictures
_APART = 10**9  # between the seeds of two words' people


@dataclass(frozen=True)
class DrawnHuman(Source):
    """One picture of a human by a virtual camera, with labels that nobody had to measure.

    Attributes:
        seed: of camera and controls.
        frame: number of the picture.
        look: how it is drawn.
    """

    seed: int
    frame: int
    look: Look

    at_once: ClassVar[int] = 64

    @abstractmethod
    def human(self) -> Human:
        """Who is in the picture."""

    def rows(self, settings: Settings, store: Store) -> Iterator[Row]:
        """The picture, which is never cropped."""
        from fenshen import controls
        from fenshen.faces.judge import FAR_ASIDE, FAR_UP_OR_DOWN
        from fenshen.humans.render import render
        from fenshen.humans.sampler import sample_camera, sample_controls

        camera = sample_camera(self.seed, self.frame)
        controls_of_it = sample_controls(self.seed, self.frame)
        drawn = render(self.human(), controls_of_it, camera, settings.size, look=self.look)
        points = drawn.landmarks[:, :2] * settings.size
        yaw, pitch = (float(drawn.controls[controls.INDEX[name]]) for name in ("yaw", "pitch"))
        sha256 = hashlib.sha256(drawn.picture.tobytes()).hexdigest()
        yield row(self.name, drawn.picture, sha256, compare=Compare.NEVER, subject=self.subject) | {
            "box": np.concatenate([points.min(0), points.max(0)]).astype(np.float32),
            "landmarks": drawn.landmarks.astype(np.float32).ravel(),
            "controls": drawn.controls,
            "face_size": float(np.ptp(points[:, 1])),
            "occluded": False,
            "extreme_pose": abs(yaw) > FAR_ASIDE or abs(pitch) > FAR_UP_OR_DOWN,
            "human": drawn.human.model_dump_json(),
            "camera": [camera.azimuth, camera.elevation, camera.distance],
        }


@dataclass(frozen=True)
class SampledHuman(DrawnHuman):
    """A human that the seed stands for."""

    def human(self) -> Human:
        """The person of the seed."""
        from fenshen.humans import sample

        return sample(self.seed)


@dataclass(frozen=True)
class DescribedHuman(DrawnHuman):
    """A human that a file describes.

    Attributes:
        path: of the JSON file.
        state: changes when the description does.
    """

    path: str
    state: str

    def human(self) -> Human:
        """The person in the file."""
        from fenshen.humans.human import read

        return read(self.path)


@PREFIXES.register("humans")
def _add_humans(listing: Listing, word: str, seed: int) -> None:
    """``humans:N`` are N people in one picture each, ``humans:NxF`` in F each; a subject is a person."""
    _add_sampled(listing, word, seed, "humans", "photo")


@PREFIXES.register("toons")
def _add_toons(listing: Listing, word: str, seed: int) -> None:
    """``toons:N`` and ``toons:NxF`` are the pictures of ``humans:N``, drawn flat and with outlines."""
    _add_sampled(listing, word, seed, "toons", "toon")


def _add_sampled(listing: Listing, word: str, seed: int, prefix: str, look: Look) -> None:
    match = re.fullmatch(rf"{prefix}:(\d{{1,9}})(?:x(\d{{1,6}}))?", word)
    people, frames = (int(match[1]), int(match[2] or 1)) if match else (0, 0)
    if not 1 <= people * frames <= MOST:
        raise UsageError("humans.words", word=word, most=f"{MOST:,}")
    _ready_to_draw(listing)
    for i in range(people):
        who = f"{prefix}#{seed}-{i}"
        for frame in range(frames):
            name = f"{who}/{frame}" if frames > 1 else who
            listing.add(SampledHuman(name, who, seed * _APART + i, frame, look))


@PREFIXES.register("human")
def _add_described(listing: Listing, word: str, seed: int) -> None:
    """``human:FILE:N`` are N pictures of the human in a JSON file."""
    from fenshen.humans.human import read

    match = re.fullmatch(r"human:(.+):(\d{1,9})", word)
    if not match or not 1 <= int(match[2]) <= MOST:
        raise UsageError("humans.one_word", word=word, most=f"{MOST:,}")
    file = os.path.expanduser(match[1])  # the shell leaves a ~ alone that does not begin a word
    state = hashlib.sha256(read(file).model_dump_json().encode()).hexdigest()
    _ready_to_draw(listing)
    for frame in range(int(match[2])):
        name = f"{file}#{seed}-{frame}"
        listing.add(DescribedHuman(name, None, 0, seed * _APART + frame, "photo", file, state))


def _ready_to_draw(listing: Listing) -> None:
    from fenshen.humans import LICENCE
    from fenshen.humans.render import make_ready

    make_ready()  # what is missing is said here, once, and not by every process
    listing.licensed(LICENCE)
