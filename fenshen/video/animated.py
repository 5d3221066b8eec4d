"""Films that are picture files: GIF and animated WebP, RGB or RGBA."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

if TYPE_CHECKING:
    from PIL import Image


def webp(
    path: Path, pictures: Iterable[UInt8[ndarray, "H W C"]], fps: float, xmp: bytes | None = None
) -> None:
    """Write an animated WebP, with a packet of metadata if there is one.

    Raises:
        OSError: it cannot be written.
        ValueError: there are no pictures, or they differ in size.
    """
    from PIL import Image

    images = _alike(Image.fromarray(picture) for picture in pictures)
    duration = round(1000 / fps)
    more = {"xmp": xmp} if xmp else {}
    images[0].save(
        path, "WEBP", save_all=True, append_images=images[1:], duration=duration, loop=0, quality=90, **more
    )


def gif(
    path: Path, pictures: Iterable[UInt8[ndarray, "H W C"]], fps: float, xmp: bytes | None = None
) -> None:
    """Write a GIF; its pixels are either opaque or fully transparent. Pillow has no room in it for metadata.

    Raises:
        OSError: it cannot be written.
        ValueError: there are no pictures, or they differ in size.
    """
    images = _alike(_indexed(picture) for picture in pictures)
    # GIF counts hundredths of a second, and viewers slow down what is faster than two of them.
    duration = max(20, round(1000 / fps / 10) * 10)
    # A frame is taken away before the next: else what is transparent there would still show this one.
    disposal = 2 if "transparency" in images[0].info else 0
    images[0].save(
        path, save_all=True, append_images=images[1:], duration=duration, loop=0, disposal=disposal
    )


WRITERS = {".gif": gif, ".webp": webp}


def _alike(pictures: Iterable[Image.Image]) -> list[Image.Image]:
    images = list(pictures)
    if len({image.size for image in images}) != 1:
        raise ValueError("a video needs pictures, all of one size")
    return images


def _indexed(picture: UInt8[ndarray, "H W C"]) -> Image.Image:
    """Reduce to 256 colours; for RGBA the last one is transparent."""
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
