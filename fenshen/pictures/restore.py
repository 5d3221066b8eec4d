"""``fenshen restore``: what is damaged in a photograph or in a recording, mended."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from fenshen.commands import DEVICE, Word
from fenshen.errors import UsageError
from fenshen.provenance.options import MarkOptions

if TYPE_CHECKING:
    from fenshen.model import Model

_MOST_PIXELS = 200_000_000  # of a result


def restore(
    source: Annotated[Path | str, Word(metavar="PHOTO|SOUND")],
    *,
    out: Path | str,
    task: Literal["inpaint", "upscale", "deblur", "denoise", "jpeg", "gaps", "declip", "bandwidth"],
    mask: Annotated[Sequence[str], Word(metavar="auto|X,Y,W,H|FILE|FROM-TO")] = (),
    scale: Annotated[int, Word(low=2, high=4)] = 2,
    strength: Annotated[float, Word(low=0, high=1)] = 1.0,
    model: Path | str | Model | None = None,
    marks: MarkOptions = MarkOptions(),
    device: Annotated[str, DEVICE] = "auto",
    force: bool = False,
) -> Path:
    """Mend a photograph: fill holes, enlarge, sharpen, or take away noise or the traces of JPEG. Or mend a recording:
    fill gaps, take away noise, round clipped peaks, or add the treble that a telephone leaves out.

    Args:
        source: a photograph, of any size; or a sound, or a film with sound, of up to an hour
        out: the picture to write, or the sound, as .wav
        task: what to do about it; denoise is for both, gaps, declip and bandwidth are for sounds
        mask: for inpaint, what is missing; auto finds scratches and dates, X,Y,W,H is a rectangle in pixels, FILE a
            picture that is light there. For gaps, FROM-TO in seconds; by default they are found. Can be repeated
        scale: for upscale, how many times as wide and high
        strength: 0 leaves the source as it is, 1 restores it fully
        model: your own model, trained on damaged:DATASET or damaged-sound:FOLDER
        marks: how the result is marked
        device: where to compute
        force: overwrite an existing file

    Returns:
        The path of what was written.

    Raises:
        UsageError: options that do not go together, or a mask that does not fit.
        FenshenError: the source cannot be read, or the result cannot be written.
    """
    from fenshen.sounds.recording import is_sound

    if is_sound(source):
        from fenshen.sounds.mending import mend

        return mend(Path(source), out, task, mask, strength, model, marks, device, force)
    return _mend(source, out, task, mask, scale, strength, model, marks, device, force)


def _mend(
    source: Path | str,
    out: Path | str,
    task: str,
    mask: Sequence[str],
    scale: int,
    strength: float,
    model: Path | str | Model | None,
    marks: MarkOptions,
    device: str,
    force: bool,
) -> Path:
    """A photograph restored into a file."""
    from fenshen import portraits
    from fenshen.pictures import masks
    from fenshen.pictures.output import of_photograph, target
    from fenshen.pictures.restorer import Restorer, open_restorer, squares_around
    from fenshen.pictures.tasks import TASKS

    if task not in TASKS:
        raise UsageError("restore.other_task", path=source, task=task, names=", ".join(TASKS))
    chosen, path = TASKS[task], target(out, force)
    if chosen.masked != bool(mask):
        raise UsageError("restore.no_mask" if chosen.masked else "restore.needless_mask", task=task)
    marks.check()
    picture = portraits.read(source)
    times = scale if chosen.enlarges else 1
    if picture.shape[0] * picture.shape[1] * times**2 > _MOST_PIXELS:
        raise UsageError("restore.too_large", path=source, most=f"{_MOST_PIXELS:,}")
    missing = masks.missing(picture, mask) if chosen.masked else None
    from fenshen.machine import torch_device
    from fenshen.model import Model

    opened = Restorer(model) if isinstance(model, Model) else open_restorer(model, torch_device(device))
    begun = chosen.begin(picture, scale=scale, missing=missing)
    restored = opened.restore(begun, task, squares_around(picture, times))
    if strength < 1:
        import cv2

        restored = cv2.addWeighted(restored, strength, begun.given, 1 - strength, 0)
    mark = of_photograph(Path(source), opened.model.digest, marks)
    return mark.picture(path, restored, {"task": task, "model": opened.model.digest})
