"""From sources to a dataset: what is kept, what is refused and why, and that nothing depends on luck."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from people import UNALIKE, needs_humans, photograph, portrait
from PIL import Image, ImageFilter
from preparing import contents, folder_of, make, noise, refusals
from sounding import saved, tone

from fenshen import avatars, controls, portraits, video
from fenshen.dataset import Dataset
from fenshen.errors import FenshenError, Interrupted, UsageError
from fenshen.landmarks import COUNT, EYE_OUTER
from fenshen.preparation.planning import Unit
from fenshen.preparation.refusals import Reason
from fenshen.preparation.store import Store

FACE = "toon-head"  # a style in which MediaPipe sees faces


class TestFaces:
    @pytest.fixture(scope="class")
    @staticmethod
    def photos(tmp_path_factory) -> Path:
        """Two clear faces, one blurred, one small, two in one picture, none, and a copy of the first."""
        path = tmp_path_factory.mktemp("photos")
        first, second = (avatars.draw(FACE, seed, 512) for seed in (0, 1))
        portraits.write(path / "a.png", first)
        portraits.write(path / "b.png", second)
        Image.fromarray(first).save(path / "copy.bmp")
        Image.fromarray(avatars.draw(FACE, 3, 512)).filter(ImageFilter.GaussianBlur(14)).save(
            path / "soft.png"
        )
        small = np.full((400, 400, 3), 200, dtype=np.uint8)
        small[200:288, 200:288] = avatars.draw(FACE, 5, 88)
        portraits.write(path / "small.png", small)
        pair = np.concatenate([avatars.draw(FACE, seed, 400) for seed in (5, 6)], axis=1)
        portraits.write(path / "two.png", pair)
        portraits.write(path / "none.png", noise(3, 256))
        return path

    def test_faces_are_cut_measured_and_refused_with_reasons(self, photos, tmp_path):
        summary = make([photos], tmp_path / "out", crop="face", size=128)
        data = Dataset(tmp_path / "out")
        names = [Path(source).name for source in data.records["source"].to_pylist()]
        assert names == ["a.png", "b.png", "two.png"]
        assert refusals(tmp_path / "out") == {
            "copy.bmp": "near_duplicate",
            "none.png": "no_face",
            "small.png": "too_small",
            "soft.png": "blurred",
        }
        assert summary.faces == 3
        assert data.controls.shape == (3, 58)
        eyes = np.array(data.records["landmarks"].to_pylist()).reshape(3, COUNT, 3)[:, list(EYE_OUTER)]
        assert np.abs(eyes[:, :, 1] - 0.47).max() < 0.12, "eyes are a little above the middle"
        assert (eyes[:, 0, 0] < 0.5).all()
        assert (eyes[:, 1, 0] > 0.5).all()

    def test_all_faces(self, photos, tmp_path):
        make([photos / "two.png"], tmp_path / "out", crop="face", all_faces=True)
        assert len(Dataset(tmp_path / "out")) == 2

    def test_one_person_refuses_what_is_ambiguous(self, photos, tmp_path):
        summary = make([photos / "a.png", photos / "two.png"], tmp_path / "out", crop="face", one_person=True)
        assert summary.refused == {Reason.SEVERAL_FACES: 1}

    def test_a_large_jpeg_read_small_gives_the_same_portrait(self, tmp_path):
        drawn = Image.fromarray(avatars.draw(FACE, 7, 1536))
        drawn.save(tmp_path / "large.jpg", quality=97)
        drawn.save(tmp_path / "large.png")
        found = []
        for name in ("large.jpg", "large.png"):
            make([tmp_path / name], tmp_path / name[-3:], crop="face")
            found.append(Dataset(tmp_path / name[-3:]))
        jpeg, png = found
        assert np.abs(jpeg.pixels[0].astype(int) - png.pixels[0]).mean() < 4
        assert jpeg.records["face_size"][0].as_py() == pytest.approx(
            png.records["face_size"][0].as_py(), rel=0.02
        )

    def test_a_clip_is_cut_by_one_crop_and_its_head_moves_in_it(self, tmp_path):
        face = avatars.draw(FACE, 0, 256)
        ground = face[0, 0]

        def frames():
            for i in range(24):
                picture = np.empty((320, 400, 3), dtype=np.uint8)
                picture[:] = ground
                picture[40 : 40 + 256, 30 + 3 * i : 30 + 3 * i + 256] = face
                yield picture

        video.write(tmp_path / "clip.mp4", frames(), 24)
        summary = make([tmp_path / "clip.mp4"], tmp_path / "clip", crop="clip", size=64)
        data = Dataset(tmp_path / "clip")
        assert len(data) == 24
        assert summary.one_person
        x = data.controls[:, 55]
        assert np.corrcoef(x, np.arange(24))[0, 1] > 0.99
        # The picture's scale in the crop is that of an aligned face, so x moves as far as the head does.
        assert np.polyfit(np.arange(24), x, 1)[0] == pytest.approx(3 * 0.46 / face_height(data), rel=0.15)
        splits = data.records["split"].to_pylist()
        assert splits.count("held_out") in (2, 3)
        assert splits == sorted(splits, reverse=True), "only the end is held out"
        make([tmp_path / "clip.mp4"], tmp_path / "each", crop="face", size=64, every=3)
        aligned = Dataset(tmp_path / "each")
        assert np.allclose(aligned.records["timestamp"].to_pylist()[1], 3 / 24, atol=1e-3)
        assert np.abs(aligned.controls[:, 55:]).max() < 0.05

    def test_a_damaged_video_has_a_reason(self, tmp_path):
        (tmp_path / "broken.mp4").write_bytes(b"no video in here" * 100)
        make([tmp_path / "broken.mp4", "avatars:micah:2"], tmp_path / "out", crop="face")
        assert refusals(tmp_path / "out") == {"broken.mp4": "unreadable"}

    def test_a_refused_film_has_a_reason_in_words(self, tmp_path):
        saved(tmp_path / "voice.wav", tone(1.0), 24000).rename(tmp_path / "voice.mp4")
        video.write(tmp_path / "clip.mp4", (noise(i) for i in range(4)), 4)
        make([tmp_path], tmp_path / "out")
        (row,) = Dataset(tmp_path / "out").rejected.to_pylist()
        assert "has sound but no picture" in row["detail"]


def face_height(data: Dataset) -> float:
    return float(np.median(data.records["face_size"].to_numpy()))


class TestSameResult:
    @pytest.mark.parametrize("options", [{"workers": 2}, {"workers": 2, "backend": "threading"}])
    def test_whatever_the_workers(self, tmp_path, options):
        words = [folder_of(tmp_path / "p", 40), "avatars:personas:70"]
        make(words, tmp_path / "one")
        make(words, tmp_path / "two", **options)
        assert contents(tmp_path / "one") == contents(tmp_path / "two")

    def test_after_an_interruption(self, tmp_path, monkeypatch):
        words = ["avatars:micah:300"]
        make(words, tmp_path / "whole")
        perform, calls = Unit.perform, []

        def interrupted(unit, settings, store):
            calls.append(unit)
            if len(calls) == 3:
                raise KeyboardInterrupt
            return perform(unit, settings, store)

        monkeypatch.setattr(Unit, "perform", interrupted)
        with pytest.raises(Interrupted, match="128 of 300"):
            make(words, tmp_path / "out")
        assert not (tmp_path / "out").exists()
        make(words, tmp_path / "out")
        assert len(calls) == 3 + 3, "finished units are not done again"
        assert contents(tmp_path / "out") == contents(tmp_path / "whole")
        assert not list(tmp_path.glob(".*")), "nothing is left behind"

    def test_after_a_kill(self, tmp_path):
        code = f"""
import os, signal
from fenshen.preparation.planning import Unit
from fenshen.preparation.prepare import prepare
perform, calls = Unit.perform, []
def killed(unit, settings, store):
    calls.append(unit)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return perform(unit, settings, store)
Unit.perform = killed
prepare(["avatars:micah:300"], {str(tmp_path / "out")!r}, size=32, crop="none", workers=1, progress=False)
"""
        child = subprocess.run([sys.executable, "-c", code], check=False)
        assert child.returncode == -signal.SIGKILL
        assert not (tmp_path / "out").exists()
        assert len(Store(tmp_path / "out").keys()) == 2
        make(["avatars:micah:300"], tmp_path / "out")
        assert len(Dataset(tmp_path / "out")) == 300

    def test_after_ctrl_c(self, tmp_path):
        out, count = tmp_path / "out", 1920
        words = ["avatars:micah:1920", "--out", str(out), "--size", "32", "--workers", "2"]
        child = subprocess.Popen(
            [sys.executable, "-m", "fenshen", "prepare", *words],
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        while child.poll() is None and not (out.parent / ".out.units").is_dir():
            time.sleep(0.01)
        while child.poll() is None and not Store(out).keys():
            time.sleep(0.01)
        os.killpg(child.pid, signal.SIGINT)  # as a terminal does: to the workers, too
        _, said = child.communicate(timeout=60)
        assert child.returncode == 130
        assert "The same command goes on" in said
        assert "Traceback" not in said
        assert not out.exists()
        assert 0 < len(Store(out).keys()) < count // 64
        assert make(words[:1], out, crop="face").kept > count - 20, "the command's own crop"
        assert not list(tmp_path.glob(".*"))

    def test_a_changed_file_is_done_again(self, tmp_path, monkeypatch):
        photos = folder_of(tmp_path / "p", 2)
        monkeypatch.setattr(Store, "remove", lambda self: None)
        make([photos], tmp_path / "out")
        portraits.write(photos / "000.png", noise(77))
        make([photos], tmp_path / "out", force=True)
        assert (
            np.abs(Dataset(tmp_path / "out").pixels[0].astype(int) - portraits.resize(noise(77), 32)).max()
            == 0
        )


class TestWriting:
    def test_existing_folders_are_safe(self, tmp_path):
        photos = folder_of(tmp_path / "p", 3)
        with pytest.raises(UsageError):
            make([photos], photos)
        with pytest.raises(UsageError, match="not a dataset"):
            make([photos], photos, force=True)
        make([photos], tmp_path / "out")
        before = contents(tmp_path / "out")
        with pytest.raises(UsageError):
            make([photos], tmp_path / "out")
        make([photos], tmp_path / "out", force=True)
        assert contents(tmp_path / "out") == before

    def test_a_place_that_cannot_be_written(self, tmp_path):
        (tmp_path / "file").write_text("in the way")
        with pytest.raises(FenshenError) as caught:
            make(["avatars:micah:2"], tmp_path / "file" / "out")
        assert caught.value.key == "prepare.cannot_write"

    @pytest.mark.parametrize("step", ["units", "pixels"])
    def test_a_full_disk(self, tmp_path, monkeypatch, step):
        def full(*_, **__):
            raise OSError(errno.ENOSPC, "No space left on device")

        target = "fenshen.files.write_table" if step == "units" else "fenshen.dataset._write_pixels"
        with monkeypatch.context() as patched:
            patched.setattr(target, full)
            with pytest.raises(FenshenError, match="No space left"):
                make(["avatars:micah:70"], tmp_path / "out")
        assert not (tmp_path / "out").exists()
        assert make(["avatars:micah:70"], tmp_path / "out").kept == 70

    def test_one_picture_is_enough(self, tmp_path):
        summary = make([folder_of(tmp_path / "p", 1)], tmp_path / "out")
        assert (summary.kept, summary.train, summary.held_out) == (1, 1, 0)

    @pytest.mark.parametrize(
        "options",
        [
            {"size": 48},
            {"size": 2048},
            {"crop": "body"},
            {"fit": "squash"},
            {"every": 0},
            {"fps": -1.0},
            {"every": 2, "fps": 5.0},
            {"all_faces": True, "one_person": True},
            {"all_faces": True, "crop": "clip"},
            {"ground": "greenish"},
            {"workers": 0},
            {"backend": "nonsense"},
        ],
    )
    def test_wrong_options_are_usage_errors(self, tmp_path, options):
        with pytest.raises(UsageError):
            make(["avatars:micah:2"], tmp_path / "out", **options)


class TestPeople:
    @needs_humans
    def test_one_person_leaves_the_others_out(self, tmp_path):
        me, *others = UNALIKE
        for number, yaw in enumerate((-0.2, 0.0, 0.2)):
            portraits.write(tmp_path / f"me {number}.png", portrait(me, yaw=yaw))
        for other in others:
            portraits.write(tmp_path / f"other {other}.png", portrait(other))
        make([tmp_path], tmp_path / "out", crop="face", one_person=True, size=128)
        names = {Path(source).stem for source in Dataset(tmp_path / "out").records["source"].to_pylist()}
        assert names == {"me 0", "me 1", "me 2"}
        assert set(refusals(tmp_path / "out").values()) == {"wrong_subject"}

    @needs_humans
    def test_copies_of_a_face_are_kept_once(self, tmp_path):
        pictures = [
            portraits.resize(photograph()[:320, 60:380], 640),
            *(
                portrait(seed, size=512) for seed in (15, 7, 12)
            ),  # whose landmarks are read alike at both sizes
        ]
        for number, picture in enumerate(pictures):
            image = Image.fromarray(picture)
            image.save(tmp_path / f"{number}.png")
            image.resize((image.width // 2, image.height // 2)).save(tmp_path / f"{number} small.jpg")
            image.point(lambda level: min(255, level * 5 // 4)).save(tmp_path / f"{number} bright.jpg")
        summary = make([tmp_path], tmp_path / "out", crop="face")
        kept = [Path(source).name for source in Dataset(tmp_path / "out").records["source"].to_pylist()]
        assert {name[0] for name in kept} == {"0", "1", "2", "3"}
        assert not any("small" in name for name in kept)
        assert summary.refused == {Reason.NEAR_DUPLICATE: 8}

    def test_frames_of_a_talking_film_keep_what_is_done_in_them(self, talking, tmp_path):
        summary = make([talking.film], tmp_path / "out", crop="clip", every=2, size=64)
        data = Dataset(tmp_path / "out")
        assert (summary.kept, summary.clips) == (len(talking.track) // 2, 1)
        for name in ("jawOpen", "eyeBlinkLeft", "yaw"):
            column = controls.INDEX[name]
            true = talking.track.controls[::2, column]
            assert np.corrcoef(data.controls[:, column], true)[0, 1] > 0.85, name


def test_the_records_keep_their_types(tmp_path):
    make(["avatars:micah:2"], tmp_path / "out")
    records = Dataset(tmp_path / "out").records
    assert records["phash"].type == pa.uint64()
    assert records["controls"].null_count == 2
    assert Dataset(tmp_path / "out").controls is None
