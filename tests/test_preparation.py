"""From sources to a dataset: what is taken, what is refused and why, and that nothing depends on luck."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from fenshen import avatars, messages, portraits, video
from fenshen.dataset import Dataset
from fenshen.errors import FenshenError, Interrupted, UsageError
from fenshen.preparation import doctor, duplicates, running, sources
from fenshen.preparation.doctor import PrepareSummary, Reason
from fenshen.preparation.prepare import prepare
from fenshen.preparation.splits import Origin, split
from fenshen.preparation.store import Store

SAMPLES = Path(__file__).parents[2] / "shared" / "samples"
FACE = "toon-head"  # a style in which MediaPipe sees faces


def noise(seed: int, side: int = 64) -> np.ndarray:
    """A picture that resembles no other."""
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))


def folder_of(path: Path, count: int, start: int = 0) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    for i in range(start, start + count):
        portraits.write(path / f"{i:03}.png", noise(i))
    return path


def make(words: list, out: Path, **options) -> PrepareSummary:
    return prepare(words, out, **{"size": 32, "crop": "none", "workers": 1, "progress": False, **options})


def refusals(out: Path) -> dict[str, str]:
    rows = Dataset(out).rejected.to_pylist()
    return {Path(row["source"]).name: row["reason"] for row in rows}


def contents(out: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(out.iterdir())}


class TestSources:
    def test_all_sorts_mix_and_nothing_is_dropped_silently(self, tmp_path):
        photos = folder_of(tmp_path / "photos", 3)
        folder_of(photos / "ann" / "deep", 2, start=10)
        (photos / ".hidden.png").write_bytes(b"x")
        (photos / "notes.txt").write_text("not a picture")
        (photos / "empty.jpg").write_bytes(b"")
        (photos / "words.jpg").write_text("a text that calls itself a picture")
        (photos / "cut.png").write_bytes((photos / "000.png").read_bytes()[:500])
        (photos / "loop").symlink_to(photos)
        os.mkfifo(photos / "pipe.png")
        with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
            archive.write(folder_of(tmp_path / "z", 1, start=20) / "020.png", "wrapped/bob/20.png")
        summary = make([photos, tmp_path / "more.zip", "avatars:micah:5"], tmp_path / "out")
        rows = Dataset(tmp_path / "out").records.to_pylist()
        assert summary.kept == len(rows) == 3 + 2 + 1 + 5
        assert [row["subject"] for row in rows] == [None] * 3 + ["ann"] * 2 + ["bob"] + [None] * 5
        assert rows[5]["source"].endswith("more.zip!/wrapped/bob/20.png")
        assert refusals(tmp_path / "out") == {
            "notes.txt": "not_a_picture",
            "empty.jpg": "not_a_picture",
            "words.jpg": "not_a_picture",
            "cut.png": "unreadable",
            "pipe.png": "not_a_picture",
        }
        assert sum(summary.refused.values()) == 5
        assert Dataset(tmp_path / "out").card.licence == avatars.style("micah").terms

    def test_zip_members_that_are_not_to_be_trusted(self, tmp_path):
        good = portraits_bytes(noise(1))
        link = zipfile.ZipInfo("link.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        with zipfile.ZipFile(tmp_path / "bad.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("good.png", good)
            archive.writestr("../../escape.png", good)
            archive.writestr("/etc/absolute.png", good)
            archive.writestr("C:\\windows.png", good)
            archive.writestr(link, "/etc/passwd")
            archive.writestr("bomb.png", bytes(64 << 20))
            archive.writestr("inner.zip", good)
            archive.writestr("__MACOSX/._good.png", b"litter")
        summary = make([tmp_path / "bad.zip"], tmp_path / "out")
        assert summary.kept == 1
        assert summary.refused == {Reason.UNSAFE: 5, Reason.NOT_A_PICTURE: 1}
        assert not (tmp_path.parent / "escape.png").exists()

    def test_a_bomb_of_many_members_is_refused_whole(self, tmp_path, monkeypatch):
        monkeypatch.setattr(sources, "TOTAL_MATTERS_FROM", 1 << 20)
        with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for i in range(40):
                archive.writestr(f"{i}.png", bytes(1 << 18))
        assert [r.reason for r in sources.find([str(tmp_path / "bomb.zip")]).refused] == [Reason.UNSAFE]

    def test_encrypted_and_broken_archives(self, tmp_path):
        with zipfile.ZipFile(tmp_path / "locked.zip", "w") as archive:
            archive.writestr("a.png", portraits_bytes(noise(1)))
        data = bytearray((tmp_path / "locked.zip").read_bytes())
        data[data.index(b"PK\x01\x02") + 8] |= 1  # the flag of the central directory
        (tmp_path / "locked.zip").write_bytes(data)
        (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 and no more")
        listing = sources.find([str(tmp_path / "locked.zip"), str(tmp_path / "broken.zip")])
        assert [r.reason for r in listing.refused] == [Reason.ENCRYPTED, Reason.UNREADABLE]

    def test_listing_is_in_a_fixed_order(self, tmp_path):
        folder_of(tmp_path / "b", 4)
        folder_of(tmp_path / "a", 4, start=50)
        found = [item.source for item in sources.find([str(tmp_path)]).items]
        assert found == sorted(found)
        assert len(found) == 8

    @pytest.mark.parametrize("word", ["avatars:lorelei", "avatars:lorelei:0", "avatars:nobody:5", "avatars:"])
    def test_malformed_words_are_usage_errors(self, word, tmp_path):
        with pytest.raises(UsageError):
            make([word], tmp_path / "out")

    def test_missing_and_empty_sources(self, tmp_path):
        with pytest.raises(FenshenError, match="nowhere"):
            make([tmp_path / "nowhere"], tmp_path / "out")
        (tmp_path / "empty").mkdir()
        with pytest.raises(FenshenError) as caught:
            make([tmp_path / "empty"], tmp_path / "out")
        assert caught.value.key == "prepare.nothing_found"


def portraits_bytes(picture: np.ndarray) -> bytes:
    import io

    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG")
    return stream.getvalue()


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
        eyes = np.array(data.records["landmarks"].to_pylist()).reshape(3, 478, 3)[:, [33, 263]]
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
        perform, calls = running.perform, []

        def interrupted(unit, settings, store):
            calls.append(unit)
            if len(calls) == 3:
                raise KeyboardInterrupt
            return perform(unit, settings, store)

        monkeypatch.setattr(running, "perform", interrupted)
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
from fenshen.preparation import running
from fenshen.preparation.prepare import prepare
perform, calls = running.perform, []
def killed(unit, settings, store):
    calls.append(unit)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return perform(unit, settings, store)
running.perform = killed
prepare(["avatars:micah:300"], {str(tmp_path / "out")!r}, size=32, crop="none", workers=1, progress=False)
"""
        child = subprocess.run([sys.executable, "-c", code], check=False)
        assert child.returncode == -signal.SIGKILL
        assert not (tmp_path / "out").exists()
        assert len(Store(tmp_path / "out").keys()) == 2
        make(["avatars:micah:300"], tmp_path / "out")
        assert len(Dataset(tmp_path / "out")) == 300

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

        target = (
            "fenshen.preparation.store.pq.write_table" if step == "units" else "fenshen.dataset._write_pixels"
        )
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


origins = st.lists(
    st.builds(
        Origin,
        source=st.sampled_from([f"s{i}" for i in range(12)]),
        subject=st.none(),
        timestamp=st.none() | st.floats(0, 100),
    ),
    min_size=1,
    max_size=60,
)


class TestSplits:
    @settings(deadline=None)
    @given(origins)
    def test_no_picture_is_on_both_sides_and_training_is_never_empty(self, some):
        some = [replace(origin, subject=[None, "ann", "bob"][int(origin.source[1:]) % 3]) for origin in some]
        sides = split(some)
        assert len(sides) == len(some)
        assert "train" in sides
        stills: dict[str, set[str]] = {}
        for origin, side in zip(some, sides, strict=True):
            if origin.timestamp is None:
                stills.setdefault(origin.source, set()).add(side)
        assert all(len(both) == 1 for both in stills.values())
        assert split(some) == sides

    def test_about_a_tenth_of_stills(self):
        sides = split([Origin(f"p{i}", None, None) for i in range(1000)])
        assert sides.count("held_out") == 100

    def test_whole_subjects_where_there_are_enough(self):
        some = [Origin(f"{i}", f"subject {i % 20}", None) for i in range(400)]
        held_out = {o.subject for o, side in zip(some, split(some), strict=True) if side == "held_out"}
        train = {o.subject for o, side in zip(some, split(some), strict=True) if side == "train"}
        assert not held_out & train
        assert len(held_out) == 2

    def test_whole_clips_where_there_are_enough(self):
        some = [Origin(f"clip {i}", None, t / 25) for i in range(20) for t in range(50)]
        held_out = {o.source for o, side in zip(some, split(some), strict=True) if side == "held_out"}
        train = {o.source for o, side in zip(some, split(some), strict=True) if side == "train"}
        assert not held_out & train
        assert len(held_out) == 2

    def test_the_end_of_a_single_clip(self):
        sides = split([Origin("clip", None, t / 25) for t in range(100)])
        assert sides == ["train"] * 90 + ["held_out"] * 10


class TestDuplicates:
    @settings(deadline=None)
    @given(st.integers(0, 10_000), st.floats(0.6, 1.0), st.integers(40, 95))
    def test_copies_are_near_and_others_far(self, seed, scale, quality):
        import io

        picture = noise(seed, 128)
        stream = io.BytesIO()
        side = round(128 * scale)
        Image.fromarray(picture).resize((side, side), Image.Resampling.LANCZOS).save(
            stream, "JPEG", quality=quality
        )
        copy = portraits.resize(portraits.read(stream.getvalue()), 128)
        three = [picture, copy, noise(seed + 1, 128)]
        hashes = np.array([duplicates.perceptual_hash(p) for p in three], dtype=np.uint64)
        signatures = np.stack([duplicates.signature(p) for p in three])
        assert duplicates.find(hashes, signatures, np.array([1.0, 2.0, 3.0])) == {0: 1}

    def test_a_chain_of_copies_keeps_its_ends(self):
        landmarks = np.zeros((3, 478, 3)) + np.array([0.0, 0.0018, 0.0036])[:, None, None]
        signatures = np.stack([duplicates.signature(noise(0), points) for points in landmarks])
        found = duplicates.find(np.zeros(3, dtype=np.uint64), signatures, np.zeros(3))
        assert found == {1: 0}


class TestDoctor:
    def test_it_wants_what_the_recipes_want(self):
        from fenshen.training import recipe

        for name, wanted in doctor.FROM_SCRATCH.values():
            assert recipe.load(name).pictures == wanted

    def summary(self, **values) -> PrepareSummary:
        usual = {"path": "d", "size": 64, "train": 0, "held_out": 0, "refused": {}, "subjects": 0, "clips": 0}
        return PrepareSummary(**{**usual, "faces": values["kept"], "one_person": False, **values})

    def test_it_says_what_the_pictures_are_enough_for(self):
        one = self.summary(kept=41, one_person=True).verdict
        assert "41 portraits of one person: enough for a double" in one
        assert "few-shot-64" in one
        assert "fast-64" in self.summary(kept=5000).verdict
        assert "fast-128" in self.summary(kept=5000, size=256).verdict
        assert "too few to train on" in self.summary(kept=3).verdict

    def test_every_reason_has_words_in_both_languages(self):
        everything = {reason: i + 1 for i, reason in enumerate(Reason)}
        for language in messages.LANGUAGES:
            messages.use(language)
            try:
                text = self.summary(kept=41, refused=everything).text
            finally:
                messages.use(None)
            assert all(str(count) in text for count in everything.values())


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the sample pictures are not here")
class TestSamples:
    def test_one_person_leaves_the_others_out(self, tmp_path):
        words = [SAMPLES / "selfies", SAMPLES / "people"]
        summary = make(words, tmp_path / "out", crop="face", one_person=True, size=128)
        assert summary.refused == {Reason.WRONG_SUBJECT: 2}
        assert summary.kept == 2

    def test_copies_of_a_photograph(self, tmp_path):
        for photo in SAMPLES.glob("*/*.jpg"):
            with Image.open(photo) as image:
                image.save(tmp_path / f"{photo.stem}.png")
                image.resize((image.width // 2, image.height // 2)).save(tmp_path / f"{photo.stem} small.jpg")
                image.point(lambda level: min(255, level * 5 // 4)).save(
                    tmp_path / f"{photo.stem} bright.jpg"
                )
        summary = make([tmp_path], tmp_path / "out", crop="face")
        assert summary.kept == 4
        assert summary.refused == {Reason.NEAR_DUPLICATE: 8}
        assert all(size > 330 for size in Dataset(tmp_path / "out").records["face_size"].to_pylist())

    def test_talking_clips(self, tmp_path):
        summary = make([SAMPLES / "talking"], tmp_path / "out", crop="clip", every=5)
        assert summary.kept == summary.faces == 45
        assert summary.clips == 3


def test_the_records_keep_their_types(tmp_path):
    make(["avatars:micah:2"], tmp_path / "out")
    records = Dataset(tmp_path / "out").records
    assert records["phash"].type == pa.uint64()
    assert records["controls"].null_count == 2
    assert Dataset(tmp_path / "out").controls is None
