"""``fenshen demo``: the whole path in a few minutes, on a person who does not exist, with a page that shows it."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError
from rich.console import Console

from fenshen import files
from fenshen.commands import DEVICE, SEED, Word
from fenshen.errors import FenshenError, Interrupted, UsageError
from fenshen.machine import has_bf16, has_extra, resolve
from fenshen.messages import message
from fenshen.names import readable
from fenshen.tour import page
from fenshen.tour.parts import PARTS, Part, Stage

_MINUTES, _MINUTES_WITHOUT = 2.0, 4.5  # of training with units for bf16, and without
NOTES = "demo.json"  # what the parts noted; the sign that a folder is a demo


class Note(BaseModel):
    """What is known of one part."""

    seconds: float = 0.0
    figures: dict[str, float | None] = {}
    left_out: str | None = Field(default=None, description="why it was left out")


class Tour(BaseModel):
    """What the demo left behind."""

    out: str
    page: str
    files: list[str]
    notes: dict[str, Note] = Field(description="seconds and figures of each part")
    seconds: float

    @property
    def text(self) -> str:
        """Where the page is, what was left out, and what to try next."""
        missing = [note.left_out for note in self.notes.values() if note.left_out]
        return "\n".join(
            [message("demo.done", page=self.page, seconds=self.seconds), *missing, "", message("demo.next")]
        )


def demo(
    out: Path | str = "demo",
    *,
    minutes: Annotated[float | None, Word(low=0.05)] = None,
    seed: Annotated[int, SEED] = 0,
    device: Annotated[str, DEVICE] = "auto",
    force: bool = False,
    progress: bool = True,
) -> Tour:
    """Make a double of a drawn person from a short film, let it speak, move a photograph, train a GAN; show it all.

    Args:
        out: folder for everything
        minutes: minutes that the GAN trains, the doubles take less; by default 2 with bf16 units or a GPU, 4.5 without
        seed: random seed
        device: where to compute
        force: replace an earlier demo; without it, an interrupted one continues
        progress: show bars on standard error

    Raises:
        UsageError: ``out`` holds something that is not a demo.
        FenshenError: it cannot be written.
        Interrupted: everything is kept, and the same call continues.
    """
    started, folder = time.monotonic(), Path(out)
    files.must_be_folder(folder, "files.output")
    notes = _begun(folder, force)
    stage, tell = Stage(folder, minutes or _usual(device), seed, device, progress), _teller(progress)
    for number, part in enumerate(PARTS, 1):
        if part.done(stage):
            continue
        tell(f"{number}/{len(PARTS)}  {message(f'demo.{part.name}_title')}")
        notes[part.name] = _played(part, stage)
        if why := notes[part.name].left_out:
            tell(why)
        _keep(folder, notes)
    written = page.write(stage, notes)
    return Tour(
        out=readable(folder),
        page=readable(written),
        files=[readable(stage / name) for part in PARTS for name in part.makes if (stage / name).exists()],
        notes=notes,
        seconds=round(time.monotonic() - started, 1),
    )


def _usual(device: str) -> float:
    """Minutes in which pictures become good on this machine."""
    return _MINUTES if has_bf16(resolve(device)[0]) else _MINUTES_WITHOUT


def _played(part: Part, stage: Stage) -> Note:
    """Play a part. What fails is told and does not keep the others from playing."""
    if part.needs is not None and not has_extra(part.needs):
        return Note(left_out=message("demo.no_extra", title=message(f"demo.{part.name}_title")))
    if any(before.name == part.after and not before.done(stage) for before in PARTS):
        return Note(left_out=message("demo.no_double"))
    started = time.monotonic()
    try:
        figures = part.play(stage) or {}
    except Interrupted:
        raise
    except FenshenError as error:
        return Note(left_out=str(error))
    return Note(seconds=round(time.monotonic() - started, 1), figures=figures)


def _begun(folder: Path, force: bool) -> dict[str, Note]:
    """What an unfinished demo noted; a finished or old one is removed if that is wanted.

    Raises:
        UsageError: the folder holds something else.
    """
    if not folder.exists() or not any(folder.iterdir()):
        files.make_folder(folder)
        _keep(folder, {})
        return {}
    if not (folder / NOTES).is_file():
        raise UsageError("demo.not_ours", path=folder)  # --force never deletes what is not ours
    if force:
        shutil.rmtree(folder)
        return _begun(folder, force)
    try:
        noted = json.loads((folder / NOTES).read_text(encoding="utf-8"))
        return {name: Note.model_validate(note) for name, note in noted.items()}
    except (OSError, ValueError, AttributeError, ValidationError):
        return {}


def _keep(folder: Path, notes: dict[str, Note]) -> None:
    rows = {name: note.model_dump() for name, note in notes.items()}
    files.write_text(folder / NOTES, json.dumps(rows, ensure_ascii=False, indent=2) + "\n")


def _teller(progress: bool) -> Callable[[str], None]:
    console = Console(stderr=True, highlight=False, quiet=not progress)

    def tell(text: str) -> None:
        console.print(f"[bold]{text}[/]")

    return tell
