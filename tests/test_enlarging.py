"""Enlarging what a double draws: larger, cleaner, and the same picture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fenshen.doubles.output import enlarged
from fenshen.drawing import draw, request_of_seed
from fenshen.model import Model


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    model = Model.load("humans")
    return draw(model, [request_of_seed(model, seed) for seed in (3, 11, 29)])


def test_sides_are_even_and_as_asked(pictures: np.ndarray) -> None:
    for scale, side in ((1, 128), (1.3, 166), (2, 256), (3.1, 396), (4, 512)):
        assert enlarged(pictures[0], scale).shape == (side, side, 3)


def test_it_is_the_same_picture_with_clearer_edges(pictures: np.ndarray) -> None:
    for picture in pictures:
        large = enlarged(picture, 2).astype(float)
        plain = cv2.resize(picture, (256, 256), interpolation=cv2.INTER_LANCZOS4).astype(float)
        assert np.abs(cv2.resize(large, (128, 128), interpolation=cv2.INTER_AREA) - picture).mean() < 3
        steep, before = (np.percentile(np.abs(np.diff(each, axis=1)), 99) for each in (large, plain))
        assert steep > 1.1 * before


def test_edges_neither_ring_nor_glow_and_nothing_is_made_up() -> None:
    flat = np.full((64, 64, 3), (200, 150, 90), dtype=np.uint8)
    assert np.abs(enlarged(flat, 2).astype(int) - flat[0, 0]).max() <= 3
    step = np.repeat(np.where(np.arange(64) < 32, 60, 190).astype(np.uint8)[None], 64, axis=0)
    large = enlarged(np.stack([step] * 3, axis=-1), 2)[8:-8, 8:-8].astype(int)
    lanczos = cv2.resize(step, (128, 128), interpolation=cv2.INTER_LANCZOS4).astype(int)
    overshoot = max(60 - large.min(), large.max() - 190)
    assert overshoot < max(60 - lanczos.min(), lanczos.max() - 190)
