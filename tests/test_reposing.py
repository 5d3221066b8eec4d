"""Photographs moved by a fitted head: nearer to the truth than the photograph, and nothing else moves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from people import needs_humans

import fenshen
from fenshen import controls, dataset, portraits
from fenshen.doubles import double as doubling
from fenshen.doubles import photographed as photographed_looks
from fenshen.doubles.photographs import footage, surface
from fenshen.doubles.photographs.photograph import Photograph, fit_photograph, save
from fenshen.doubles.photographs.repose import repose, unmoved
from fenshen.doubles.photographs.surface import Fragments, Outline
from fenshen.doubles.unfilmed import turned_as_read
from fenshen.errors import UsageError
from fenshen.humans import Human, sample
from fenshen.humans.camera import Camera
from fenshen.humans.human import write
from fenshen.landmarks import CHEEK, CHEEK_LOWER, CHEEKBONE, LOWER_LIP_INSIDE, MESH, UPPER_LIP_INSIDE

SEED = 12  # a man with short hair
SIZE = 128


def subject() -> Human:
    return sample(SEED)


def photographed(size: int = SIZE, **pose: float) -> Photograph:
    """A drawn person, photographed by the renderer, on their own head."""
    from fenshen.humans.render import render

    values = controls.vector(pose)
    frame = render(subject(), values, size=4 * size)
    halves = np.array([[0.5, 0, -0.25], [0, 0.5, -0.25]])
    return fit_photograph(subject(), values, Camera(), frame.landmarks[:, :2], frame.picture, halves, size)


@pytest.fixture(scope="module")
def photo() -> Photograph:
    return photographed()


def psnr(picture: np.ndarray, truth: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((picture.astype(float) - truth) ** 2)))


@needs_humans
@pytest.mark.parametrize(
    ("pose", "gain"),
    [
        ({"yaw": 0.17}, 5),
        ({"pitch": 0.12}, 5),
        ({"roll": 0.15}, 5),
        ({"jawOpen": 0.6}, 1),
        ({"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}, 0.5),
    ],
)
def test_moved_it_is_nearer_to_the_truth(photo: Photograph, pose: dict[str, float], gain: float) -> None:
    from fenshen.humans.render import render

    values = controls.vector(pose)
    truth = render(subject(), values, size=SIZE)
    picture, frame = repose(photo, values)
    assert psnr(picture, truth.picture) > psnr(unmoved(photo)[0], truth.picture) + gain
    assert np.abs(frame.landmarks - truth.landmarks)[:MESH, :2].max() < 0.02


@needs_humans
def test_not_moved_it_is_the_photograph(photo: Photograph) -> None:
    assert psnr(repose(photo, photo.controls)[0], unmoved(photo)[0]) > 38


@needs_humans
def test_a_larger_picture_is_the_same_with_more_detail(photo: Photograph) -> None:
    large = photographed(2 * SIZE)
    values = controls.vector(yaw=0.1, jawOpen=0.5)
    picture, _ = repose(large, values)
    small, _ = repose(photo, values)
    assert picture.shape == (2 * SIZE, 2 * SIZE, 3)
    assert psnr(portraits.resize(picture, SIZE), small) > 30
    again = unmoved(large)[0]
    enlarged = portraits.resize(unmoved(photo)[0], 2 * SIZE)
    assert _detail(again) > 1.5 * _detail(enlarged)


def _detail(picture: np.ndarray) -> float:
    import cv2

    return float(np.abs(cv2.Laplacian(picture.astype(np.float32), cv2.CV_32F)).mean())


@needs_humans
def test_an_open_mouth_shows_teeth_before_a_dark_hollow() -> None:
    values = controls.vector(mouthSmileLeft=0.8, mouthSmileRight=0.8, jawOpen=0.5)
    picture, frame = repose(photographed(2 * SIZE), values)
    upper, lower = frame.landmarks[[UPPER_LIP_INSIDE[5], LOWER_LIP_INSIDE[5]], :2] * len(picture)
    column = picture[round(upper[1]) : round(lower[1]) + 1, round(upper[0])].astype(int).sum(1)
    assert column[: len(column) // 3].max() > 2 * column[len(column) // 2 :].min()


def test_controls_follow_when_the_crop_is_another() -> None:
    values = controls.vector(yaw=0.2, roll=0.1, x=0.02, scale=0.1)
    turn = 1.2 * np.array([[np.cos(0.1), -np.sin(0.1)], [np.sin(0.1), np.cos(0.1)]])
    other = np.column_stack([turn, [-10.0, -25.0]])  # larger, and turned clockwise
    there = footage._replaced(values, np.eye(2, 3), other, 256)
    centres = [
        256 * (np.array(controls.CENTRE) + one[[controls.INDEX["x"], controls.INDEX["y"]]]) - 0.5
        for one in (values, there)
    ]
    np.testing.assert_allclose(centres[1], turn @ centres[0] + other[:, 2], atol=0.01)
    assert there[controls.INDEX["roll"]] == pytest.approx(0.2)
    assert there[controls.INDEX["scale"]] == pytest.approx(0.1 + np.log2(1.2))
    assert there[controls.INDEX["yaw"]] == pytest.approx(0.2)


@needs_humans
def test_keyframes_are_the_photograph_and_what_it_does_not_show(photo: Photograph, tmp_path: Path) -> None:
    write(subject(), tmp_path / "human.json")
    save(photo, tmp_path / "photo-0.npz")
    kept = photographed_looks.MovedPhotographs(None, (SIZE,)).keyframes(tmp_path, 6)
    assert (kept.pictures[0] == unmoved(photo)[0]).all()
    assert len(kept.pictures) == len(kept.points) == 6
    assert kept.controls[:, controls.INDEX["jawOpen"]].max() > 0.5
    assert np.ptp(kept.controls[:, controls.INDEX["yaw"]]) > 0.3
    corner, face = kept.plate[4, 4], kept.plate[SIZE // 2, SIZE // 2]
    assert (corner[3], face[3]) == (255, 0)
    assert np.abs(corner[:3].astype(int) - kept.pictures[0, 4, 4]).max() < 8
    drawn = photographed_looks.DrawnHuman(SIZE, (SIZE,)).keyframes(tmp_path, 3)
    assert drawn.pictures.shape == (3, SIZE, SIZE, 3)
    assert drawn.plate[SIZE // 2, SIZE // 2, 3] == 0


@needs_humans
def test_what_is_behind_stays(photo: Photograph) -> None:
    still = unmoved(photo)[0].astype(int)
    picture, _ = repose(photo, controls.vector(yaw=0.15, jawOpen=0.5))
    apart = np.abs(picture - still).max(2)
    assert apart[: SIZE // 2, : SIZE // 8].max() <= 8
    assert apart[: SIZE // 2, -SIZE // 8 :].max() <= 8
    assert apart[:8].max() <= 8
    assert apart[: SIZE // 2, np.r_[: SIZE // 8, -SIZE // 8 : 0]].mean() < 1


@needs_humans
def test_a_side_that_is_hidden_comes_from_the_other_or_another_photograph() -> None:
    from fenshen.humans.render import render

    aside, other = photographed(yaw=0.5), photographed(yaw=-0.3)
    values = controls.vector(yaw=0.2)
    truth = render(subject(), values, size=SIZE)
    alone, helped = repose(aside, values)[0], repose(aside, values, [other])[0]
    cheek = np.round(truth.landmarks[[CHEEK.right, CHEEKBONE.right, CHEEK_LOWER.right], :2] * SIZE).astype(
        int
    )  # on the side turned away
    for picture in (alone, helped):
        assert np.abs(picture.astype(int) - truth.picture)[cheek[:, 1], cheek[:, 0]].mean() < 14
    assert psnr(alone, truth.picture) > psnr(unmoved(aside)[0], truth.picture) + 3


@needs_humans
def test_fragments_say_which_point_a_pixel_shows() -> None:
    from fenshen.humans.render import render

    frame = render(subject(), controls.vector(yaw=0.2), size=64, mesh=True)
    points = Fragments.of(frame)
    assert points.shares.min() > -0.05
    projected = frame.view.project(points.mix(frame.vertices).astype(np.float64))
    assert np.abs(projected[:, :2] - points.places).max() < 1e-3
    outline = Outline.of(points, frame.controls)
    beside = outline.matching_places(outline, np.array([[0.9, 0.2], [0.1, 0.6]]))
    np.testing.assert_allclose(beside, [[0.9, 0.2], [0.1, 0.6]], atol=1e-6)
    assert (surface.mirror_vertices()[surface.mirror_vertices()] == np.arange(len(frame.vertices))).all()


@needs_humans
def test_footage_is_a_dataset_of_the_photograph_moved_and_as_it_is(photo: Photograph, tmp_path: Path) -> None:
    human, out = tmp_path / "human.json", tmp_path / "footage"
    write(subject(), human)
    save(photo, tmp_path / "photo-0.npz")
    footage.write_footage(
        footage.fitted_files(tmp_path),
        human,
        out,
        frames=4,
        seed=3,
        title="double.bar_moving",
        progress=False,
    )
    one = dataset.Dataset(out)
    assert one.controls is not None
    np.testing.assert_allclose(one.controls[1], footage.controls_near(photo.controls, 3, 1), atol=1e-6)
    assert (one.pixels[1] == repose(photo, footage.controls_near(photo.controls, 3, 1))[0]).all()
    stills = np.array(one.records["source"].to_pylist()) == "photo-0"
    assert stills.sum() > 1
    assert (one.pixels[stills] == unmoved(photo)[0]).all()
    assert set(np.array(one.records["split"].to_pylist())[stills]) == {"train"}
    np.testing.assert_allclose(one.controls[stills], np.tile(photo.controls, (stills.sum(), 1)), atol=1e-6)
    assert not list(tmp_path.glob(".*"))  # nothing half-written is left


def test_poses_stay_near_the_photographs() -> None:
    pose = controls.vector(yaw=0.3, pitch=-0.1, scale=0.1)
    values = np.stack([footage.controls_near(pose, 0, number) for number in range(200)])
    controls.check(values)
    turns = values[:, [controls.INDEX["yaw"], controls.INDEX["pitch"]]] - (0.3, -0.1)
    assert np.abs(turns).max() <= footage.TURN + 1e-5
    assert np.abs(turns).max(0).min() > 0.8 * footage.TURN
    assert values[:, controls.INDEX["jawOpen"]].max() > 0.7
    assert values[:, controls.INDEX["eyeBlinkLeft"]].max() > 0.9
    poses = [np.array(pose) for pose in ((0.0, 0.0), (0.05, 0.1), (0.5, 0.0))]
    assert footage.distinct_poses(poses) == [0, 2]


def test_turns_are_read_off_pictures_and_the_rest_stays() -> None:
    from fenshen.humans.render import render

    asked = np.stack([controls.vector(yaw=yaw, jawOpen=0.3) for yaw in (-0.2, 0.2)])
    drawn = np.stack([render(subject(), one, size=256).picture for one in asked])
    nobody = np.zeros_like(drawn[:1])
    told = np.concatenate([np.zeros_like(asked) + controls.vector(jawOpen=0.7), asked[:1]])
    read = turned_as_read(np.concatenate([drawn, nobody]), told)
    yaw, pitch = (controls.INDEX[name] for name in ("yaw", "pitch"))
    assert np.allclose(read[:2, yaw], asked[:, yaw], atol=0.08)
    assert np.array_equal(read[2], told[2])
    others = [i for i in range(controls.COUNT) if i not in (yaw, pitch)]
    assert np.array_equal(read[:, others], told[:, others])


def test_the_notes_say_what_is_seen() -> None:
    left, right = controls.vector(yaw=-0.07), controls.vector(yaw=0.21)
    (seen, blink) = footage.notes_on_poses([left, right])
    assert "4° to the viewer's left" in seen
    assert "12° to the viewer's right" in seen
    assert "guessed" in seen
    assert "closed eyes" in blink
    shut = controls.vector(eyeBlinkLeft=0.9, eyeBlinkRight=0.9)
    (one,) = footage.notes_on_poses([shut])
    assert "facing the camera" in one


def test_a_look_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    film, picture = tmp_path / "film.mp4", tmp_path / "me.png"
    film.write_text("")
    portraits.write(picture, np.zeros((64, 64, 3), dtype=np.uint8))
    words = {"name": "x", "consent": "self", "out": tmp_path / "x.double", "progress": False}
    with pytest.raises(UsageError, match="--look photo"):
        fenshen.double([film], look="photo", **words)
    with pytest.raises(UsageError, match="oil"):
        fenshen.double([picture], look="oil", **words)
    work = doubling._resumed(tmp_path / "work", [picture], "human")
    (work / "footage").mkdir()
    assert not (doubling._resumed(work, [picture], "photo") / "footage").exists()
