"""The game's mathematics against numbers worked out by hand and against finite differences."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from fenshen.adversarial import averaging, penalties
from fenshen.adversarial.augment import Augmentation
from fenshen.adversarial.losses import LOSSES, total
from fenshen.adversarial.matching import FeatureMatching

REAL, FAKE = torch.tensor([[0.0], [2.0]]), torch.tensor([[0.0], [-1.0]])
# softplus of 0, 1, 2, 3: ln 2, 1.31326..., 2.12693..., 3.04859...; softplus(-x) = softplus(x) - x.
S0, S1, S2, S3 = 0.6931471806, 1.3132616875, 2.1269280110, 3.0485873516
GOLDEN = {
    "non_saturating": ((S0 + S2 - 2) / 2 + (S0 + S1 - 1) / 2, (S0 + S1) / 2),
    "minimax": ((S0 + S2 - 2) / 2 + (S0 + S1 - 1) / 2, -(S0 + S1 - 1) / 2),
    "least_squares": (0.75, 1.25),
    "hinge": (1.0, 0.5),
    "wasserstein": (-1.5, 0.5),
    "relativistic": ((S0 + S3 - 3) / 2, (S0 + S3) / 2),
}


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_those_computed_by_hand(name):
    discriminator, generator = GOLDEN[name]
    assert float(LOSSES[name].discriminator(REAL, FAKE)) == pytest.approx(discriminator, rel=1e-5)
    assert float(LOSSES[name].generator(REAL, FAKE)) == pytest.approx(generator, rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_push_the_right_way_and_never_overflow(name):
    real, fake = torch.zeros(2, 1, requires_grad=True), torch.full((2, 1), 0.5, requires_grad=True)
    LOSSES[name].discriminator(real, fake).backward()
    assert real.grad.sum() < 0 < fake.grad.sum()  # descending lifts real logits and lowers fake ones
    fake.grad = None
    LOSSES[name].generator(REAL, fake).backward()
    assert fake.grad.sum() < 0
    sure = torch.full((2, 1), 1e4)
    for a, b in ((sure, -sure), (-sure, sure)):
        assert torch.isfinite(LOSSES[name].discriminator(a, b))
        assert torch.isfinite(LOSSES[name].generator(a, b))


def test_total_is_the_weighted_sum():
    assert float(total(torch.tensor(0.5), torch.tensor(1.0), 2.0)) == 2.5


def test_penalties_of_a_linear_critic_are_those_of_its_weights():
    weights = random(3, 4, 4).requires_grad_()
    real, fake = random(5, 3, 4, 4, seed=1), random(5, 3, 4, 4, seed=2)

    def score(x):
        return (x * weights).sum((1, 2, 3))[:, None]

    norm = weights.detach().norm()
    squared = penalties.squared_gradient(score, real).mean()
    assert float(squared.detach()) == pytest.approx(float(norm**2), rel=1e-5)
    (slope,) = torch.autograd.grad(squared, weights)
    torch.testing.assert_close(slope, 2 * weights.detach())  # the discriminator learns through the penalty
    lipschitz = penalties.lipschitz(score, real, fake, torch.rand(5))
    assert float(lipschitz.detach()) == pytest.approx(float((norm - 1) ** 2), rel=1e-5)


def test_the_lipschitz_penalty_looks_between_real_and_fake():
    real, fake, mix = random(3, 3, 2, 2), random(3, 3, 2, 2, seed=1), torch.tensor([0.0, 0.25, 1.0])
    between = torch.stack([fake[0], 0.25 * real[1] + 0.75 * fake[1], real[2]])
    found = penalties.lipschitz(lambda x: x.square().sum((1, 2, 3))[:, None] / 2, real, fake, mix)
    expected = (between.flatten(1).norm(dim=1) - 1).square().mean()  # the gradient of |x|^2 / 2 is x
    torch.testing.assert_close(found, expected)


def test_squared_gradient_agrees_with_finite_differences():
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(16, 2)).double()
    pictures = random(2, 3, 4, 4).double()
    found = penalties.squared_gradient(critic, pictures).mean()
    step, expected = 1e-5, 0.0
    for picture in pictures:
        ends = torch.eye(48, dtype=torch.float64).view(48, 3, 4, 4) * step
        with torch.no_grad():
            slopes = (critic(picture + ends) - critic(picture - ends)).sum(1) / (2 * step)
        expected += float(slopes.square().sum()) / len(pictures)
    assert float(found) == pytest.approx(expected, rel=1e-4)


ALL = ("colour", "geometry", "cutout")


def test_augmentation_that_hits_nothing_is_the_identity():
    pictures = random(4, 3, 16, 16)
    for off in (Augmentation(ALL, 0.0, None), Augmentation((), 1.0, None)):
        assert off(pictures, off.draws(4, torch.Generator())) is pictures
    rare = Augmentation(ALL, 1e-9, None)
    draws = torch.full((4, 13), 0.5)
    torch.testing.assert_close(rare(pictures, draws), pictures, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("policy", ALL)
def test_augmentation_changes_pictures_one_by_one_and_lets_gradients_through(policy):
    augment = Augmentation((policy,), 1.0, None)
    pictures = random(6, 3, 16, 16).requires_grad_()
    draws = augment.draws(6, torch.Generator().manual_seed(1))
    changed = augment(pictures, draws)
    assert changed.shape == pictures.shape
    assert not torch.allclose(changed, pictures)
    torch.testing.assert_close(augment(pictures[2:3], draws[2:3]), changed[2:3])  # neighbours do not matter
    changed.square().sum().backward()
    assert torch.isfinite(pictures.grad).all()
    assert (pictures.grad.abs().sum((1, 2, 3)) > 0).all()


def test_cutout_takes_at_most_a_quarter():
    ones = torch.ones(64, 3, 16, 16)
    augment = Augmentation(("cutout",), 1.0, None)
    kept = augment(ones, augment.draws(64, torch.Generator().manual_seed(0))).mean((1, 2, 3))
    assert 0.75 <= float(kept.min()) < 0.8
    assert float(kept.max()) < 1


def test_adaptive_augmentation_follows_overfitting():
    augment = Augmentation(ALL, 0.5, 0.6, pictures_to_full=1000)
    augment.adapt(0.9, 100)  # surer of real pictures than wanted
    assert augment.p == pytest.approx(0.6)
    augment.adapt(0.1, 200)
    assert augment.p == pytest.approx(0.4)
    for sign, end in ((1.0, 1.0), (-1.0, 0.0)):
        augment.adapt(sign, 100_000)
        assert augment.p == end
    fixed = Augmentation(ALL, 0.3, None)
    fixed.adapt(1.0, 100_000)
    assert fixed.p == 0.3


def test_the_average_forgets_half_in_its_half_life():
    average, target = nn.Linear(2, 2), nn.Linear(2, 2)
    start, end = average.weight.detach().clone(), target.weight.detach().clone()
    weight = averaging.decay(10, 100.0, 10**9)
    for _ in range(10):  # 100 pictures
        averaging.update(average, target, weight)
    torch.testing.assert_close(average.weight.detach(), (start + end) / 2)
    # Early on a twentieth of what was seen is the half-life.
    assert averaging.decay(10, 1e6, 200) == pytest.approx(0.5)
    averaging.update(average, target, 0.0)
    torch.testing.assert_close(average.weight.detach(), end)


def test_the_average_takes_counters_as_they_are():
    average, target = nn.BatchNorm2d(2), nn.BatchNorm2d(2)
    target(random(4, 2, 3, 3))
    averaging.update(average, target, 0.9)
    assert int(average.num_batches_tracked) == 1
    torch.testing.assert_close(average.running_mean, 0.1 * target.running_mean)


def test_feature_matching_tells_matching_batches_from_others():
    def loss(shift, spread):
        matching = FeatureMatching(lambda x: x)
        for seed in range(20):
            matching.see_real((random(32, 6, 4, 4, seed=seed),))
        fake = shift + spread * random(32, 6, 4, 4, seed=99)
        return abs(float(matching.loss((fake,))))

    same = loss(0.0, 1.0)
    assert same < 0.2 * loss(1.0, 1.0)
    assert same < 0.2 * loss(0.0, 2.0)


def test_feature_matching_pulls_fakes_to_the_statistics():
    matching = FeatureMatching(lambda x: x)
    matching.see_real((3 + 2 * random(256, 4, 2, 2),))
    noise = random(64, 4, 2, 2, seed=1)
    shift, scale = torch.zeros(1, requires_grad=True), torch.ones(1, requires_grad=True)
    optimizer = torch.optim.Adam([shift, scale], lr=0.02)
    for _ in range(800):
        optimizer.zero_grad()
        matching.loss((shift + scale * noise,)).backward()
        optimizer.step()
    assert math.isclose(float(shift.detach()), 3, abs_tol=0.4)
    assert math.isclose(float(scale.detach()), 2, abs_tol=0.4)


def test_feature_matching_goes_on_from_its_state():
    first, second = FeatureMatching(lambda x: x), FeatureMatching(lambda x: x)
    first.see_real((random(8, 2, 2, 2),))
    first.loss((random(8, 2, 2, 2, seed=1),))
    second.load_state(
        {name: [tuple(t.clone() for t in pair) for pair in pairs] for name, pairs in first.state().items()},
        torch.device("cpu"),
    )
    again = (random(8, 2, 2, 2, seed=2),)
    assert float(first.loss(again)) == float(second.loss(again))
