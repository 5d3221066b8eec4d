"""Casting: whoever is cast from a drawn picture is like the drawn person, and nobody else's face is used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from people import needs_humans, photograph

from fenshen import controls, portraits
from fenshen.doubles.casting import shape
from fenshen.doubles.casting.cast import cast
from fenshen.doubles.casting.colours import SIDE
from fenshen.doubles.casting.regions import find_regions
from fenshen.doubles.casting.subjects import find_subject
from fenshen.errors import FenshenError, UsageError
from fenshen.faces import identity
from fenshen.humans import sample
from fenshen.humans.camera import Camera
from fenshen.humans.human import parse
from fenshen.humans.render import Frame

SEED = 3_000_007


def a_photograph(path: Path, brightness: float = 1.0, mirrored: bool = False) -> Path:
    """A real face, on disk."""
    picture = np.clip(brightness * photograph().astype(np.float32), 0, 255).astype(np.uint8)
    portraits.write(path, picture[:, ::-1] if mirrored else picture)
    return path


@needs_humans
def test_a_drawn_person_is_cast_as_someone_alike(tmp_path: Path) -> None:
    from fenshen.humans.render import render

    subject = sample(SEED)
    seen = controls.vector(yaw=0.12, mouthSmileLeft=0.3, mouthSmileRight=0.3)
    path = tmp_path / "photo.png"
    portraits.write(path, render(subject, seen, size=256).picture)
    stages: list[str] = []
    made = cast([path], rounds=0, progress=stages.append)
    assert parse(made.human.model_dump_json()) == made.human
    assert len(stages) == 5
    assert made.quality["landmarks"] < 0.04
    assert [photo.path for photo in made.photos] == [path]
    assert any("guessed" in note for note in made.notes)
    assert abs(made.human.skin.tone - subject.skin.tone) < 0.15
    assert np.abs(np.subtract(made.human.hair.root, subject.hair.root)).max() < 0.15
    assert abs(made.controls[0][controls.INDEX["yaw"]] - 0.12) < 0.08
    strangers = [sample(SEED + number) for number in range(1, 9)]
    who = [render(human, size=128) for human in (made.human, subject, *strangers)]
    found = identity.embed(
        np.stack([frame.picture for frame in who]), np.stack([frame.landmarks for frame in who])
    )
    apart = np.linalg.norm(found[1:] - found[0], axis=1)
    assert apart[0] == apart.min()


@needs_humans
@pytest.mark.parametrize(("style", "stands_out"), [("side_part", True), ("bald", False)])
def test_hair_in_the_colour_of_skin_stands_out(style: str, stands_out: bool) -> None:
    from fenshen.humans.render import render

    values = sample(SEED).model_dump()
    colours = {"root": (0.45, 0.3, 0.2), "tip": (0.45, 0.3, 0.2)}
    values["beard"]["style"], values["glasses"] = "none", None

    def frame(hair: str) -> Frame:
        return render(parse(values | {"hair": {"style": hair, **colours}}, "test"), size=SIDE)

    drawn = frame(style)
    found = find_regions(drawn.picture, drawn.landmarks[:, :2], frame("buzz"))
    assert (found.beyond > 0.5) == stands_out


@needs_humans
def test_a_stranger_is_named_and_left_out(tmp_path: Path) -> None:
    from fenshen.humans.render import render

    stranger = tmp_path / "stranger.png"
    portraits.write(stranger, render(sample(SEED), size=256).picture)
    mine = [a_photograph(tmp_path / "a.png"), a_photograph(tmp_path / "b.png", 0.8, mirrored=True)]
    found = find_subject([mine[0], stranger, mine[1]])
    assert {photo.path for photo in found.photos} == set(mine)
    assert [note for note in found.notes if "stranger.png" in note and "not used" in note]
    with pytest.raises(FenshenError, match="different people"):
        find_subject([mine[0], stranger])


def test_what_shows_no_one_person_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least one"):
        find_subject([])
    empty = tmp_path / "empty.png"
    portraits.write(empty, np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8))
    with pytest.raises(FenshenError, match=r"no face in .*empty\.png"):
        find_subject([empty])
    picture = portraits.read(a_photograph(tmp_path / "one.png"))
    two = tmp_path / "two.png"
    portraits.write(two, np.concatenate([picture, picture[:, ::-1]], axis=1))
    with pytest.raises(FenshenError, match=r"two\.png shows 2 people"):
        find_subject([two])
    drawing = tmp_path / "drawing.png"
    flat = portraits.resize(picture, 128) // 64 * 64 + 32
    portraits.write(drawing, np.kron(flat, np.ones((4, 4, 1), dtype=np.uint8)))
    with pytest.raises(FenshenError, match=r"not a photograph|no face"):
        find_subject([drawing])
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(FenshenError, match=r"broken\.jpg"):
        find_subject([tmp_path / "broken.jpg"])


@needs_humans
def test_the_fit_sees_the_landmarks_that_are_drawn() -> None:
    from fenshen.humans.render import render

    human, camera = sample(SEED), Camera(distance=0.8)
    values = controls.vector(yaw=0.3, jawOpen=0.4, eyeLookInLeft=0.5, x=0.02)
    true = render(human, values, camera, 32).landmarks[:, :2]
    assert np.allclose(shape.landmarks_of(human, values, camera), true, atol=1e-5)
    again = shape.with_shape_vector(human, shape.shape_vector(human))
    assert np.allclose(shape.landmarks_of(again, values, camera), true, atol=1e-5)
    fitted = shape.fit_shape(human, [shape.MeasuredFace(true, values)])
    assert fitted.errors[0] < 0.01


@given(seed=st.integers(0, 10**6))
def test_a_bounded_step_keeps_its_bounds_and_is_exact_within_them(seed: int) -> None:
    random = np.random.default_rng(seed)
    jacobian, off = random.normal(size=(12, 5)), random.normal(size=12)
    best = np.linalg.lstsq(jacobian, -off, rcond=None)[0]
    wide = np.full(5, 100.0)
    assert np.allclose(shape.bounded_step(jacobian, off, -wide, wide), best)
    narrow = np.full(5, 0.05)
    step = shape.bounded_step(jacobian, off, -narrow, narrow)
    assert (np.abs(step) <= 0.05 + 1e-12).all()
