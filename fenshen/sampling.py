"""Drawing from a trained model: single pictures, sheets, interpolation videos, and the time lapse of a run."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from jaxtyping import Float, Shaped, UInt8
from numpy import ndarray

from fenshen import greys
from fenshen.commands import DEVICE, GRID, SIZE, SLIDERS
from fenshen.drawing import Axis, DrawRequest, draw, grid_requests, parse_axis, parse_words, request_of_seed
from fenshen.errors import FenshenError, UsageError
from fenshen.greys import Greys, Levels
from fenshen.media import SIDES
from fenshen.provenance.credentials import must_fit
from fenshen.provenance.mark import Mark
from fenshen.provenance.options import MarkOptions

if TYPE_CHECKING:
    from torch import Tensor

    from fenshen.model import Model
    from fenshen.training.run import Run

Show = Callable[[ndarray, Sequence[str]], UInt8[ndarray, "H W 3"]]

_VIDEOS = (".mp4", ".webm", ".gif")
_MOST = 100_000  # pictures a call
_COLUMNS = 8


def generate(
    model: Path | str | Run | Model,
    *,
    out: Path | str | None = None,
    seeds: str | Sequence[int] = "0-63",
    truncation: float = 1.0,
    size: Annotated[str | None, SIZE] = None,
    scale: int = 1,
    fps: float = 25.0,
    seconds: float = 1.0,
    settings: Annotated[Sequence[str], SLIDERS] = (),
    yaw: float | None = None,
    pitch: float | None = None,
    roll: float | None = None,
    walk: bool = False,
    grid: Annotated[tuple[str, str] | None, GRID] = None,
    timelapse: Path | str | None = None,
    marks: MarkOptions = MarkOptions(),
    device: Annotated[str, DEVICE] = "auto",
    force: bool = False,
) -> list[Path]:
    """Draw pictures with a model, marked as made by AI and signed.

    Args:
        model: a model, a checkpoint or a run; humans is the model that comes with Fenshen
        out: a picture (a sheet of all seeds), a folder (single pictures) or a video (a walk from seed to seed); by
            default a picture or video named after the model
        seeds: which seeds: 7, 0-63 or 3,5,10-20. A seed is the same picture whatever the others are
        truncation: 0 draws the average, 1 the full variety
        size: width and height of the pictures, for a model of the family any-size; by default the most common of its
            training pictures
        scale: enlarge this many times
        fps: frames per second of a video
        seconds: seconds from one seed to the next
        settings: what to draw, by sliders: smile=0.7, age=60, hair=bob; can be repeated
        yaw: turn the face to the viewer's right by this many degrees
        pitch: look up by this many degrees
        roll: tilt the head clockwise by this many degrees
        walk: make a video that walks from seed to seed
        grid: make a sheet of two sliders, such as smile:0:1 yaw:-30:30
        timelapse: write a video of how the run learned, instead of --out
        marks: how the pictures are marked
        device: where to compute
        force: overwrite existing files

    Returns:
        The files written.

    Raises:
        UsageError: options that are wrong or do not go together.
        FenshenError: the model cannot be read or the output cannot be written.
    """
    if sum(map(bool, (timelapse, walk, grid))) > 1 or (timelapse and out):
        raise UsageError("cli.generate_one")
    from fenshen.model import Model

    name = model.path if isinstance(model, Model) else Path(model)
    target = Path(timelapse or out or _default_target(name, walk))
    _check(target, truncation, scale, fps, seconds, force)
    marks.check()
    if walk and target.suffix.lower() not in _VIDEOS:
        raise UsageError("generate.not_a_video", path=target, suffixes=", ".join(_VIDEOS))
    if timelapse:
        return [_write_timelapse(name, target, scale, fps, marks)]
    turns = {"yaw": yaw, "pitch": pitch, "roll": roll}
    turned = {turn: f"{degrees:g}" for turn, degrees in turns.items() if degrees is not None}
    asked = None if size is None else parse_size(size)
    numbers, words = parse_seeds(seeds), parse_words(settings) | turned
    axes = (parse_axis(grid[0]), parse_axis(grid[1])) if grid else None
    from fenshen.machine import torch_device

    opened = model if isinstance(model, Model) else Model.load(name, torch_device(device))
    drawer = _Drawer(opened, words, truncation, Mark.of_model(opened.digest, marks), scale, asked)
    drawer.mark.ready()
    if axes:
        return [_write_grid(drawer, numbers[0], axes, target)]
    drawer.request(numbers[0])  # what cannot be drawn is refused before anything is made
    moving = target.suffix.lower() in _VIDEOS
    if (levels := opened.card.levels) is not None and target.suffix.lower() in (".png", ""):
        return list(_write_greys(drawer, numbers, target, levels))
    show = opened.card.network.medium.show
    if show is not None and not (levels and moving):
        return [_write_shown(drawer, numbers, target, show)]
    if moving:
        way = _walk(drawer, numbers, max(round(fps * seconds), 1))
        frames = map(greys.seen, way) if levels else way
        return [drawer.mark.film(target, (_enlarge(frame, scale) for frame in frames), fps)]
    if not target.suffix:
        return list(_write_singles(drawer, numbers, target))
    return [_write_sheet(drawer, numbers, target)]


@dataclass(frozen=True)
class _Drawer:
    """A model, and the settings and marks that all its pictures share."""

    model: Model
    words: Mapping[str, str]
    truncation: float
    mark: Mark
    scale: int
    size: tuple[int, int] | None

    def request(self, seed: int) -> DrawRequest:
        return request_of_seed(self.model, seed).with_words(self.model, self.words)

    def draw(self, wishes: Sequence[DrawRequest]) -> Shaped[ndarray, "N *S"]:
        return draw(self.model, wishes, self.truncation, self.size)

    def seeds(self, seeds: Sequence[int]) -> Shaped[ndarray, "N *S"]:
        return self.draw([self.request(seed) for seed in seeds])


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


def parse_size(word: str) -> tuple[int, int]:
    """``"96x160"``, width and height, to height and width.

    Raises:
        UsageError: not of this form.
    """
    match = re.fullmatch(r"(\d{1,4})[x×](\d{1,4})", word.strip().lower())
    if not match:
        raise UsageError("generate.bad_size", size=word, low=SIDES[0], high=SIDES[1])
    return int(match[2]), int(match[1])


def interpolate(ends: Tensor, steps: int) -> Iterator[Tensor]:
    """A closed walk on the sphere through latent vectors, in chunks [steps, Z], one from each to the next.

    Latents of a Gaussian lie near a sphere; a straight line would cut through its empty inside (White 2016).
    """
    import torch

    way = torch.from_numpy(ease(steps))[:, None]
    for a, b in zip(ends, ends.roll(-1, 0), strict=True):
        cosine = torch.nn.functional.cosine_similarity(a, b, dim=0).clamp(-1, 1)
        angle = torch.acos(cosine)
        if angle < 1e-4:
            yield a.expand(steps, -1).clone()
            continue
        yield (torch.sin((1 - way) * angle) * a + torch.sin(way * angle) * b) / torch.sin(angle)


def blend(ends: Tensor, steps: int) -> Iterator[Tensor]:
    """A closed walk in straight lines, like :func:`interpolate`: for latents whose numbers have names."""
    import torch

    way = torch.from_numpy(ease(steps))[:, None]
    for a, b in zip(ends, ends.roll(-1, 0), strict=True):
        yield (1 - way) * a + way * b


def ease(steps: int) -> Float[ndarray, "steps"]:
    """Steps from 0 towards 1, without 1, slow at both ends."""
    return ((1 - np.cos(np.pi * np.arange(steps) / steps)) / 2).astype(np.float32)


def _walk(drawer: _Drawer, seeds: Sequence[int], steps: int) -> Iterator[Shaped[ndarray, "H W *C"]]:
    """From seed to seed: around the sphere where latents are noise, straight from person to person."""
    import torch

    ends = [drawer.request(seed) for seed in seeds]
    latents = torch.from_numpy(np.stack([wish.latent for wish in ends]))
    told = drawer.model.card.told == "human"
    chunks = (blend if told else interpolate)(latents, steps)
    for i, chunk in enumerate(chunks):
        here, there = ends[i].controls, ends[(i + 1) % len(ends)].controls
        controls = None
        if here is not None and there is not None:
            way = ease(steps)[:, None]
            controls = (1 - way) * here + way * there
        yield from drawer.model.draw(chunk, truncation=drawer.truncation, controls=controls, size=drawer.size)


def _write_sheet(drawer: _Drawer, seeds: Sequence[int], target: Path) -> Path:
    pictures = [_enlarge(picture, drawer.scale) for picture in drawer.seeds(seeds)]
    if len(seeds) == 1:
        return drawer.mark.picture(target, pictures[0], _text(drawer, str(seeds[0])))
    return drawer.mark.sheet(target, np.stack(pictures), _columns(seeds), _text(drawer, _words(seeds)))


def _columns(seeds: Sequence[int]) -> int:
    """Of a sheet of these."""
    return min(_COLUMNS if len(seeds) <= 64 else round(math.sqrt(len(seeds))), len(seeds))


def _words(seeds: Sequence[int]) -> str:
    return ",".join(map(str, seeds)) if len(seeds) <= 64 else f"{seeds[0]}-{seeds[-1]}"


def _write_shown(drawer: _Drawer, seeds: Sequence[int], target: Path, show: Show) -> Path:
    """One picture of samples that are no pictures themselves; or another file, such as their sound."""
    other = drawer.model.card.network.medium.others.get(target.suffix.lower())
    if other is not None:
        other(drawer.seeds(seeds), drawer.model.card.origin, target, drawer.mark)
        return target
    if not target.suffix or target.suffix.lower() in _VIDEOS:
        raise UsageError("generate.shown_together", model=drawer.model.path)
    picture = show(drawer.seeds(seeds), drawer.model.card.origin)
    return drawer.mark.picture(
        target, _enlarge(picture, drawer.scale), _text(drawer, f"{seeds[0]}-{seeds[-1]}")
    )


def _write_greys(drawer: _Drawer, seeds: Sequence[int], target: Path, levels: Levels) -> Iterator[Path]:
    """In 16 bits: one picture or a sheet, or a folder of single ones."""

    def draw(some: Sequence[int]) -> Greys:
        return np.stack([greys.enlarged(picture, drawer.scale) for picture in drawer.seeds(some)])

    if target.suffix:
        text = _text(drawer, _words(seeds))
        yield drawer.mark.grey(target, draw(seeds), _columns(seeds), levels, text)
        return
    for start in range(0, len(seeds), 64):
        some = seeds[start : start + 64]
        for seed, picture in zip(some, draw(some), strict=True):
            file = target / f"seed-{seed:06d}.png"
            yield drawer.mark.grey(file, picture[None], 1, levels, _text(drawer, str(seed)))


def _write_grid(drawer: _Drawer, seed: int, axes: tuple[Axis, Axis], target: Path) -> Path:
    wishes = grid_requests(drawer.model, drawer.request(seed), axes)
    pictures = np.stack([_enlarge(picture, drawer.scale) for picture in drawer.draw(wishes)])
    return drawer.mark.sheet(target, pictures, len(axes[0].values), _text(drawer, str(seed)))


def _write_singles(drawer: _Drawer, seeds: Sequence[int], folder: Path) -> Iterator[Path]:
    for start in range(0, len(seeds), 64):
        some = seeds[start : start + 64]
        for seed, picture in zip(some, drawer.seeds(some), strict=True):
            file = folder / f"seed-{seed:06d}.png"
            yield drawer.mark.picture(file, _enlarge(picture, drawer.scale), _text(drawer, str(seed)))


def _write_timelapse(run: Path, target: Path, scale: int, fps: float, marks: MarkOptions) -> Path:
    from fenshen import files, portraits
    from fenshen.provenance import implicit

    sheets = sorted((run / "samples").glob("step-*.png"))
    if not sheets:
        raise FenshenError("generate.no_samples", run=run)
    if target.suffix.lower() not in _VIDEOS:
        raise UsageError("generate.not_a_video", path=target, suffixes=", ".join(_VIDEOS))
    # A run of a few sheets still shows for some seconds, and the last one stays for a while.
    repeat = max(round(4 * fps / len(sheets)), 1)

    def pictures() -> Iterator[UInt8[ndarray, "H W 3"]]:
        for file in sheets:
            sheet = _enlarge(portraits.read(file), scale)
            for _ in range(repeat if file != sheets[-1] else repeat + round(2 * fps)):
                yield sheet

    # There may be no model left of any of them: the last sheet stands for it.
    mark = Mark.of_model(files.sha256(sheets[-1]), marks)
    mark.film(target, pictures(), fps, marked=implicit.read(sheets[-1]).generated)
    return target


def _text(drawer: _Drawer, seeds: str) -> dict[str, str]:
    """The text chunks of a picture's file."""
    from fenshen.version import __version__

    model = drawer.model
    text = {
        "Software": f"Fenshen {__version__}",
        "Source": "AI-generated by a GAN",
        "Model": f"sha256:{model.digest}",
        "Seed": seeds,
        "Truncation": f"{drawer.truncation:g}",
        "License": model.card.licence or "unknown: see the training pictures",
    }
    if drawer.words:
        text["Settings"] = " ".join(f"{name}={word}" for name, word in drawer.words.items())
    return text


def _default_target(model: Path, moving: bool) -> Path:
    """A file in the working folder that is named after the model."""
    return Path(f"{model.resolve().name}{'.mp4' if moving else '.png'}")


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
    must_fit(target)
