"""What restoring can be asked for: one class a task, with what can be done without a network.

Where no face is, the plain way is all that is done; where one is, a network begins with its result.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
from jaxtyping import Bool, UInt8
from numpy import ndarray

from fenshen.data.damage import filled
from fenshen.registry import Registry

Picture = UInt8[ndarray, "H W 3"]
Mask = Bool[ndarray, "H W"]

_SHARPENED = 1.5  # px of the Gaussian that unsharp masking subtracts
_NOISE_IN_LAPLACIAN = 6.0  # standard deviations of white noise in the response of Immerkaer's kernel


@dataclass(frozen=True, eq=False)
class Begun:
    """A picture on its way.

    Attributes:
        given: what the network sees, at the size of the result.
        plain: what can be done without a network.
        missing: what is not known of it; None: everything is.
    """

    given: Picture
    plain: Picture
    missing: Mask | None = None


class Task(ABC):
    """One way to restore a picture."""

    masked: ClassVar[bool] = False  # it is told where something is missing
    enlarges: ClassVar[bool] = False
    keeps_tones: ClassVar[bool] = True  # large, soft differences from what was given are mistakes

    @abstractmethod
    def begin(self, picture: Picture, *, scale: int = 2, missing: Mask | None = None) -> Begun:
        """The picture as the network is to see it, and as it is restored without one."""


TASKS: Registry[Task] = Registry("task")


class Inpaint(Task):
    """What is missing is filled in from around it: Telea 2004, as OpenCV has it."""

    masked = True
    keeps_tones = False

    def begin(self, picture: Picture, *, scale: int = 2, missing: Mask | None = None) -> Begun:
        if missing is None:
            raise TypeError("something must be missing")
        plain = filled(picture, missing)
        return Begun(plain, plain, missing)


class Upscale(Task):
    """More pixels: bicubic interpolation."""

    enlarges = True

    def begin(self, picture: Picture, *, scale: int = 2, missing: Mask | None = None) -> Begun:
        height, width = picture.shape[:2]
        larger = cv2.resize(picture, (scale * width, scale * height), interpolation=cv2.INTER_CUBIC)
        return Begun(larger, larger)


class Deblur(Task):
    """Sharper: unsharp masking."""

    def begin(self, picture: Picture, *, scale: int = 2, missing: Mask | None = None) -> Begun:
        soft = cv2.GaussianBlur(picture, (0, 0), _SHARPENED)
        return Begun(picture, cv2.addWeighted(picture, 2.0, soft, -1.0, 0))


class Denoise(Task):
    """Less noise: non-local means (Buades et al. 2011), as strong as the noise that is found."""

    def begin(self, picture: Picture, *, scale: int = 2, missing: Mask | None = None) -> Begun:
        strength = float(np.clip(noise(picture), 1, 40))
        return Begun(picture, cv2.fastNlMeansDenoisingColored(picture, None, strength, strength, 7, 21))


class Jpeg(Task):
    """Fewer blocks and rings: nothing is done about them without a network."""

    def begin(self, picture: Picture, *, scale: int = 2, missing: Mask | None = None) -> Begun:
        return Begun(picture, picture)


TASKS.add("inpaint", Inpaint())
TASKS.add("upscale", Upscale())
TASKS.add("deblur", Deblur())
TASKS.add("denoise", Denoise())
TASKS.add("jpeg", Jpeg())


def noise(picture: Picture) -> float:
    """The standard deviation of a picture's noise, of 255 (Immerkaer 1996; by the median, which edges move less)."""
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    response = cv2.filter2D(picture.astype(np.float32), -1, kernel)
    return float(np.median(np.abs(response)) / 0.6745 / _NOISE_IN_LAPLACIAN)
