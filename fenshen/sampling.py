"""Drawing from a trained model: single pictures, sheets, interpolation videos, and the time lapse of a run."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from fenshen.errors import FenshenError, UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from fenshen.model import Model

_VIDEOS = (".mp4", ".webm", ".gif")
_MOST = 100_000  # pictures a call
_COLUMNS = 8


def generate(
    model: Path | str,
    *,
    out: Path | str,
    seeds: str | Sequence[int] = "0-63",
    truncation: float = 1.0,
    scale: int = 1,
    fps: float = 25.0,
    seconds: float = 1.0,
    timelapse: bool = False,
    device: str = "auto",
    force: bool = False,
) -> list[Path]:
    """Draw pictures of a model; what is written depends on ``out``.

    Args:
        model: a model, a checkpoint or a run.
        out: a picture file for a sheet (or the picture itself, of one seed), a folder for single pictures, a video
            file for a walk from seed to seed.
        seeds: ``"0-63"``, ``"3,5,8"`` or numbers. The same seed is the same picture whatever the others are.
        truncation: 0 is the average, 1 the full variety.
        scale: enlarge everything so many times.
        fps: of a video.
        seconds: from one seed to the next.
        timelapse: a video of how the run learnt, from its sample sheets, instead.
        device: where to compute.
        force: replace what is there.

    Returns:
        The files written.

    Raises:
        UsageError: words that make no sense together.
        FenshenError: the model cannot be read or the output cannot be written.
    """
    target = Path(out)
    _check(target, truncation, scale, fps, seconds, force)
    if timelapse:
        return [_write_timelapse(Path(model), target, scale, fps)]
    numbers = parse_seeds(seeds)
    from fenshen.machine import torch_device
    from fenshen.model import Model

    opened = Model.load(model, torch_device(device))
    _make_folder(target if not target.suffix else target.parent)
    if target.suffix.lower() in _VIDEOS:
        from fenshen import video

        video.write(
            target, (_enlarge(p, scale) for p in _walk(opened, numbers, truncation, fps, seconds)), fps
        )
        return [target]
    if not target.suffix:
        return list(_write_singles(opened, numbers, truncation, scale, target))
    return [_write_sheet(opened, numbers, truncation, scale, target)]


def parse_seeds(words: str | Sequence[int]) -> list[int]:
    """``"0-3,8"`` to [0, 1, 2, 3, 8].

    Raises:
        UsageError: not of this form, empty, or more than 100,000.
    """
    if not isinstance(words, str):
        return [int(word) for word in words]
    seeds: list[int] = []
    for part in words.split(","):
        match = re.fullmatch(r"\s*(\d{1,10})\s*(?:-\s*(\d{1,10})\s*)?", part)
        if not match:
            raise UsageError("generate.bad_seeds", seeds=words)
        first = int(match[1])
        last = int(match[2] or first)
        if last < first or last - first + len(seeds) >= _MOST:
            raise UsageError("generate.bad_seeds", seeds=words)
        seeds.extend(range(first, last + 1))
    return seeds


def interpolate(ends: Tensor, steps: int) -> Iterator[Tensor]:
    """A closed walk on the sphere through latent vectors, in chunks [steps, Z], one from each to the next.

    Latents of a Gaussian lie near a sphere; a straight line would cut through its empty inside (White 2016).
    """
    import torch

    way = torch.linspace(0, 1, steps + 1)[:-1, None]
    way = (1 - torch.cos(math.pi * way)) / 2  # rest a little at each picture
    for a, b in zip(ends, ends.roll(-1, 0), strict=True):
        cosine = torch.nn.functional.cosine_similarity(a, b, dim=0).clamp(-1, 1)
        angle = torch.acos(cosine)
        if angle < 1e-4:
            yield a.expand(steps, -1).clone()
            continue
        yield (torch.sin((1 - way) * angle) * a + torch.sin(way * angle) * b) / torch.sin(angle)


def _walk(
    model: Model, seeds: Sequence[int], truncation: float, fps: float, seconds: float
) -> Iterator[UInt8[ndarray, "H W 3"]]:
    for chunk in interpolate(model.latents(seeds), max(round(fps * seconds), 1)):
        yield from model.draw(chunk, truncation=truncation)


def _write_sheet(model: Model, seeds: Sequence[int], truncation: float, scale: int, target: Path) -> Path:
    from fenshen import portraits

    pictures = model.sample(seeds, truncation=truncation)
    columns = min(_COLUMNS if len(seeds) <= 64 else round(math.sqrt(len(seeds))), len(seeds))
    sheet = pictures[0] if len(seeds) == 1 else portraits.sheet(pictures, columns)
    words = ",".join(map(str, seeds)) if len(seeds) <= 64 else f"{seeds[0]}-{seeds[-1]}"
    portraits.write(target, _enlarge(sheet, scale), _text(model, words, truncation))
    return target


def _write_singles(
    model: Model, seeds: Sequence[int], truncation: float, scale: int, folder: Path
) -> Iterator[Path]:
    from fenshen import portraits

    for start in range(0, len(seeds), 64):
        some = seeds[start : start + 64]
        for seed, picture in zip(some, model.sample(some, truncation=truncation), strict=True):
            file = folder / f"seed-{seed:06d}.png"
            portraits.write(file, _enlarge(picture, scale), _text(model, str(seed), truncation))
            yield file


def _write_timelapse(run: Path, target: Path, scale: int, fps: float) -> Path:
    from fenshen import portraits, video

    sheets = sorted((run / "samples").glob("step-*.png"))
    if not sheets:
        raise FenshenError("generate.no_samples", run=run)
    if target.suffix.lower() not in _VIDEOS:
        raise UsageError("generate.not_a_video", path=target, suffixes=", ".join(_VIDEOS))
    _make_folder(target.parent)
    # A run of a few sheets still shows for some seconds, and the last one stays for a while.
    repeat = max(round(4 * fps / len(sheets)), 1)

    def pictures() -> Iterator[UInt8[ndarray, "H W 3"]]:
        for file in sheets:
            sheet = _enlarge(portraits.read(file), scale)
            for _ in range(repeat if file != sheets[-1] else repeat + round(2 * fps)):
                yield sheet

    video.write(target, pictures(), fps)
    return target


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FenshenError("portraits.cannot_write", path=folder, why=error.strerror or error) from error


def _text(model: Model, seeds: str, truncation: float) -> dict[str, str]:
    """What a picture says about itself in its file."""
    from fenshen import __version__

    return {
        "Software": f"Fenshen {__version__}",
        "Source": "AI-generated by a GAN",
        "Model": f"sha256:{model.digest}",
        "Seed": seeds,
        "Truncation": f"{truncation:g}",
        "License": model.card.licence or "unknown: see the training pictures",
    }


def _enlarge(picture: UInt8[ndarray, "H W 3"], scale: int) -> UInt8[ndarray, "h w 3"]:
    if scale == 1:
        return picture
    from PIL import Image

    height, width = picture.shape[:2]
    larger = Image.fromarray(picture).resize((width * scale, height * scale), Image.Resampling.BICUBIC)
    return np.asarray(larger)


def _check(target: Path, truncation: float, scale: int, fps: float, seconds: float, force: bool) -> None:
    limits = (
        ("--truncation", truncation, 0, 2),
        ("--scale", scale, 1, 16),
        ("--fps", fps, 1, 120),
        ("--seconds", seconds, 0.04, 60),
    )
    for option, value, low, high in limits:
        if not low <= value <= high:
            raise UsageError("generate.out_of_range", option=option, value=value, low=low, high=high)
    if target.exists() and not force and not (target.is_dir() and not any(target.iterdir())):
        raise UsageError("generate.exists", path=target)
    if target.suffix and target.is_dir():
        raise UsageError("generate.exists", path=target)
