"""Photographs moved by a fitted head: nearer to the truth than the photograph, and nothing else moves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_cast import drawn

import fenshen
from fenshen import controls, dataset, portraits
from fenshen.doubles import making, moving, surface, texture
from fenshen.doubles.texture import SIZE, Photograph
from fenshen.errors import UsageError
from fenshen.faces.align import alignment
from fenshen.humans import Human, sample
from fenshen.humans.camera import Camera
from fenshen.humans.human import write
from fenshen.messages import say

SEED = 12  # a man with short hair


def subject() -> Human:
    return sample(SEED)


def photographed(**pose: float) -> Photograph:
    """A drawn person, photographed by the renderer, on the person's own head."""
    from fenshen.humans.render import render

    values, big = controls.vector(pose), 4 * SIZE
    frame = render(subject(), values, size=big)
    seen = alignment(frame.landmarks * big, texture.SIDE)
    placed = ((frame.landmarks[:, :2] * big - 0.5) @ seen[:, :2].T + seen[:, 2] + 0.5) / texture.SIDE
    # The portrait is cut by its features; so say where the head is in it.
    whole = np.array([[0.5, 0, -0.25], [0, 0.5, -0.25]])
    assert np.abs(placed - frame.landmarks[:, :2]).max() < 0.1
    return texture.photograph(subject(), values, Camera(), frame.landmarks[:, :2], frame.picture, whole)


@pytest.fixture(scope="module")
def photo() -> Photograph:
    return photographed()


def psnr(picture: np.ndarray, truth: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((picture.astype(float) - truth) ** 2)))


@drawn
@pytest.mark.parametrize("pose", [{"yaw": 0.17}, {"yaw": -0.17}, {"pitch": 0.12}, {"jawOpen": 0.6}, {"roll": 0.15}])
def test_moved_it_is_nearer_to_the_truth(photo: Photograph, pose: dict[str, float]) -> None:
    from fenshen.humans.render import render

    values = controls.vector(pose)
    truth = render(subject(), values, size=SIZE)
    picture, frame = texture.move(photo, values)
    still, _ = texture.still(photo)
    print(pose, psnr(picture, truth.picture), psnr(still, truth.picture))
    assert psnr(picture, truth.picture) > psnr(still, truth.picture) + 1.5
    assert np.abs(frame.landmarks - truth.landmarks)[:, :2].max() < 0.01
