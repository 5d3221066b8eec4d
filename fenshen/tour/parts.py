"""The parts of the tour. Each makes files in the demo's folder, and is left out where those are there already."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fenshen import assets
from fenshen.machine import has_extra
from fenshen.messages import message

VOICES = {"kokoro": "speech", "espeak": "espeak"}  # engines of speech, the best first, and their extras
PICTURES, SIZE, STYLE, RECIPE = 1500, 64, "personas", "quick-64"
FILM, PHOTOGRAPH = "film.mp4", "photograph.jpg"
GRID = ("smile:-0.2:0.8:4", "yaw:-9:9:3")  # no further than she turns in the film
_LEAST = 0.05  # minutes


@dataclass(frozen=True)
class Stage:
    """Where the tour plays.

    Attributes:
        folder: for everything.
        minutes: that the generator of pictures may train; the doubles take shares of it.
        seed: random seed.
        device: where to compute.
        progress: show bars.
    """

    folder: Path
    minutes: float
    seed: int
    device: str
    progress: bool

    @property
    def filmed(self) -> float:
        """Minutes of training for the double of the film."""
        return max(0.5 * self.minutes, _LEAST)

    @property
    def photographed(self) -> float:
        """Minutes of training for the double of the photograph."""
        return max(0.2 * self.minutes, _LEAST)

    def __truediv__(self, name: str) -> Path:
        return self.folder / name


@dataclass(frozen=True)
class Part:
    """One part of the tour.

    Attributes:
        name: keys of its words in the catalogue begin with it.
        makes: files and folders; all are there when it is done.
        play: makes them.
        needs: an optional extra.
        after: the part whose files it uses.
    """

    name: str
    makes: tuple[str, ...]
    play: Callable[[Stage], dict[str, Any] | None]
    needs: str | None = None
    after: str | None = None

    def done(self, stage: Stage) -> bool:
        """Whether everything is there."""
        return all((stage / name).exists() for name in self.makes)


def voice() -> str | None:
    """The best engine of speech that is installed."""
    return next((engine for engine, extra in VOICES.items() if has_extra(extra)), None)


def _film(stage: Stage) -> None:
    """The film of a person who was drawn; its voice is a machine's too."""
    shutil.copyfile(assets.path("demo/film.mp4"), stage / FILM)


def _double(stage: Stage) -> dict[str, Any]:
    from fenshen.doubles.double import double

    made = double(
        [stage / FILM],
        name=message("demo.her_name"),
        consent="self",
        out=stage / "her.double",
        size=512,
        minutes=stage.filmed,
        seed=stage.seed,
        device=stage.device,
        progress=stage.progress,
    )
    return {"psnr": made.card.psnr}


def _speech(stage: Stage) -> None:
    from fenshen.doubles.animate import animate
    from fenshen.doubles.edit import edit
    from fenshen.doubles.say import say
    from fenshen.doubles.store import Double

    her = Double.open(stage / "her.double", stage.device)
    more: dict[str, Any] = {"seed": stage.seed, "force": True}
    if (engine := voice()) is not None:
        say(her, message("demo.sentence"), out=stage / "hello.mp4", engine=engine, **more)
    else:
        animate(her, idle=5, out=stage / "hello.mp4", **more)
    animate(her, drive=stage / FILM, out=stage / "same.mp4", **more)
    edit(her, grid=GRID, out=stage / "expressions.jpg", force=True)


def _photograph(stage: Stage) -> None:
    from fenshen.doubles.animate import animate
    from fenshen.doubles.double import double

    shutil.copyfile(assets.path("demo/photograph.jpg"), stage / PHOTOGRAPH)
    moved = double(
        [stage / PHOTOGRAPH],
        name=message("demo.his_name"),
        consent="self",
        out=stage / "him.double",
        minutes=stage.photographed,
        seed=stage.seed,
        device=stage.device,
        force=True,
        progress=stage.progress,
    )
    animate(moved, drive=stage / FILM, out=stage / "moved.mp4", seed=stage.seed, force=True)


def _generator(stage: Stage) -> dict[str, Any]:
    from fenshen.metrics.evaluate import evaluate
    from fenshen.preparation.prepare import prepare
    from fenshen.sampling import generate
    from fenshen.training.train import train

    data, run, report = stage / "avatars", stage / "run", stage / "report"
    common: dict[str, Any] = {"device": stage.device, "progress": stage.progress}
    if not (data / "dataset.json").is_file():
        prepare([f"avatars:{STYLE}:{PICTURES}"], data, size=SIZE, seed=stage.seed, progress=stage.progress)
    settings = [f"minutes={stage.minutes}", f"seed={stage.seed}"]
    train(data, out=run, recipe=RECIPE, settings=settings, **common)
    generate(run, out=stage / "sheet.png", seeds="0-31", scale=2, device=stage.device, force=True)
    generate(run, out=stage / "walk.mp4", seeds="0-7", scale=4, device=stage.device, force=True)
    found = evaluate(run, data, report, count=300, seed=stage.seed, force=True, **common)
    return {"kid": found.figures.mobilenet_kid}


PARTS = (
    Part("film", (FILM,), _film),
    Part("double", ("her.double",), _double, "humans"),
    Part("speech", ("hello.mp4", "same.mp4", "expressions.jpg"), _speech, "humans", "double"),
    Part("photograph", (PHOTOGRAPH, "him.double", "moved.mp4"), _photograph, "humans"),
    Part("generator", ("avatars", "run", "sheet.png", "walk.mp4", "report/report.html"), _generator),
)
