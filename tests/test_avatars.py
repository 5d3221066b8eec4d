"""Drawings: the same words give the same picture, other words another, and the terms are known."""

from __future__ import annotations

import numpy as np
import pytest

from fenshen import avatars
from fenshen.errors import UsageError


@pytest.mark.parametrize("name", avatars.STYLES)
def test_every_style_draws_many_different_pictures(name):
    drawn = [avatars.draw(name, seed, 48) for seed in range(8)]
    assert all(picture.shape == (48, 48, 3) and picture.dtype == np.uint8 for picture in drawn)
    assert len({picture.tobytes() for picture in drawn}) == 8
    assert all(picture.std() > 20 for picture in drawn)
    assert np.array_equal(avatars.draw(name, 3, 48), drawn[3])
    assert np.array_equal(avatars.draw(name, "3", 48), drawn[3])


def test_sizes_show_the_same_drawing():
    large = avatars.draw(avatars.DEFAULT, 5, 128).astype(float)
    small = avatars.draw(avatars.DEFAULT, 5, 32)
    assert np.abs(large.reshape(32, 4, 32, 4, 3).mean((1, 3)) - small).mean() < 6


def test_the_default_may_be_used_without_credit():
    assert avatars.STYLES[avatars.DEFAULT].licence == "CC0-1.0"
    assert {style.licence for style in avatars.STYLES.values()} == {"CC0-1.0", "CC-BY-4.0"}


def test_a_typing_mistake_names_the_nearest_style():
    with pytest.raises(UsageError, match="lorelei"):
        avatars.draw("lorely", 0, 32)
