"""A run on disk, opened."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fenshen.messages import message

if TYPE_CHECKING:
    from fenshen.model import Model
    from fenshen.training.phases import Profile
    from fenshen.training.recipe import Recipe


@dataclass(frozen=True)
class Run:
    """What ``train`` wrote.

    Attributes:
        path: the run's folder.
        taken: steps that the call took; None of a run that was only opened.
        profile: what those steps were made of, where they were only taken to be timed.
    """

    path: Path
    taken: int | None = None
    profile: Profile | None = None

    def __fspath__(self) -> str:
        return str(self.path)

    @property
    def recipe(self) -> Recipe:
        """The recipe that decided everything."""
        from fenshen.training import recipe

        return recipe.load(self.path / "recipe.yaml")

    @property
    def report(self) -> dict[str, Any]:
        """``report.json``: how far the run came, how fast, how well, and what the watch found."""
        return json.loads((self.path / "report.json").read_text(encoding="utf-8"))

    def model(self, device: str = "cpu") -> Model:
        """The generator of the best checkpoint, or of the last where none was measured."""
        from fenshen.machine import torch_device
        from fenshen.model import Model

        return Model.load(self.path, torch_device(device))

    @property
    def text(self) -> str:
        """What to do with it next; or that there was nothing left to train; or where the time goes."""
        if self.profile is not None:
            return self.profile.text
        if self.taken == 0:
            return message(
                "train.nothing_left", run=self.path, done=self.report["steps"], steps=self.recipe.steps
            )
        if found := self.report.get("modes"):
            return message("train.found", run=self.path, **found[-1])
        return message("train.done", run=self.path)

    def summary(self) -> dict[str, Any]:
        """The report, or the profile."""
        return self.report if self.profile is None else self.profile.summary()
