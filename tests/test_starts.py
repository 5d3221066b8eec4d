"""What a run starts from: the pair that comes with Fenshen, a user's own model, or nothing."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import fenshen
from fenshen import assets
from fenshen.model import WEIGHTS, Model
from fenshen.training import checkpoint, starts
from fenshen.training import recipe as recipes


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    folder = tmp_path_factory.mktemp("starts") / "faces"
    fenshen.prepare(["avatars:personas:24"], folder, size=64, progress=False)
    return folder


@pytest.mark.parametrize(
    ("name", "settings", "start"),
    [
        ("fast-64", [], "faces-64"),
        ("quick-64", [], "faces-64"),
        ("few-shot-64", [], "faces-64"),
        ("fast-64", ["start=none"], None),
        ("fast-64", ["start=null"], None),
        ("fast-64", ["start=runs/mine"], "runs/mine"),
        ("fast-64", ["width=16"], None),
        ("fast-128", [], None),
        ("style-64", [], None),
        ("restore-128", [], None),
    ],
)
def test_which_model_a_recipe_starts_from(name, settings, start):
    assert starts.find(recipes.load(name, settings)) == start


def begun(faces, run, recipe="few-shot-64", *words):
    settings = ("steps=1", "batch_size=4", "evaluate_every=0", "sample_every=1", *words)
    fenshen.train(faces, out=run, recipe=recipe, settings=settings, device="cpu", progress=False)
    return run


def test_a_run_starts_from_the_pair_and_its_card_says_so(faces, tmp_path):
    run = begun(faces, tmp_path / "run")
    first = checkpoint.folders(run)[0]
    shipped = Model.load("faces-64")
    ours = load_file(first / WEIGHTS)
    assert all(torch.equal(ours[key], value) for key, value in shipped.generator.state_dict().items())
    judge, known = checkpoint.discriminator(first), checkpoint.discriminator(shipped.path)
    assert judge.keys() == known.keys()
    assert all(torch.equal(judge[key], known[key].float()) for key in known if "heads" in key)
    assert Model.load(run).card.start == "faces-64"
    assert json.loads((checkpoint.folders(run)[-1] / "model.json").read_text())["start"] == "faces-64"


def test_nothing_is_nothing(faces, tmp_path):
    run = begun(faces, tmp_path / "run", "fast-64", "start=none")
    assert Model.load(run).card.start is None
    ours, shipped = (load_file(checkpoint.folders(run)[0] / WEIGHTS), Model.load("faces-64").generator)
    assert not torch.equal(ours["to_picture.weight"], shipped.state_dict()["to_picture.weight"])


def test_the_pair_is_small_free_and_draws_faces_that_differ():
    files = [name for name in assets.manifest() if name.startswith("faces-64/")]
    assert len(files) == 2
    assert sum((assets.FOLDER / name).stat().st_size for name in files) < 10_000_000
    card = Model.load("faces-64").card
    assert "CC0" in card.licence
    pictures = Model.load("faces-64").sample(range(16)).astype(float)
    assert np.abs(pictures[:8] - pictures[8:]).mean() > 15
