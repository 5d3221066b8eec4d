"""The work of ``fenshen evaluate``: look at pictures, compute the figures, write the report."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import torch

from fenshen import files
from fenshen.data import PictureData
from fenshen.dataset import Dataset
from fenshen.errors import UsageError
from fenshen.messages import message
from fenshen.metrics import coverage, distances, history, html_report, reader
from fenshen.metrics.comparison import Advance, Comparison, FeatureSet, Reference, forward_passes
from fenshen.metrics.features import NAME, Features
from fenshen.metrics.inception import InceptionFeatures
from fenshen.metrics.picture_set import FEWEST, MOST, picture_set_of, random_subset
from fenshen.metrics.report import Copies, Figures, Mark, Report, judge
from fenshen.model import Model
from fenshen.names import readable
from fenshen.provenance.mark import Mark as Provenance
from fenshen.version import __version__

_JSON, _HTML = "report.json", "report.html"


def check(folder: Path, count: int, readers: int, force: bool) -> None:
    """Refuse counts too small to mean anything or too large to end, and overwriting a report.

    Raises:
        UsageError: one of them.
    """
    if count < FEWEST:
        raise UsageError("evaluate.count", count=count, least=FEWEST)
    if count > MOST:
        raise UsageError("evaluate.too_many", count=count, most=MOST)
    if readers > count:
        raise UsageError("evaluate.reader", reader=readers, count=count)
    names = (_JSON, _HTML, *(reader.FILES if readers else ()))
    there = [folder / name for name in names if (folder / name).exists()]
    if there and not force:
        raise UsageError("evaluate.exists", path=there[0])


def evaluate(
    judged: Model | Dataset | Path,
    data: PictureData,
    folder: Path,
    count: int,
    seed: int,
    readers: int,
    inception: Path | None,
    device: torch.device,
    progress: bool,
) -> Report:
    """See :func:`fenshen.metrics.evaluate.evaluate`."""
    evaluated = picture_set_of(judged, data, count=count, seed=seed, device=device)
    network = None if inception is None else InceptionFeatures(inception, device)
    reference = Reference.of(data, seed)
    with _bar(forward_passes(evaluated, reference, network is not None), progress) as advance:
        comparison = Comparison(evaluated, reference, Features(device), network, advance)
        report = _report(comparison, seed, str(device))
    names = (_JSON, _HTML, *(reader.FILES if readers else ()))
    written = [readable(folder / name) for name in names]
    report = report.model_copy(update={"files": written, "verdicts": judge(report)})
    curves = history.read(evaluated.run) if evaluated.run else None
    mark = Provenance.of_model(evaluated.about["digest"]) if evaluated.kind == "model" else None
    html = html_report.render_html(report, comparison.album(), curves, mark)
    files.write_text(folder / _JSON, report.model_dump_json(indent=2) + "\n")
    files.write_text(folder / _HTML, html)
    if readers:
        reader.write(folder, evaluated, reference, readers, seed, mark)
    return report


def _report(comparison: Comparison, seed: int, device: str) -> Report:
    evaluated, reference, near = comparison.evaluated, comparison.reference, comparison.neighbours
    data = reference.data
    copies = Copies(
        verdict="unknown" if near is None else near.verdict,
        share=0.0 if near is None else near.copies,
        distance=0.0 if near is None else float(np.median(near.distance)),
        usual=0.0 if near is None else near.usual,
        compared=0 if near is None else len(reference.train),
    )
    enough = len(comparison.train.features) >= FEWEST
    return Report(
        fenshen=__version__,
        date=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        subject={"name": evaluated.name, "kind": evaluated.kind, "size": evaluated.size, **evaluated.about},
        dataset={
            "name": readable(data.path.resolve().name),
            "size": data.card.size,
            "train": len(data.indices("train")),
            "held_out": len(data.indices("held_out")),
            "licence": data.card.licence,
            "origin": data.card.origin,
        },
        settings={"seed": seed, "device": device, "features": NAME, "compared_at": comparison.side},
        generated=len(comparison.fake.features),
        real=len(comparison.real.features),
        reference="held_out" if reference.held_out else "all",
        figures=_figures(comparison.real, comparison.fake, seed),
        real_figures=_figures(comparison.real, comparison.train, seed) if enough else None,
        ruler=[
            Mark(name=name, mobilenet_kid=distances.kernel_distance_once(comparison.real.features, damaged))
            for name, damaged in comparison.damaged.items()
        ],
        copies=copies,
        inception_fid=comparison.inception,
    )


def _figures(real: FeatureSet, fake: FeatureSet, seed: int) -> Figures:
    kid = distances.kernel_distance(real.features, fake.features, seed=seed)
    same = min(len(real.features), len(fake.features))
    some_real, some_fake = (
        FeatureSet(*(part[random_subset(np.arange(len(part)), same, seed)] for part in side))
        for side in (real, fake)
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
