"""Faces: geometry by property, everything else on a photograph and on people whose labels are exact."""

from __future__ import annotations

import math
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from people import UNALIKE, Talking, needs_humans, photograph, portrait

from fenshen import controls, video
from fenshen.controls import CENTRE, FACE_HEIGHT
from fenshen.faces import correction, identity, pose
from fenshen.faces.align import align, alignment, placement
from fenshen.faces.clip import steady_crop
from fenshen.faces.detect import Face, FaceFinder
from fenshen.faces.judge import BLURRED, exposure, judge, sharpness
from fenshen.faces.measure import measure
from fenshen.faces.pose import angles, rotation
from fenshen.landmarks import (
    BEFORE_EAR,
    CHIN,
    CORNERS,
    COUNT,
    EYE_OUTER,
    JAW_ANGLE,
    LIPS,
    MOUTH_CORNERS,
    NOSE_BASE,
    NOSE_BRIDGE,
    NOSE_TIP,
    OPENINGS,
)

yaws = st.floats(-1.2, 1.2)
tilts = st.floats(-0.8, 0.8)
scales = st.floats(2, 30)  # pixels a centimetre


@pytest.fixture(scope="module")
def finder() -> Iterator[FaceFinder]:
    with FaceFinder() as finder:
        yield finder


@pytest.fixture(scope="module")
def portrait_photo() -> np.ndarray:
    return photograph()


@pytest.fixture(scope="module")
def face(finder: FaceFinder, portrait_photo: np.ndarray) -> Face:
    (face,) = finder.find(portrait_photo)
    return face


# The canonical face's points that pose and alignment look at, in centimetres; x right, y up, z to the viewer.
CANONICAL = dict(zip(pose._POINTS, pose._CANONICAL, strict=True))
CANONICAL |= {
    MOUTH_CORNERS.right: (-2.456, -4.343, 4.284),
    MOUTH_CORNERS.left: (2.456, -4.343, 4.284),
    CHIN: (0, -9.403, 4.264),
    NOSE_BASE: (0, -2.089, 6.058),
}


def drawn(turn: np.ndarray, scale: float, centre: tuple[float, float]) -> Face:
    """A face whose landmarks are the canonical face's, turned, scaled and put somewhere."""
    landmarks = np.zeros((COUNT, 3))
    landmarks[list(CANONICAL)] = np.array(list(CANONICAL.values())) @ turn.T * scale * (1, -1, -1)
    landmarks[:, :2] += centre
    landmarks = landmarks.astype(np.float32)
    blendshapes = np.zeros(52, dtype=np.float32)
    return Face(np.zeros(4, np.float32), landmarks, blendshapes, pose.head_frame(landmarks).rotation)


class TestGeometry:
    @given(yaw=yaws, pitch=tilts, roll=st.floats(-3, 3))
    def test_angles_and_rotation_are_inverse(self, yaw: float, pitch: float, roll: float) -> None:
        assert np.allclose(angles(rotation(yaw, pitch, roll)), (yaw, pitch, roll), atol=1e-6)

    def test_signs_are_as_the_viewer_sees_them(self) -> None:
        nose, up = np.array([0, 0, 1]), np.array([0, 1, 0])
        assert (rotation(0.5, 0, 0) @ nose)[0] > 0  # to the viewer's right
        assert (rotation(0, 0.5, 0) @ nose)[1] > 0  # up
        assert (rotation(0, 0, 0.5) @ up)[0] > 0  # clockwise

    @given(yaw=yaws, pitch=tilts, roll=tilts, scale=scales, x=st.floats(-500, 500), y=st.floats(-500, 500))
    def test_the_pose_is_what_was_drawn(self, yaw, pitch, roll, scale, x, y) -> None:
        turn = rotation(yaw, pitch, roll)
        head = pose.head_frame(drawn(turn, scale, (x, y)).landmarks)
        assert np.allclose(head.rotation, turn, atol=1e-3)
        assert head.height == pytest.approx(scale * pose.FACE_HEIGHT, rel=1e-3)
        assert np.allclose(head.centre, (x, y), atol=0.02 * scale)

    @given(yaw=yaws, pitch=tilts, roll=tilts, scale=scales, x=st.floats(-500, 500), y=st.floats(-500, 500))
    def test_an_average_face_is_aligned_to_neutral(self, yaw, pitch, roll, scale, x, y) -> None:
        face = drawn(rotation(yaw, pitch, roll), scale, (x, y))
        values = measure(face, alignment(face.landmarks, 128), 128)
        assert np.allclose(values[52:], (yaw, pitch, 0, 0, 0, 0), atol=2e-3)

    @given(
        yaw=yaws,
        pitch=tilts,
        roll=tilts,
        x=st.floats(-40, 40),
        y=st.floats(-40, 40),
        zoom=st.floats(0.7, 1.5),
    )
    def test_controls_in_a_steady_crop(self, yaw, pitch, roll, x, y, zoom) -> None:
        size, scale = 128, 10.0
        crop = placement(np.array([300.0, 200.0]), scale * pose.FACE_HEIGHT, 0.0, size)
        values = measure(drawn(rotation(yaw, pitch, roll), scale * zoom, (300 + x, 200 + y)), crop, size)
        a_pixel = FACE_HEIGHT / (scale * pose.FACE_HEIGHT)
        expected = (yaw, pitch, roll, x * a_pixel, y * a_pixel, math.log2(zoom))
        assert np.allclose(values[52:], expected, atol=5e-3)

    @given(yaw=yaws, pitch=tilts, roll=tilts)
    def test_a_mirrored_face_has_mirrored_controls(self, yaw: float, pitch: float, roll: float) -> None:
        crop = placement(np.array([320.0, 240.0]), 177.0, 0.0, 64)
        flipped = placement(np.array([640 - 320.0, 240.0]), 177.0, 0.0, 64)
        here = measure(drawn(rotation(yaw, pitch, roll), 10, (330, 260)), crop, 64)
        there = measure(drawn(rotation(-yaw, pitch, -roll), 10, (640 - 330, 260)), flipped, 64)
        assert np.allclose(controls.mirror(here)[52:], there[52:], atol=2e-3)

    @settings(max_examples=20, deadline=None)
    @given(scores=st.lists(st.floats(0, 1), min_size=52, max_size=52), yaw=yaws, pitch=tilts, roll=tilts)
    def test_the_correction_prefers_no_side(self, scores, yaw, pitch, roll) -> None:
        landmarks = np.random.default_rng(0).random((1, COUNT, 3))
        flipped = landmarks.copy()
        right_eye, left_eye, _ = (opening + ends for opening, ends in zip(OPENINGS, CORNERS, strict=True))
        for right, left in zip(right_eye, left_eye, strict=True):
            flipped[0, [right, left]] = landmarks[0, [left, right]]
        values = controls.clip(np.array([*scores, yaw, pitch, roll, 0, 0, 0], dtype=np.float32))[None]
        there = correction.corrected(controls.mirror(values), flipped)
        assert np.allclose(controls.mirror(correction.corrected(values, landmarks)), there, atol=2e-3)

    def test_a_clip_without_a_face_has_no_crop(self) -> None:
        with pytest.raises(ValueError, match="face"):
            steady_crop([None, None], 64)

    def test_a_steady_crop_is_of_the_usual_head(self) -> None:
        turn = rotation(0, 0, 0.3)
        faces = [drawn(turn, 10 + i % 3, (100 + i % 5, 90)) for i in range(30)] + [
            None,
            drawn(turn, 30, (500, 500)),
        ]
        crop = steady_crop(faces, 64)
        assert crop[1, 0] == 0  # upright as filmed
        assert np.allclose(crop[:, :2] @ (102, 90) + crop[:, 2] + 0.5, np.array(CENTRE) * 64, atol=1)


class TestAlign:
    @settings(max_examples=40, deadline=None)
    @given(
        scale=st.floats(0.08, 3),
        angle=st.floats(-3, 3),
        x=st.floats(60, 240),
        y=st.floats(60, 180),
        slope=st.tuples(st.floats(-0.4, 0.4), st.floats(-0.4, 0.4)),
    )
    def test_every_pixel_comes_from_its_place(self, scale, angle, x, y, slope) -> None:
        """On a slanted plane a resampling is exact, so any shift of half a pixel shows."""
        rows, columns = np.mgrid[:240, :300]
        plane = 128 + slope[0] * (columns - 150) + slope[1] * (rows - 120)
        picture = np.repeat(np.round(plane).clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
        size = 32
        c, s = scale * math.cos(angle), scale * math.sin(angle)
        linear = np.array([[c, s], [-s, c]])
        matrix = np.column_stack([linear, np.array([15.5, 15.5]) - linear @ (x, y)])
        portrait = align(picture, matrix, size)[..., 0].astype(float)
        places = np.stack(np.meshgrid(np.arange(size), np.arange(size)), axis=-1).reshape(-1, 2)
        sources = (places - matrix[:, 2]) @ np.linalg.inv(linear).T
        margin = 2 / scale + 2
        inside = ((sources > margin) & (sources < (299 - margin, 239 - margin))).all(axis=1)
        expected = 128 + (sources - (150, 120)) @ slope
        assert np.abs(portrait.ravel() - expected)[inside].max(initial=0) <= 1.5

    def test_nothing_aliases(self) -> None:
        rows, columns = np.mgrid[:512, :512]
        board = np.repeat(((rows + columns) % 2 * 255).astype(np.uint8)[..., None], 3, axis=2)
        for angle in (0, 0.1, 0.7):
            portrait = align(board, placement(np.array([256.0, 256.0]), 150, angle, 64), 64)
            assert np.abs(portrait.astype(int) - 127).max() < 12

    @pytest.mark.parametrize("centre", [(0, 0), (150, 20), (299, 239), (-40, 120)])
    def test_the_outside_continues_the_inside(self, centre: tuple[int, int]) -> None:
        picture = np.full((240, 300, 3), (200, 150, 100), dtype=np.uint8)
        portrait = align(picture, placement(np.array(centre, dtype=float), 60, 0.2, 64), 64)
        assert np.abs(portrait.astype(int) - (200, 150, 100)).max() <= 1

    def test_a_portrait_of_nothing(self) -> None:
        with pytest.raises(ValueError, match="outside"):
            align(np.zeros((50, 50, 3), np.uint8), placement(np.array([900.0, 900.0]), 20, 0, 64), 64)


class TestJudge:
    def test_blur_shows(self, portrait_photo: np.ndarray, face: Face) -> None:
        for size in (64, 128, 256, 512):
            portrait = align(portrait_photo, alignment(face.landmarks, size), size)
            blurs = [portrait, *(cv2.GaussianBlur(portrait, (0, 0), s) for s in (0.7, 1.5, 3, 5))]
            sharp = [judge(blurred, face).sharpness for blurred in blurs]
            assert sharp == sorted(sharp, reverse=True)
            assert sharp[0] > BLURRED + 0.1
        assert sharp[-1] < BLURRED

    def test_motion_blur_shows(self, portrait_photo: np.ndarray, face: Face) -> None:
        portrait = align(portrait_photo, alignment(face.landmarks, 128), 128)
        shaken = cv2.blur(portrait, (13, 1))
        assert judge(shaken, face).sharpness < judge(portrait, face).sharpness - 0.25

    def test_of_any_picture(self) -> None:
        flat = np.full((40, 60, 3), 255, dtype=np.uint8)
        assert (sharpness(flat), exposure(flat), exposure(flat * 0)) == (0, 1, 0)
        stripes = np.zeros((40, 60, 3), dtype=np.uint8)
        stripes[:, ::2] = 255
        assert 0 <= sharpness(stripes) <= 1
        assert exposure(stripes) == pytest.approx(0.5, abs=0.01)

    def test_a_plain_face_is_neither_covered_nor_turned(self, portrait_photo: np.ndarray, face: Face) -> None:
        portrait = align(portrait_photo, alignment(face.landmarks, 128), 128)
        quality = judge(portrait, face, shape=portrait_photo.shape)
        assert not quality.occluded
        assert not quality.extreme_pose
        assert quality.face_size == face.size
        assert 0.15 < quality.exposure < 0.85

    def test_a_mask_and_an_edge_cover_a_face(self, portrait_photo: np.ndarray, face: Face) -> None:
        points = face.landmarks[:, :2]
        masked = portrait_photo.copy()
        lower = points[[NOSE_BRIDGE, *BEFORE_EAR, *JAW_ANGLE, CHIN]]
        cv2.fillConvexPoly(masked, cv2.convexHull(np.round(lower).astype(np.int32)), (120, 160, 210))
        portrait = align(masked, alignment(face.landmarks, 128), 128)
        assert judge(portrait, face).occluded
        right = int(points[:, 0].mean())  # the picture ends in the middle of the face
        assert judge(
            align(portrait_photo, alignment(face.landmarks, 128), 128), face, shape=(10_000, right)
        ).occluded

    @pytest.mark.parametrize(
        ("yaw", "pitch", "extreme"), [(0.5, 0.3, False), (-1.0, 0, True), (0, 0.8, True)]
    )
    def test_a_far_turn_is_extreme(self, yaw: float, pitch: float, extreme: bool) -> None:
        face = drawn(rotation(yaw, pitch, 0.5), 10, (100, 100))
        assert judge(np.full((64, 64, 3), 128, np.uint8), face).extreme_pose is extreme


class TestDetect:
    def test_a_face_has_its_parts_where_they_belong(self, portrait_photo: np.ndarray, face: Face) -> None:
        left, top, right, bottom = face.box
        assert 0 < left < right < portrait_photo.shape[1]
        assert 0 < top < bottom < portrait_photo.shape[0]
        eyes, mouth = face.landmarks[list(EYE_OUTER), :2], face.landmarks[list(LIPS), :2]
        assert eyes[0, 0] < eyes[1, 0]  # the subject's right eye is on the viewer's left
        assert eyes[:, 1].max() < mouth[:, 1].min()
        assert face.size == pytest.approx(bottom - top, rel=0.15)
        assert ((face.blendshapes >= 0) & (face.blendshapes <= 1)).all()
        assert face.blendshapes[controls.INDEX["tongueOut"]] == 0

    def test_nothing_is_found_in_nothing(self, finder: FaceFinder) -> None:
        noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
        for picture in (noise, np.zeros((1, 1, 3), np.uint8), np.full((3, 2000, 3), 90, np.uint8)):
            assert finder.find(picture) == []

    def test_mirrored_pictures_have_mirrored_controls(
        self, finder: FaceFinder, portrait_photo: np.ndarray, face: Face
    ) -> None:
        (flipped,) = finder.find(np.ascontiguousarray(portrait_photo[:, ::-1]))
        here = measure(face, alignment(face.landmarks, 128), 128)
        there = measure(flipped, alignment(flipped.landmarks, 128), 128)
        assert np.abs(controls.mirror(there) - here)[52:].max() < 0.04
        assert np.abs(controls.mirror(there) - here)[:52].mean() < 0.04

    @settings(max_examples=6, deadline=None)
    @given(x=st.floats(0, 1), y=st.floats(0, 1))
    def test_where_a_face_is_does_not_change_how_it_is_turned(
        self, finder: FaceFinder, portrait_photo: np.ndarray, face: Face, x: float, y: float
    ) -> None:
        small = cv2.resize(portrait_photo, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA)
        height, width = small.shape[:2]
        ground = np.full((900, 900, 3), 128, dtype=np.uint8)
        top, left = int(y * (900 - height)), int(x * (900 - width))
        ground[top : top + height, left : left + width] = small
        (moved,) = finder.find(ground)
        assert np.allclose(angles(moved.rotation), angles(face.rotation), atol=0.06)
        assert np.allclose((moved.box[:2] - (left, top)) / 0.4, face.box[:2], atol=0.06 * face.size)

    def test_small_faces_are_found_and_the_largest_comes_first(
        self, finder: FaceFinder, portrait_photo: np.ndarray
    ) -> None:
        ground = np.full((1000, 1400, 3), 110, dtype=np.uint8)
        for i, height in enumerate((90, 260, 140)):
            small = cv2.resize(portrait_photo, (height, height), interpolation=cv2.INTER_AREA)
            ground[100 : 100 + height, 60 + 420 * i : 60 + 420 * i + height] = small
        sizes = [face.size for face in finder.find(ground)]
        assert len(sizes) == 3
        assert sizes == sorted(sizes, reverse=True)

    def test_sideways_pictures_are_set_upright(
        self, finder: FaceFinder, portrait_photo: np.ndarray, face: Face
    ) -> None:
        turned = cv2.warpAffine(
            portrait_photo,
            cv2.getRotationMatrix2D(tuple(map(float, face.landmarks[NOSE_TIP, :2])), -35, 1),
            portrait_photo.shape[1::-1],
            borderMode=cv2.BORDER_REPLICATE,
        )
        (found,) = finder.find(turned)
        roll = angles(found.rotation)[2] - angles(face.rotation)[2]
        assert roll == pytest.approx(math.radians(35), abs=0.05)  # clockwise
        crop = alignment(found.landmarks, 128)
        assert abs(measure(found, crop, 128)[controls.INDEX["roll"]]) < 0.05


class TestIdentity:
    def test_shifted_and_mirrored_portraits_are_the_same_person(
        self, portrait_photo: np.ndarray, face: Face
    ) -> None:
        size = 128
        crop = alignment(face.landmarks, size)
        moved = crop + np.array([[0, 0, 2], [0, 0, -2]])
        portrait = align(portrait_photo, crop, size)
        views = [
            portrait,
            align(portrait_photo, moved, size),
            portrait[:, ::-1],
            cv2.GaussianBlur(portrait, (0, 0), 1),
        ]
        embeddings = identity.embed(np.stack(views))
        assert embeddings.shape == (4, 128)
        assert np.linalg.norm(embeddings - embeddings[0], axis=1).max() < 0.75 * identity.SAME_PERSON

        landmarks = face.landmarks.copy()
        landmarks[:, :2] = (landmarks[:, :2] @ crop[:, :2].T + crop[:, 2] + 0.5) / size
        by_landmarks = identity.embed(portrait[None], landmarks[None])
        by_chip = identity.embed_chips(identity.chip(portrait_photo, face.landmarks)[None])
        assert np.linalg.norm(by_landmarks - by_chip) < 0.25

    def test_gradients_flow_to_the_portrait(self, portrait_photo: np.ndarray, face: Face) -> None:
        for size in (64, 512):
            portrait = align(portrait_photo, alignment(face.landmarks, size), size)
            tensor = torch.from_numpy(portrait).permute(2, 0, 1)[None].float() / 127.5 - 1
            tensor.requires_grad_(True)
            embedding = identity.network()(identity.aligned_chips(tensor))
            assert np.linalg.norm(embedding.detach().numpy() - identity.embed(portrait[None])) < 0.15
            embedding.square().sum().backward()
            assert torch.isfinite(tensor.grad).all()
            assert float(tensor.grad.abs().max()) > 0

    def test_no_portraits_have_no_embeddings(self) -> None:
        assert identity.embed(np.empty((0, 64, 64, 3), np.uint8)).shape == (0, 128)


@needs_humans
def test_people_are_told_apart_and_known_again(finder: FaceFinder, portrait_photo: np.ndarray) -> None:
    looks = ({}, {"yaw": 0.2, "mouthSmileLeft": 0.5, "mouthSmileRight": 0.5})
    pictures = [portrait(seed, **look) for seed in UNALIKE for look in looks]
    pictures += [portrait_photo, portrait_photo[:, ::-1]]
    people = np.arange(len(pictures)) // 2
    for size in (64, 256):
        crops = [alignment(finder.find(picture)[0].landmarks, size) for picture in pictures]
        portraits = [align(picture, crop, size) for picture, crop in zip(pictures, crops, strict=True)]
        embeddings = identity.embed(np.stack(portraits))
        apart = np.linalg.norm(embeddings[:, None] - embeddings[None], axis=2)
        same = people[:, None] == people
        assert apart[same].max() < 0.75 * identity.SAME_PERSON
        assert apart[~same].min() > 0.9 * identity.SAME_PERSON  # drawn people resemble one another more


def test_what_is_measured_of_a_talking_head_is_what_was_drawn(finder: FaceFinder, talking: Talking) -> None:
    frames = [frame.picture for frame in video.frames(talking.film)]
    faces = [finder.find(picture)[0] for picture in frames]
    crop = steady_crop(faces, 128)
    found = {name: [] for name in ("jawOpen", "mouthPucker", "eyeBlinkLeft", "eyeBlinkRight", "yaw", "roll")}
    for face in faces:
        values = measure(face, crop, 128)
        for name, track in found.items():
            track.append(values[controls.INDEX[name]])
    for name, track in found.items():
        true = talking.track.controls[:, controls.INDEX[name]]
        assert np.corrcoef(track, true)[0, 1] > 0.8, name
        blinks = [np.count_nonzero(np.diff(np.array(shut) > 0.4)) for shut in (track, true)]
        assert "Blink" not in name or blinks[0] == blinks[1] > 0
    # The background stands still: where nothing moves, the first and the last frame agree.
    first, last = (align(frames[i], crop, 128).astype(int) for i in (0, -1))
    assert np.abs(first - last)[:30, :15].mean() < 1
