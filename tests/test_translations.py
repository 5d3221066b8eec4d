"""Generators that translate pictures: what they are given, how they are taught, where they go on."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import fenshen
from fenshen.adversarial.contrast import patch_nce
from fenshen.data import open_data
from fenshen.data.damage import CHANNELS, DAMAGES, TASKS, encoded
from fenshen.data.translations import TranslatedBatches
from fenshen.dataset import Labels
from fenshen.errors import FenshenError, UsageError
from fenshen.media import PICTURES
from fenshen.model import Model
from fenshen.networks import FAMILIES, NetworkConfig, build_generator
from fenshen.training import checkpoint, progress
from fenshen.training import recipe as recipes
from fenshen.training.measuring import translations as measuring

TRANSLATING = [n for n, family in FAMILIES.items() if family.translates and family.medium is PICTURES]
SMALL = ("width=8", "max_width=16", "size=32", "batch_size=4", "log_every=5", "sample_every=5")


@pytest.fixture(scope="module")
def datasets(tmp_path_factory):
    """The same drawn faces twice, the second ones as others draw them."""
    folder = tmp_path_factory.mktemp("translations")
    for name, words in (("one", ["avatars:lorelei:40"]), ("other", ["avatars:open-peeps:36"])):
        fenshen.prepare(words, folder / name, size=64, progress=False)
    return folder


def kinds(folder):
    return {
        "restore-128": f"damaged:{folder}/one",
        "redraw-64": f"pairs:{folder}/one:{folder}/other",
        "toon-128": f"pairs:{folder}/one:{folder}/other",
        "unpaired-64": f"unpaired:{folder}/one:{folder}/other",
    }


@pytest.mark.parametrize("name", [n for n in recipes.shipped() if recipes.load(n).family in TRANSLATING])
def test_every_translating_recipe_trains_and_goes_on_bit_for_bit(name, datasets, tmp_path, monkeypatch):
    monkeypatch.setattr(measuring, "_MEASURED", 8)  # pictures: looking at more takes most of the time
    data = kinds(datasets)[name]
    words = (*SMALL, "evaluate_every=10", *(["adversarial_from=4"] if recipes.load(name).paired else []))

    def train(run, steps):
        settings = (*words, f"steps={steps}", "lr_schedule.kind=constant")
        fenshen.train(data, out=run, recipe=name, settings=settings, device="cpu", progress=False)
        return load_file(checkpoint.folders(run)[-1] / "state.safetensors")

    train(tmp_path / "parts", 5)
    parts, whole = train(tmp_path / "parts", 10), train(tmp_path / "whole", 10)
    assert parts.keys() == whole.keys()
    assert all(torch.equal(parts[key], whole[key]) for key in whole)
    rows = progress.rows(tmp_path / "whole")
    assert all(math.isfinite(row["loss_g"]) for row in rows if "loss_g" in row)
    assert any(("psnr" if recipes.load(name).paired else "kid") in row for row in rows)
    model = Model.load(tmp_path / "whole")
    assert model.card.told == "picture"
    sources = np.zeros((1, 37, 50, model.card.network.sources), np.uint8)
    assert model.translate(sources).shape == (1, 37, 50, 3)  # of any size
    with pytest.raises(FenshenError, match="not from seeds"):
        fenshen.generate(tmp_path / "whole", out=tmp_path / "sheet.png")


@pytest.mark.parametrize("family", TRANSLATING)
def test_shapes_and_what_reaches_what(family):
    torch.manual_seed(0)
    generator = build_generator(NetworkConfig(family=family, sources=3, size=32, width=8, latent=2))
    sources = torch.rand(2, 3, 48, 32, requires_grad=True)
    drawn = generator.draw(torch.randn(2, 2), sources=sources).pictures
    assert drawn.shape == sources.shape
    (slope,) = torch.autograd.grad(drawn[0].sum(), sources)
    assert (slope[0] != 0).any()
    assert (slope[1] == 0).all()  # each picture by itself


def test_a_u_net_begins_with_what_it_is_given():
    generator = build_generator(NetworkConfig(family="unet", sources=CHANNELS, size=32, width=8, latent=2))
    sources = torch.rand(1, CHANNELS, 32, 32)
    assert torch.equal(generator.translate(sources), sources[:, :3])


def test_contrast_is_least_where_places_are_their_own():
    keys = [torch.nn.functional.normalize(torch.randn(2, 9, 16), dim=-1)]
    same, turned = patch_nce(keys, keys), patch_nce([keys[0].roll(1, dims=1)], keys)
    chance = math.log(9)
    assert same < chance / 4
    assert turned > chance


def test_pairs_go_by_their_names(datasets):
    data = open_data(f"pairs:{datasets}/one:{datasets}/other")
    rows = np.concatenate([data.indices("train"), data.indices("held_out")])
    assert len(rows) == 36
    source, target = data.pair(int(rows[3]), np.random.default_rng(0), 64)
    name = data.target.records["source"][int(rows[3])].as_py().rpartition("#")[2]
    names = [word.rpartition("#")[2] for word in data.source.records["source"].to_pylist()]
    assert np.array_equal(source, data.source.pixels[names.index(name)])
    assert np.array_equal(target, data.samples[rows[3]])
    with pytest.raises(UsageError, match="two datasets"):
        open_data("pairs:one")


def test_batches_are_mirrored_together_and_each_row_has_its_own_numbers(datasets):
    data = open_data(f"pairs:{datasets}/one:{datasets}/one")
    args = (data.samples, data.indices("train"), Labels(None), 8, 0, True)
    batches = TranslatedBatches(*args, data=data, size=64)
    targets, labels = batches.at(2)
    assert np.array_equal(targets, labels.sources)
    part, told = batches.at(2, slice(3, 5))
    assert np.array_equal(part, targets[3:5])
    assert np.array_equal(told.sources, labels.sources[3:5])


@pytest.mark.parametrize("name", TASKS)
def test_damage_is_damage(name, datasets):
    picture = np.array(open_data(f"{datasets}/one").pixels[0])
    before = picture.copy()
    for seed in range(8):
        damaged, missing = DAMAGES[name].apply(picture, np.random.default_rng(seed))
        again, _ = DAMAGES[name].apply(picture, np.random.default_rng(seed))
        assert np.array_equal(damaged, again)
        given = encoded(damaged, name, missing)
        assert given.shape == (*picture.shape[:2], CHANNELS)
        assert (missing is not None) == (name == "inpaint")
        changed = (given[..., :3] != picture).any()
        assert changed or not missing.any()
    assert np.array_equal(picture, before)
    assert list(DAMAGES) == list(TASKS)


@pytest.mark.parametrize(
    ("recipe", "setting", "sentence"),
    [
        ("fast-64", "sources=3", "unet"),
        ("unpaired-64", "places=0", "places"),
        ("unpaired-64", "sources=4", "three channels"),
        ("redraw-64", "identity=1", "people"),
        ("redraw-64", "focus=1", "people"),
    ],
)
def test_what_does_not_go_together_is_said(recipe, setting, sentence):
    with pytest.raises(UsageError, match=sentence):
        recipes.load(recipe, [setting])


@pytest.mark.parametrize(
    ("data", "recipe", "sentence"),
    [("{}/one", "restore-128", "damaged:"), ("unpaired:{0}/one:{0}/other", "redraw-64", "right answer")],
)
def test_data_that_a_recipe_cannot_learn_from_are_refused(data, recipe, sentence, datasets, tmp_path):
    with pytest.raises(UsageError, match=sentence):
        fenshen.train(
            data.format(datasets), out=tmp_path / "run", recipe=recipe, settings=["size=64"], progress=False
        )
    assert not (tmp_path / "run").exists()


def test_the_models_size_is_said(datasets, tmp_path):
    with pytest.raises(UsageError, match="128"):
        fenshen.train(f"damaged:{datasets}/one", out=tmp_path / "run", settings=("size=128",), progress=False)
    assert not (tmp_path / "run").exists()
