"""What happens to pictures: holes and scratches, few pixels, blur, noise, JPEG. Made on purpose, to learn to undo it.

One class a damage; each registers itself. A network that undoes them is given nine channels: the damaged picture, where
it is missing, and which damage it is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import cv2
import numpy as np
from jaxtyping import Bool, UInt8
from numpy import ndarray

from fenshen.registry import Registry

Picture = UInt8[ndarray, "H W 3"]
Mask = Bool[ndarray, "H W"]

TASKS = ("inpaint", "upscale", "deblur", "denoise", "jpeg")  # in the order of their channels
CHANNELS = 4 + len(TASKS)
_AROUND = 3.0  # px: how far from around a hole it is filled first


class Damage(ABC):
    """One kind of damage."""

    name: ClassVar[str]

    @abstractmethod
    def apply(self, picture: Picture, numbers: np.random.Generator) -> tuple[Picture, Mask | None]:
        """A damaged copy, as strongly as the random numbers say; and where it was missing, if anything was."""


DAMAGES: Registry[Damage] = Registry("task")


def encoded(picture: Picture, task: str, missing: Mask | None = None) -> UInt8[ndarray, "H W 9"]:
    """What a network is given: the picture, where it was missing, and which of the tasks it is."""
    channels = np.zeros((*picture.shape[:2], CHANNELS), np.uint8)
    channels[..., :3] = picture
    if missing is not None:
        channels[..., 3] = 255 * missing
    channels[..., 4 + TASKS.index(task)] = 255
    return channels


def filled(picture: Picture, missing: Mask) -> Picture:
    """What is missing filled in from around it (Telea 2004), which a network then has to better."""
    return cv2.inpaint(picture, missing.astype(np.uint8), _AROUND, cv2.INPAINT_TELEA)


def _register(damage: type[Damage]) -> type[Damage]:
    DAMAGES.add(damage.name, damage())
    return damage


@_register
class Holes(Damage):
    """Scratches, spots, boxes and the date that a camera stamps into a corner."""

    name = "inpaint"

    def apply(self, picture: Picture, numbers: np.random.Generator) -> tuple[Picture, Mask | None]:
        side = min(picture.shape[:2])
        mask = np.zeros(picture.shape[:2], np.uint8)
        for _ in range(numbers.integers(1, 4)):
            self._KINDS[numbers.integers(len(self._KINDS))](self, mask, side, numbers)
        return filled(picture, mask > 0), mask > 0

    def _scratch(self, mask: UInt8[ndarray, "H W"], side: int, numbers: np.random.Generator) -> None:
        at, angle = numbers.random(2) * side, numbers.uniform(0, 2 * np.pi)
        points = [at]
        for _ in range(numbers.integers(3, 12)):
            angle += numbers.normal(0, 0.3)
            points.append(points[-1] + side / 8 * np.array([np.cos(angle), np.sin(angle)]))
        thickness = max(round(side * numbers.uniform(0.006, 0.03)), 1)
        cv2.polylines(mask, [np.round(points).astype(np.int32)], False, 255, thickness)

    def _spot(self, mask: UInt8[ndarray, "H W"], side: int, numbers: np.random.Generator) -> None:
        x, y = (numbers.random(2) * side).astype(int).tolist()
        axes = (side * numbers.uniform(0.01, 0.1, 2)).astype(int).tolist()
        cv2.ellipse(mask, (x, y), axes, numbers.uniform(0, 180), 0, 360, 255, cv2.FILLED)

    def _box(self, mask: UInt8[ndarray, "H W"], side: int, numbers: np.random.Generator) -> None:
        height, width = (side * numbers.uniform(0.05, 0.3, 2)).astype(int)
        top, left = (numbers.random(2) * (side - np.array([height, width]))).astype(int)
        mask[top : top + height, left : left + width] = 255

    def _date(self, mask: UInt8[ndarray, "H W"], side: int, numbers: np.random.Generator) -> None:
        day = "".join(str(digit) for digit in numbers.integers(10, size=6))
        text = f"'{day[:2]} {day[2:4]} {day[4:]}"
        x, y = (side * numbers.uniform((0.05, 0.6), (0.5, 0.97))).astype(int).tolist()
        cv2.putText(
            mask, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, side * numbers.uniform(0.002, 0.004), 255, 2
        )

    _KINDS = (_scratch, _scratch, _spot, _box, _date)


@_register
class FewPixels(Damage):
    """A picture that had a half, a third or a quarter of the side, and was enlarged."""

    name = "upscale"

    def apply(self, picture: Picture, numbers: np.random.Generator) -> tuple[Picture, Mask | None]:
        return self.enlarged(picture, float(numbers.choice([2, 3, 4, 4]))), None

    @staticmethod
    def enlarged(picture: Picture, times: float) -> Picture:
        """The picture after it was made smaller and larger again."""
        height, width = picture.shape[:2]
        small = cv2.resize(
            picture, (round(width / times), round(height / times)), interpolation=cv2.INTER_AREA
        )
        return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


@_register
class Blur(Damage):
    """Out of focus, or moved while it was taken; with a little noise, as every camera has."""

    name = "deblur"

    def apply(self, picture: Picture, numbers: np.random.Generator) -> tuple[Picture, Mask | None]:
        if numbers.random() < 0.6:
            blurred = cv2.GaussianBlur(picture, (0, 0), numbers.uniform(0.8, 3.0))
        else:
            blurred = cv2.filter2D(picture, -1, _streak(numbers.uniform(3, 12), numbers.uniform(0, np.pi)))
        return with_noise(blurred, numbers.uniform(0, 3), numbers), None


def _streak(length: float, angle: float) -> ndarray:
    """The kernel of a straight movement, in pixels."""
    half = int(np.ceil(length / 2)) + 1
    finer = 8
    large = np.zeros(((2 * half + 1) * finer,) * 2, np.float32)
    middle, way = len(large) / 2, finer * length / 2 * np.array([np.cos(angle), np.sin(angle)])
    ends = [tuple(np.round(middle + sign * way).astype(int).tolist()) for sign in (-1, 1)]
    cv2.line(large, ends[0], ends[1], 1.0, finer)
    kernel = cv2.resize(large, (2 * half + 1,) * 2, interpolation=cv2.INTER_AREA)
    return kernel / kernel.sum()


@_register
class Noise(Damage):
    """A sensor's noise in poor light: of every pixel, or coarser; of all colours alike, or of each its own."""

    name = "denoise"

    def apply(self, picture: Picture, numbers: np.random.Generator) -> tuple[Picture, Mask | None]:
        coarse = 1.0 if numbers.random() < 0.75 else numbers.uniform(1.0, 2.0)
        grey = numbers.random() < 0.2
        return with_noise(picture, numbers.uniform(5, 50), numbers, coarse, grey), None


@_register
class Jpeg(Damage):
    """Saved by JPEG, once or twice, at a poor quality."""

    name = "jpeg"

    def apply(self, picture: Picture, numbers: np.random.Generator) -> tuple[Picture, Mask | None]:
        damaged = picture
        for _ in range(1 if numbers.random() < 0.8 else 2):
            damaged = through_jpeg(damaged, int(numbers.integers(5, 50)))
        return damaged, None


def with_noise(
    picture: Picture, deviation: float, numbers: np.random.Generator, coarse: float = 1.0, grey: bool = False
) -> Picture:
    """The picture with normal noise of that standard deviation, of 255; ``coarse`` pixels wide."""
    height, width = (int(np.ceil(side / coarse)) for side in picture.shape[:2])
    noise = numbers.normal(0, deviation, (height, width, 1 if grey else 3)).astype(np.float32)
    if coarse > 1:
        noise = cv2.resize(noise, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        noise = noise.reshape(*picture.shape[:2], -1)
    return np.clip(np.round(picture + noise), 0, 255).astype(np.uint8)


def through_jpeg(picture: Picture, quality: int) -> Picture:
    """The picture as JPEG of that quality would keep it."""
    _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
