"""``fenshen explain``: what a model or a double has learnt, as one page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from fenshen import files
from fenshen.commands import DEVICE, SEED, Word
from fenshen.errors import UsageError
from fenshen.messages import catalogue, language, message

if TYPE_CHECKING:
    from fenshen.dataset import Dataset
    from fenshen.doubles.store import Double
    from fenshen.model import Model
    from fenshen.training.run import Run

PAGE, FACTS = "explanation.html", "explanation.json"


@dataclass(frozen=True)
class Explanation:
    """What was found.

    Attributes:
        files: that were written.
        facts: as in ``explanation.json``.
    """

    files: list[str]
    facts: dict[str, Any]

    @property
    def text(self) -> str:
        """In words, one direction a line."""
        lines = [
            message(
                "explain.direction",
                number=number,
                share=100 * found["share"],
                names=", ".join(f"{said(name)} ({r:+.2f})" for name, r in found["names"])
                or message("explain.nameless"),
            )
            for number, found in enumerate(self.facts["directions"], 1)
        ]
        return "\n".join([*lines, message("cli.wrote", path=self.files[0])])

    def summary(self) -> dict[str, Any]:
        """The facts, for ``--json``."""
        return {"files": self.files, **self.facts}


def said(name: str) -> str:
    """An attribute in the language in use; its own name where the catalogue has no words for it."""
    words = catalogue("explain").get(name.replace(".", "_"))
    return words[language()] if words else name


def explain(
    model: Annotated[Path | str | Run | Model | Double, Word(metavar="MODEL|RUN|DOUBLE")],
    *,
    out: Path | str,
    dataset: Path | str | Dataset | None = None,
    count: Annotated[int, Word(low=64, high=20_000)] = 768,
    seed: Annotated[int, SEED] = 0,
    device: Annotated[str, DEVICE] = "auto",
    force: bool = False,
) -> Explanation:
    """Show what a generator has learnt: directions with names, where its judge looks, what it was near to.

    Args:
        model: a model, a checkpoint, a run or a .double file
        out: folder for the page
        dataset: the pictures it was trained on, to find the nearest ones
        count: pictures to draw and look at
        seed: seed of the first picture
        device: where to compute
        force: overwrite an existing page

    Returns:
        What was found.

    Raises:
        UsageError: a page that exists, or a model that does not draw pictures from latents.
        FenshenError: the model or the dataset cannot be read, or the page cannot be written.
    """
    folder = Path(out)
    files.must_be_folder(folder, "files.output")
    for name in (PAGE, FACTS):
        if (folder / name).exists() and not force:
            raise UsageError("evaluate.exists", path=folder / name)
    from fenshen.explanation.findings import find
    from fenshen.explanation.page import render
    from fenshen.explanation.subject import Subject
    from fenshen.machine import torch_device

    subject = Subject.of(model, torch_device(device))
    found = find(subject, dataset, count, seed)
    page = render(subject, found)
    files.write_text(folder / FACTS, found.json())
    files.write_text(folder / PAGE, page)
    return Explanation([str(folder / name) for name in (PAGE, FACTS)], found.facts())
