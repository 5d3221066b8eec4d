"""Files that earlier versions wrote still open: one small file of each kind, as version 0.1.0 left it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np

import fenshen
from fenshen import controls
from fenshen.dataset import Dataset
from fenshen.doubles.store import Double
from fenshen.humans import human
from fenshen.model import Model
from fenshen.motion import track
from fenshen.training import recipe as recipes

OLD = Path(__file__).with_name("written_by_0_1_0")


def test_a_dataset_opens():
    data = Dataset(OLD / "dataset")
    assert len(data) == data.card.count == 8
    assert data.pixels.shape == (8, 32, 32, 3)
    assert set(data.records["split"].to_pylist()) == {"train", "held_out"}
    assert data.rejected.num_rows == data.card.rejected


def test_a_model_draws_what_it_drew():
    (picture,) = Model.load(OLD / "run").sample([0])
    before = np.load(OLD / "run-picture.npy").astype(int)
    assert np.abs(picture.astype(int) - before).max() <= 1


def test_a_run_goes_on(tmp_path):
    run = tmp_path / "run"
    shutil.copytree(OLD / "run", run)
    fenshen.train(OLD / "dataset", out=run, settings=["steps=4"], progress=False)
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "loss_g" in row] == [2, 4]
    assert json.loads((run / "report.json").read_text())["steps"] == 4


def test_a_recipe_with_old_keys_reads():
    old = recipes.load(OLD / "paired-recipe.yaml")
    assert old.name == "double-128"
    assert old.landmarks == 20.0
    assert recipes.build(old.model_dump()) == old


def test_a_double_opens_and_plays():
    double = Double.open(OLD / "someone.double")
    assert double.card.name == "someone"
    assert double.card.notes == ["drawn"]
    frames = list(double.player().film(np.stack([controls.NEUTRAL] * 3)))
    assert [frame.shape for frame in frames] == [(32, 32, 3)] * 3


def test_a_human_and_a_track_open():
    assert json.loads(human.read(OLD / "human.json").model_dump_json()) == json.loads(
        (OLD / "human.json").read_text()
    )
    assert track.load(OLD / "idle.track.parquet").controls.shape == (13, 58)
