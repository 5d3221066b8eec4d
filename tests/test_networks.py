"""Every family at every size: shapes, first steps in bfloat16, and what each is said to be."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from fenshen import controls
from fenshen.media import PICTURES
from fenshen.networks import (
    FAMILIES,
    NetworkConfig,
    build_discriminator,
    build_generator,
    pyramid,
    r3,
    resnet,
)
from fenshen.networks.contours import CONTOUR_POINTS, LINES
from fenshen.networks.efficientnet import STRIDES, WIDTHS, EfficientNetLite0, _Conv
from fenshen.networks.fast import haar
from fenshen.networks.portrait import HeadSpace
from fenshen.training import recipe

DRAW_PICTURES = [
    name for name, one in FAMILIES.items() if one.medium is PICTURES and one.generator and not one.translates
]
TUTORIAL = Path(__file__).parents[1] / "benchmarks" / "tutorial.py"


def pair(**values):
    torch.manual_seed(0)
    config = NetworkConfig(keyframes=2 if FAMILIES[values["family"]].moves else 0, **values)
    return build_generator(config), build_discriminator(config)


@pytest.mark.parametrize("size", [32, 64])
@pytest.mark.parametrize("family", DRAW_PICTURES)
def test_shapes_and_a_first_step_in_bfloat16(family, size):
    generator, discriminator = pair(family=family, size=size, latent=16, width=8, max_width=64)
    with torch.autocast("cpu", torch.bfloat16):
        pictures = generator(torch.randn(4, 16))
        logits = discriminator(discriminator.features(pictures))
        loss = nn.functional.softplus(-logits.float()).mean()
    assert pictures.shape == (4, 3, size, size)
    assert pictures.float().abs().max() < 20
    assert logits.ndim == 2
    assert len(logits) == 4
    loss.backward()
    for network in (generator, discriminator):
        learning = [p for p in network.parameters() if p.requires_grad]
        assert learning
        assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in learning)
    assert any(p.grad.abs().sum() > 0 for p in generator.parameters())


@pytest.mark.parametrize("size", [32, 64, 128])
def test_scales_count_alike(size):
    network = build_discriminator(
        NetworkConfig(family="dcgan", discriminator="multi-scale", size=size, width=8)
    )
    logits = network((torch.randn(2, 3, size, size),))
    scales = len(network.scales)
    assert scales == 3
    assert logits.shape[1] % scales == 0
    assert all(part.unique().numel() > 1 for part in logits[0].chunk(scales))


def test_a_pyramid_is_the_picture():
    picture = torch.randn(2, 3, 32, 32)
    coarse, *finer = pyramid.bands(picture, 2)
    assert [band.shape[-1] for band in (coarse, *finer)] == [8, 16, 32]
    for band in finer:
        coarse = nn.functional.interpolate(coarse, scale_factor=2.0, mode="bilinear", align_corners=False)
        torch.testing.assert_close(band[:, 3:], coarse)
        coarse = coarse + band[:, :3]
    torch.testing.assert_close(coarse, picture)


def test_attention_begins_with_what_is_near_and_looks_far():
    torch.manual_seed(0)
    layer = resnet.SelfAttention(16)
    x = torch.randn(1, 16, 8, 8, requires_grad=True)
    torch.testing.assert_close(layer(x), x)
    nn.init.ones_(layer.gamma)
    layer(x)[0, :, 0, 0].sum().backward()
    assert (x.grad[0, :, 7, 7] != 0).any()


def test_a_residual_block_of_r3_begins_as_the_identity():
    x = torch.randn(2, 32, 8, 8)
    torch.testing.assert_close(r3.Block(32, 10)(x), x)


@pytest.mark.parametrize(("size", "reduction"), [(32, 8), (64, 1), (256, 4)])
def test_the_frozen_trunk_may_be_shown_smaller_pictures_than_the_pixels_head(size, reduction):
    _, discriminator = pair(family="fast", size=size, width=8, reduction=reduction)
    pictures = torch.randn(1, 3, size, size, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        waves, *maps = discriminator.features(pictures)
        logits = discriminator((waves, *maps))
    assert waves.shape[-1] == size // 2
    assert maps[0].shape[-1] == max(size // reduction, 32) // STRIDES[0]
    logits.sum().backward()
    assert (pictures.grad != 0).float().mean() > 0.99


@pytest.mark.parametrize("family", DRAW_PICTURES)
def test_truncation_to_nothing_is_one_picture(family):
    generator, _ = pair(family=family, size=32, latent=16, width=8)
    generator.eval()
    with torch.no_grad():
        pictures = generator(torch.randn(2, 16), truncation=0.0)
        varied = generator(torch.randn(2, 16))
    torch.testing.assert_close(pictures[0], pictures[1])
    assert not torch.allclose(varied[0], varied[1])


def test_dcgan_at_32_px_is_the_tutorials_layer_for_layer():
    spec = importlib.util.spec_from_file_location("tutorial", TUTORIAL)
    tutorial = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tutorial)
    generator, discriminator = pair(family="dcgan", size=32, latent=100, width=64)
    theirs_g, theirs_d = tutorial.Generator(), tutorial.Discriminator()
    assert [type(a) for a in generator.layers] == [type(a) for a in theirs_g.model]
    assert [type(a) for a in discriminator.layers] == [type(a) for a in theirs_d.model][:-1]  # no sigmoid
    assert [tuple(w.shape) for w in generator.parameters() if w.ndim == 4] == [
        (100, 256, 4, 4),
        (256, 128, 4, 4),
        (128, 64, 4, 4),
        (64, 3, 4, 4),
    ]
    assert [tuple(w.shape) for w in discriminator.parameters() if w.ndim == 4] == [
        (64, 3, 4, 4),
        (128, 64, 4, 4),
        (256, 128, 4, 4),
        (1, 256, 4, 4),
    ]
    # With the same weights they are the same functions.
    for ours, theirs in ((generator, theirs_g), (discriminator, theirs_d)):
        weights = dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True))
        theirs.load_state_dict(weights)
    z = torch.randn(4, 100)
    pictures = generator(z)
    torch.testing.assert_close(pictures, theirs_g(z[:, :, None, None]))
    scores = discriminator(discriminator.features(pictures)).sigmoid()
    torch.testing.assert_close(scores, theirs_d(pictures).flatten(1))


def test_under_wgan_gp_no_picture_sees_another():
    config = recipe.load("wgan-gp-64", ["width=4"]).network
    discriminator = build_discriminator(config)
    pictures = torch.randn(3, 3, 64, 64)
    alone = torch.cat([discriminator((picture[None],)) for picture in pictures])
    torch.testing.assert_close(discriminator((pictures,)), alone)


def test_spectral_norm_bounds_every_layer():
    _, discriminator = pair(family="dcgan", size=32, latent=8, width=8, spectral_norm=True)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in discriminator.modules())
    for _ in range(30):  # power iterations
        discriminator((torch.randn(2, 3, 32, 32),))
    for layer in discriminator.layers:
        if isinstance(layer, nn.Conv2d):
            largest = torch.linalg.matrix_norm(layer.weight.flatten(1), 2)
            assert float(largest) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("side", [7, 8])
@pytest.mark.parametrize(
    ("kernel", "stride", "groups"), [(1, 1, 1), (3, 1, 4), (5, 1, 4), (3, 2, 1), (5, 2, 4)]
)
def test_frozen_convolutions_have_the_right_gradient(kernel, stride, groups, side):
    torch.manual_seed(0)
    weight = torch.randn(4, 4 // groups, kernel, kernel, dtype=torch.float64)
    conv = _Conv(weight, torch.randn(4, dtype=torch.float64), stride, groups)
    pictures = torch.randn(1, 4, side, side, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(conv, (pictures,), fast_mode=True)


def test_the_frozen_trunk_gives_four_maps_and_keeps_still():
    trunk = EfficientNetLite0()
    assert not list(trunk.parameters())
    assert not trunk.state_dict()
    maps = trunk(torch.randn(2, 3, 64, 64))
    assert [tuple(m.shape) for m in maps] == [
        (2, width, 64 // stride, 64 // stride) for width, stride in zip(WIDTHS, STRIDES, strict=True)
    ]


def test_haar_waves_keep_everything():
    pictures = torch.randn(2, 3, 8, 8)
    waves = haar(pictures)
    assert waves.shape == (2, 12, 4, 4)
    torch.testing.assert_close(waves.square().sum() * 4, pictures.square().sum())  # orthogonal up to 1/2
    checkerboard = (
        (torch.arange(8)[:, None] + torch.arange(8)).remainder(2).mul(2.0).sub(1).expand(1, 3, 8, 8)
    )
    energy = haar(checkerboard).square().mean((0, 2, 3)).view(4, 3).mean(1)
    assert (energy > 1e-6).sum() == 1  # a checkerboard fills one kind of wave alone


@pytest.mark.parametrize("family", [name for name in DRAW_PICTURES if FAMILIES[name].conditional])
def test_conditional_generators_listen_to_the_controls(family):
    generator, _ = pair(family=family, size=32, latent=16, width=8, conditional=True)
    pictures = generator(torch.randn(1, 16).expand(4, -1), torch.randn(4, 58))
    assert not torch.allclose(pictures[0], pictures[1], atol=1e-3)


def test_a_conditional_style_pair_learns_from_the_controls():
    generator, discriminator = pair(family="style", size=32, latent=16, width=8, conditional=True)
    z, told = torch.randn(1, 16).expand(4, -1), torch.randn(4, 58)
    pictures = generator(z, told)
    logits = discriminator((pictures.detach(),), told)
    assert not torch.allclose(logits, discriminator((pictures.detach(),), told.flip(0)))
    (logits.sum() + pictures.square().sum()).backward()
    assert generator.mapping.embed.weight.grad.abs().sum() > 0
    assert discriminator.embed.weight.grad.abs().sum() > 0


def test_head_space_moves_with_the_head():
    """What lies between the eyes of a frontal head has the same features wherever the head stands."""
    space = HeadSpace()
    shift = controls.vector({"x": 0.125, "y": -0.0625})
    both = torch.from_numpy(controls.normalise(np.stack([controls.NEUTRAL, shift])))
    still, moved = space(space.aim(both), 64)
    assert torch.allclose(still[:, 4:, :-8], moved[:, :-4, 8:], atol=1e-3)
    aside = torch.from_numpy(controls.normalise(controls.vector({"yaw": 0.5})))
    (turned,) = space(space.aim(aside[None]), 64)
    assert not torch.allclose(turned, still, atol=1e-1)


def test_sizes_are_powers_of_two():
    with pytest.raises(ValueError, match="power of two"):
        NetworkConfig(family="dcgan", size=48)


PORTRAIT = NetworkConfig(family="portrait", size=32, latent=4, width=4, max_width=8, conditional=True)


@settings(max_examples=10, deadline=None)
@given(x=st.floats(-0.2, 0.2), y=st.floats(-0.2, 0.2), scale=st.floats(-1, 1), roll=st.floats(-1, 1))
def test_the_lines_of_a_face_go_where_the_controls_put_the_head(
    x: float, y: float, scale: float, roll: float
) -> None:
    torch.manual_seed(0)
    generator = build_generator(PORTRAIT)
    moved = controls.vector(x=x, y=y, scale=scale, roll=roll)
    told = torch.from_numpy(controls.normalise(np.stack([controls.NEUTRAL, moved])))
    # What the network works out may not depend on the place, or the two could not be compared.
    head = torch.zeros(2, told.shape[1] + PORTRAIT.latent)
    still, there = generator.contours(head, generator.head_space.aim(told)).detach().numpy()
    middle, turn = np.array(controls.CENTRE), np.exp(1j * roll)  # clockwise, for y points down
    expected = (still - middle) @ (1, 1j) * turn * 2**scale
    assert np.allclose((there - middle - (x, y)) @ (1, 1j), expected, atol=1e-4)


def test_a_line_is_bright_where_its_points_are() -> None:
    contours = build_generator(PORTRAIT).contours
    points = torch.rand(1, len(CONTOUR_POINTS), 2, generator=torch.Generator().manual_seed(0))
    (drawn,) = contours.draw(points, [128])
    first = 0
    for row, line in zip(drawn[0], LINES.values(), strict=True):
        places = (points[0, first : first + len(line.points)] * 128).long().clamp(max=127)
        first += len(line.points)
        assert row[places[:, 1], places[:, 0]].min() > 2 * row.mean()
