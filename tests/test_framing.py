"""The film's own frame around a double, and backgrounds that stand still or move."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest
import torch
from jaxtyping import UInt8
from numpy import ndarray

import fenshen
from fenshen import OutputOptions, controls, dataset, portraits, video
from fenshen.dataset import Dataset
from fenshen.doubles import background
from fenshen.doubles.framing import Framing, Held
from fenshen.doubles.keyframes import far_apart, whole_frame
from fenshen.doubles.matte import Matte
from fenshen.drawing import request_of_seed
from fenshen.errors import FenshenError, UsageError
from fenshen.faces.align import align
from fenshen.keyframes import Whole
from fenshen.model import Model
from fenshen.motion.idle import idle
from fenshen.player import Player

WIDTH, HEIGHT, SIDE = 480, 400, 320  # of the films, and of the person in them
OLD = Path(__file__).with_name("written_by_0_1_0")
Picture = UInt8[ndarray, "H W 3"]


@pytest.fixture(scope="module")
def people() -> list[UInt8[ndarray, "H W 4"]]:
    """Somebody who idles for half a second, cut out, near the lower edge of a film."""
    model, matte = Model.load("humans"), Matte(film=True)
    player = Player(model, request_of_seed(model, 4).latent)
    track = controls.clip(idle(0.5, 25.0, seed=1).controls)
    cuts = [matte.cut(portraits.resize(picture, SIDE)) for picture in player.film(track)]
    return [np.pad(cut, ((HEIGHT - SIDE, 0), (90, WIDTH - SIDE - 90), (0, 0))) for cut in cuts]


def filmed(path: Path, people: list[ndarray], ground: Callable[[int], Picture]) -> Dataset:
    """The portraits of a film of people before a ground, frame by frame."""

    def frame(number: int, cut: ndarray) -> Picture:
        share = cut[..., 3:] / 255
        return np.rint(share * cut[..., :3] + (1 - share) * ground(number)).astype(np.uint8)

    video.write(path, (frame(i, cut) for i, cut in enumerate(people)), 25.0, crf=8)
    out = path.with_suffix("")
    fenshen.prepare([path], out, size=128, crop="clip", one_person=True, progress=False)
    return Dataset(out)


def texture(width: int, height: int = HEIGHT, seed: int = 0) -> Picture:
    """A ground with much to see."""
    return smooth(height, width, seed, (height // 16, width // 16))


def smooth(height: int, width: int, seed: int, spots: tuple[int, int] = (7, 9)) -> Picture:
    """Coloured spots, blurred."""
    coarse = np.random.default_rng(seed).integers(0, 256, (*spots, 3)).astype(np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def test_a_double_finds_its_place_in_the_film(people: list[ndarray], tmp_path: Path) -> None:
    still = texture(WIDTH)
    data = filmed(tmp_path / "still.mp4", people, lambda _: still)
    assert not background.moves(data)
    row = far_apart(data, 1)[0]
    whole = whole_frame(data, row)
    assert whole is not None
    assert whole.picture.shape == (HEIGHT, WIDTH, 3)
    factor = data.card.size / whole.side
    matrix = np.array([[factor, 0, 0], [0, factor, 0]])
    matrix[:, 2] = factor * (0.5 - np.array(whole.square[:2])) - 0.5
    assert np.abs(align(whole.picture, matrix, data.card.size).astype(int) - data.pixels[row]).max() <= 1


def test_a_moving_background_is_noticed_and_stands_still_then(people: list[ndarray], tmp_path: Path) -> None:
    wide = texture(WIDTH + 160)
    data = filmed(tmp_path / "panning.mp4", people, lambda i: wide[:, 12 * i : 12 * i + WIDTH])
    before = np.array(data.pixels)
    assert background.moves(data)
    key = far_apart(data, 1)[0]
    data = background.stilled(data)
    assert background.changing(data) < 0.01
    assert background.moves(data)  # the film's did, whatever the portraits show now
    corner = np.s_[:, 8:24, 8:24]
    assert before[corner].std(0).mean() > 10
    assert np.abs(data.pixels[corner].astype(int) - before[key][corner[1:]]).mean() < 1


def test_films_are_brought_into_the_light_of_one_of_them(people: list[ndarray], tmp_path: Path) -> None:
    still = texture(WIDTH) // 2 + 30
    data = filmed(tmp_path / "still.mp4", people, lambda _: still)
    half, before = len(data) // 2, np.array(data.pixels)
    pictures = before.copy()
    pictures[half:] = np.rint(pictures[half:] * 1.15)
    sources = pa.array(["one"] * half + ["other"] * (len(data) - half))
    column = data.records.schema.get_field_index("source")
    records = data.records.set_column(column, "source", sources)
    data = dataset.write(data.path, data.card, pictures, records, data.rejected)
    lit = background.matched(data)
    corner = np.s_[:, 8:24, 8:24]
    parts = [lit.pixels[corner][part].astype(float).mean((0, 1, 2)) for part in (np.s_[:half], np.s_[half:])]
    assert np.abs(parts[0] - parts[1]).max() < 2
    first = far_apart(data, 1)[0]
    assert np.array_equal(lit.pixels[first], pictures[first])
    assert np.array_equal(background.matched(lit).pixels, lit.pixels)


@pytest.mark.parametrize("side", [60.4, 100.0, 190.3])
def test_a_crop_is_put_back_where_it_was(side: float) -> None:
    whole = Whole(smooth(200, 260, seed=1), 31.7, 8.2, side)
    factor = 128 / side
    matrix = np.array([[factor, 0, factor * (0.5 - 31.7) - 0.5], [0, factor, factor * (0.5 - 8.2) - 0.5]])
    crop = align(whole.picture, matrix, 128)
    assert np.abs(Framing(whole, np.array).frame(crop).astype(int) - whole.picture).max() <= 6
    other = Framing(whole, np.array).frame(255 - crop).astype(int)
    middle = round(8.2 + side / 2), round(31.7 + side / 2)
    assert np.abs(other[middle] - (255 - whole.picture[middle])).max() <= 8
    assert (other[:8] == whole.picture[:8]).all()
    assert (other[:, :31] == whole.picture[:, :31]).all()


def test_there_is_no_seam_at_the_films_own_edge() -> None:
    whole = Whole(np.full((100, 200, 3), 100, np.uint8), 40.0, 0.0, 100.0)
    framed = Framing(whole, np.array).frame(np.full((100, 100, 3), 200, np.uint8))
    assert (framed[[0, 50, 99], 90] == 200).all()
    assert (framed[50, [41, 138]] < 160).all()


def test_edges_come_to_rest_as_the_first_keyframe_before_a_still_background() -> None:
    whole = Whole(np.zeros((200, 200, 3), np.uint8), 50.0, 20.0, 100.0)
    weights = torch.tensor([0.1, 0.5, 0.3, 0.1]).reshape(1, 4, 1, 1).expand(1, 4, 128, 128)
    motion, held = Held(whole)(torch.full((1, 2, 2, 64, 64), 0.1), weights)
    assert motion[..., 0].abs().max() == motion[..., -1, :].abs().max() == 0
    assert torch.allclose(motion[..., 32, 32], torch.tensor(0.1))
    assert torch.allclose(held.sum(1), torch.ones(()))
    assert torch.allclose(held[0, :, 64, 0], torch.tensor([0.7, 0.0, 0.3, 0.0]))
    assert torch.allclose(held[0, :, 64, 64], weights[0, :, 0, 0])


def test_what_cannot_be_framed_is_said(tmp_path: Path) -> None:
    out = tmp_path / "x.png"
    with pytest.raises(FenshenError, match="no whole frame"):
        fenshen.edit(OLD / "someone.double", out=out, output=OutputOptions(frame="full"))
    with pytest.raises(UsageError, match="--transparent"):
        OutputOptions(frame="full", transparent=True).check()
    with pytest.raises(UsageError, match="crop or full"):
        OutputOptions(frame="half").check()  # type: ignore[arg-type]
    assert not out.exists()
