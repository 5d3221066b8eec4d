"""Reading and writing pictures from cameras, phones and web pages, as plain sRGB pixels.

Every file is hostile until it is decoded: the header's size is checked before any pixel is, only picture
formats are tried, and a file cut short is refused rather than filled with grey.
"""

from __future__ import annotations

import importlib
import io
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from fenshen import files
from fenshen.errors import FenshenError, UsageError

if TYPE_CHECKING:
    from PIL import Image, ImageCms
    from PIL.PngImagePlugin import PngInfo

Colour = tuple[int, int, int]
Fit = Literal["crop", "pad", "stretch"]

WHITE: Colour = (255, 255, 255)
MAX_PIXELS = 178_956_970  # Pillow's own ceiling: half a gigabyte of RGB
MAX_BYTES = 1 << 30
SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".bmp", ".dib", ".tif", ".tiff"}
    | {".gif", ".avif", ".heic", ".heif"}
)
_WANTED = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "TIFF", "GIF", "AVIF", "HEIF")
_WRITERS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
_IMAGE_DESCRIPTION = 0x010E  # the EXIF tag that carries our text where the format has no text chunks


class PictureError(FenshenError):
    """The file is not a picture, or not a whole one; ``detail`` is the reason in a few technical words."""

    def __init__(self, key: str, detail: str, **values: object) -> None:
        self.detail = detail
        super().__init__(key, detail=detail, **values)


def read(
    source: Path | str | bytes,
    *,
    ground: Colour = WHITE,
    at_least: int | None = None,
    name: str | None = None,
) -> UInt8[ndarray, "H W 3"]:
    """Decode a picture to sRGB: turned upright, colours converted, transparency laid on ``ground``.

    JPEG, PNG, WebP, BMP, TIFF, GIF and AVIF (the first frame of each), and HEIC where ``pillow-heif`` is.

    Args:
        source: a file, or the bytes of one.
        ground: what shows through transparent parts.
        at_least: a JPEG may come at a half, quarter or eighth of its size (which is much faster), so long as
            its shorter side keeps this many pixels.
        name: what to call ``source`` in an error; its path if left out.

    Raises:
        PictureError: not a picture, damaged, cut short, or larger than :data:`MAX_PIXELS`.
    """
    with opened(source, name) as picture:
        if at_least is not None:
            scale = max(1.0, min(picture.size) / at_least)
            picture.draft(None, (int(picture.width / scale), int(picture.height / scale)))
        return _to_srgb(picture, ground)


@contextmanager
def opened(source: Path | str | bytes, name: str | None = None) -> Iterator[Image.Image]:
    """A picture whose header was read; whatever a decoder raises inside becomes a PictureError."""
    from PIL import Image, UnidentifiedImageError

    label = name or ("the picture" if isinstance(source, bytes) else str(source))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            stream = io.BytesIO(source) if isinstance(source, bytes) else source
            with Image.open(stream, formats=_formats()) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    raise Image.DecompressionBombError(f"{picture.width} x {picture.height} pixels")
                yield picture
    except UnidentifiedImageError as error:
        raise PictureError("portraits.not_a_picture", "not a picture", path=label) from error
    except Image.DecompressionBombError as error:
        raise PictureError("portraits.too_large", str(error), path=label) from error
    except FileNotFoundError as error:
        raise PictureError("portraits.missing", "no such file", path=label) from error
    except Exception as error:  # decoders raise whatever they like on broken bytes
        if isinstance(error, OSError) and error.errno is not None:  # not the picture is at fault
            why = files.reason(error)
            raise PictureError("files.cannot_read", why, path=label, why=why) from error
        detail = str(error) or type(error).__name__
        raise PictureError("portraits.damaged", detail, path=label) from error


def dimensions(source: Path | str | bytes) -> tuple[int, int]:
    """Width and height as the header says them, before any turning; nothing is decoded.

    Raises:
        PictureError: not a picture, a damaged header, or larger than :data:`MAX_PIXELS`.
    """
    with opened(source) as picture:
        return picture.size


def _to_srgb(picture: Image.Image, ground: Colour) -> UInt8[ndarray, "H W 3"]:
    from PIL import Image, ImageOps

    profile = picture.info.get("icc_profile")
    picture.load()
    ImageOps.exif_transpose(picture, in_place=True)
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        return _from_deep(picture)
    if picture.mode in ("P", "PA", "1") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
    alpha = picture.getchannel("A") if picture.mode in ("RGBA", "LA") else None
    if picture.mode not in ("RGB", "L", "CMYK"):
        picture = picture.convert("L" if picture.mode == "LA" else "RGB")
    picture = _apply_profile(picture, profile)
    if picture.mode != "RGB":
        picture = picture.convert("RGB")
    if alpha is not None and alpha.getextrema() != (255, 255):
        picture = Image.composite(picture, Image.new("RGB", picture.size, ground), alpha)
    return np.array(picture)


def _from_deep(picture: Image.Image) -> UInt8[ndarray, "H W 3"]:
    """Grey of 16 or 32 bits, which Pillow would clip at 255 rather than scale."""
    values = np.asarray(picture).astype(np.float32)
    brightest = float(values.max(initial=0.0))
    top = 1.0 if picture.mode == "F" and brightest <= 1.0 else 255.0 if brightest <= 255.0 else 65535.0
    if picture.mode.startswith("I;16"):
        top = 65535.0
    grey = np.clip(values / top * 255.0 + 0.5, 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def _apply_profile(picture: Image.Image, profile: bytes | None) -> Image.Image:
    from PIL import ImageCms

    if not profile:
        return picture
    try:
        transform = _transform(profile, picture.mode)
        return picture if transform is None else ImageCms.applyTransform(picture, transform) or picture
    except (ImageCms.PyCMSError, OSError, ValueError):  # a broken profile is no reason to lose the picture
        return picture


@lru_cache(maxsize=8)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """The transform from an embedded profile to sRGB; None if it would change no colour, as in most pictures."""
    from PIL import Image, ImageCms

    embedded = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    transform = ImageCms.buildTransform(embedded, ImageCms.createProfile("sRGB"), mode, "RGB")
    if mode == "RGB":
        cube = (
            np.stack(np.meshgrid(*[np.linspace(0, 255, 5)] * 3), axis=-1).astype(np.uint8).reshape(5, 25, 3)
        )
        turned = ImageCms.applyTransform(Image.fromarray(cube), transform)
        if np.abs(np.asarray(turned).astype(int) - cube).max() <= 2:
            return None
    return transform


@cache
def _formats() -> tuple[str, ...]:
    """The formats that Pillow may try: no PostScript, no exotica, HEIC if its plugin is installed."""
    from PIL import Image

    with suppress(ImportError):
        importlib.import_module("pillow_heif").register_heif_opener()
    Image.init()
    return tuple(kind for kind in _WANTED if kind in Image.OPEN)


def write(
    path: Path | str,
    picture: UInt8[ndarray, "H W C"],
    text: Mapping[str, str] | None = None,
    xmp: bytes | None = None,
) -> None:
    """Write a PNG, JPEG or WebP file, RGB or RGBA (not in a JPEG).

    Args:
        text: what the file says about itself (seed, model, licence): text chunks of a PNG, a JSON object in
            the EXIF description of the others. :func:`read_text` reads it back.
        xmp: a packet of metadata.

    Raises:
        UsageError: the suffix is none of .png, .jpg, .jpeg, .webp.
        FenshenError: the file cannot be written.
    """
    from PIL import Image

    path = Path(path)
    kind = _WRITERS.get(path.suffix.lower())
    if kind is None:
        raise UsageError("portraits.unknown_suffix", path=path, suffixes=", ".join(_WRITERS))
    options: dict[str, object] = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"quality": 95}}.get(
        kind, {}
    )  # type: ignore[assignment]
    if xmp and kind != "PNG":
        options["xmp"] = xmp
    if kind == "PNG":
        options["pnginfo"] = png_text(text, xmp)
    elif text:
        exif = Image.Exif()
        exif[_IMAGE_DESCRIPTION] = json.dumps(dict(text))
        options["exif"] = exif
    image = Image.fromarray(np.ascontiguousarray(picture))
    with files.writing(path) as part:
        image.save(part, kind, **options)


def png_text(text: Mapping[str, str] | None = None, xmp: bytes | None = None) -> PngInfo:
    """The text chunks of a PNG."""
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    for key, value in (text or {}).items():
        info.add_itxt(key, value)
    if xmp:
        info.add_itxt("XML:com.adobe.xmp", xmp.decode())
    return info


def read_text(path: Path | str) -> dict[str, str]:
    """What :func:`write` was given as ``text``; empty where the file says nothing."""
    from PIL import Image, UnidentifiedImageError

    try:
        with files.refusals(path), Image.open(path, formats=_formats()) as picture:
            if picture.format == "PNG":
                picture.load()
                return {key: str(value) for key, value in getattr(picture, "text", {}).items()}
            said = json.loads(picture.getexif().get(_IMAGE_DESCRIPTION, "{}"))
            return {str(key): str(value) for key, value in said.items()} if isinstance(said, dict) else {}
    except UnidentifiedImageError as error:
        raise PictureError("portraits.not_a_picture", "not a picture", path=path) from error
    except (OSError, ValueError, TypeError) as error:
        raise PictureError("portraits.damaged", str(error), path=path) from error


def resize(
    picture: UInt8[ndarray, "H W 3"], size: int, fit: Fit = "crop", ground: Colour = WHITE
) -> UInt8[ndarray, "size size 3"]:
    """A square of side ``size``, antialiased.

    Args:
        fit: ``crop`` keeps the middle square, ``pad`` shows all of it on ``ground``, ``stretch`` distorts.
    """
    from PIL import Image

    height, width = picture.shape[:2]
    image = Image.fromarray(np.ascontiguousarray(picture))
    if fit == "pad":
        scale = size / max(height, width)
        inner = (max(1, round(width * scale)), max(1, round(height * scale)))
        square = Image.new("RGB", (size, size), ground)
        square.paste(
            image.resize(inner, Image.Resampling.LANCZOS, reducing_gap=3.0),
            ((size - inner[0]) // 2, (size - inner[1]) // 2),
        )
        return np.array(square)
    side = min(height, width)
    left, top = (width - side) / 2, (height - side) / 2
    box = (left, top, left + side, top + side) if fit == "crop" else None
    return np.array(image.resize((size, size), Image.Resampling.LANCZOS, box=box, reducing_gap=3.0))


def page(
    pictures: Sequence[UInt8[ndarray, "_ _ 3"]], width: int, gap: int = 4, ground: Colour = WHITE
) -> UInt8[ndarray, "page_H page_W 3"]:
    """Pictures of any sizes in rows that are at most ``width`` pixels wide, in their order, none of them resized."""
    rows, used = list[list[UInt8[ndarray, "_ _ 3"]]](), 0
    for picture in pictures:
        if not rows or used + gap + picture.shape[1] > width:
            rows.append([])
            used = -gap
        rows[-1].append(picture)
        used += gap + picture.shape[1]
    heights = [max(len(picture) for picture in row) for row in rows]
    widest = max(sum(picture.shape[1] + gap for picture in row) - gap for row in rows)
    whole = np.full((sum(heights) + gap * (len(rows) - 1), widest, 3), ground, np.uint8)
    top = 0
    for row, height in zip(rows, heights, strict=True):
        left = 0
        for picture in row:
            whole[top : top + len(picture), left : left + picture.shape[1]] = picture
            left += picture.shape[1] + gap
        top += height + gap
    return whole


def sheet(
    pictures: UInt8[ndarray, "N H W C"], columns: int, gap: int = 0, ground: Colour = WHITE
) -> UInt8[ndarray, "sheet_H sheet_W C"]:
    """A contact sheet, row by row; cells left over and the ``gap`` pixels between cells show ``ground``.

    A sheet of RGBA pictures is transparent there.
    """
    count, height, width, channels = pictures.shape
    columns = min(columns, count)
    rows = -(-count // columns)
    canvas = np.zeros((rows * (height + gap) - gap, columns * (width + gap) - gap, channels), dtype=np.uint8)
    if channels == 3:
        canvas[:] = ground
    for i, picture in enumerate(pictures):
        top, left = i // columns * (height + gap), i % columns * (width + gap)
        canvas[top : top + height, left : left + width] = picture
    return canvas
