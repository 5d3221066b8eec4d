"""The work of ``fenshen evaluate``: look at pictures, compute the figures, write the report."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import torch

from fenshen import files
from fenshen.dataset import Dataset
from fenshen.errors import UsageError
from fenshen.messages import message
from fenshen.metrics import coverage, distances, history, page
from fenshen.metrics import subject as subjects
from fenshen.metrics.features import NAME, Features
from fenshen.metrics.inception import InceptionFeatures
from fenshen.metrics.looks import Advance, Looks, Reference, Side, work
from fenshen.metrics.report import Copies, Figures, Mark, Report, judge
from fenshen.metrics.subject import some
from fenshen.model import Model
from fenshen.version import __version__

_JSON, _HTML = "report.json", "report.html"


def check(folder: Path, count: int, force: bool) -> None:
    """Refuse a count that means nothing, and to overwrite a report.

    Raises:
        UsageError: either of them.
    """
    if count < subjects.FEWEST:
        raise UsageError("evaluate.count", count=count, least=subjects.FEWEST)
    there = [folder / name for name in (_JSON, _HTML) if (folder / name).exists()]
    if there and not force:
        raise UsageError("evaluate.exists", path=there[0])


def evaluate(
    judged: Model | Dataset | Path,
    data: Dataset,
    folder: Path,
    count: int,
    seed: int,
    inception: Path | None,
    device: torch.device,
    progress: bool,
) -> Report:
    """See :func:`fenshen.metrics.evaluate.evaluate`."""
    subject = subjects.find(judged, data, count=count, seed=seed, device=device)
    network = None if inception is None else InceptionFeatures(inception, device)
    reference = Reference.of(data, seed)
    with _bar(work(subject, reference, network is not None), progress) as advance:
        looked = Looks(subject, reference, Features(device), network, advance)
        report = _report(looked, seed, str(device))
    written = [str(folder / name) for name in (_JSON, _HTML)]
    report = report.model_copy(update={"files": written, "verdicts": judge(report)})
    html = page.render(report, looked.album(), history.read(subject.run) if subject.run else None)
    files.write_text(folder / _JSON, report.model_dump_json(indent=2) + "\n")
    files.write_text(folder / _HTML, html)
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
