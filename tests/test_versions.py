"""Files of a newer Fenshen are refused in one sentence, whatever else is in them; damaged ones in plain words."""

from __future__ import annotations

import json
import shutil
import zipfile

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from fenshen import Double, assets, model
from fenshen.dataset import Dataset
from fenshen.doubles.store import SCHEMA_VERSION
from fenshen.errors import FenshenError
from fenshen.humans import human, sample
from fenshen.motion import track
from fenshen.provenance import consent
from fenshen.training import checkpoint, recipe


def changed(double, target, member, **values):
    """A copy of a double with other values in one of its cards."""
    with zipfile.ZipFile(double) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == member:
                data = json.dumps({**json.loads(data), **values}).encode()
            new.writestr(name, data)
    return target


def refused(action, *words):
    with pytest.raises(FenshenError) as caught:
        action()
    said = str(caught.value)
    assert "pydantic" not in said
    assert "http" not in said
    assert "\n" not in said
    for word in words:
        assert word in said
    return said


NEWER = "made by a newer Fenshen"


@pytest.mark.parametrize(
    ("member", "values"),
    [
        ("double.json", {"schema_version": SCHEMA_VERSION + 1, "gait": "brisk"}),
        ("double.json", {"schema_version": str(SCHEMA_VERSION + 2)}),
        ("double.json", {"fenshen": "9.1.0", "gait": "brisk"}),
        ("model/model.json", {"schema_version": 2}),
        ("human.json", {"version": 2, "tail": 1}),
        ("consent.json", {"schema_version": 2}),
    ],
)
def test_a_newer_double_names_itself(member, values, someone, tmp_path):
    newer = changed(someone, tmp_path / "newer.double", member, **values)
    refused(lambda: Double.open(newer), NEWER, str(newer))


def test_damaged_doubles_are_named_in_plain_words(someone, tmp_path):
    for member, values in (
        ("double.json", {"gait": 1}),
        ("double.json", {"frames": "x"}),
        ("model/model.json", {"network": 3}),
    ):
        broken = changed(someone, tmp_path / "broken.double", member, **values)
        refused(lambda: Double.open(broken), str(broken), "damaged")  # noqa: B023


def test_everything_else_that_is_newer(drawings, tmp_path):
    def with_version(file, key="schema_version"):
        file.write_text(json.dumps({**json.loads(file.read_text()), key: 2}), encoding="utf-8")

    shutil.copytree(drawings, tmp_path / "data")
    with_version(tmp_path / "data" / "dataset.json")
    refused(lambda: Dataset(tmp_path / "data"), NEWER)
    base = assets.path("humans-128/model.safetensors").parent
    shutil.copytree(base, tmp_path / "model")
    with_version(tmp_path / "model" / "model.json")
    refused(lambda: model.Model.load(tmp_path / "model"), NEWER)
    step = checkpoint.save(tmp_path / "run", 1, {"a": 1}, lambda part: None)
    with_version(step / "state.json")
    refused(lambda: checkpoint.latest(tmp_path / "run"), NEWER)
    (tmp_path / "a.yaml").write_text(yaml.safe_dump({"family": "fast", "schema_version": 2, "colour": "red"}))
    refused(lambda: recipe.load(tmp_path / "a.yaml"), NEWER)
    human.write(sample(1), tmp_path / "human.json")
    with_version(tmp_path / "human.json", "version")
    refused(lambda: human.read(tmp_path / "human.json"), NEWER)
    consent.write(tmp_path / "consent.json", consent.self_consent("Ming"))
    with_version(tmp_path / "consent.json")
    refused(lambda: consent.read(tmp_path / "consent.json"), NEWER)
    track.Track(np.zeros((3, 58), np.float32), 25.0).save(tmp_path / "a.track.parquet")
    table = pq.read_table(tmp_path / "a.track.parquet")
    said = {b"fenshen": json.dumps({"schema_version": 2, "rates": [25]}).encode()}
    pq.write_table(table.replace_schema_metadata(said), tmp_path / "a.track.parquet")
    refused(lambda: track.load(tmp_path / "a.track.parquet"), NEWER)
