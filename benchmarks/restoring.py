"""What ``fenshen restore`` adds to the plain methods: PSNR on drawn people it has not seen, and real photographs.

Sixteen people (``--quick``: four) are drawn at 256 px and damaged as said; then the plain method restores them (the
best of several strengths, chosen by the true picture, which favours it), and the model that comes with Fenshen. On real
photographs, given with ``--photographs``, both are compared by the cosine distance of MobileNet's features from the
undamaged photograph, which is smaller for the better one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import UInt8
from numpy import ndarray
from reporting import Figure, parser, progress, report

from fenshen import portraits
from fenshen.data.damage import FewPixels, Holes, filled, through_jpeg, with_noise
from fenshen.humans import sample
from fenshen.humans.render import render
from fenshen.humans.sampler import sample_camera, sample_controls
from fenshen.metrics.features import Features
from fenshen.metrics.meters import psnr
from fenshen.pictures.restorer import Restorer, open_restorer, squares_around
from fenshen.pictures.tasks import Begun

Picture = UInt8[ndarray, "H W 3"]

_FIRST = 700_000  # seed of the first person: none of the model's training
_SIDE = 256
_GOAL = 2.0  # dB


class Case(NamedTuple):
    """A damaged picture, and what plain methods make of it."""

    begun: Begun
    plain: list[Picture]


def inpaint(true: Picture, numbers: np.random.Generator) -> Case:
    """Scratches, spots, boxes, dates; Telea 2004."""
    _, missing = Holes().apply(true, numbers)
    if missing is None or not missing.any():
        return inpaint(true, numbers)
    damaged = np.where(missing[..., None], 127, true).astype(np.uint8)
    methods = (cv2.INPAINT_TELEA, cv2.INPAINT_NS)
    plain = [cv2.inpaint(damaged, missing.astype(np.uint8), r, m) for r in (3, 7) for m in methods]
    return Case(Begun(filled(damaged, missing), plain[0], missing), plain)


def upscale(true: Picture, numbers: np.random.Generator) -> Case:
    """A quarter of the side; bicubic and Lanczos interpolation."""
    small = cv2.resize(true, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    plain = [
        cv2.resize(small, true.shape[1::-1], interpolation=m) for m in (cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)
    ]
    return Case(Begun(FewPixels.enlarged(true, 4), plain[0]), plain)


def deblur(true: Picture, numbers: np.random.Generator) -> Case:
    """A Gaussian of 2 px and noise of 1; unsharp masking and Wiener's filter, which is told both."""
    damaged = with_noise(cv2.GaussianBlur(true, (0, 0), 2.0), 1.0, numbers)
    soft = [cv2.GaussianBlur(damaged, (0, 0), sigma) for sigma in (1.0, 2.0, 3.0)]
    plain = [cv2.addWeighted(damaged, 1 + a, s, -a, 0) for s in soft for a in (0.5, 1.0, 2.0)]
    plain += [_wiener(damaged, 2.0, ratio) for ratio in (3e-4, 1e-3, 3e-3, 1e-2)]
    return Case(Begun(damaged, damaged), plain)


def _wiener(picture: Picture, sigma: float, ratio: float) -> Picture:
    """Wiener's filter for a Gaussian blur: G = conj(H) / (|H|^2 + noise over signal), at mirrored edges."""
    edge = 32
    x = np.pad(picture.astype(np.float64), ((edge, edge), (edge, edge), (0, 0)), mode="reflect")
    fy, fx = (np.fft.fftfreq(side) for side in x.shape[:2])
    blur = np.exp(-2 * (np.pi * sigma) ** 2 * (fy[:, None] ** 2 + fx[None, :] ** 2))
    gain = (blur / (blur**2 + ratio))[..., None]
    sharp = np.fft.ifft2(np.fft.fft2(x, axes=(0, 1)) * gain, axes=(0, 1)).real
    return np.clip(np.round(sharp[edge:-edge, edge:-edge]), 0, 255).astype(np.uint8)


def denoise(true: Picture, numbers: np.random.Generator) -> Case:
    """Normal noise of 25; non-local means."""
    damaged = with_noise(true, 25, numbers)
    plain = [cv2.fastNlMeansDenoisingColored(damaged, None, h, h, 7, 21) for h in (10, 15, 20, 25, 30)]
    return Case(Begun(damaged, plain[2]), plain)


def jpeg(true: Picture, numbers: np.random.Generator) -> Case:
    """Quality 10; the picture itself, and bilateral filters."""
    damaged = through_jpeg(true, 10)
    plain = [damaged, *(cv2.bilateralFilter(damaged, 7, c, 3) for c in (10, 20, 30))]
    return Case(Begun(damaged, damaged), plain)


TASKS: dict[str, Callable[[Picture, np.random.Generator], Case]] = {
    f.__name__: f for f in (inpaint, upscale, deblur, denoise, jpeg)
}


def drawn(count: int) -> Iterator[Picture]:
    """People whom no training has seen, as cameras see them."""
    for seed in range(_FIRST, _FIRST + count):
        yield render(sample(seed), sample_controls(seed), sample_camera(seed), _SIDE).picture


def on_drawn(name: str, restorer: Restorer, people: list[Picture]) -> list[Figure]:
    """Gain in dB over the best plain method."""
    gains, plain, made = [], [], []
    for number, true in enumerate(people):
        case = TASKS[name](true, np.random.default_rng((number, 1)))
        mine = restorer.restore(case.begun, name, [(-_SIDE, -_SIDE, 3 * _SIDE)])
        plain.append(max(psnr(one[None], true[None]) for one in case.plain))
        made.append(psnr(mine[None], true[None]))
        gains.append(made[-1] - plain[-1])
    progress(f"{name}: plain {np.mean(plain):.2f} dB, restored {np.mean(made):.2f} dB")
    return [
        Figure(f"{name}_gain", round(float(np.mean(gains)), 2), _GOAL, 0, "dB", "higher"),
        Figure(f"{name}_psnr", round(float(np.mean(made)), 2), unit="dB", better="higher"),
        Figure(f"{name}_psnr_plain", round(float(np.mean(plain)), 2), unit="dB", better="higher"),
    ]


def on_photographs(name: str, restorer: Restorer, files: list[Path], out: Path | None) -> list[Figure]:
    """Distance from the undamaged photographs, restored over plain."""
    features, ratios = Features(), []
    for number, file in enumerate(files):
        true = _fitted(portraits.read(file))
        case = TASKS[name](true, np.random.default_rng((number, 2)))
        mine = restorer.restore(case.begun, name, squares_around(true))
        seen = features(np.stack([_squared(x) for x in (true, mine, *case.plain)]))
        seen /= np.linalg.norm(seen, axis=1, keepdims=True)
        away = 1 - seen[1:] @ seen[0]
        ratios.append(float(away[0] / max(away[1:].min(), 1e-9)))
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            row = np.concatenate([case.begun.given, case.plain[0], mine, true], axis=1)
            portraits.write(out / f"{name}-{file.stem}.png", row)
    return [Figure(f"{name}_photographs_distance", round(float(np.mean(ratios)), 3), 1.0, 0, "x", "lower")]


def _fitted(picture: Picture, side: int = 512) -> Picture:
    scale = side / max(picture.shape[:2])
    size = tuple(4 * round(length * scale / 4) for length in picture.shape[1::-1])
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _squared(picture: Picture) -> Picture:
    return portraits.resize(picture, 256)


def main() -> None:
    """Damage, restore both ways, measure, and print one JSON object."""
    options = parser(__doc__)
    options.add_argument("--photographs", type=Path, help="folder of photographs")
    options.add_argument("--model", help="a run instead of the model that comes with Fenshen")
    options.add_argument("--out", type=Path, help="folder for pictures: damaged, plain, restored, true")
    chosen = options.parse_args()
    restorer = open_restorer(chosen.model, "cpu")
    people = list(drawn(4 if chosen.quick else 16))
    photographs = sorted(chosen.photographs.rglob("*.jpg")) if chosen.photographs else []
    figures = []
    for name in TASKS:
        figures += on_drawn(name, restorer, people)
        figures += on_photographs(name, restorer, photographs, chosen.out) if photographs else []
    report("restoring", figures)


if __name__ == "__main__":
    main()
