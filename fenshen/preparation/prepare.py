"""``fenshen prepare``: from folders, zip files, videos and drawings to a dataset of aligned portraits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, get_args

from fenshen import portraits
from fenshen.commands import SEED, Word
from fenshen.dataset import Dataset
from fenshen.errors import FenshenError, UsageError
from fenshen.preparation import clips, running
from fenshen.preparation import sources as listings
from fenshen.preparation.joining import join
from fenshen.preparation.planning import Crop, Settings, plan
from fenshen.preparation.refusals import PrepareSummary, describe, tally
from fenshen.preparation.store import Store

SIZES = (32, 64, 128, 256, 512, 1024)
LEAST_FACE = (
    0.4  # of the portrait's side: a face stands about half as high, so it is enlarged by a quarter at most
)


class Prepared(Dataset):
    """The dataset that was made, with a report of how.

    Attributes:
        report: what was kept, what was refused and why, and what the dataset is enough for.
    """

    def __init__(self, report: PrepareSummary) -> None:
        super().__init__(report.path)
        self.report = report

    @property
    def text(self) -> str:
        """The report in words."""
        return self.report.text

    def summary(self) -> dict[str, Any]:
        """The report as JSON."""
        return self.report.model_dump(mode="json")


def prepare(
    sources: Annotated[Sequence[str | Path], Word(metavar="SRC...")],
    out: Path | str,
    *,
    size: int = 64,
    crop: Crop = "face",
    fit: portraits.Fit = "crop",
    all_faces: bool = False,
    one_person: bool = False,
    every: int | None = None,
    fps: float | None = None,
    min_face: int | None = None,
    ground: str = "white",
    workers: int | None = None,
    backend: str | None = None,
    seed: Annotated[int, SEED] = 0,
    force: bool = False,
    progress: bool = True,
) -> Prepared:
    """Make a dataset from the sources.

    If it is interrupted, the same call continues where it stopped. The result does not depend on the number of
    workers.

    Args:
        sources: folders, zip files, videos, pictures, humans:N, avatars:STYLE:N; in a folder, first-level folders name
            the subjects
        out: folder of the dataset
        size: side of the portraits in pixels, a power of two from 32 to 1024
        crop: face aligns every face; clip uses one steady crop for each video and keeps the head's movement in the
            controls; none takes pictures whole
        fit: how pictures that are not cropped become square
        all_faces: keep every face of a picture, not only the largest
        one_person: keep only the person who appears most
        every: take every N-th frame of a video
        fps: take this many frames per second of a video
        min_face: refuse faces lower than this many pixels; by default what the size needs
        ground: colour behind transparent pictures and around padded ones, a CSS name or #rrggbb
        workers: number of processes; by default one per core
        backend: joblib backend: loky, threading, or a cluster's (ray, dask)
        seed: random seed of drawings and of the held-out split
        force: replace an existing dataset
        progress: show a bar on standard error.

    Raises:
        UsageError: an option is out of range, or ``out`` exists (with ``force``: and is not a dataset).
        FenshenError: a source is missing, nothing could be kept, or ``out`` cannot be written.
        Interrupted: stopped by the user; finished work is kept for the next call.
    """
    out = Path(out)
    settings = _settings(size, crop, fit, all_faces, one_person, every, fps, min_face, ground)
    _check("--workers", workers, workers is None or workers >= 1, ">= 1")
    _check_place(out, force)
    words = [str(word) for word in sources]
    listing = listings.find(words, seed=seed, skip=out)
    if not listing.items and listing.refused:
        raise FenshenError("prepare.nothing_kept", why=describe(tally(listing.refused)))
    if not listing.items:
        raise FenshenError("prepare.nothing_found", sources=", ".join(words))
    store = Store(out)
    try:
        store.open()
        units = plan(listing.items, settings)
        if any(unit.step == "look" for unit in units):
            looks = [unit for unit in units if unit.step == "look"]
            running.run(
                looks,
                settings,
                store,
                workers=workers,
                backend=backend,
                progress=progress,
                title="prepare.bar_look",
            )
            units = clips.steady(units, settings, store)
        running.run(units, settings, store, workers=workers, backend=backend, progress=progress)
        summary = join(units, settings, store, listing, out=out, words=words, seed=seed)
    except OSError as error:
        raise FenshenError("prepare.cannot_write", path=out, why=error.strerror or error) from error
    store.remove()
    return Prepared(summary)


def _check_place(out: Path, force: bool) -> None:
    """Refuse to write over what is there; with ``force``, over anything but a dataset."""
    if not out.exists():
        return
    if not force:
        raise UsageError("prepare.exists", path=out)
    if not out.is_dir() or (any(out.iterdir()) and not (out / "dataset.json").is_file()):
        raise UsageError("prepare.not_ours", path=out)


def _settings(
    size: int,
    crop: Crop,
    fit: portraits.Fit,
    all_faces: bool,
    one_person: bool,
    every: int | None,
    fps: float | None,
    min_face: int | None,
    ground: str,
) -> Settings:
    """The options, checked.

    Raises:
        UsageError: the first that is wrong, and what it may be.
    """
    from PIL import ImageColor

    _check("--size", size, size in SIZES, ", ".join(map(str, SIZES)))
    _check("--crop", crop, crop in get_args(Crop), ", ".join(get_args(Crop)))
    _check("--fit", fit, fit in get_args(portraits.Fit), ", ".join(get_args(portraits.Fit)))
    _check("--every", every, every is None or every >= 1, ">= 1")
    _check("--fps", fps, fps is None or 0 < fps <= 1000, "> 0, <= 1000")
    _check("--min-face", min_face, min_face is None or min_face >= 1, ">= 1")
    if every is not None and fps is not None:
        raise UsageError("prepare.every_or_fps")
    if all_faces and one_person:
        raise UsageError("prepare.all_or_one")
    if all_faces and crop == "clip":
        raise UsageError("prepare.all_or_clip")
    try:
        red, green, blue = ImageColor.getrgb(ground)[:3]
    except ValueError as error:
        raise UsageError("prepare.unknown_colour", colour=ground) from error
    least = round(size * LEAST_FACE) if min_face is None else min_face
    return Settings(size, crop, fit, all_faces, one_person, every, fps, least, (red, green, blue))


def _check(option: str, value: object, good: bool, allowed: str) -> None:
    if not good:
        raise UsageError("prepare.out_of_range", option=option, value=value, allowed=allowed)
