"""Films that are picture files: GIF and animated WebP, RGB or RGBA."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from fenshen.errors import FenshenError

if TYPE_CHECKING:
    from PIL import Image


def webp(path: Path, pictures: Iterable[UInt8[ndarray, "H W C"]], fps: float) -> None:
    """Write an animated WebP, beside its place and moved there.

    Raises:
        FenshenError: it cannot be written.
    """
    from PIL import Image

    first, *rest = (Image.fromarray(picture) for picture in pictures)
    part, duration = path.with_name(f".{path.name}.part"), round(1000 / fps)
    try:
        first.save(part, "WEBP", save_all=True, append_images=rest, duration=duration, loop=0, quality=90)
        os.replace(part, path)
    except OSError as error:
        raise FenshenError("video.cannot_write", path=path, why=error.strerror or error) from error
    finally:
        part.unlink(missing_ok=True)


def gif(path: Path, pictures: Iterable[UInt8[ndarray, "H W C"]], fps: float) -> None:
    """Write a GIF, where it is said; what is half transparent there is all or nothing.

    Raises:
        OSError: it cannot be written.
        ValueError: there are no pictures, or they differ in size.
    """
    images = [_indexed(picture) for picture in pictures]
    if len({image.size for image in images}) != 1:
        raise ValueError("a video needs pictures, all of one size")
    # GIF counts hundredths of a second, and viewers slow down what is faster than two of them.
    duration = max(20, round(1000 / fps / 10) * 10)
    # A frame is taken away before the next: else what is transparent there would still show this one.
    disposal = 2 if "transparency" in images[0].info else 0
    images[0].save(
        path, save_all=True, append_images=images[1:], duration=duration, loop=0, disposal=disposal
    )


def _indexed(picture: UInt8[ndarray, "H W C"]) -> Image.Image:
    """In 256 colours; of RGBA the last is none, for what is more transparent than not."""
    from PIL import Image

    dither = Image.Dither.FLOYDSTEINBERG
    if picture.shape[2] == 3:
        return Image.fromarray(picture).quantize(dither=dither)
    clear = picture[..., 3] < 128
    image = Image.fromarray(np.where(clear[..., None], np.uint8(255), picture[..., :3]))
    image = image.quantize(255, dither=dither)
    image.putpalette(((image.getpalette() or []) + 768 * [255])[:768])  # used ones first, the last one white
    image.paste(255, mask=Image.fromarray(clear))
    image.info["transparency"] = 255
    return image
