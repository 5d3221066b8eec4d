"""``fenshen stylize``: a photograph, a film or a double in another style."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from fenshen.commands import DEVICE, Word
from fenshen.errors import UsageError
from fenshen.provenance.options import MarkOptions

if TYPE_CHECKING:
    import torch

    from fenshen.doubles.store import Double
    from fenshen.model import Model
    from fenshen.pictures.styling import Styling
    from fenshen.provenance.mark import Mark

STYLES = {"toon": "toon-128"}  # models that come with Fenshen, by the names of their styles
_FILMS = (".mp4", ".mov", ".mkv", ".webm")
_FASTEST = 60.0  # frames a second; of a quicker film some are left out


def stylize(
    source: Annotated[Path | str | Double, Word(metavar="PHOTO|FILM|DOUBLE")],
    *,
    out: Path | str,
    style: Annotated[str | Path | Model, Word(metavar="toon|RUN")] = "toon",
    strength: Annotated[float, Word(low=0, high=1)] = 1.0,
    marks: MarkOptions = MarkOptions(),
    device: Annotated[str, DEVICE] = "auto",
    force: bool = False,
) -> Path:
    """Redraw a photograph, a film or a double in another style.

    Args:
        source: a photograph, a film, or a .double file, which is shown at rest
        out: the picture or film to write
        style: toon is flat colours with outlines; or your own model, trained on pairs:A:B or unpaired:A:B
        strength: 0 leaves the picture as it is, 1 redraws it fully
        marks: how the result is marked
        device: where to compute
        force: overwrite an existing file

    Returns:
        The path of what was written.

    Raises:
        UsageError: there is no such style, or the source and what is to be written do not go together.
        FenshenError: the source cannot be read, or the result cannot be written.
    """
    from fenshen import portraits
    from fenshen.doubles.store import Double
    from fenshen.machine import torch_device
    from fenshen.pictures.output import SUFFIXES, of_photograph, target

    marks.check()
    given = Path(source)
    film = given.suffix.lower() in _FILMS
    path = target(out, force, _FILMS if film else SUFFIXES)
    styling = _styling(style, torch_device(device), strength)
    if isinstance(source, Double) or given.suffix == ".double":
        double = Double.of(source, device)
        (shown,) = double.draw([double.request()])
        return double.mark(marks).picture(path, styling(shown))
    mark = of_photograph(given, styling.model.digest, marks)
    return _film(given, path, styling, mark) if film else mark.picture(path, styling(portraits.read(given)))


def _styling(style: str | Path | Model, device: torch.device, strength: float) -> Styling:
    """By a style that comes with Fenshen, whose models know drawn people only, or by a user's own model."""
    from fenshen.model import Model
    from fenshen.pictures.styling import Styling

    if isinstance(style, Model):
        return Styling(style, strength)
    if Path(style).exists():
        return Styling(Model.load(style, device), strength)
    if str(style) not in STYLES:
        raise UsageError("stylize.unknown", style=style, names=", ".join(STYLES))
    return Styling(Model.load(STYLES[str(style)], device), strength, smooth=True)


def _film(source: Path, path: Path, styling: Styling, mark: Mark) -> Path:
    """Frame by frame, steadied along the film's own movement: a network that sees one frame at a time flickers."""
    from fenshen import audio, video
    from fenshen.pictures.steady import Steady

    seen = video.probe(source)
    sound = audio.of_film(source, seen.start) if seen.has_audio else None
    rate = seen.fps if 1 <= seen.fps <= _FASTEST else _FASTEST
    steady = Steady()
    frames = (frame.picture for frame in video.frames(source, fps=rate))
    pictures = (steady(frame, styling(frame)) for frame in frames)
    return mark.film(path, pictures, rate, None if sound is None else (sound.pieces, sound.rate))
