"""Restoring and restyling photographs: what is asked for, what is mended, and what stays."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from people import needs_humans, photograph, portrait

import fenshen
from fenshen import model as models
from fenshen import portraits, video
from fenshen.data.damage import CHANNELS, TASKS, FewPixels, filled, through_jpeg, with_noise
from fenshen.errors import FenshenError, UsageError
from fenshen.metrics.meters import psnr
from fenshen.model import Model, ModelCard
from fenshen.networks import NetworkConfig, build_generator
from fenshen.pictures import masks
from fenshen.pictures.restorer import Restorer, open_restorer, squares_around
from fenshen.pictures.tasks import TASKS as ASKED
from fenshen.pictures.tasks import Begun, noise
from fenshen.provenance.verify import verify


def write_model(folder, family, sources, changes=0.0):
    """A generator that adds the same everywhere."""
    config = NetworkConfig(family=family, sources=sources, size=32, width=8, latent=2)
    torch.manual_seed(0)
    generator = build_generator(config)
    if family == "unet":
        torch.nn.init.constant_(generator.last.bias, changes)
    card = ModelCard(
        network=config,
        told="picture",
        recipe="test",
        step=0,
        pictures_seen=0,
        origin=[],
        pictures=1,
        fenshen="0",
    )
    models.save(folder, generator, card)
    return folder


@pytest.fixture(scope="module")
def brighter(tmp_path_factory):
    """A restorer that lightens what it works on by a tenth of the range."""
    return write_model(tmp_path_factory.mktemp("model") / "restorer", "unet", CHANNELS, 0.2)


@pytest.fixture(scope="module")
def face(tmp_path_factory):
    file = tmp_path_factory.mktemp("photo") / "astronaut.png"
    portraits.write(file, photograph())
    return file


def test_every_task_has_its_damage():
    assert set(ASKED) == set(TASKS)


def test_only_what_is_around_a_face_is_the_networks(brighter, face):
    (square,) = squares_around(portraits.read(face))
    grey = np.full((512, 512, 3), 90, np.uint8)
    made = Restorer(Model.load(brighter)).restore(Begun(grey, grey), "inpaint", [square]).astype(int) - 90
    left, top, side = square
    assert made[top + side // 2, left + side // 2].mean() > 20
    assert made[-5:, -5:].max() == 0
    assert np.abs(np.diff(made.mean(2), axis=1)).max() < 4  # no seam


def test_tones_are_kept(brighter):
    picture = photograph()[:128, 160:288]
    made = Restorer(Model.load(brighter)).restore(Begun(picture, picture), "denoise", [(-200, -200, 700)])
    assert abs(made.astype(int).mean() - picture.mean()) < 3


def test_holes_are_filled_and_nothing_else_changes(brighter, face, tmp_path):
    out = fenshen.restore(
        face, out=tmp_path / "out.png", task="inpaint", mask=["200,60,40,30"], model=brighter, device="cpu"
    )
    picture = portraits.read(face)
    begun = ASKED["inpaint"].begin(picture, missing=masks.missing(picture, ["200,60,40,30"]))
    made = Restorer(Model.load(brighter)).restore(begun, "inpaint", squares_around(picture))
    same = np.ones(made.shape[:2], bool)
    same[60:90, 200:240] = False
    assert np.array_equal(made[same], picture[same])
    assert not np.array_equal(made, picture)
    assert verify(out).status == "valid"


@pytest.mark.parametrize(
    ("task", "words", "sentence"),
    [
        ("inpaint", {}, "--mask"),
        ("denoise", {"mask": ["auto"]}, "inpaint"),
        ("inpaint", {"mask": ["9000,9000,5,5"]}, "no pixel"),
        ("inpaint", {"mask": ["0,0,9999,9999"]}, "whole"),
        ("inpaint", {"mask": ["somewhere"]}, "somewhere"),
        ("upscale", {"out": "x.bmp"}, "suffix|png"),
    ],
)
def test_what_cannot_be_is_said(task, words, sentence, brighter, face, tmp_path):
    out = tmp_path / words.pop("out", "out.png")
    with pytest.raises(UsageError, match=sentence):
        fenshen.restore(face, out=out, task=task, model=brighter, **words)
    assert not out.exists()


def test_masks_from_files(brighter, face, tmp_path):
    picture = portraits.read(face)
    mask = np.zeros_like(picture)
    mask[40:60, 30:90] = 255
    portraits.write(tmp_path / "mask.png", mask)
    assert masks.missing(picture, [str(tmp_path / "mask.png")]).sum() == 20 * 60
    portraits.write(tmp_path / "small.png", mask[:100, :100])
    with pytest.raises(UsageError, match="100 x 100"):
        masks.missing(picture, [str(tmp_path / "small.png")])
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    with pytest.raises(FenshenError, match="broken"):
        masks.missing(picture, [str(tmp_path / "broken.png")])


def test_scratches_and_dates_are_found():
    picture = photograph().copy()
    before = (masks.scratches(picture) | masks.stamp(picture)).mean()
    scratch = np.zeros(picture.shape[:2], np.uint8)
    cv2.polylines(scratch, [np.array([[40, 20], [90, 200], [70, 420]])], False, 255, 2)
    picture[scratch > 0] = 245
    stamped = np.zeros_like(scratch)
    cv2.putText(stamped, "'98 7 21", (330, 490), cv2.FONT_HERSHEY_SIMPLEX, 0.9, 255, 2)
    picture[stamped > 0] = (255, 150, 30)
    found = masks.missing(picture, ["auto"])
    assert before < 0.01
    assert found[scratch > 0].mean() > 0.7
    assert found[stamped > 0].mean() > 0.9
    assert found[(scratch == 0) & (stamped == 0)].mean() < 0.03


@pytest.mark.parametrize("task", [name for name in TASKS if name != "inpaint"])
@pytest.mark.parametrize("side", [(1, 1), (7, 300)])
def test_the_smallest_pictures_come_back(task, side, brighter, tmp_path):
    portraits.write(tmp_path / "in.png", np.full((*side, 3), 120, np.uint8))
    out = fenshen.restore(
        tmp_path / "in.png", out=tmp_path / "out.png", task=task, model=brighter, device="cpu"
    )
    times = 2 if task == "upscale" else 1
    assert portraits.read(out).shape == (times * side[0], times * side[1], 3)


def test_noise_is_measured():
    flat = np.full((128, 128, 3), 120, np.uint8)
    for deviation in (2, 10, 25):
        noisy = with_noise(flat, deviation, np.random.default_rng(0))
        assert noise(noisy) == pytest.approx(deviation, rel=0.15)


def test_a_model_for_something_else_is_refused(face, tmp_path):
    other = write_model(tmp_path / "other", "redraw", 3)
    with pytest.raises(FenshenError, match="restore"):
        fenshen.restore(face, out=tmp_path / "out.png", task="jpeg", model=other)
    with pytest.raises(UsageError, match="toon"):
        fenshen.stylize(face, out=tmp_path / "out.png", style="cubist")


@needs_humans
@pytest.mark.parametrize("task", TASKS)
def test_the_model_that_comes_with_fenshen_mends_people_it_has_not_seen(task):
    people = [portrait(seed, 192) for seed in (901, 902)]
    gains = []
    for number, true in enumerate(people):
        numbers = np.random.default_rng(number)
        if task == "inpaint":
            missing = np.zeros(true.shape[:2], bool)
            missing[70:76, 30:170] = missing[110:130, 80:110] = True
            begun = Begun(filled(true, missing), filled(true, missing), missing)
        elif task == "denoise":
            begun = ASKED[task].begin(with_noise(true, 25, numbers))
        elif task == "jpeg":
            begun = ASKED[task].begin(through_jpeg(true, 10))
        elif task == "upscale":
            large = FewPixels.enlarged(true, 4)
            begun = Begun(large, large)
        else:
            begun = ASKED[task].begin(with_noise(cv2.GaussianBlur(true, (0, 0), 2), 1, numbers))
        made = open_restorer(None, "cpu").restore(begun, task, [(-200, -200, 600)])
        gains.append(psnr(made[None], true[None]) - psnr(begun.plain[None], true[None]))
    assert np.mean(gains) > (
        -0.1 if task == "inpaint" else 0.2
    )  # holes: as good as Telea's, see the benchmark


@needs_humans
def test_a_photograph_and_a_film_become_drawings(face, tmp_path):
    out = fenshen.stylize(face, out=tmp_path / "toon.png", device="cpu")
    drawn, picture = portraits.read(out), portraits.read(face)
    assert drawn.shape == picture.shape
    assert verify(out).status == "valid"
    moved = [np.roll(cv2.resize(picture, (96, 96)), step, axis=1) for step in range(3)]
    video.write(tmp_path / "film.mp4", iter([moved[0], moved[0], moved[1]]), 10.0)
    film = fenshen.stylize(tmp_path / "film.mp4", out=tmp_path / "toon.mp4", device="cpu", strength=0.5)
    frames = [frame.picture.astype(int) for frame in video.frames(film)]
    assert len(frames) == 3
    assert np.abs(frames[0] - frames[1]).mean() < 1  # what stands still does not flicker
    with pytest.raises(UsageError, match="mp4"):
        fenshen.stylize(tmp_path / "film.mp4", out=tmp_path / "toon.png")
