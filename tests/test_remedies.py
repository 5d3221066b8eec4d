"""Remedies against collapse: each does what its paper says, and trains with every family."""

from __future__ import annotations

import math
import shutil

import numpy as np
import pytest
import torch
from torch import nn

import fenshen
from fenshen.adversarial.remedies import History, Lookahead, first_layers, mode_seeking
from fenshen.data import points
from fenshen.errors import UsageError
from fenshen.metrics.modes import count_modes
from fenshen.model import Model
from fenshen.networks import FAMILIES, NetworkConfig, build_discriminator, build_generator
from fenshen.networks.latents import draw_latents
from fenshen.networks.several import pack
from fenshen.training import checkpoint, progress
from fenshen.training import recipe as recipes

SMALL = ("size=32", "width=8", "max_width=32", "batch_size=8", "evaluate_every=0", "precision=float32")
POINTS = ("steps=20", "log_every=10", "sample_every=20", "evaluate_every=20", "width=16", "batch_size=16")
REMEDIES = {
    "packing": ["packing=2"],
    "minibatch discrimination": ["minibatch=8"],
    "mode seeking": ["mode_seeking=1"],
    "unrolled": ["unrolled=2"],
    "several generators": ["generators=3", "separation=1", "latent=8"],
    "instance noise": ["instance_noise=0.1"],
    "mixed and discrete noise": ["noise=mixed", "categories=3", "latent=8"],
    "a larger discriminator": ["width_d=2"],
    "historical averaging": ["historical=0.1"],
    "top-k": ["top_k.kind=linear", "top_k.end=0.5"],
}
PICTURES = [
    name
    for name, one in FAMILIES.items()
    if one.medium.name == "pictures" and one.generator and not (one.paired or one.translates or one.any_size)
]


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("settings", REMEDIES.values(), ids=REMEDIES)
def test_each_trains_points_and_goes_on_bit_for_bit(settings, tmp_path):
    words = (*POINTS, *settings, "checkpoint_every=10")

    def run(name):
        return fenshen.train(
            "points:ring8", out=tmp_path / name, settings=words, device="cpu", progress=False
        )

    straight = run("straight")
    shutil.copytree(straight.path, tmp_path / "resumed")
    shutil.rmtree(checkpoint.folders(tmp_path / "resumed")[-1])
    resumed = run("resumed")
    assert resumed.taken == 10
    row = progress.rows(straight.path)[-1]
    assert 0 <= row["good"] <= 1
    assert row["modes"] <= 8
    one, other = (Model.load(r.path).sample(range(16)) for r in (straight, resumed))
    assert np.isfinite(one).all()
    assert (one == other).all()


@pytest.mark.parametrize("family", PICTURES)
def test_all_at_once_train_pictures_of_every_family(family, drawings, tmp_path):
    words = [word for settings in REMEDIES.values() for word in settings if "latent" not in word]
    size = [] if FAMILIES[family].frozen or family == "dcgan" else ["unrolled=1"]
    run = fenshen.train(
        drawings,
        out=tmp_path / "run",
        recipe=recipes.build({"name": "all", "family": family}),
        settings=(*SMALL, *words, *size, "latent=16", "steps=4", "log_every=2"),
        device="cpu",
        progress=False,
    )
    logged = [row for row in progress.rows(run.path) if "loss_g" in row]
    assert len(logged) == 2
    assert all(math.isfinite(v) for row in logged for v in row.values() if isinstance(v, float))
    assert {"mode_seeking", "separation", "told_apart"} <= set(logged[0])
    assert Model.load(run.path).sample([0]).shape == (1, 32, 32, 3)


def test_packs_hold_neighbours_and_everything():
    x = random(6, 3, 4, 4)
    packed = pack(x, 3)
    assert packed.shape == (2, 9, 4, 4)
    assert (packed[1, 3:6] == x[4]).all()


def test_a_packed_discriminator_sees_that_a_batch_is_all_the_same():
    """After a few steps it tells packs of equal points from packs of different ones; a single point tells nothing."""

    def separation(packing):
        torch.manual_seed(0)
        network = build_discriminator(NetworkConfig(family="mlp", size=2, latent=2, packing=packing))
        optimizer = torch.optim.Adam(network.parameters(), 1e-2)
        for step in range(40):
            real, same = random(64, 2, seed=step), random(32, 2, seed=1000 + step).repeat_interleave(2, 0)
            loss = (
                nn.functional.softplus(-network((real,))).mean()
                + nn.functional.softplus(network((same,))).mean()
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return float(loss) / 2

    assert separation(2) < 0.5 * math.log(2)
    assert separation(1) > 0.9 * math.log(2)


def test_minibatch_discrimination_sees_the_batch():
    network = build_discriminator(NetworkConfig(family="mlp", size=2, latent=2, minibatch=4))
    batch = random(8, 2)
    among, alone = network((batch,)), network((batch[:1].repeat(8, 1),))
    torch.testing.assert_close(among[0, 0], alone[0, 0])  # the sample's own logit
    assert not torch.allclose(among[0, 1], alone[0, 1])


def test_mode_seeking_is_least_where_fakes_differ():
    latents = random(8, 4)
    near, far = mode_seeking(latents * 0.1, latents), mode_seeking(latents, latents)
    assert float(far) == pytest.approx(1, rel=0.01)
    assert float(near) == pytest.approx(10, rel=0.01)


def test_the_look_ahead_takes_adams_own_steps_and_can_be_differentiated():
    torch.manual_seed(0)
    layer = nn.Linear(3, 1)
    x = random(5, 3).requires_grad_()
    optimizer = torch.optim.Adam(layer.parameters(), 0.01, betas=(0.5, 0.9))
    start = {name: p.detach().clone().requires_grad_() for name, p in layer.named_parameters()}

    def loss(parameters):
        return torch.func.functional_call(layer, parameters, (x,)).square().mean()

    still = {name: (torch.zeros_like(p), torch.zeros_like(p), 0.0) for name, p in start.items()}
    ahead = Lookahead(0.01, (0.5, 0.9))(loss, start, still, 3)
    for _ in range(3):
        optimizer.zero_grad()
        layer(x.detach()).square().mean().backward()
        optimizer.step()
    for name, parameter in layer.named_parameters():
        torch.testing.assert_close(ahead[name], parameter, rtol=1e-4, atol=1e-6)
    (slope,) = torch.autograd.grad(loss(ahead), x)
    (short,) = torch.autograd.grad(loss({k: v.detach() for k, v in ahead.items()}), x)
    assert not torch.allclose(slope, short)  # what the steps did with x is in it


def test_history_pulls_back_to_the_mean():
    layer = nn.Linear(1, 1, bias=False)
    nn.init.constant_(layer.weight, 1.0)
    history = History(layer)
    layer.weight.data += 2
    layer.weight.grad = torch.zeros_like(layer.weight)
    history.pull(0.5)
    assert float(layer.weight.grad) == 2.0  # 2 w (3 - 1)
    layer.weight.grad.zero_()
    history.pull(0.5)
    assert float(layer.weight.grad) == 1.0  # the mean of 1 and 3 is 2


def test_generators_are_chosen_by_the_latent():
    config = NetworkConfig(family="mlp", size=2, latent=6, generators=3, categories=2)
    latents = draw_latents(config, 300, torch.Generator().manual_seed(0))
    assert latents.shape == (300, 6)
    chosen, category = latents[:, -3:], latents[:, -5:-3]
    assert (chosen.sum(1) == 1).all()
    assert (category.sum(1) == 1).all()
    assert (chosen.sum(0) > 70).all()
    torch.manual_seed(0)
    generator = build_generator(config)
    same = latents[:1].repeat(3, 1)
    same[:, -3:] = torch.eye(3)
    a, b, c = generator(same)
    assert not torch.allclose(a, b)
    assert not torch.allclose(b, c)


@pytest.mark.parametrize("noise", ["normal", "uniform", "mixed"])
def test_noise_has_mean_0_and_variance_1(noise):
    config = NetworkConfig(family="mlp", size=2, latent=4, noise=noise)
    latents = draw_latents(config, 20_000, torch.Generator().manual_seed(0))
    torch.testing.assert_close(latents.mean(0), torch.zeros(4), atol=0.03, rtol=0)
    torch.testing.assert_close(latents.var(0), torch.ones(4), atol=0.03, rtol=0)


def test_first_layers_come_first():
    network = nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 3), nn.Linear(3, 4))
    assert [p.shape[0] for p in first_layers(network, 2)] == [2, 2, 3, 3]


def test_modes_are_counted_as_the_papers_do():
    grid = points.mixture("grid25")
    real = grid.sample(2500, seed=3)
    counted = count_modes(real, grid)
    assert counted.modes == 25
    assert counted.good == pytest.approx(
        1 - math.exp(-4.5), abs=0.006
    )  # a Gaussian in the plane, within 3 deviations
    assert counted.reverse_kl < 0.01
    one = count_modes(np.repeat(grid.means[:1], 9, axis=0), grid)
    assert (one.modes, one.good) == (1, 1.0)
    assert one.reverse_kl == pytest.approx(math.log(25))
    assert count_modes(real + 0.25, grid)[:2] == (0, 0.0)


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("packing=3", "pack"),
        ("separation=1", "several generators"),
        ("generators=2", "longer than its choices"),
        ("mirror=true", "for pictures"),
        ("discriminator=dcgan", "judges other things"),
        ("size=4", "takes sizes"),
    ],
)
def test_what_does_not_go_together_is_refused(setting, sentence):
    with pytest.raises(UsageError, match=sentence):
        recipes.load("points", [setting])


def test_points_are_one_picture_and_cannot_be_filmed(tmp_path):
    run = fenshen.train("points:grid9", out=tmp_path / "run", settings=POINTS, device="cpu", progress=False)
    assert "modes found" in run.text or "模态" in run.text
    (plot,) = fenshen.generate(run, out=tmp_path / "plot.png", seeds="0-99")
    assert fenshen.verify(plot).status == "valid"
    with pytest.raises(UsageError, match="shown together"):
        fenshen.generate(run, out=tmp_path / "walk.mp4")
    with pytest.raises(UsageError, match=r"report\.json"):
        fenshen.evaluate(run, "points:grid9", tmp_path / "report")
    with pytest.raises(UsageError, match="points:ring8"):
        fenshen.train("points:moons", out=tmp_path / "moons")


def test_a_start_brings_the_discriminator_along_and_keeps_its_first_layers(tmp_path):
    def run(name, *settings):
        words = (*POINTS, *settings)
        return fenshen.train(
            "points:ring8", out=tmp_path / name, settings=words, device="cpu", progress=False
        )

    def discriminator(run, index):
        return checkpoint.discriminator(checkpoint.folders(run.path)[index])

    first = run("first")
    second = run("second", f"start={first.path}", "frozen_layers=2")
    learnt, begun, after = discriminator(first, -1), discriminator(second, 0), discriminator(second, -1)
    assert all(torch.equal(learnt[name], begun[name]) for name in learnt)
    kept = {name for name in begun if torch.equal(begun[name], after[name])} - {"layers.6.bias"}
    # (What is added to all logits alike, the relativistic loss does not see.)
    assert kept == {"layers.0.weight", "layers.0.bias", "layers.2.weight", "layers.2.bias"}
    with pytest.raises(UsageError, match="no discriminator like"):
        run("third", f"start={first.path}", "frozen_layers=2", "packing=2")
    with pytest.raises(UsageError, match="needs start"):
        run("fourth", "frozen_layers=2")
