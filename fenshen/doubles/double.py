"""``fenshen double``: from somebody's video or photographs to a generator of them.

Footage and keyframes first (:mod:`fenshen.doubles.material`). Of a video: one steady crop, measured controls, a quality
filter, the last tenth held out, and the person of the base model that is most alike. Of photographs: the photographs
moved by the head of a human who was cast for them; or that human, drawn in many movements by a virtual camera. Then
the base model is tuned on the footage by the same loop that trained it, until what was held out gets no better.
Everything unfinished lies beside the double in a hidden folder, and the same call goes on from there.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from fenshen import controls as control_space
from fenshen import dataset, files, portraits
from fenshen.commands import DEVICE, RECIPE_SETTINGS, SEED, Word, instead
from fenshen.errors import FenshenError, UsageError
from fenshen.locks import at_work
from fenshen.messages import message
from fenshen.provenance import consent as consents
from fenshen.provenance import inputs
from fenshen.version import __version__

if TYPE_CHECKING:
    from fenshen.dataset import Dataset
    from fenshen.doubles.store import Double, DoubleCard, Range
    from fenshen.keyframes import Keyframes
    from fenshen.provenance.consent import Consent

Look = Literal["photo", "human"]
RECIPE, DRAWN_RECIPE = "double", "double-128"  # one that moves keyframes, one that draws everything
SIZE = 128  # of a double that is drawn
SIZES = (128, 256, 512)
_MINUTES, _MINUTES_OF_PHOTOS = 8.0, 2.0
_OF_PHOTOS = ("batch_size=4", "keyframes=6")  # many small steps use the time best
_FIRST = 256  # most pixels of a side of the first pictures
_FINE = 256  # largest side at which moved keyframes are compared: motion knows no resolution
_MOST_STEPS = 6000


@instead("--consent-template", "fenshen.provenance.consent:template", help="cli.consent_template")
def double(
    sources: Annotated[Sequence[Path | str], Word(metavar="SRC...")],
    *,
    name: str,
    consent: Annotated[str | Path, Word(metavar="self|FILE")],
    out: Path | str | None = None,
    look: Look | None = None,
    size: int | None = None,
    minutes: float | None = None,
    settings: Annotated[Sequence[str], RECIPE_SETTINGS] = (),
    seed: Annotated[int, SEED] = 0,
    device: Annotated[str, DEVICE] = "auto",
    keep: bool = False,
    force: bool = False,
    progress: bool = True,
) -> Double:
    """Make a double of the person in videos or photographs.

    Args:
        sources: videos of one person, from a camera that stands still; or photographs of one person; or a folder with
            either
        name: name of the double
        consent: self for your own face, or a consent file
        out: the .double to write; by default named after --name
        look: look of a double from photographs: by default the photo itself, or a drawn human like it
        size: side of its pictures in pixels, 128, 256 or 512; by default as large as the face in the source
        minutes: longest training time in minutes; by default 8, and 2 for photographs
        settings: change a key of the recipe; can be repeated
        seed: random seed
        device: where to compute
        keep: keep footage and run in the hidden folder beside the double
        force: overwrite an existing double
        progress: show bars

    Returns:
        The double, opened.

    Raises:
        UsageError: options that are wrong or do not go together.
        FenshenError: no consent, no face, too few frames, or the double cannot be written.
        Interrupted: stopped; the same call continues.
    """
    from fenshen import model
    from fenshen.doubles import material, store
    from fenshen.doubles.photographed import LOOKS
    from fenshen.humans.human import parse
    from fenshen.keyframes import FOLDER, Keyframes
    from fenshen.training import recipe as recipes

    target = Path(out) if out is not None else Path(f"{name}{store.SUFFIX}")
    store.check_name(name)
    if minutes is not None and not 0.05 <= minutes <= 24 * 60:
        raise UsageError("generate.out_of_range", option="--minutes", value=minutes, low=0.05, high=24 * 60)
    if str(consent) != "self":
        files.must_be_file(consent, "files.consent")
    agreed = consents.self_consent(name) if str(consent) == "self" else consents.read(Path(consent))
    consents.check(agreed)
    paths = [file for source in sources for file in _files_of(Path(source))]
    photos = [path for path in paths if path.suffix.lower() in portraits.SUFFIXES]
    if photos and len(photos) < len(paths):
        raise UsageError("double.photos_or_films", photo=photos[0])
    _check_look(look, photos)
    if size is not None and size not in SIZES:
        raise UsageError("double.unknown_size", size=size, sizes=", ".join(map(str, SIZES)))
    with at_work(target):
        store.check_target(target, force)
        work = _resumed(workplace(target), paths, look, size)
        own = [*(_OF_PHOTOS if photos else ()), *settings]
        seen = partial(_shown, name, agreed, work, progress, composite=look != "human")
        time = minutes or (_MINUTES_OF_PHOTOS if photos else _MINUTES)
        more: dict[str, Any] = {"minutes": time, "seed": seed, "seen": seen, "progress": progress}
        count = recipes.load(RECIPE, own).keyframes
        if photos:
            data = material.of_photographs(photos, work, LOOKS[look or "photo"](size, SIZES), count, **more)
        else:
            data = material.of_films(paths, work, size, SIZES, count, device=device, **more)
        run = tune(data, work / "run", time, own, seed, device, progress)
        best = model.find(run)
        psnr = model.Model.load(best).card.metrics.get("psnr")
        card = _card(name, data, look or "photo", psnr)
        card = card.model_copy(update=material.notes(work))
        human = parse(dataset.Dataset(data.path).records["human"][0].as_py())
        kept = Keyframes.read(data.path / FOLDER)
        made_of = inputs.of_files(paths, placed=look != "human")
        store.save(target, card, best, human, agreed, kept, made_of)
        if not keep:
            shutil.rmtree(work, ignore_errors=True)
    return store.Double.open(target, device)


def _shown(
    name: str, agreed: Consent, work: Path, progress: bool, kept: Keyframes, *, composite: bool
) -> None:
    """Let somebody who waits see the person move, long before the double is finished."""
    from rich.console import Console

    from fenshen.provenance.mark import Mark

    file, shown = work / "first.png", kept.resized(min(kept.size, _FIRST))
    # There is no model yet: the pictures stand for it.
    digest = hashlib.sha256(kept.pictures.tobytes()).hexdigest()
    try:
        mark = Mark.of_double(name, digest, agreed, composite=composite)
        mark.sheet(file, shown.pictures, 3)
    except FenshenError:  # no certificate can be made, say: no reason to stop what takes minutes
        return
    console = Console(stderr=True, highlight=False, quiet=not progress)
    console.print(message("double.first", path=file), soft_wrap=True)


def workplace(target: Path) -> Path:
    """The folder of ``footage`` and ``run`` while a double is made."""
    return files.beside(target, "work")


def _files_of(source: Path) -> list[Path]:
    """A file; or the photographs and videos in a folder, by name.

    Raises:
        FenshenError: a folder with neither.
        UsageError: an archive.
    """
    if source.suffix.lower() == ".zip" and source.is_file():
        raise UsageError("double.archive", path=source)
    if not source.is_dir():
        return [source]
    from fenshen.preparation.sources import find
    from fenshen.preparation.sources.pictures import PictureFile
    from fenshen.preparation.sources.videos import Video

    found = find([str(source)]).sources
    inside = [Path(one.path) for one in found if isinstance(one, PictureFile | Video)]
    if not inside:
        raise FenshenError("double.nothing_inside", path=source)
    return inside


def _check_look(look: str | None, photos: Sequence[Path]) -> None:
    if look is None:
        return
    if look not in get_args(Look):
        raise UsageError("double.unknown_look", look=look, looks=", ".join(get_args(Look)))
    if not photos:
        raise UsageError("double.look_of_film", look=look)


def _resumed(work: Path, sources: Sequence[Path], look: Look | None = None, size: int | None = None) -> Path:
    """The folder of unfinished work on these files; work on other files is removed: it may show somebody else."""
    file, what = work / "sources.json", [look, size, *(_state(path) for path in sources)]
    try:
        same = json.loads(file.read_text(encoding="utf-8")) == what
    except (OSError, ValueError):
        same = False
    if not same:
        shutil.rmtree(work, ignore_errors=True)
        files.write_text(file, json.dumps(what))
    return work


def _state(path: Path) -> list[str | int]:
    """A fingerprint of a file: it changes when the file does.

    Raises:
        FenshenError: there is no such file.
    """
    if not path.is_file():
        raise FenshenError("prepare.no_source", path=path)
    status = path.stat()
    return [str(path.resolve()), status.st_size, status.st_mtime_ns]


def tune(
    data: Dataset,
    run: Path,
    minutes: float,
    settings: Sequence[str],
    seed: int,
    device: str,
    progress: bool,
) -> Path:
    """Train until held-out pictures get no better, or the minutes are over."""
    from fenshen.keyframes import FOLDER
    from fenshen.training.train import train

    data = dataset.Dataset(data.path)  # opened again, because its records have changed
    moves = (data.path / FOLDER).is_dir()
    recipe = RECIPE if moves else DRAWN_RECIPE
    words = [f"seed={seed}", f"minutes={minutes}"]
    if moves:
        words.append(f"fine={min(data.card.size, _FINE)}")
    if not any(word.startswith("steps=") for word in settings):
        # More than there is time for: the schedules follow the minutes.
        words += [f"steps={_MOST_STEPS}", f"adversarial_from={_MOST_STEPS // 2}"]
    words += settings
    return train(data, out=run, recipe=recipe, settings=words, device=device, progress=progress).path


def _card(name: str, data: Dataset, look: Look, psnr: float | None) -> DoubleCard:
    from fenshen.doubles.store import DoubleCard
    from fenshen.motion.drive import neutral_of
    from fenshen.motion.track import Track

    values = data.controls
    assert values is not None
    times: dict[str, list[float]] = {}
    for source, at in zip(*(data.records[c].to_pylist() for c in ("source", "timestamp")), strict=True):
        if at is not None:
            times.setdefault(source, []).append(at)
    return DoubleCard(
        name=name,
        look=look,
        frames=len(data),
        seconds=round(sum(max(at) - min(at) for at in times.values()), 2),
        psnr=None if psnr is None else round(psnr, 2),
        neutral=(control_space.NEUTRAL if look == "human" else neutral_of(Track(values, 25.0))).tolist(),
        seen=_seen(values),
        fenshen=__version__,
    )


def _seen(values: Float[ndarray, "T 58"]) -> dict[str, Range]:
    low, high = np.quantile(values, (0.01, 0.99), axis=0)
    return {
        name: (round(float(a), 3), round(float(b), 3))
        for name, a, b in zip(control_space.NAMES, low, high, strict=True)
        if math.isfinite(a) and math.isfinite(b)
    }
