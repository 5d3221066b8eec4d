"""Keyframes: how they are moved and mixed, by the network and at full size, and kept on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from jaxtyping import Float, UInt8
from numpy import ndarray
from torch import Tensor

from fenshen import controls
from fenshen.doubles import compositor
from fenshen.doubles.compositor import Compositor
from fenshen.errors import FenshenError
from fenshen.humans import stage
from fenshen.keyframes import CARD, Keyframes, Whole
from fenshen.media import to_pixels
from fenshen.networks import NetworkConfig, build_generator, geometry, mover
from fenshen.networks.contours import CONTOUR_POINTS

COUNT, SIZE = 3, 256


@pytest.fixture
def keyframes() -> Keyframes:
    """Smooth pictures, as photographs are, of faces whose points lie differently."""
    draw = np.random.default_rng(1)
    coarse = torch.from_numpy(draw.random((COUNT + 1, 3, 24, 24), dtype=np.float32))
    pictures = to_pixels(2 * torch.nn.functional.interpolate(coarse, size=(SIZE, SIZE), mode="bicubic") - 1)
    plate = np.dstack([pictures[-1], np.full((SIZE, SIZE), 200, np.uint8)])
    points = 0.5 + 0.1 * draw.standard_normal((COUNT, len(CONTOUR_POINTS), 2)).astype(np.float32)
    moves = np.stack([controls.vector(yaw=0.1 * i, x=0.02 * i) for i in range(COUNT)])
    whole = Whole(np.tile(pictures[0], (1, 2, 1)), 10.5, -3.25, 200.0)
    return Keyframes(pictures[:-1], moves, points, plate, whole, made=1)


@pytest.fixture
def parts() -> mover.Parts:
    """Some motion and shares, smooth as a network's."""
    draw = torch.Generator().manual_seed(2)

    def smooth(*shape: int, side: int) -> Tensor:
        coarse = torch.randn(1, int(np.prod(shape)), 6, 6, generator=draw)
        large = torch.nn.functional.interpolate(coarse, size=(side, side), mode="bilinear")
        return large.reshape(1, *shape, side, side)

    weights = (4 * smooth(COUNT + 2, side=128)).softmax(1)
    near = torch.full((1, COUNT, 128, 128), 1 / COUNT)
    drawn = smooth(3, side=128).tanh()
    return mover.Parts(drawn, 0.03 * smooth(COUNT, 2, side=64), near, weights, torch.zeros(1, 1, 2))


@pytest.mark.parametrize("size", [SIZE, 200])
def test_full_size_frames_are_those_of_the_network(
    keyframes: Keyframes, parts: mover.Parts, size: int
) -> None:
    keyframes = keyframes.resized(size)
    exact = to_pixels(mover.put_together(parts, mover.sources(keyframes)).pictures)[0]
    fast = Compositor(keyframes).frame(
        to_pixels(parts.drawn)[0], parts.motion[0].numpy(), parts.weights[0].numpy()
    )
    assert np.abs(exact.astype(int) - fast).max() <= 2


def test_a_browsers_frames_are_those_of_the_product(keyframes: Keyframes, parts: mover.Parts) -> None:
    drawn, motion, weights = (
        to_pixels(parts.drawn)[0],
        parts.motion[0].numpy(),
        parts.weights[0].numpy(),
    )
    told = Compositor(keyframes).frame(drawn, motion, weights)
    shown = _shaded(keyframes, drawn, motion, weights)
    assert np.abs(told.astype(int) - shown).max() <= 2


def test_points_carry_their_surroundings() -> None:
    there = torch.full((1, len(CONTOUR_POINTS), 2), 0.5)
    motion = geometry.carried(there, there + torch.tensor([0.1, -0.05]), 64)[0, 0]
    assert torch.allclose(motion[:, 32, 32], torch.tensor([0.1, -0.05]), atol=2e-3)
    assert motion[:, 0, 0].abs().max() < 0.01  # what is far from every point stays


def test_where_nobody_was_filmed_the_background_stands_still_until_somebody_comes() -> None:
    generator, side = _generator().eval(), 128
    torch.nn.init.normal_(generator.shares.weight, std=1.0)  # a network that would rather show anything else
    plate = torch.rand(1, 3, side, side) * 2 - 1
    pictures, empty = plate.repeat(COUNT, 1, 1, 1), torch.ones(1, 1, side, side)
    body = (..., slice(48, 80), slice(48, 80))
    pictures[body], empty[body] = 1, 0
    points = torch.full((COUNT, len(CONTOUR_POINTS), 2), 0.5)
    told = torch.zeros(COUNT, controls.COUNT)
    generator.keep(mover.Sources(pictures, plate), empty, told, points, torch.zeros(COUNT))
    near = torch.full((1, COUNT, side, side), 1 / COUNT)
    shares = generator.shares(torch.randn(1, generator.shares.in_channels, side, side))
    stays = torch.zeros(1, COUNT, 2, 64, 64)

    def background(motion: Tensor) -> Tensor:
        lacking = torch.zeros_like(near)
        return generator._weights(shares, near, lacking, motion, generator.present)[0, COUNT]

    with torch.no_grad():
        assert background(stays)[:32].min() > 0.999
        assert background(stays)[56:72, 56:72].mean() < 0.5
        came = background(stays + torch.tensor([0.0, 0.35])[:, None, None])  # from below
        assert came[8:24, 56:72].mean() < 0.9
        assert came[:, :24].min() > 0.999  # nobody came here


def test_a_shut_mouth_lends_nothing_to_an_open_one(keyframes: Keyframes) -> None:
    asked, shut, wide = (_mouth(gap) for gap in (0.08, 0.0, 0.1))
    theirs = torch.from_numpy(np.stack([shut, wide, wide]))
    points = torch.from_numpy(asked)[None]
    places, present = geometry.Geometry(), torch.ones(3, 1, 64, 64)
    known = geometry.Known(theirs, theirs, torch.tensor([0.0, 0.0, 1.0]), present)
    near = places.near(points, points, known, 128)
    lacking = places.lacking(points, points, known, 128, few=False)
    mouth = (0, slice(None), round(0.7 * 128), 64)
    assert lacking[mouth][0] > 0.9
    assert lacking[mouth][1:].max() < 0.1
    assert lacking[0, :, 10, 10].max() < 0.01  # a forehead is shown by all
    assert near[mouth][0] < near[mouth][1]
    assert near[mouth][1] > 0.8  # of two that are alike, what was filmed counts


def test_keyframes_that_are_near_nowhere_are_not_missed() -> None:
    generator = _generator().eval()
    draw = torch.Generator().manual_seed(3)
    told, latents = torch.randn(5, controls.COUNT, generator=draw), torch.randn(1, 192, generator=draw)
    with torch.inference_mode():
        _, points = generator.maps(latents.expand(5, -1), told)
        pictures, plate = (torch.rand(n, 3, 128, 128, generator=draw) for n in (COUNT, 1))
        sources = mover.Sources(pictures, plate)
        # The second keyframe's face is much larger than any that is asked for.
        theirs = torch.stack([points[0], 3 * points[1], points[2]])
        generator.keep(sources, torch.zeros(1, 1, 128, 128), told[:COUNT], theirs, torch.zeros(COUNT))
        whole, few = (generator.parts(latents.expand(2, -1), told[3:], few=few) for few in (False, True))
    assert few.near[:, 1].eq(0).all()
    assert whole.near[:, 1].max() > 0
    assert torch.allclose(whole.weights, few.weights, atol=0.02)
    assert torch.allclose(whole.motion[:, [0, 2]], few.motion[:, [0, 2]], atol=1e-5)


def test_placement_and_roll_change_no_distance() -> None:
    points = torch.from_numpy(_mouth(0.05))[None]
    space = _generator().head_space
    told = controls.normalise(controls.vector(roll=0.4, x=0.1, y=-0.05, scale=0.3))
    aim = space.aim(torch.from_numpy(told)[None])
    at_rest = geometry.upright_points(points, space.aim(torch.zeros(1, controls.COUNT)))
    turned = torch.tensor([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]], dtype=torch.float32)
    placed = aim[1][0, :2] + aim[1][0, 2] * at_rest @ turned.T
    assert torch.allclose(geometry.upright_points(placed, aim), at_rest, atol=1e-5)


def test_keyframes_come_back_from_disk(keyframes: Keyframes, tmp_path: Path) -> None:
    keyframes.write(tmp_path)
    again = Keyframes.read(tmp_path)
    assert np.abs(again.pictures.astype(int) - keyframes.pictures).mean() < 2
    assert np.array_equal(again.plate, keyframes.plate)
    assert np.allclose(again.controls, keyframes.controls)
    assert np.allclose(again.points, keyframes.points)
    assert again.made == keyframes.made
    assert keyframes.whole is not None
    assert again.whole is not None
    assert again.whole.square == keyframes.whole.square
    assert np.abs(again.whole.picture.astype(int) - keyframes.whole.picture).mean() < 2
    (tmp_path / CARD).write_text("{}")
    with pytest.raises(FenshenError):
        Keyframes.read(tmp_path)


def _shaded(
    keyframes: Keyframes,
    drawn: UInt8[ndarray, "s s 3"],
    motion: Float[ndarray, "K 2 f f"],
    weights: Float[ndarray, "L s s"],
) -> UInt8[ndarray, "S S 3"]:
    """The frame by the shader, with textures as a browser filters them: half precision for what is not a picture."""
    context = stage.context()
    context.enable_only(0)  # whatever was drawn before
    size = keyframes.size
    pictures = np.concatenate([keyframes.pictures, keyframes.plate[None, ..., :3]])
    textures = {
        "pictures": context.texture_array((size, size, len(pictures)), 3, pictures.tobytes()),
        "motion": context.texture_array((*motion.shape[2:], len(motion)), 2, _halves(motion), dtype="f2"),
        "weights": context.texture_array(
            (*weights.shape[1:], len(weights)), 1, _halves(weights[:, None]), dtype="f2"
        ),
        "drawn": context.texture(drawn.shape[:2], 3, drawn.tobytes()),
    }
    program = context.program(
        vertex_shader="""#version 300 es
            void main() { gl_Position = vec4(vec2(gl_VertexID % 2, gl_VertexID / 2) * 4. - 1., 0., 1.); }""",
        fragment_shader=Path(compositor.__file__).with_suffix(".frag").read_text(encoding="utf-8"),
    )
    for unit, (name, texture) in enumerate(textures.items()):
        texture.repeat_x = texture.repeat_y = False
        texture.use(unit)
        program[name] = unit
    program["keyframes"] = len(motion)
    target = context.simple_framebuffer((size, size), 4)
    target.use()
    context.vertex_array(program, []).render(vertices=3)
    return np.frombuffer(target.read(components=3), np.uint8).reshape(size, size, 3)


def _halves(maps: Float[ndarray, "L C s s"]) -> bytes:
    return np.ascontiguousarray(maps.transpose(0, 2, 3, 1), np.float16).tobytes()


def _generator() -> mover.Generator:
    config = NetworkConfig(
        family="mover", size=128, latent=192, width=16, max_width=384, keyframes=COUNT, conditional=True
    )
    generator = build_generator(config)
    assert isinstance(generator, mover.Generator)
    return generator


def _mouth(gap: float) -> Float[ndarray, "P 2"]:
    """Contour points of a face of which only the mouth is drawn, open by a gap in sides."""
    points = np.full((len(CONTOUR_POINTS), 2), 0.5, np.float32)
    openings = geometry.Geometry().openings
    for line, lift in zip(openings[2], (-gap / 2, gap / 2), strict=True):
        across = np.linspace(-1, 1, len(line))
        points[line, 0] = 0.5 + 0.1 * across
        points[line, 1] = 0.7 + lift * (1 - across**2)
    return points
