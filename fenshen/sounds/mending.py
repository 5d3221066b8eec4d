"""A recording restored into a file: what ``fenshen restore`` does with a sound."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fenshen import audio, files
from fenshen.errors import UsageError, warn
from fenshen.provenance.options import MarkOptions

if TYPE_CHECKING:
    from fenshen.model import Model

_SUFFIXES = (".wav",)
_AUTO = "auto"


def mend(
    source: Path,
    out: Path | str,
    task: str,
    words: Sequence[str],
    strength: float,
    model: Path | str | Model | None,
    marks: MarkOptions,
    device: str,
    force: bool,
) -> Path:
    """Restore a recording; arguments as for :func:`fenshen.restore`. What there is no need to mend is copied, and said.

    Raises:
        UsageError: the task is one for pictures, or options do not go together.
        FenshenError: the recording cannot be read or is longer than an hour, or the result cannot be written.
    """
    from fenshen.machine import torch_device
    from fenshen.pictures.output import of_photograph, target
    from fenshen.sounds.recording import RATE, measure
    from fenshen.sounds.restorer import open_restorer
    from fenshen.sounds.tasks import TASKS

    if task not in TASKS:
        raise UsageError("sounds.other_task", path=source, task=task, names=", ".join(TASKS))
    chosen, path = TASKS[task], target(out, force, _SUFFIXES)
    if words and not chosen.masked:
        raise UsageError("sounds.needless_mask", task=task)
    spans = _spans(words)
    marks.check()
    found = measure(source)
    late = [last for _, last in spans if last > found.samples / RATE]
    if late:
        raise UsageError("sounds.late_mask", last=late[0], length=found.samples / RATE, path=source)
    if (rate := audio.native_rate(source)) > RATE:
        warn("sounds.rate", path=source, have=rate / 1000, rate=RATE // 1000)
    restorer = open_restorer(chosen.shipped if model is None else model, torch_device(device))
    # Without a model the recording itself stands for it.
    digest = files.sha256(source) if restorer.model is None else restorer.model.digest
    mark = of_photograph(source, digest, marks, "recording")
    mark.sound(path, restorer.restore(source, task, found, spans, strength), RATE, found.channels)
    if found.silent:
        warn("sounds.silent", path=source)
    elif not restorer.worked and chosen.nothing:
        warn(chosen.nothing, path=source)
    return path


def _spans(words: Sequence[str]) -> list[tuple[float, float]]:
    """``1.20-1.26`` to seconds; ``auto`` leaves it to the task."""
    spans = []
    for word in words:
        match = re.fullmatch(r"\s*(\d{1,5}(?:\.\d{1,6})?)\s*-\s*(\d{1,5}(?:\.\d{1,6})?)\s*", word)
        if word == _AUTO:
            continue
        if not match or float(match[1]) >= float(match[2]):
            raise UsageError("sounds.bad_mask", word=word)
        spans.append((float(match[1]), float(match[2])))
    return spans
