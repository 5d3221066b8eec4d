"""``fenshen restore``: what is damaged in a photograph, mended."""

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
    source: Path | str,
    *,
    out: Path | str,
    task: Literal["inpaint", "upscale", "deblur", "denoise", "jpeg"],
    mask: Annotated[Sequence[str], Word(metavar="auto|X,Y,W,H|FILE")] = (),
    scale: Annotated[int, Word(low=2, high=4)] = 2,
    strength: Annotated[float, Word(low=0, high=1)] = 1.0,
    model: Path | str | Model | None = None,
    marks: MarkOptions = MarkOptions(),
    device: Annotated[str, DEVICE] = "auto",
    force: bool = False,
) -> Path:
    """Mend a photograph: fill holes, enlarge, sharpen, or take away noise or the traces of JPEG.

    Args:
        source: a photograph, of any size
        out: the picture to write
        task: what to do about it
        mask: for inpaint, what is missing; auto finds scratches and dates, X,Y,W,H is a rectangle in pixels, FILE a
            picture that is light there. Can be repeated
        scale: for upscale, how many times as wide and high
        strength: 0 leaves the picture as it is, 1 restores it fully
        model: your own model, trained on damaged:DATASET
        marks: how the picture is marked
        device: where to compute
        force: overwrite an existing file

    Returns:
        The picture's path.

    Raises:
        UsageError: options that do not go together, or a mask that does not fit.
        FenshenError: the photograph cannot be read, or the result cannot be written.
    """
    from fenshen import portraits
    from fenshen.pictures import masks
    from fenshen.pictures.output import of_photograph, target
    from fenshen.pictures.restorer import Restorer, open_restorer, squares_around
    from fenshen.pictures.tasks import TASKS

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
