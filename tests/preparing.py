"""What the tests of ``prepare`` share: small pictures, and a short way to prepare them."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from fenshen import portraits
from fenshen.dataset import Dataset
from fenshen.preparation.prepare import prepare
from fenshen.preparation.refusals import PrepareSummary


def noise(seed: int, side: int = 64) -> np.ndarray:
    """A picture that resembles no other."""
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))


def folder_of(path: Path, count: int, start: int = 0) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    for i in range(start, start + count):
        portraits.write(path / f"{i:03}.png", noise(i))
    return path


def make(words: list, out: Path, **options) -> PrepareSummary:
    options = {"size": 32, "crop": "none", "workers": 1, "progress": False, **options}
    return prepare(words, out, **options).report


def refusals(out: Path) -> dict[str, str]:
    rows = Dataset(out).rejected.to_pylist()
    return {Path(row["source"]).name: row["reason"] for row in rows}


def contents(out: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(out.iterdir())}


def portraits_bytes(picture: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG")
    return stream.getvalue()


def png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    header = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + header + struct.pack(">I", 1000) + b"IDAT" + bytes(40)
