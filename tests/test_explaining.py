"""What a generator has learnt: directions, heat, neighbours, one page."""

from __future__ import annotations

import html
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import fenshen
from fenshen.errors import UsageError
from fenshen.explanation import attributes, heat
from fenshen.explanation.directions import principal
from fenshen.messages import catalogue
from fenshen.networks import Discriminator


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explained")
    fenshen.prepare(["avatars:lorelei:40"], folder / "data", size=32, progress=False)
    words = ("steps=20", "size=32", "width=8", "batch_size=8", "latent=16", "evaluate_every=0")
    fenshen.train(
        folder / "data", out=folder / "run", recipe="dcgan-64", settings=words, device="cpu", progress=False
    )
    return folder


def test_directions_are_found_and_named():
    numbers = np.random.default_rng(0)
    codes = numbers.normal(size=(600, 12)).astype(np.float32)
    codes[:, 5] *= 3  # in other units
    light = np.full((600, 32, 32, 3), 128.0)
    light += 40 * (codes[:, 5] / 3)[:, None, None, None]
    light[:, :, :16] += 12 * codes[:, 2][:, None, None, None]
    light[:, :, 16:] -= 12 * codes[:, 2][:, None, None, None]
    pictures = np.clip(light + numbers.normal(0, 4, light.shape), 0, 255).astype(np.uint8)
    first, second = principal(codes, pictures, attributes.of_pictures(pictures), 2)
    assert first.share > second.share > 0.05
    assert np.argmax(np.abs(first.step)) == 5
    assert first.step[5] == pytest.approx(3, rel=0.1)  # one standard deviation, towards the light
    assert np.argmax(np.abs(second.step)) == 2
    assert first.names[0][0] == "look.light"
    assert second.names[0][0] == "look.light_from_the_left"
    assert min(first.names[0][1], second.names[0][1]) > 0.9


def test_a_name_is_not_given_twice():
    codes = np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32)
    pictures = np.clip(128 + 40 * codes[:, :1, None, None], 0, 255).astype(np.uint8)
    pictures = np.broadcast_to(pictures, (100, 16, 16, 3))
    twice = {"one": codes[:, 0], "same": codes[:, 0] + 1e-3 * codes[:, 1], "none": np.full(100, np.nan)}
    first, *_ = principal(codes, pictures, twice, 1)
    assert len(first.names) == 1


class Corner(Discriminator):
    """Looks at the upper left quarter."""

    def forward(self, features, controls=None):
        pictures = features[0]
        return (
            pictures[:, :, : pictures.shape[2] // 2, : pictures.shape[3] // 2]
            .square()
            .sum((1, 2, 3))[:, None]
        )


def test_heat_is_where_the_judge_looks():
    pictures = np.random.default_rng(0).integers(0, 255, (2, 32, 32, 3), dtype=np.uint8)
    warm = heat.attention(Corner(), pictures)
    assert warm.shape == (2, 32, 32)
    assert warm[:, :14, :14].mean() > 5 * warm[:, 18:, 18:].mean()
    assert heat.over(pictures, warm).shape == pictures.shape


def test_heat_is_where_pictures_differ():
    ones = np.full((1, 64, 64, 3), 90, np.uint8)
    others = ones.copy()
    others[:, 40:56, 8:24] = 200
    warm = heat.difference(ones, others)
    assert warm[0, 48, 16] == 1
    assert warm[0, :24].max() < 0.01
    assert heat.difference(ones, ones).max() == 0


def test_a_run_is_explained_on_one_page(run):
    found = fenshen.explain(run / "run", out=run / "page", dataset=run / "data", count=96, device="cpu")
    facts = json.loads((run / "page" / "explanation.json").read_text())
    assert len(facts["directions"]) == len(facts["steps"]) == 8
    assert len(facts["steps"][0]) == 16
    assert sum(one["share"] for one in facts["directions"]) <= 1
    assert len(facts["nearest"]) == 12
    page = html.unescape((run / "page" / "explanation.html").read_text())
    words = catalogue("explain")
    for key in ("attention_note", "near_note", "changed_note"):
        assert words[key]["en"] in page
        assert words[key]["zh"] in page
    assert page.count("<img") == 8 * 7 + 8 * 2 + 4 * 3 + 12 * 2
    assert 'src="http' not in page
    assert found.text.count("\n") == 8
    with pytest.raises(UsageError, match="force"):
        fenshen.explain(run / "run", out=run / "page", device="cpu")


def test_what_draws_no_pictures_is_refused(tmp_path):
    words = ("steps=2", "width=8", "batch_size=8", "evaluate_every=0")
    fenshen.train("points:ring8", out=tmp_path / "run", settings=words, device="cpu", progress=False)
    with pytest.raises(UsageError, match="latents"):
        fenshen.explain(tmp_path / "run", out=tmp_path / "page")
    assert not (tmp_path / "page").exists()
    assert torch.is_grad_enabled()


def test_a_double_is_explained_by_the_controls_it_is_told(tmp_path):
    double = Path(__file__).parent / "written_by_0_1_0" / "someone.double"
    found = fenshen.explain(double, out=tmp_path / "page", count=64, device="cpu")
    assert found.facts["space"] == "controls"
    first = found.facts["directions"][0]
    assert any(name.startswith("face.") for name, _ in first["names"])
