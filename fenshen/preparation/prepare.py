"""``fenshen prepare``: from folders, zip files, videos and drawings to a dataset of aligned portraits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from fenshen import portraits
from fenshen.commands import SEED, Word
from fenshen.dataset import Dataset
from fenshen.errors import FenshenError, UsageError
from fenshen.locks import at_work
from fenshen.preparation import running
from fenshen.preparation.joining import join
from fenshen.preparation.planning import first_looks, plan, settled
from fenshen.preparation.refusals import PrepareSummary, describe, tally
from fenshen.preparation.settings import Crop, Settings, check, colour, least_face
from fenshen.preparation.sources import find
from fenshen.preparation.store import Store


class Prepared(Dataset):
    """The dataset that was made, with a report of how.

    Attributes:
        report: what was kept, what was refused and why, and what the dataset is enough for.
    """

    def __init__(self, path: Path, report: PrepareSummary) -> None:
        super().__init__(path)
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
        FenshenError: a source is missing, nothing could be kept, another process is at work on ``out``, or it
            cannot be written.
        Interrupted: stopped by the user; finished work is kept for the next call.
    """
    out = Path(out)
    settings = Settings(
        size=size,
        crop=crop,
        fit=fit,
        all_faces=all_faces,
        one_person=one_person,
        every=every,
        fps=fps,
        min_face=least_face(size, min_face),
        ground=colour(ground),
    )
    check("--workers", workers, workers is None or workers >= 1, ">= 1")
    with _unwritable(out), at_work(out):
        _check_place(out, force)
        words = [str(word) for word in sources]
        listing = find(words, seed=seed, skip=out)
        if not listing.sources and listing.refused:
            raise FenshenError("prepare.nothing_kept", why=describe(tally(listing.refused)))
        if not listing.sources:
            raise FenshenError("prepare.nothing_found", sources=", ".join(words))
        store = Store(out)
        run = partial(
            running.run, settings=settings, store=store, workers=workers, backend=backend, progress=progress
        )
        store.open()
        units = plan(listing.sources, settings)
        if looks := first_looks(units):
            run(looks, title="prepare.bar_look")
            units = list(settled(units, settings, store))
        run(units)
        report = join(units, settings, store, listing, out=out, words=words, seed=seed)
        store.remove()
    return Prepared(out, report)


@contextmanager
def _unwritable(out: Path) -> Iterator[None]:
    """Say, where something cannot be written, that finished work is kept."""
    try:
        yield
    except FenshenError as error:
        if error.key != "files.cannot_write":
            raise
        raise FenshenError("prepare.cannot_write", path=out, why=error.values["why"]) from error


def _check_place(out: Path, force: bool) -> None:
    """Refuse to write over what is there; with ``force``, over anything but a dataset."""
    if not out.exists():
        return
    if not force:
        raise UsageError("prepare.exists", path=out)
    if not out.is_dir() or (any(out.iterdir()) and not (out / "dataset.json").is_file()):
        raise UsageError("prepare.not_ours", path=out)
