"""A double, from a film to a file to pictures and films of it."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fenshen
from fenshen import OutputOptions, controls, portraits, sliders, video
from fenshen.audio import RATE
from fenshen.dataset import Dataset
from fenshen.doubles import double as doubling
from fenshen.doubles import edit, unfilmed
from fenshen.doubles.filmed import judged
from fenshen.doubles.store import Double
from fenshen.drawing import request_of_seed
from fenshen.errors import FenshenError, UsageError
from fenshen.model import Model
from fenshen.motion.drive import from_video
from fenshen.motion.idle import idle
from fenshen.player import Player

SEED = 4  # a person of the base model who is easily found


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody filmed for two seconds, with a humming sound."""
    model = Model.load("humans")
    player = Player(model, request_of_seed(model, SEED).latent)
    track = idle(2.0, 25.0, seed=1)
    moves = controls.clip(track.controls + 0.3 * np.sin(np.arange(50) / 3)[:, None] * _jaw())
    path = tmp_path_factory.mktemp("film") / "somebody.mp4"
    hum = 0.1 * np.sin(2 * np.pi * 150 * np.arange(2 * RATE) / RATE).astype(np.float32)
    video.write(path, (portraits.resize(player.draw(move), 384) for move in moves), 25.0, audio=(hum, RATE))
    return path


@pytest.fixture(scope="module", autouse=True)
def few_made_pictures() -> Iterator[None]:
    """Drawing what was not filmed takes minutes where there is no graphics card."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unfilmed, "FRAMES", 16)
        yield


@pytest.fixture(scope="module")
def double(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Double:
    out = tmp_path_factory.mktemp("double") / "somebody.double"
    return fenshen.double(
        [film.parent],
        name="somebody",
        consent="self",
        out=out,
        settings=["steps=6", "adversarial_from=3"],
        progress=False,
    )


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda frames: frames[:, :, 150:], "cut off"),
        (lambda frames: (frames * 0.03).astype(np.uint8), "almost black"),
    ],
)
def test_films_that_cannot_become_a_double_are_refused(
    spoil: Callable[[np.ndarray], np.ndarray], sentence: str, film: Path, tmp_path: Path
) -> None:
    frames = np.stack([frame.picture for frame in video.frames(film)])
    video.write(tmp_path / "bad.mp4", spoil(frames), 25.0, crf=0)
    with pytest.raises(FenshenError, match=sentence):
        fenshen.double(
            [tmp_path / "bad.mp4"],
            name="x",
            consent="self",
            out=tmp_path / "x.double",
            minutes=0.05,
            progress=False,
        )
    assert not (tmp_path / "x.double").exists()


def test_dark_and_faceless_frames_are_brightened_and_told(film: Path, tmp_path: Path) -> None:
    frames = np.stack([frame.picture for frame in video.frames(film)])
    dark = (frames * 0.1).astype(np.uint8)
    dark[:12] = 8  # a title
    video.write(tmp_path / "dark.mp4", dark, 25.0, crf=0)
    fenshen.prepare(
        [tmp_path / "dark.mp4"], tmp_path / "data", size=64, crop="clip", one_person=True, progress=False
    )
    before = Dataset(tmp_path / "data")
    count, records = len(before), before.records
    after, notes = judged(before, [tmp_path / "dark.mp4"])
    assert after.pixels.mean() > 40
    assert (len(after), after.records.equals(records)) == (count, True)
    assert any("brightened" in note for note in notes)
    assert any("of 50 frames were not used" in note for note in notes)


@pytest.mark.parametrize(("light", "key"), [(0.01, "faces.dark_film"), (60.0, "faces.bright_film")])
def test_films_without_a_face_say_what_the_light_has_to_do_with_it(
    film: Path, tmp_path: Path, light: float, key: str
) -> None:
    bad = tmp_path / "bad.mp4"
    frames = [frame.picture for frame in video.frames(film, every=5)]
    video.write(bad, [np.clip((x + 4.0) * light, 0, 255).astype(np.uint8) for x in frames], 25.0)
    with pytest.raises(FenshenError) as caught:
        fenshen.double([bad], name="bad", consent="self", out=tmp_path / "bad.double", progress=False)
    assert caught.value.key == key
    with pytest.raises(FenshenError) as caught:
        from_video(bad)
    assert caught.value.key == key
    assert list(tmp_path.iterdir()) == [bad]


def test_faces_lit_from_behind_are_brightened(film: Path, tmp_path: Path) -> None:
    frames = np.stack([frame.picture for frame in video.frames(film)])
    rows, columns = np.mgrid[-1 : 1 : frames.shape[1] * 1j, -1 : 1 : frames.shape[2] * 1j]
    person = ((rows**2 / 0.6 + columns**2 / 0.4) < 1)[..., None]
    path = tmp_path / "window.mp4"
    video.write(path, np.where(person, frames * 0.15, 240).astype(np.uint8), 25.0, crf=0)
    fenshen.prepare([path], tmp_path / "data", size=64, crop="clip", one_person=True, progress=False)
    before = Dataset(tmp_path / "data")
    middle = np.s_[:, 24:40, 24:40]
    dark = before.pixels[middle].mean()
    after, notes = judged(before, [path])
    assert any("behind" in note for note in notes)
    assert after.pixels[middle].mean() > 2 * dark


def test_a_second_face_is_told(film: Path, tmp_path: Path) -> None:
    path = tmp_path / "two.mp4"
    pictures = [frame.picture for frame in video.frames(film)]
    video.write(path, [np.hstack([picture, picture]) for picture in pictures], 25.0)
    fenshen.prepare([path], tmp_path / "data", size=64, crop="clip", one_person=True, progress=False)
    notes = " ".join(judged(Dataset(tmp_path / "data"), [path])[1])
    assert "In 100 % of the frames a second face" in notes


def _jaw() -> np.ndarray:
    one = np.zeros(controls.COUNT, dtype=np.float32)
    one[controls.INDEX["jawOpen"]] = 1
    return one


def test_a_double_is_made_opened_and_says_what_it_has_not_seen(double: Double) -> None:
    assert double.card.frames > 40
    assert double.card.psnr is not None
    assert 1.5 < double.card.seconds < 2.1
    assert double.limits()  # nobody turned a head by 15 degrees
    assert not list(double.path.parent.glob(".*"))  # nothing half-written is left
    assert "somebody" in double.text
    assert double.keyframes is not None
    kept = double.keyframes
    assert kept.made == 4  # what was not filmed
    assert kept.controls[-kept.made :, controls.INDEX["jawOpen"]].max() > 0.5
    assert json.loads(json.dumps(double.summary()))["name"] == "somebody"  # what --json prints


def test_its_pictures_are_of_whom_it_learnt_from(double: Double, film: Path) -> None:
    (picture,) = double.model.draw(_torch(double.latent), controls=double.neutral)
    base = Model.load("humans")
    others = [request_of_seed(base, seed).latent for seed in range(SEED + 1, SEED + 9)]
    strangers = [double.model.draw(_torch(latent), controls=double.neutral)[0] for latent in others]
    frame = next(iter(video.frames(film))).picture
    small = portraits.resize(frame, len(picture)).astype(float)
    assert np.abs(picture - small).mean() < min(np.abs(each - small).mean() for each in strangers)


def _torch(latent: np.ndarray) -> Any:
    import torch

    return torch.from_numpy(latent)[None]


def test_edit_draws_what_is_asked(double: Double, tmp_path: Path) -> None:
    open_mouth = fenshen.edit(
        double.path,
        out=tmp_path / "jaw.png",
        settings=["jaw=0.9"],
        output=OutputOptions(scale=1, frame="crop"),
    )
    at_rest = fenshen.edit(
        double.path, out=tmp_path / "rest.png", output=OutputOptions(scale=1, frame="crop")
    )
    difference = np.abs(portraits.read(open_mouth).astype(int) - portraits.read(at_rest)).mean(2)
    height, width = difference.shape
    mouth = difference[height // 2 : 110 * height // 128, 40 * width // 128 : 88 * width // 128]
    assert mouth.mean() > 2 * difference[: 40 * height // 128].mean()  # not in the hair
    sheet = fenshen.edit(
        double.path,
        out=tmp_path / "sheet.png",
        grid=("smile:0:1:3", "yaw:-10:10:2"),
        preset="happy",
        output=OutputOptions(scale=1),
    )
    assert portraits.read(sheet).shape[1] > portraits.read(sheet).shape[0]
    with pytest.raises(UsageError, match="preset"):
        fenshen.edit(double.path, out=tmp_path / "x.png", preset="bored")
    with pytest.raises(UsageError, match="exists"):
        fenshen.edit(double.path, out=sheet)


def test_it_is_put_back_into_its_film(double: Double, film: Path, tmp_path: Path) -> None:
    assert double.card.still
    info = video.probe(film)
    picture = portraits.read(fenshen.edit(double.path, out=tmp_path / "frame.png"))
    assert picture.shape == (info.height, info.width, 3)
    moving = fenshen.animate(double.path, out=tmp_path / "frame.mp4", idle=0.2)
    assert (video.probe(moving).width, video.probe(moving).height) == (info.width, info.height)


def test_every_preset_is_made_of_sliders_within_their_limits() -> None:
    for name in edit.presets():
        for slider, value in json.loads(Path(edit.__file__).with_name("presets.json").read_text())[
            name
        ].items():
            low, high = sliders.limits(slider)
            assert low <= value <= high, (name, slider)


def test_animate_keeps_the_drivers_time_and_sound(double: Double, film: Path, tmp_path: Path) -> None:
    driven = fenshen.animate(
        double.path, out=tmp_path / "driven.mp4", drive=film, output=OutputOptions(scale=1)
    )
    info = video.probe(driven)
    assert info.has_audio
    assert abs(info.frames - video.probe(film).frames) <= 1
    alive = fenshen.animate(double.path, out=tmp_path / "alive.gif", idle=0.4, output=OutputOptions(scale=1))
    assert video.probe(alive).frames == 10
    frames = fenshen.animate(double.path, out=tmp_path / "frames", idle=0.12, output=OutputOptions(scale=1))
    assert len(list(frames.glob("frame-*.png"))) == 3
    with pytest.raises(UsageError, match="--idle"):
        fenshen.animate(double.path, out=tmp_path / "x.mp4")
    still = tmp_path / "still.png"
    portraits.write(still, next(iter(video.frames(film))).picture)
    with pytest.raises(UsageError, match="does not move"):
        fenshen.animate(double.path, out=tmp_path / "x.mp4", drive=still)


def test_a_recording_is_spoken_as_long_as_it_lasts(double: Double, film: Path, tmp_path: Path) -> None:
    spoken = fenshen.say(double.path, audio=film, out=tmp_path / "spoken.mp4", output=OutputOptions(scale=1))
    info = video.probe(spoken)
    assert info.has_audio
    assert abs(info.frames - 50) <= 1
    with pytest.raises(UsageError, match="--audio"):
        fenshen.say(double.path, out=tmp_path / "x.mp4")


def test_everything_that_leaves_says_who_made_it(double: Double, tmp_path: Path) -> None:
    picture = fenshen.edit(double.path, out=tmp_path / "signed.png", output=OutputOptions(scale=2))
    verdict = fenshen.verify(picture)
    assert verdict.status == "valid"
    assert verdict.double == "somebody"
    assert verdict.model == double.model.digest
    assert verdict.source_type == "compositeWithTrainedAlgorithmicMedia"
    assert verdict.ingredients == len(double.inputs) == 1


def rewritten(source: Path, target: Path, change: dict[str, bytes | None]) -> Path:
    """A copy of a double with some members replaced, or left out."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in {*old.namelist(), *change}:
            content = change[name] if name in change else old.read(name)
            if content is not None:
                new.writestr(name, content)
    return target


def test_an_ended_consent_stops_every_command(double: Double, tmp_path: Path) -> None:
    ended = double.consent.model_copy(update={"given_on": date(2020, 1, 1), "until": date(2020, 2, 1)})
    late = rewritten(
        double.path, tmp_path / "late.double", {"consent.json": ended.model_dump_json().encode()}
    )
    for command in (
        lambda: fenshen.edit(late, out=tmp_path / "x.png"),
        lambda: fenshen.animate(late, idle=0.2, out=tmp_path / "x.mp4"),
        lambda: fenshen.say(late, "Hello.", engine="espeak", out=tmp_path / "y.mp4"),
    ):
        with pytest.raises(FenshenError, match="2020"):
            command()
    assert [file.name for file in tmp_path.iterdir()] == ["late.double"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"double.json": b"{"}, "double.json"),
        ({"double.json": None}, "not a double"),
        ({"model/model.safetensors": b"\x00" * 100}, "model.safetensors"),
        ({"human.json": b'{"body": {"age": 12}}'}, "body.age"),
        ({"consent.json": b"[]"}, "consent"),
        ({"model/model.json": b"null"}, "model.json"),
        ({"double.json": None, "model/model.json": None}, "not a double"),
        ({"inputs.json": b"[{}]"}, "inputs.json"),
        ({"inputs.json": b"[%s]" % b",".join([b'{"label": "x", "sha256": ""}'] * 99)}, "inputs.json"),
    ],
)
def test_a_damaged_double_is_refused_in_a_sentence(
    change: dict, named: str, double: Double, tmp_path: Path
) -> None:
    with pytest.raises(FenshenError, match=named) as refused:
        Double.open(rewritten(double.path, tmp_path / "bad.double", change))
    said = str(refused.value)
    assert "\n" not in said
    assert said.endswith(".")


def test_a_doubles_zip_cannot_write_elsewhere(
    double: Double, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strange = rewritten(double.path, tmp_path / "s.double", {"../evil": b"x", "model/../../evil": b"x"})
    temporary = tmp_path / "a" / "b" / "temporary"
    temporary.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    Double.open(strange)
    assert not [file for file in (tmp_path / "a").rglob("*") if file.is_file()]
    (tmp_path / "text.double").write_text("no zip")
    with pytest.raises(FenshenError, match="not a double"):
        Double.open(tmp_path / "text.double")


def test_bad_words_are_refused_before_anything_is_made(film: Path, tmp_path: Path) -> None:
    mistakes: tuple[tuple[dict[str, Any], str], ...] = (
        ({"out": tmp_path / "x.zip"}, r"x\.zip"),
        ({"consent": tmp_path / "none.json"}, r"none\.json"),
        ({"minutes": -1}, "minutes"),
        ({"name": "\n"}, "name"),
    )
    for wrong, named in mistakes:
        words: dict[str, Any] = {
            "name": "x",
            "consent": "self",
            "out": tmp_path / "x.double",
            "progress": False,
        }
        with pytest.raises(FenshenError, match=named):
            fenshen.double([film], **{**words, **wrong})
        assert not list(tmp_path.iterdir())
    with pytest.raises(FenshenError, match="text"):
        (tmp_path / "text.mp4").write_text("no film")
        fenshen.double([tmp_path / "text.mp4"], name="x", consent="self", out=tmp_path / "y.double")


def test_a_folder_stands_for_the_photographs_in_it(tmp_path: Path) -> None:
    inside = tmp_path / "photos" / "older"
    inside.mkdir(parents=True)
    for name in ("b.JPG", "older/c.png", "notes.txt", ".hidden.jpg", "a.webp"):
        (tmp_path / "photos" / name).write_bytes(name.encode())
    found = doubling._files_of(tmp_path / "photos")
    assert [file.name for file in found] == ["a.webp", "b.JPG", "c.png"]
    options: dict[str, Any] = {"name": "x", "consent": "self", "out": tmp_path / "x.double"}
    (tmp_path / "empty").mkdir()
    (tmp_path / "photos.zip").touch()
    for source, sentence in (
        ("empty", "no photographs or videos"),
        ("photos.zip", "Unpack"),
        ("none", "no file"),
    ):
        with pytest.raises(FenshenError, match=sentence):
            fenshen.double([tmp_path / source], **options)
    with pytest.raises(UsageError, match="is a folder"):
        fenshen.double([tmp_path / "photos"], **{**options, "consent": tmp_path / "empty"})
    assert {file.name for file in tmp_path.iterdir()} == {"photos", "empty", "photos.zip"}


def test_a_folder_is_told_what_is_needed_instead(double: Double, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"folder.*video, or a \.track\.parquet"):
        fenshen.animate(double, drive=tmp_path, out=tmp_path / "film.mp4")
    with pytest.raises(UsageError, match=r"folder.*recording"):
        fenshen.say(double, audio=tmp_path, out=tmp_path / "film.mp4")


def test_films_that_show_nobody_are_refused_and_leave_nothing(film: Path, tmp_path: Path) -> None:
    empty, cut, blank, short = (tmp_path / f"{name}.mp4" for name in ("empty", "cut", "blank", "short"))
    empty.touch()
    cut.write_bytes(film.read_bytes()[:3000])
    video.write(blank, np.full((40, 64, 64, 3), 90, dtype=np.uint8), 25.0)
    video.write(short, (frame.picture for frame in video.frames(film, stop=0.4)), 25.0)
    before = set(tmp_path.iterdir())
    for source in (empty, cut, blank, short):
        with pytest.raises(FenshenError):
            fenshen.double([source], name="x", consent="self", out=tmp_path / "x.double", progress=False)
    assert set(tmp_path.iterdir()) == before


def test_a_vertical_silent_film_makes_a_double(film: Path, tmp_path: Path) -> None:
    tall = tmp_path / "tall.mp4"
    grey = ((160, 96), (0, 0), (0, 0))
    video.write(tall, (np.pad(frame.picture, grey, "edge") for frame in video.frames(film)), 25.0)
    made = fenshen.double(
        [tall],
        name="tall",
        consent="self",
        out=tmp_path / "tall.double",
        settings=["steps=2", "adversarial_from=2"],
        progress=False,
    )
    assert made.card.frames > 40


def test_unfinished_work_on_other_files_is_not_taken_up(tmp_path: Path) -> None:
    work, mine, another = tmp_path / "work", tmp_path / "mine.mp4", tmp_path / "another.mp4"
    for file in (mine, another):
        file.write_text(file.name)
    (doubling._resumed(work, [mine]) / "footage").mkdir()
    assert (doubling._resumed(work, [mine]) / "footage").is_dir()
    assert not (doubling._resumed(work, [another]) / "footage").exists()


def test_a_doubles_folder_is_read_and_its_links_are_not(double: Double, tmp_path: Path) -> None:
    with zipfile.ZipFile(double.path) as archive:
        archive.extractall(tmp_path / "folder")
    assert Double.open(tmp_path / "folder").card == double.card
    (tmp_path / "human.json").write_bytes((tmp_path / "folder" / "human.json").read_bytes())
    (tmp_path / "folder" / "human.json").unlink()
    (tmp_path / "folder" / "human.json").symlink_to(tmp_path / "human.json")
    with pytest.raises(FenshenError, match="not a double"):
        Double.open(tmp_path / "folder")


def test_its_first_pictures_are_marked(double: Double, tmp_path: Path) -> None:
    assert double.keyframes is not None
    doubling._shown("somebody", double.consent, tmp_path, False, double.keyframes, composite=True)
    verdict = fenshen.verify(tmp_path / "first.png")
    assert verdict.status == "valid"
    assert verdict.double == "somebody"
