"""Redrawn films: followed along the film's movement, and steadied where it only moves."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fenshen.pictures.steady import Movement, Steady, warping_errors


def _film(frames: int = 6) -> list[np.ndarray]:
    """A soft pattern that drifts two pixels a frame; in its middle a disc appears in frame 3."""
    numbers = np.random.default_rng(0)
    wide = cv2.GaussianBlur(numbers.uniform(0, 255, (96, 160, 3)).astype(np.float32), (0, 0), 3)
    wide = np.clip((wide - wide.mean()) * 6 + 128, 0, 255).astype(np.uint8)
    film = [wide[:, 2 * i : 2 * i + 96].copy() for i in range(frames)]
    for picture in film[3:]:
        cv2.circle(picture, (48, 48), 14, (255, 255, 255), -1)
    return film


def test_movement_is_found_and_what_was_hidden_too():
    film = _film()
    moved = Movement().between(film[0], film[1])
    inner = (slice(10, -10), slice(10, -10))
    assert np.median(moved.flow[inner], axis=(0, 1)) == pytest.approx([2, 0], abs=0.1)
    assert moved.visible[inner].mean() > 0.95
    assert np.abs(moved.carry(film[0]) - film[1])[inner].mean() < 1


def test_flicker_goes_and_what_is_new_comes_at_once():
    film = _film()
    numbers = np.random.default_rng(1)
    flickering = [
        np.clip(picture + numbers.normal(0, 12, (12, 12, 3)).repeat(8, 0).repeat(8, 1), 0, 255).astype(
            np.uint8
        )
        for picture in film
    ]
    steady = Steady()
    steadied = [steady(*pair) for pair in zip(film, flickering, strict=True)]
    assert np.array_equal(steadied[0], flickering[0])
    before, after = (np.mean(list(warping_errors(film, made))) for made in (flickering, steadied))
    assert after < 0.7 * before
    assert np.mean(list(warping_errors(film, film))) < 0.3 * before
    disc = (slice(40, 56), slice(40, 56))
    assert np.abs(steadied[3][disc].astype(int) - flickering[3][disc]).mean() < 2


def test_large_films_are_followed_at_a_smaller_size():
    film = [cv2.resize(picture, (1152, 1152), interpolation=cv2.INTER_CUBIC) for picture in _film(2)]
    moved = Movement().between(*film)
    assert moved.flow.shape == (1152, 1152, 2)
    assert np.median(moved.flow[200:-200, 200:-200, 0]) == pytest.approx(24, abs=1)
