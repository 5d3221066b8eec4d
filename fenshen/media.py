"""What generators draw, and how it passes between arrays, as they lie on disk, and tensors, as networks see them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

if TYPE_CHECKING:  # datasets are also opened by commands that need no networks
    import torch
    from torch import Tensor

    from fenshen.provenance.mark import Mark


@dataclass(frozen=True)
class Medium:
    """A kind of thing that is drawn.

    Attributes:
        name: such as ``pictures``.
        shape: of one sample as a tensor, by a network's size and dimensions.
        encode: arrays to what networks see, in about [-1, 1], on a device.
        decode: the inverse; what lies outside is clipped where the arrays cannot hold it.
        show: one picture of many samples, whose data came from the named origins; None: samples are pictures.
        others: by suffix, what else writes samples into a file, with their marks.
        discrete: arrays hold choices, whole numbers below a network's dimensions; networks see them one-hot.
        raster: they are pictures, square and with a side that is a power of two, which may be shrunk and mirrored.
        axes: of the arrays, those along which samples can be of any length.
    """

    name: str
    shape: Callable[[int, int], tuple[int, ...]]
    encode: Callable[[ndarray, torch.device | str], Tensor]
    decode: Callable[[Tensor], ndarray]
    show: Callable[[ndarray, Sequence[str]], UInt8[ndarray, "H W 3"]] | None = None
    others: Mapping[str, Callable[[ndarray, Sequence[str], Path, Mark], None]] = field(default_factory=dict)
    discrete: bool = False
    raster: bool = False
    axes: tuple[int, ...] = (1, 2)


def to_pixels(pictures: Float[Tensor, "B 3 H W"]) -> UInt8[ndarray, "B H W 3"]:
    """[-1, 1] to 0 ... 255; -1 is 0, 1 is 255, what lies outside is clipped."""
    import torch

    scaled = pictures.float().mul(127.5).add(127.5).round().clamp(0, 255)
    return np.ascontiguousarray(scaled.to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy())


def from_pixels(
    pixels: UInt8[ndarray, "B H W 3"], device: torch.device | str = "cpu"
) -> Float[Tensor, "B 3 H W"]:
    """0 ... 255 to [-1, 1], in channels_last order; they travel to the device as bytes."""
    import torch

    return torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2).float().div(127.5).sub(1)


SIDES = (32, 512)  # px: smallest and largest side of pictures of any size
MULTIPLE = 16  # px: sides of the pictures that networks of any size see are divisible by it


def canvas(size: Sequence[int]) -> tuple[int, ...]:
    """Sides of a picture, rounded up to what networks of any size see."""
    return tuple(-(-side // MULTIPLE) * MULTIPLE for side in size)


PICTURES = Medium(
    "pictures", lambda side, colours: (colours, side, side), from_pixels, to_pixels, raster=True
)
