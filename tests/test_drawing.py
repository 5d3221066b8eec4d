"""Plain words and seeds: what the base model is asked for, and what it answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fenshen
from fenshen import assets, controls, portraits, sliders, video
from fenshen.drawing import Axis, draw, parse_axis, request_of_seed
from fenshen.errors import FenshenError, UsageError
from fenshen.faces.detect import FaceFinder
from fenshen.faces.regions import eyes_and_mouth
from fenshen.humans import words
from fenshen.humans.encoding import encode, names
from fenshen.humans.sampler import sample
from fenshen.landmarks import CORNERS, COUNT, NOSE_TIP
from fenshen.model import Model
from fenshen.player import Player


@pytest.fixture(scope="module")
def humans():
    return Model.load("humans")


# ---- words ---------------------------------------------------------------------------------------


@given(st.sampled_from(sliders.names()), st.floats(0, 1))
def test_every_slider_gives_controls_in_their_ranges(name, share):
    low, high = sliders.limits(name)
    start = controls.vector(mouthPucker=0.5, yaw=0.1)
    moved = sliders.move(start, name, low + share * (high - low))
    controls.check(moved)
    assert np.array_equal(sliders.move(moved, name, 0.0), sliders.move(start, name, 0.0))


def test_angles_are_degrees_and_a_slider_leaves_the_others_alone():
    moved = sliders.move(sliders.move(controls.NEUTRAL, "yaw", 20), "smile", 0.5)
    assert moved[controls.INDEX["yaw"]] == pytest.approx(math.radians(20))
    assert moved[controls.INDEX["mouthSmileLeft"]] == pytest.approx(0.5)
    with pytest.raises(UsageError, match="smile"):
        sliders.move(controls.NEUTRAL, "smile", math.nan)


def test_words_change_a_person_and_nothing_else():
    human = sample(3)
    older = words.describe(human, {"age": "75", "hair": "bob", "glasses": "yes", "clothes": "#336699"})
    assert (older.body.age, older.hair.style, older.clothes.colour) == (75, "bob", (0.2, 0.4, 0.6))
    assert older.glasses is not None
    assert older.skin == human.skin
    assert words.describe(older, {"glasses": "no"}).glasses is None
    assert words.describe(human, {"skin.tone": "0.25"}).skin.tone == 0.25


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [("age", "12", "body.age"), ("hair", "mohawk", "hair.style"), ("clothes", "greenish", "colour"),
     ("glasses", "perhaps", "glasses"), ("skin.shine", "1", "shine"), ("age", "[", "age")],
)  # fmt: skip
def test_an_impossible_word_is_refused_by_name(name, value, sentence):
    with pytest.raises(FenshenError, match=sentence):
        words.describe(sample(0), {name: value})


def test_an_axis_has_a_name_two_ends_and_perhaps_a_number():
    assert parse_axis("yaw:-30:30:3") == Axis("yaw", (-30.0, 0.0, 30.0))
    assert len(parse_axis("smile:0:1").values) == 7
    for word in ("smile", "smile:0", "smile:0:1:1", "smile:0:1:99", "smile:a:b"):
        with pytest.raises(UsageError, match="grid"):
            parse_axis(word)


# ---- codes ---------------------------------------------------------------------------------------


@given(st.integers(0, 10_000))
def test_a_code_is_small_numbers_with_names(seed):
    code = encode(sample(seed))
    assert code.shape == (len(names()),)
    assert np.abs(code).max() < 6
    assert len(set(names())) == len(names())


def test_a_word_moves_only_what_it_names():
    human = sample(5)
    moved = encode(words.describe(human, {"age": "70"})) != encode(human)
    assert [name for name, other in zip(names(), moved, strict=True) if other] == ["body.age"]


def test_eyes_and_mouth_lie_where_their_landmarks_do():
    landmarks = np.random.default_rng(0).uniform(0, 1, (2, COUNT, 3)).astype(np.float32)
    spots = eyes_and_mouth(landmarks)
    assert np.allclose(spots[:, 0, :2], landmarks[:, CORNERS[0], :2].mean(1), atol=1e-6)
    assert (spots[:, :, 2] > 0).all()


# ---- the base model ------------------------------------------------------------------------------


def test_the_base_model_is_the_one_in_the_manifest(humans):
    row = assets.manifest()["humans-128/model.safetensors"]
    assert humans.digest == row["sha256"]
    assert (humans.path / "model.safetensors").stat().st_size < 16 * 2**20
    assert humans.card.network.latent == len(names())


def test_its_people_have_faces_that_turn_and_smile_as_asked(humans):
    finder = FaceFinder()
    start = request_of_seed(humans, 2).with_words(humans, {"pitch": "0", "roll": "0"})
    asked = [start.with_words(humans, {"yaw": yaw}) for yaw in ("-25", "0", "25")]
    faces = [finder.find(np.asarray(picture)) for picture in draw(humans, asked)]
    assert all(faces)
    noses = [face[0].landmarks[NOSE_TIP, 0] for face in faces]
    assert noses[0] < noses[1] < noses[2]
    asked = [start.with_words(humans, {"smile": smile}) for smile in ("0", "0.9")]
    plain, amused = (finder.find(np.asarray(picture))[0] for picture in draw(humans, asked))
    smiles = [controls.INDEX["mouthSmileLeft"], controls.INDEX["mouthSmileRight"]]
    assert amused.blendshapes[smiles].min() > plain.blendshapes[smiles].max() + 0.2


def test_truncation_to_nothing_is_the_average_person(humans):
    wishes = [request_of_seed(humans, seed).with_words(humans, {"pitch": "0"}) for seed in (1, 2)]
    same = [type(w)(w.latent, controls.NEUTRAL, w.human, w.camera) for w in wishes]
    one, other = draw(humans, same, truncation=0.0)
    assert np.array_equal(one, other)


def test_a_player_draws_what_the_model_draws(humans):
    wish = request_of_seed(humans, 4)
    (slow,) = draw(humans, [wish])
    fast = Player(humans, wish.latent).draw(wish.controls)
    assert np.abs(slow.astype(int) - fast).mean() < 1


def test_generate_humans_takes_words_grids_and_walks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (sheet,) = fenshen.generate(
        "humans", seeds="0-3", settings=["age=60", "smile=0.7", "yaw=20"], device="cpu"
    )
    assert sheet.name == "humans.png"
    assert portraits.read(sheet).shape[2] == 3
    grid = ("smile:0:1:3", "yaw:-30:30:2")
    (table,) = fenshen.generate("humans", seeds="1", grid=grid, out="grid.png", device="cpu")
    assert portraits.read(table)[:256].shape[:2] == (256, 384)
    (film,) = fenshen.generate("humans", seeds="0-1", walk=True, seconds=0.2, device="cpu")
    assert film.name == "humans.mp4"
    assert len(list(video.frames(film))) == 10


@pytest.mark.parametrize(
    ("setting", "sentence"), [("smiel=1", "smile"), ("agee=3", "age"), ("age", "key=value")]
)
def test_a_mistyped_word_names_the_nearest(setting, sentence, tmp_path):
    with pytest.raises(UsageError, match=sentence):
        fenshen.generate("humans", out=tmp_path / "x.png", settings=[setting], device="cpu")
    assert not list(tmp_path.iterdir())
