"""Reading and writing grey pictures of 16 bits, as scanners and microscopes make them.

Values are kept as they were measured: nothing is brought to 8 bits, and nothing to colour. PNG and TIFF of 8, 16 and 32
bits, every page of a TIFF; DICOM with ``pydicom``, every frame, rescaled to its own unit (Hounsfield's, say). Of a
DICOM file only the pixels are read: no name, no date, no number of a patient.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Float, Float32, UInt8, UInt16
from numpy import ndarray

from fenshen import files, portraits
from fenshen.errors import FenshenError
from fenshen.media import Medium
from fenshen.portraits import MAX_PIXELS, PictureError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

FULL = 65535  # of 16 bits
_FEWEST_LEVELS = 256  # of what is written, as whole numbers of its own unit
_DICOM_AT, _DICOM = 128, b"DICM"

Greys = UInt16[ndarray, "N H W"]
AnyGreys = UInt16[ndarray, "..."]


class Levels(NamedTuple):
    """What 0 and 65535 stand for, in the unit of the files."""

    low: float
    high: float

    def values(self, greys: AnyGreys) -> Float[ndarray, "..."]:
        """In the unit of the files."""
        return self.low + greys.astype(np.float64) * ((self.high - self.low) / FULL)

    def greys(self, values: Float[ndarray, "*S"]) -> UInt16[ndarray, "*S"]:
        """In 16 bits; what lies outside is clipped."""
        share = (values.astype(np.float64) - self.low) / (self.high - self.low)
        return np.rint(np.clip(share, 0, 1) * FULL).astype(np.uint16)

    def stored(self, greys: UInt16[ndarray, "*S"]) -> tuple[UInt16[ndarray, "*S"], float, float]:
        """As whole numbers that a file of 16 bits holds, with the slope and the intercept that give the values.

        Where the unit allows it these numbers are the values themselves.
        """
        whole = self.high - self.low >= _FEWEST_LEVELS - 1
        if whole and self.low >= 0 and self.high <= FULL:
            slope, intercept = 1.0, 0.0
        elif whole and np.ceil(self.high) - np.floor(self.low) <= FULL:
            slope, intercept = 1.0, float(np.floor(self.low))
        else:
            slope, intercept = (self.high - self.low) / FULL, self.low
        numbers = (self.values(greys) - intercept) / slope
        return np.rint(np.clip(numbers, 0, FULL)).astype(np.uint16), slope, intercept


def read(source: bytes, name: str) -> list[Float32[ndarray, "H W"]]:
    """The pictures in a file, in its own unit.

    Args:
        name: what to call the file in an error.

    Raises:
        PictureError: no picture of grey values, damaged, or larger than ``MAX_PIXELS``.
        FenshenError: it is DICOM, and ``pydicom`` is not installed.
    """
    if source[_DICOM_AT : _DICOM_AT + len(_DICOM)] == _DICOM:
        return _read_dicom(source, name)
    with portraits.opened(source, name) as picture:
        pages = []
        for page in range(getattr(picture, "n_frames", 1)):
            picture.seek(page)
            if picture.width * picture.height * (page + 1) > MAX_PIXELS:
                raise PictureError("portraits.too_large", f"{page + 1} pages", path=name)
            pages.append(_grey(picture, name))
    return pages


def _grey(picture: Any, name: str) -> Float32[ndarray, "H W"]:
    if picture.mode not in ("L", "I", "F") and not picture.mode.startswith("I;16"):
        values = np.asarray(picture.convert("RGB"))
        if (values != values[..., :1]).any():
            raise PictureError("greys.colour", "colours", path=name)
        return values[..., 0].astype(np.float32)
    return _finite(np.asarray(picture).astype(np.float32), name)


def _read_dicom(source: bytes, name: str) -> list[Float32[ndarray, "H W"]]:
    try:
        import pydicom
        from pydicom.pixels.processing import apply_modality_lut
    except ImportError as error:
        raise FenshenError("greys.no_pydicom", path=name) from error
    try:
        file = pydicom.dcmread(io.BytesIO(source))
        kind = str(file.PhotometricInterpretation)
        if kind not in ("MONOCHROME1", "MONOCHROME2"):
            raise PictureError("greys.colour", kind, path=name)
        frames = int(file.get("NumberOfFrames") or 1)
        if int(file.Rows) * int(file.Columns) * frames > MAX_PIXELS:
            raise PictureError("portraits.too_large", f"{frames} frames", path=name)
        stored = file.pixel_array
        if kind == "MONOCHROME1":  # whose low numbers are bright
            stored = (-1 if file.PixelRepresentation else 2**file.BitsStored - 1) - stored.astype(np.int64)
        values = np.asarray(apply_modality_lut(stored, file), np.float32)
    except FenshenError:
        raise
    except Exception as error:  # pydicom raises whatever it likes on broken bytes
        raise PictureError("portraits.damaged", str(error) or type(error).__name__, path=name) from error
    return [_finite(frame, name) for frame in values.reshape(-1, *values.shape[-2:])]


def _finite(values: Float32[ndarray, "H W"], name: str) -> Float32[ndarray, "H W"]:
    if not np.isfinite(values).all():
        raise PictureError("greys.not_finite", "NaN", path=name)
    return values


def write(
    path: Path,
    numbers: UInt16[ndarray, "H W"],
    text: Mapping[str, str] | None = None,
    xmp: bytes | None = None,
) -> None:
    """Write a PNG of one channel of 16 bits.

    Args:
        text: chunks of text, which ``portraits.read_text`` reads back.
        xmp: a packet of metadata.

    Raises:
        FenshenError: the file cannot be written.
    """
    from PIL import Image

    with files.writing(path) as part:
        Image.fromarray(np.ascontiguousarray(numbers)).save(
            part, "PNG", pnginfo=portraits.png_text(text, xmp)
        )


def seen(greys: AnyGreys) -> UInt8[ndarray, "... 3"]:
    """For an eye, or a network, that sees three colours of 8 bits."""
    eight = ((greys.astype(np.uint32) * 255 + FULL // 2) // FULL).astype(np.uint8)
    return np.repeat(eight[..., None], 3, axis=-1)


def labelled(
    greys: UInt16[ndarray, "H W"], put: Callable[[UInt8[ndarray, "H W 3"]], UInt8[ndarray, "h W 3"]]
) -> UInt16[ndarray, "h W"]:
    """With a label that is drawn on a picture of 8 bits; what it does not cover keeps all of its 16.

    Args:
        put: draws the label, on the picture or below it.
    """
    eight = seen(greys)
    marked = put(eight)
    whole = np.zeros(marked.shape[:2], np.uint16)
    whole[: len(greys)] = greys
    covered = np.ones(whole.shape, bool)
    covered[: len(greys)] = (marked[: len(greys)] != eight).any(axis=-1)
    whole[covered] = np.rint(marked.mean(axis=-1)[covered] * (FULL / 255)).astype(np.uint16)
    return whole


def sheet(greys: Greys, columns: int) -> UInt16[ndarray, "sheet_H sheet_W"]:
    """Pictures row by row; black where there are none."""
    count, height, width = greys.shape
    columns = min(columns, count)
    whole = np.zeros((-(-count // columns) * height, columns * width), np.uint16)
    for i, grey in enumerate(greys):
        top, left = i // columns * height, i % columns * width
        whole[top : top + height, left : left + width] = grey
    return whole


def enlarged(grey: UInt16[ndarray, "H W"], scale: int) -> UInt16[ndarray, "h w"]:
    """So many times as large, by cubic interpolation."""
    import cv2

    whole = cv2.resize(grey.astype(np.float32), None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    return np.rint(np.clip(whole, 0, FULL)).astype(np.uint16)


def encode(greys: Greys, device: torch.device | str = "cpu") -> Float[Tensor, "B 1 H W"]:
    """0 ... 65535 to [-1, 1]."""
    import torch

    return torch.from_numpy(greys.astype(np.float32)).to(device).div(FULL / 2).sub(1)[:, None]


def decode(pictures: Float[Tensor, "B 1 H W"]) -> Greys:
    """The inverse; what lies outside is clipped."""
    scaled = pictures.float().add(1).mul(FULL / 2).round().clamp(0, FULL)
    return scaled[:, 0].cpu().numpy().astype(np.uint16)


def show(greys: Greys, origin: Sequence[str] = ()) -> UInt8[ndarray, "H W 3"]:
    """A sheet of eight columns, for the eye."""
    return seen(sheet(greys, 8))


GREYS = Medium("greys", lambda side, _: (1, side, side), encode, decode, show, raster=True)
