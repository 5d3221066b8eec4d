"""Photographs and masks at the edge of what there is: one pixel, very long, cut short, of another size."""

from __future__ import annotations

import numpy as np
import pytest

from fenshen import portraits
from fenshen.errors import FenshenError, UsageError
from fenshen.pictures import masks
from fenshen.pictures.tasks import TASKS

DOT = np.array([[[9, 80, 200]]], np.uint8)
LINE = np.repeat(DOT, 3000, axis=1)


@pytest.mark.parametrize("task", [name for name, task in TASKS.items() if not task.masked])
@pytest.mark.parametrize("picture", [DOT, LINE], ids=["dot", "line"])
def test_the_smallest_pictures_keep_their_colour(task, picture):
    begun = TASKS[task].begin(picture, scale=2)
    times = 2 if TASKS[task].enlarges else 1
    assert begun.plain.shape == (times * picture.shape[0], times * picture.shape[1], 3)
    assert np.abs(begun.plain.astype(int) - DOT).max() <= 2


@pytest.mark.parametrize(
    ("mask", "sentence"), [("0,0,1,1", "whole"), ("auto", "No scratches"), ("5,5,1,1", "no pixel")]
)
def test_one_pixel_cannot_be_filled(mask, sentence):
    with pytest.raises(UsageError, match=sentence):
        masks.missing(DOT, [mask])


def test_the_ends_of_a_line_are_filled():
    missing = masks.missing(LINE, ["0,0,1,1", "2999,0,1,1"])
    assert np.abs(TASKS["inpaint"].begin(LINE, missing=missing).plain.astype(int) - DOT).max() <= 2


@pytest.mark.parametrize("kept", [0, 20, 0.6])
def test_a_damaged_mask_is_named(kept, tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    portraits.write(tmp_path / "mask.png", picture)
    whole = (tmp_path / "mask.png").read_bytes()
    (tmp_path / "mask.png").write_bytes(whole[: int(kept * len(whole)) if kept < 1 else kept])
    with pytest.raises(FenshenError, match=r"mask\.png"):
        masks.missing(picture, [str(tmp_path / "mask.png")])


def test_a_folder_is_no_mask(tmp_path):
    with pytest.raises(FenshenError, match=tmp_path.name):
        masks.missing(LINE, [str(tmp_path)])


def test_a_mask_on_its_side_is_refused(tmp_path):
    portraits.write(tmp_path / "mask.png", np.full((50, 40, 3), 255, np.uint8))
    with pytest.raises(UsageError, match=r"40 x 50.*50 x 40"):
        masks.missing(np.zeros((40, 50, 3), np.uint8), [str(tmp_path / "mask.png")])
