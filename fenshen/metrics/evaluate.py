"""``fenshen evaluate``: how good a model's pictures are, in figures, in words, and to look at."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from fenshen import __version__
from fenshen.dataset import Dataset
from fenshen.errors import FenshenError, UsageError
from fenshen.machine import torch_device
from fenshen.messages import message
from fenshen.metrics import coverage, distances, history, page
from fenshen.metrics import subject as subjects
from fenshen.metrics.features import NAME, Features
from fenshen.metrics.inception import InceptionFeatures
from fenshen.metrics.looks import Advance, Looks, Reference, Side, work
from fenshen.metrics.report import Copies, Figures, Mark, Report, judge
from fenshen.metrics.subject import some
from fenshen.model import Model

COUNT = 1000


def evaluate(
    model: Model | Dataset | Path | str,
    dataset: Dataset | Path | str,
    out: Path | str,
    *,
    count: int = COUNT,
    seed: int = 0,
    inception: Path | str | None = None,
    device: str = "auto",
    force: bool = False,
    progress: bool = True,
) -> Report:
    """Compare pictures with the held-out ones of a dataset; write ``report.json`` and ``report.html``.

    Args:
        model: a model, a checkpoint or a run; or a dataset or a folder of pictures, to try the measures on.
        dataset: the folder that ``prepare`` wrote.
        out: folder for the report.
        count: pictures to judge. With 1000, and as many held out, MobileNet-KID sways by about 0.0005 near 0.
        seed: seed of the first picture, and of everything random.
        inception: the Inception weights of FID as safetensors, to measure that as well.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
        force: replace a report that is there.
        progress: show a bar on standard error.

    Returns:
        What was found, as in ``report.json``.

    Raises:
        UsageError: a count below 8, a report that exists, an unknown device, weights of another kind.
        FenshenError: the model or the dataset cannot be read, has fewer than 8 pictures, or the report
            cannot be written.
    """
    folder = Path(out)
    files = [folder / "report.json", folder / "report.html"]
    _check(count, files, force)
    where = torch_device(device)
    data = dataset if isinstance(dataset, Dataset) else Dataset(dataset)
    subject = subjects.find(model, data, count=count, seed=seed, device=where)
    network = InceptionFeatures(Path(inception), where) if inception is not None else None
    reference = Reference.of(data, seed)
    with _bar(work(subject, reference, network is not None), progress) as advance:
        looked = Looks(subject, reference, Features(where), network, advance)
        report = _report(looked, seed, str(where)).model_copy(update={"files": [str(file) for file in files]})
        report = report.model_copy(update={"verdicts": judge(report)})
    html = page.render(report, looked.album(), history.read(subject.run) if subject.run else None)
    _write(folder, {files[0]: report.model_dump_json(indent=2) + "\n", files[1]: html})
    return report


def _report(looks: Looks, seed: int, device: str) -> Report:
    subject, reference, near = looks.subject, looks.reference, looks.neighbours
    data = reference.data
    copies = Copies(
        verdict="unknown" if near is None else near.verdict,
        share=0.0 if near is None else near.copies,
        distance=0.0 if near is None else float(np.median(near.distance)),
        usual=0.0 if near is None else near.usual,
        compared=0 if near is None else len(reference.train),
    )
    enough = len(looks.train.features) >= subjects.FEWEST
    return Report(
        fenshen=__version__,
        date=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        subject={"name": subject.name, "kind": subject.kind, "size": subject.size, **subject.about},
        dataset={
            "name": data.path.resolve().name,
            "size": data.card.size,
            "train": len(data.indices("train")),
            "held_out": len(data.indices("held_out")),
            "licence": data.card.licence,
            "origin": data.card.origin,
        },
        settings={"seed": seed, "device": device, "features": NAME, "compared_at": looks.side},
        generated=len(looks.fake.features),
        real=len(looks.real.features),
        reference="held_out" if reference.held_out else "all",
        figures=_figures(looks.real, looks.fake, seed),
        real_figures=_figures(looks.real, looks.train, seed) if enough else None,
        ruler=[
            Mark(name=name, mobilenet_kid=distances.kernel_distance_once(looks.real.features, damaged))
            for name, damaged in looks.damaged.items()
        ],
        copies=copies,
        inception_fid=looks.inception,
    )


def _figures(real: Side, fake: Side, seed: int) -> Figures:
    kid = distances.kernel_distance(real.features, fake.features, seed=seed)
    same = min(len(real.features), len(fake.features))
    some_real, some_fake = (
        Side(*(part[some(np.arange(len(part)), same, seed)] for part in side)) for side in (real, fake)
    )
    return Figures(
        mobilenet_kid=kid.value,
        mobilenet_kid_deviation=kid.deviation,
        **coverage.coverage(some_real.features, some_fake.features)._asdict(),
        diversity=_ratio(coverage.spread(some_fake.features), coverage.spread(some_real.features)),
        colour_diversity=_ratio(coverage.spread(some_fake.colours), coverage.spread(some_real.colours)),
        repeats=coverage.repeats(some_real.features, some_fake.features),
    )


def _ratio(a: float, b: float) -> float:
    return a / max(b, 1e-9)


@contextlib.contextmanager
def _bar(total: int, show: bool) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not show) as progress:
        task = progress.add_task(message("evaluate.bar"), total=total, rate="")

        def advance(count: int) -> None:
            progress.advance(task, count)
            speed = progress.tasks[task].speed
            progress.update(task, rate=f"{speed:.0f}/s" if speed else "")

        yield advance
        progress.update(task, completed=total)


def _check(count: int, files: list[Path], force: bool) -> None:
    if count < subjects.FEWEST:
        raise UsageError("evaluate.count", count=count, least=subjects.FEWEST)
    there = [file for file in files if file.exists()]
    if there and not force:
        raise UsageError("evaluate.exists", path=there[0])


def _write(folder: Path, texts: dict[Path, str]) -> None:
    """Every file beside its place, then moved there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in texts.items():
            part = file.with_name(f".{file.name}.part")
            part.write_text(text, encoding="utf-8")
            os.replace(part, file)
    except OSError as error:
        raise FenshenError("evaluate.cannot_write", path=folder, why=error.strerror or error) from error
