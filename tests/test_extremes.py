"""Photographs at the edge of what there is: one pixel, and a line of them."""

from __future__ import annotations

import numpy as np
import pytest

from fenshen.errors import UsageError
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
