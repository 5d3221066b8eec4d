"""What a double learns from: footage with labels, and keyframes beside it, made of films or of photographs.

Everything lies in the hidden folder of unfinished work; what is there already is not made again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from fenshen import dataset, files, video
from fenshen.errors import FenshenError, Interrupted
from fenshen.keyframes import FOLDER, Keyframes
from fenshen.messages import message

if TYPE_CHECKING:
    from fenshen.dataset import Dataset
    from fenshen.doubles.photographed import Photographed

_MOST_FRAMES = 2500  # more of one person teach little, and cost time to measure
_FEWEST = 40
_LEAST_FACE = 51  # pixels of a film's faces, whatever the size that the double is asked for
_MADE = 4  # keyframes that show what was not filmed
_NOTES = "notes.json"  # what was found, for the card
# Called once, when keyframes are there: nobody waits longer to see something.
Seen = Callable[[Keyframes], None]


def of_photographs(
    photos: Sequence[Path],
    work: Path,
    look: Photographed,
    count: int,
    *,
    minutes: float,
    seed: int,
    seen: Seen,
    progress: bool,
) -> Dataset:
    """Footage and keyframes of photographs.

    Args:
        count: of keyframes.
        minutes: of the training that follows: a short one has no use for many pictures.

    Raises:
        FenshenError: there is no face, or it cannot be used; nothing is left then.
        Interrupted: stopped; the same call goes on.
    """
    kept, place = work / FOLDER, work / "footage" / FOLDER
    with _or_nothing(work):
        look.cast(photos, work, note=partial(_note, work), progress=progress)
        if not kept.is_dir() and not place.is_dir():
            with files.writing_folder(kept) as part:
                look.keyframes(work, count).write(part)
            seen(Keyframes.read(kept))
        data = look.footage(work, minutes=minutes, seed=seed, progress=progress)
        if not place.is_dir():
            kept.replace(place)
    return data


def of_films(
    films: list[Path],
    work: Path,
    size: int | None,
    sizes: Sequence[int],
    count: int,
    *,
    minutes: float,
    seed: int,
    device: str,
    seen: Seen,
    progress: bool,
) -> Dataset:
    """Footage and keyframes of videos: arguments and errors as :func:`of_photographs`.

    Args:
        size: of the portraits; by default one of ``sizes``, as large as the faces in the films.
    """
    with _or_nothing(work):
        data = _filmed(films, work, size, sizes, seed, progress)
    _name_nearest(data, device)
    moved = _unfilmed(data, work, minutes, seed, progress)
    place = data.path / FOLDER
    if not place.is_dir():
        still = bool(notes(work).get("still", False))
        with files.writing_folder(place) as part:
            _chosen(data, moved, count, still).write(part)
        seen(Keyframes.read(place))
    return data


def notes(work: Path) -> dict[str, Any]:
    """What was found, as fields of the double's card."""
    told: dict[str, Any] = json.loads((work / _NOTES).read_text(encoding="utf-8"))
    return told


@contextmanager
def _or_nothing(work: Path) -> Iterator[None]:
    """What cannot become footage leaves nothing."""
    try:
        yield
    except Interrupted:
        raise
    except FenshenError:
        shutil.rmtree(work, ignore_errors=True)
        raise


def _note(work: Path, found: list[str], neutral: Float[ndarray, "58"]) -> None:
    """Keep what the card will say."""
    told = {"notes": found, "neutral": neutral.tolist()}
    files.write_text(work / _NOTES, json.dumps(told, ensure_ascii=False))


def _filmed(
    sources: list[Path], work: Path, size: int | None, sizes: Sequence[int], seed: int, progress: bool
) -> Dataset:
    """The videos' frames as a dataset of portraits with measured controls."""
    from fenshen.doubles.filmed import fitting_size, judged, unusable
    from fenshen.preparation.prepare import prepare

    out = work / "footage"
    for source in sources:
        video.probe(source)  # says what is wrong with a file that is none
    if not out.exists():
        seconds = sum(video.probe(source).duration for source in sources)
        fps = _MOST_FRAMES / seconds if seconds * 25 > _MOST_FRAMES else None
        side = size or fitting_size(sources, sizes)
        try:
            prepare(
                sources,
                out,
                size=side,
                crop="clip",
                one_person=True,
                fps=fps,
                min_face=_LEAST_FACE,
                seed=seed,
                progress=progress,
            )
        except FenshenError as error:
            raise unusable(sources, error) from error
    data = dataset.Dataset(out)
    if not (work / _NOTES).is_file():
        from fenshen.doubles import background

        data, found = judged(data, sources)
        still = not background.moves(data)
        if still:
            data = background.matched(data)
        else:
            data = background.stilled(data)
            found.append(message("double.moving"))
        files.write_text(work / _NOTES, json.dumps({"notes": found, "still": still}, ensure_ascii=False))
    if len(data) < _FEWEST:
        raise FenshenError("double.too_few", frames=len(data), least=_FEWEST)
    return data


def _chosen(data: Dataset, moved: Path | None, count: int, still: bool) -> Keyframes:
    """Frames of films, and what was made of one of them.

    Args:
        moved: folder of a frame that was moved into what was not filmed; None if none was.
        still: whether the film's background stands still, so that the head can be put back into one of its frames.
    """
    from fenshen.doubles.keyframes import choose
    from fenshen.doubles.unfilmed import with_made

    made = 0 if moved is None else min(_MADE, count // 2)
    kept = choose(data, count - made, whole=still)
    return kept if moved is None or not made else with_made(kept, moved, made)


def _unfilmed(data: Dataset, work: Path, minutes: float, seed: int, progress: bool) -> Path | None:
    """A folder with a frame that was moved into what the film does not show; None, and a note, where that fails."""
    from fenshen.doubles.unfilmed import write_unfilmed

    folder = work / "unfilmed"
    try:
        write_unfilmed(dataset.Dataset(data.path), folder, minutes=minutes, seed=seed, progress=progress)
    except Interrupted:
        raise
    except FenshenError as error:
        told, note = notes(work), message("double.only_filmed", why=error)
        if note not in told["notes"]:
            told["notes"].append(note)
            files.write_text(work / _NOTES, json.dumps(told, ensure_ascii=False))
        return None
    return folder


def _name_nearest(data: Dataset, device: str) -> None:
    """Write the base model's person who is most similar into the footage's records."""
    from fenshen.doubles.nearest import nearest_human
    from fenshen.humans.camera import Camera
    from fenshen.machine import torch_device
    from fenshen.model import Model

    if data.records["human"][0].as_py() is not None:
        return
    assert data.controls is not None
    train = data.indices("train")
    some = train[np.linspace(0, len(train) - 1, min(len(train), 32)).astype(int)]
    base = Model.load("humans", torch_device(device))
    human = nearest_human(base, data.pixels[some], data.controls[some])
    front = Camera()
    dataset.name_human(data.path, human.model_dump_json(), (front.azimuth, front.elevation, front.distance))
