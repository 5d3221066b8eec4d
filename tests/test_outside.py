"""What is registered from outside the package works as what comes with it."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import fenshen
from fenshen import networks
from fenshen.adversarial.losses import LOSSES, Loss
from fenshen.errors import UsageError
from fenshen.networks import FAMILIES, Family
from fenshen.preparation.rows import Compare, row
from fenshen.preparation.sources import PREFIXES, Source
from fenshen.training import recipe as recipes


@dataclass(frozen=True)
class Stripes(Source):
    width: int

    def rows(self, settings, store):
        line = np.arange(settings.size) // self.width % 2 * 255
        picture = np.broadcast_to(line[:, None], (settings.size, settings.size, 3)).astype(np.uint8)
        yield row(self.name, picture, str(self.width), compare=Compare.SAME)


def add_stripes(listing, word, seed):
    for width in range(1, 1 + int(word.partition(":")[2])):
        listing.add(Stripes(f"stripes#{width}", None, width))


QUICK = ["steps=2", "batch_size=8", "size=32", "evaluate_every=0"]


def train(data, folder, *settings):
    settings = [*QUICK, *settings]
    return fenshen.train(data, out=folder / "run", recipe="dcgan-64", settings=settings, progress=False).path


class Generator(networks.Generator):
    def __init__(self, config):
        super().__init__()
        self.size, self.dense = config.size, torch.nn.Linear(config.latent, 3 * 8 * 8)

    def forward(self, latents, controls=None, truncation=1.0):
        small = self.dense(latents * truncation).tanh().unflatten(1, (3, 8, 8))
        return F.interpolate(small, size=self.size)


class Discriminator(networks.Discriminator):
    def __init__(self, config):
        super().__init__()
        self.dense = torch.nn.Linear(3 * config.size**2, 1)

    def forward(self, features, controls=None):
        return self.dense(features[0].flatten(1))


@pytest.fixture
def dense():
    FAMILIES.add("dense", Family(Generator, Discriminator, sizes=(32, 64)))
    yield
    del FAMILIES._things["dense"]


@pytest.fixture
def logistic():
    LOSSES.add(
        "squashed",
        Loss(lambda real, fake: (fake - real).tanh().mean(), lambda real, fake: -fake.tanh().mean()),
    )
    yield
    del LOSSES._things["squashed"]


def test_a_family_trains_and_draws(dense, drawings, tmp_path):
    run = train(drawings, tmp_path, "family=dense", "r1=1")
    assert fenshen.generate(run, seeds=[1], out=tmp_path / "one.png")
    with pytest.raises(UsageError, match=r"from 32 to 64"):
        recipes.load("dcgan-64", ["family=dense", "size=128"])
    with pytest.raises(UsageError, match=r"matching needs frozen features.*fast"):
        recipes.load("fast-64", ["family=dense"])


def test_a_loss_trains(logistic, drawings, tmp_path):
    run = train(drawings, tmp_path, "loss=squashed")
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert -1 <= rows[-1]["loss_g"] <= 1


def test_what_nobody_registered_is_refused_with_the_names():
    with pytest.raises(UsageError, match=r"family cannot be 'dens'.*dcgan.*portrait"):
        recipes.load("dcgan-64", ["family=dens"])
    with pytest.raises(UsageError, match=r"loss cannot be 'hing'.*hinge"):
        recipes.load("dcgan-64", ["loss=hing"])


@pytest.fixture
def stripes():
    PREFIXES.add("stripes", add_stripes)
    yield
    del PREFIXES._things["stripes"]


def test_a_source_is_prepared(stripes, tmp_path):
    data = fenshen.prepare(
        ["stripes:6", "avatars:lorelei:2"], tmp_path / "out", size=32, workers=2, progress=False
    )
    assert data.records["source"].to_pylist()[:2] == ["stripes#1", "stripes#2"]
    assert (data.report.kept, data.report.faces) == (8, 0)
    assert np.array_equal(data.pixels[1][0, :4, 0], [0, 0, 255, 255])
