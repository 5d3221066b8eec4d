"""What the invisible mark costs, how visible it is, and what it survives.

Portraits by the base model, with two colours of hair and grounds of every kind, enlarged to each size; each gets a mark
of its own and is then worn. A mark counts as read when its identity comes back right. Videos are written with H.264 at
crf 23 and read as ``fenshen verify`` reads them. False marks are looked for in unmarked pictures, as they are and under
4096 trims; how the agreement of noise is distributed, before version and checksum let one reading in 2^18 pass, is
drawn from Gaussian noise and extrapolated. Milliseconds are processor time of one thread.
"""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import UInt8
from numpy import ndarray
from PIL import Image
from reporting import Figure, parser, progress, report

from fenshen import drawing, video
from fenshen.model import Model
from fenshen.provenance import watermark
from fenshen.provenance.watermark import Watermark, detect

Picture = UInt8[ndarray, "H W 3"]
_GOALS_MS = {128: 2.0, 256: 4.0}
_CLIP = 25  # frames


def scaled(picture: Picture, factor: float) -> Picture:
    """Enlarged or reduced."""
    size = (round(picture.shape[1] * factor), round(picture.shape[0] * factor))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))


def jpeg(picture: Picture, quality: int = 50) -> Picture:
    """After saving as JPEG."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def trimmed(picture: Picture) -> Picture:
    """With 4 % cut off one side, 2 % off the next."""
    wide, narrow = round(0.04 * len(picture)), round(0.02 * len(picture))
    return np.ascontiguousarray(picture[wide:, narrow:-wide])


WEAR: dict[str, Callable[[Picture], Picture]] = {
    "jpeg_50": jpeg,
    "three_quarters": lambda p: scaled(p, 0.75),
    "one_and_a_half": lambda p: scaled(p, 1.5),
    "three_quarters_jpeg_75": lambda p: jpeg(scaled(p, 0.75), 75),
    "mirrored": lambda p: np.ascontiguousarray(p[:, ::-1]),
    "trimmed": trimmed,
    "trimmed_jpeg_75": lambda p: jpeg(trimmed(p), 75),
}


def survival(faces: UInt8[ndarray, "N 128 128 3"], size: int) -> list[Figure]:
    """How many marks come back, in percent, and how loud they are."""
    read, loud = dict.fromkeys(WEAR, 0), []
    for index, face in enumerate(faces):
        picture = scaled(face, size / 128)
        mark = Watermark(f"{index * 2654435761 % 2**32:08x}")
        marked = mark.on(picture)
        loud.append(np.mean((marked.astype(float) - picture) ** 2))
        for name, wear in WEAR.items():
            found = detect(wear(marked))
            read[name] += found is not None and found.identity == mark.identity
    decibels = 10 * np.log10(255**2 / np.array(loud))
    goals = {"jpeg_50": 100.0, "three_quarters": 100.0, "one_and_a_half": 100.0}
    return [
        Figure(f"psnr_min_{size}", round(float(decibels.min()), 1), 38.0, 0, "dB", "higher"),
        Figure(f"psnr_mean_{size}", round(float(decibels.mean()), 1), None, 0, "dB", "higher"),
        *(
            Figure(f"{name}_{size}", round(100 * count / len(faces), 1), goals.get(name), 0, "%", "higher")
            for name, count in read.items()
        ),
    ]


def in_video(faces: UInt8[ndarray, "N 128 128 3"], size: int, clips: int) -> Figure:
    """How many short H.264 videos of people who turn into one another are recognised, in percent."""
    read, way = 0, np.linspace(0, 1, _CLIP)[:, None, None, None]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        for index in range(clips):
            mark = Watermark(f"{index * 2654435761 % 2**32:08x}")
            frames = np.rint(faces[index] * (1 - way) + faces[index + 1] * way).astype(np.uint8)
            video.write(path, (mark.on(scaled(frame, size / 128)) for frame in frames), 25, crf=23)
            found = detect(frame.picture for frame in video.frames(path))
            read += found is not None and found.identity == mark.identity
    return Figure(f"h264_crf23_{size}", round(100 * read / clips, 1), 100.0, 0, "%", "higher")


def cost(face: Picture, size: int, repeats: int) -> Figure:
    """Milliseconds of processor time to mark a picture: the median."""
    picture, mark, took = scaled(face, size / 128), Watermark("0123abcd"), []
    for _ in range(repeats):
        started = time.process_time()
        mark.on(picture)
        took.append(time.process_time() - started)
    return Figure(
        f"mark_{size}", round(1000 * float(np.median(took)), 2), _GOALS_MS.get(size), 0, "ms", "lower"
    )


def false_marks(faces: UInt8[ndarray, "N 128 128 3"], readings: int) -> list[Figure]:
    """Marks in pictures without one, and how often noise would be taken for one."""
    found = sum(detect(face) is not None for face in faces)
    random, band = np.random.default_rng(0), watermark._pattern().where
    agreement = np.concatenate(
        [
            watermark._decode(random.standard_normal((2000, len(band)), dtype=np.float32))[2]
            for _ in range(readings // 2000)
        ]
    )
    plain = 2 * float(np.mean(agreement > watermark._SURE))
    height = (watermark._SURE_OF_CROP - agreement.mean()) / (1.1 * agreement.std())
    tail = np.exp(-(height**2) / 2) / (height * np.sqrt(2 * np.pi))
    rate = (plain + 2 * len(watermark._CROPS) ** 4 * float(tail)) / 2**18
    return [
        Figure("false_marks_seen", found, 0, 0, f"of {len(faces)}", "lower"),
        Figure("false_mark_rate", float(f"{rate:.1e}"), 1e-6, 0, "a picture", "lower"),
    ]


def main() -> None:
    """Measure, and print one JSON object."""
    quick = parser(__doc__).parse_args().quick
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    count, sizes = (12, (128, 256)) if quick else (64, (128, 256, 512, 1024))
    model = Model.load("humans")
    faces = drawing.draw(model, [drawing.request_of_seed(model, seed) for seed in range(count)])
    figures = [cost(faces[0], size, 50 if quick else 200) for size in sizes]
    for size in sizes:
        progress(f"{count} portraits of {size} px")
        figures += survival(faces, size)
        figures.append(in_video(faces, size, 3 if quick else 10))
    progress("pictures without a mark")
    figures += false_marks(faces, 20_000 if quick else 200_000)
    report("watermark", figures)


if __name__ == "__main__":
    main()
