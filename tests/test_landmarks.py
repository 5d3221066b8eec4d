"""The landmarks' names: that they are one point each, and where a face has them."""

from __future__ import annotations

import hashlib
import importlib.util

import numpy as np
import pytest
from people import needs_humans

from fenshen import controls, landmarks
from fenshen.landmarks import COUNT, IRIS, LOWER_LIP_INSIDE, MESH, UPPER_LIP_INSIDE, Pair
from fenshen.networks.contours import CONTOUR_POINTS

NAMED = {
    name: value for name, value in vars(landmarks).items() if name.isupper() and name not in ("COUNT", "MESH")
}
PAIRS = {name: value for name, value in NAMED.items() if isinstance(value, Pair)}


def numbers(value: object) -> list[int]:
    return [value] if isinstance(value, int) else [i for part in value for i in numbers(part)]


def test_every_name_is_of_landmarks_and_no_point_has_two():
    assert {i for value in NAMED.values() for i in numbers(value)} <= set(range(COUNT))
    assert sorted(numbers(IRIS)) == list(range(MESH, COUNT))
    points = [value for value in NAMED.values() if isinstance(value, int)]
    points += [i for pair in PAIRS.values() for i in pair if isinstance(i, int)]
    assert len(points) == len(set(points))


@pytest.mark.skipif(importlib.util.find_spec("anny") is None, reason="needs the extra humans")
def test_left_is_the_mirror_image_of_right():
    from fenshen.humans import body
    from fenshen.humans.mesh_landmarks import mesh_landmarks

    points = mesh_landmarks().of(body.model().template)  # metres; x to the subject's left
    for name, pair in PAIRS.items():
        right, left = (points[numbers(side)] for side in pair)
        if pair is IRIS:  # both go round the same way
            right, left = right.mean(0), left.mean(0)
        assert np.abs(right * (-1, 1, 1) - left).max() < 0.003, name
        assert right[..., 0].min() < left[..., 0].min(), name
    for name, point in NAMED.items():
        assert not isinstance(point, int) or abs(points[point, 0]) < 0.001, name


def test_trained_weights_still_mean_the_same_points():
    digest = hashlib.sha256(repr(CONTOUR_POINTS).encode()).hexdigest()
    assert digest[:16] == "0460ae3c3ed64960"


@needs_humans
def test_every_point_of_the_lower_lip_goes_down_when_the_mouth_opens():
    from fenshen.humans import sample
    from fenshen.humans.render import render

    shut, wide = (
        render(sample(3), controls.vector(jawOpen=opened), size=64).landmarks[:, 1] for opened in (0.0, 0.8)
    )
    assert min((wide - shut)[list(LOWER_LIP_INSIDE[1:-1])]) > 0.01
    gap = (wide[list(LOWER_LIP_INSIDE)] - wide[list(UPPER_LIP_INSIDE)])[1:-1]
    assert gap.argmax() == 4  # it is widest in the middle
    assert min(gap) > 0.02
