"""Finding out where the time of training goes, and which settings suit the data."""

from __future__ import annotations

import json

import pytest

import fenshen
from fenshen.errors import Interrupted, UsageError
from fenshen.training import checkpoint, loop, tune
from fenshen.training import recipe as recipes

SMALL = ("size=32", "width=8", "max_width=32", "batch_size=8", "evaluate_every=0", "precision=float32")


def test_a_profile_says_where_the_time_goes_and_trains_nothing(drawings, tmp_path):
    settings = (*SMALL, "r1=1", "steps=3")
    run = fenshen.train(
        drawings,
        out=tmp_path / "run",
        recipe="style-64",
        settings=settings,
        profile=2,
        device="cpu",
        progress=False,
    )
    found = run.profile
    assert found.steps == 2
    assert set(found.phases) == {"data", "generator", "discriminator", "penalties", "optimizer", "rest"}
    assert all(seconds > 0 for name, seconds in found.phases.items() if name != "rest")
    assert sum(found.phases.values()) == pytest.approx(found.seconds, rel=0.3)
    names = {event.get("name") for event in json.loads(found.trace.read_text())["traceEvents"]}
    assert {"fenshen.generator", "fenshen.penalties"} <= names
    assert str(found.trace) in run.text
    assert not checkpoint.folders(run.path)
    trained = fenshen.train(drawings, out=run.path, settings=settings, device="cpu", progress=False)
    assert trained.report["steps"] == 3


def test_tuning_tries_settings_and_goes_on_after_an_interruption(tmp_path, monkeypatch):
    words = ("minutes=0.06", "width=8", "batch_size=8")

    def tuned(path=tmp_path / "tuning"):
        return tune.tune("points:ring8", out=path, settings=words, device="cpu", progress=False)

    until = loop.Training.until

    def interrupted(self, seconds):
        until(self, seconds)
        raise Interrupted("train.interrupted", step=self.step, run=self.run)

    with monkeypatch.context() as patch:
        patch.setattr(loop.Training, "until", interrupted)
        with pytest.raises(Interrupted):
            tuned()
    found = tuned()
    assert found.usual.settings == {"lr_g": 0.003, "lr_d": 0.003, "r1": 0.1, "r2": 0.1, "batch_size": 8}
    assert found.usual.seconds >= 3.6 / 54
    assert len(found.trials) >= 2
    assert len({trial.settings["lr_g"] for trial in found.trials}) == len(found.trials)
    recipe = recipes.load(found.recipe)
    assert recipe.lr_g == found.trials[0].settings["lr_g"]
    assert recipe.steps == recipes.load("points").steps
    assert (
        json.loads((tmp_path / "tuning" / "report.json").read_text())["trials"][0]["merit"]
        == found.trials[0].merit
    )
    assert str(found.recipe) in found.text
    assert tuned().trials == found.trials  # the time is over
    with pytest.raises(UsageError, match="something else"):
        tuned(found.recipe.parent / "trial-000")
