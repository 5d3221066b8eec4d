"""``fenshen demo``: the whole path in a few minutes, on pictures that are drawn on the spot."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field
from rich.console import Console

from fenshen import avatars, files
from fenshen.commands import DEVICE, SEED, Word
from fenshen.errors import UsageError
from fenshen.messages import message
from fenshen.names import readable

_PICTURES = 3000
_SHEET, _VIDEO, _HUMANS = "samples.png", "walk.mp4", "humans.png"
_PERSON, _GRID = 2, ("yaw:-35:35", "smile:0:1:5")


class Tour(BaseModel):
    """What the demo left behind."""

    out: str
    dataset: str
    run: str
    sheet: str
    video: str
    humans: str = Field(description="a person of the base model, turned and smiling")
    report: str
    kid: float = Field(description="MobileNet-KID of the trained model")
    seconds: float

    @property
    def text(self) -> str:
        """Where everything is, and three commands to try next with your own pictures."""
        return "\n".join([message("demo.done", **self.model_dump()), "", message("demo.next")])


def demo(
    out: Path | str = "demo",
    *,
    minutes: Annotated[float, Word(low=0.05)] = 3.0,
    seed: Annotated[int, SEED] = 0,
    device: Annotated[str, DEVICE] = "auto",
    force: bool = False,
    progress: bool = True,
) -> Tour:
    """Prepare drawn avatars, train a 64 px generator on them, draw with it and with the base model, and evaluate it.

    Args:
        out: folder for everything
        minutes: minutes of training
        seed: random seed
        device: where to compute
        force: replace an earlier demo; without it, an interrupted one continues
        progress: show bars on standard error

    Raises:
        UsageError: ``out`` holds something that is not a demo.
        FenshenError: it cannot be written.
        Interrupted: everything is kept, and the same call continues.
    """
    from fenshen.metrics.evaluate import evaluate
    from fenshen.preparation.prepare import prepare
    from fenshen.sampling import generate
    from fenshen.training.train import train

    started, folder = time.monotonic(), Path(out)
    dataset, run, report = folder / "avatars", folder / "run", folder / "report"
    files.must_be_folder(folder, "files.output")
    _clear(folder, dataset, force)
    tell = _teller(progress)
    if not (dataset / "dataset.json").is_file():
        tell("demo.preparing")
        prepare([f"avatars:{avatars.DEFAULT}:{_PICTURES}"], dataset, size=64, seed=seed, progress=progress)
    tell("demo.training")
    settings = [f"minutes={minutes}", f"seed={seed}", "evaluate_every=0", "sample_every=100"]
    train(dataset, out=run, recipe="fast-64", settings=settings, device=device, progress=progress)
    tell("demo.drawing")
    generate(run, out=folder / _SHEET, scale=2, device=device, force=True)
    generate(run, out=folder / _VIDEO, seeds="0-7", scale=4, device=device, force=True)
    generate("humans", out=folder / _HUMANS, seeds=[_PERSON], grid=_GRID, device=device, force=True)
    tell("demo.measuring")
    found = evaluate(run, dataset, report, count=300, seed=seed, device=device, force=True, progress=progress)
    return Tour(
        out=readable(folder),
        dataset=readable(dataset),
        run=readable(run),
        sheet=readable(folder / _SHEET),
        video=readable(folder / _VIDEO),
        humans=readable(folder / _HUMANS),
        report=readable(report / "report.html"),
        kid=found.figures.mobilenet_kid,
        seconds=round(time.monotonic() - started, 1),
    )


def _clear(folder: Path, dataset: Path, force: bool) -> None:
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not dataset.is_dir():
        raise UsageError("demo.not_ours", path=folder)  # --force never deletes what is not ours
    if force:
        shutil.rmtree(folder)


def _teller(progress: bool) -> Callable[[str], None]:
    console = Console(stderr=True, highlight=False)

    def tell(key: str) -> None:
        if progress:
            console.print(f"[bold]{message(key)}[/]")

    return tell
