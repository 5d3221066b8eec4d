"""Sequence GANs: three families, one loop; the scores of TimeGAN."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

import fenshen
from fenshen.data.sequences import Sines, plot
from fenshen.errors import UsageError
from fenshen.metrics.sequences import discriminative_score, energy_distance, predictive_score
from fenshen.model import Model
from fenshen.networks import FAMILIES, NetworkConfig, build_discriminator, build_generator
from fenshen.training import progress
from fenshen.training import recipe as recipes

FAMILY_NAMES = [
    name for name, one in FAMILIES.items() if one.medium.name == "sequences" and not one.translates
]
SMALL = (
    "width=8",
    "batch_size=8",
    "steps=6",
    "log_every=3",
    "evaluate_every=6",
    "sample_every=6",
    "latent=8",
)


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_each_family_trains_with_remedies_and_draws(family, tmp_path):
    settings = (*SMALL, f"family={family}", "packing=2", "minibatch=4", "mode_seeking=0.1")
    run = fenshen.train("sines:3", out=tmp_path / "run", settings=settings, device="cpu", progress=False)
    (measured,) = [row for row in progress.rows(run.path) if "energy" in row]
    assert math.isfinite(measured["energy"])
    sequences = Model.load(run.path).sample([0, 1])
    assert sequences.shape == (2, 24, 3)
    assert (sequences[0] != sequences[1]).any()
    (picture,) = fenshen.generate(run, seeds="0-15", out=tmp_path / "sequences.png")
    assert picture.is_file()


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_shapes_and_second_derivatives(family):
    torch.manual_seed(0)
    config = NetworkConfig(family=family, size=24, dimensions=5, latent=8, width=8)
    generator, discriminator = build_generator(config), build_discriminator(config)
    drawn = generator(torch.randn(4, 8))
    assert drawn.shape == (4, 24, 5)
    assert drawn.abs().max() <= 1
    x = drawn.detach().requires_grad_()
    (slope,) = torch.autograd.grad(discriminator((x,)).sum(), x, create_graph=True)
    assert (slope[:, 0] != 0).any()  # the first step matters as the last one does
    assert (slope[:, -1] != 0).any()
    slope.square().sum().backward()
    steep = [p.grad for p in discriminator.parameters() if p.grad is not None]
    assert steep
    assert all(torch.isfinite(g).all() for g in steep)


def test_a_sequence_of_any_length_and_of_as_many_numbers_as_the_data(tmp_path):
    assert NetworkConfig(family="gru", size=24, dimensions=5).shape == (24, 5)
    with pytest.raises(UsageError, match="dimensions=3"):
        fenshen.train("sines:3", out=tmp_path / "run", settings=("dimensions=4",), progress=False)
    with pytest.raises(UsageError, match="sines:5"):
        fenshen.train("sines:many", out=tmp_path / "run", progress=False)
    with pytest.raises(UsageError, match="3 dimensions"):
        recipes.load("fast-64", ["dimensions=2"])


def test_sines_are_the_papers():
    data = Sines("5")
    assert data.samples.shape == (10_000, 24, 5)
    assert data.samples.min() >= 0
    assert data.samples.max() <= 1
    steps = np.arcsin(2 * data.samples[:, :2].astype(float) - 1)  # angles, before the first quarter turn
    frequency, phase = steps[:, 1] - steps[:, 0], steps[:, 0]
    for value in (frequency, phase):
        assert value.min() >= -1e-6
        assert value.max() <= 0.1 + 1e-6
        assert value.mean() == pytest.approx(0.05, abs=0.002)
    assert not set(data.indices("train")) & set(data.indices("held_out"))


def test_scores_tell_the_same_from_others():
    real, more = Sines("6").samples[:300], Sines("6").samples[300:600]
    noise = np.random.default_rng(0).random((300, 24, 6), dtype=np.float32)
    assert energy_distance(real, more) < 0.01 < 0.3 < energy_distance(real, noise)
    assert discriminative_score(real, more, steps=30) < 0.15
    assert discriminative_score(real, noise, steps=150) > 0.3
    assert predictive_score(real, more, steps=120) < predictive_score(real, noise, steps=120) - 0.02


def test_a_plot_shows_sixteen_sequences():
    picture = plot(Sines("2").samples[:16])
    blank = plot(np.zeros((0, 24, 2), np.float32))
    assert picture.shape == blank.shape
    assert (picture != blank).any(axis=2).mean() > 0.05


def test_attention_is_scaled_dot_product_attention():
    from fenshen.networks.transformer import Layer

    torch.manual_seed(0)
    layer, x = Layer(8).double(), torch.randn(2, 5, 8, dtype=torch.float64)
    parts = layer.project(layer.before(x)).view(2, 5, 3, 4, 2).permute(2, 0, 3, 1, 4)
    seen = nn.functional.scaled_dot_product_attention(*parts).transpose(1, 2).reshape(2, 5, 8)
    y = x + layer.mix(seen)
    torch.testing.assert_close(layer(x), y + layer.dense(layer.between(y)))
