"""What may be given to ``prepare``: what is listed, what is refused unopened, and that no file can break it."""

from __future__ import annotations

import os
import stat
import zipfile

import pytest
from preparing import folder_of, make, noise, png_header, portraits_bytes, refusals

from fenshen import avatars, portraits
from fenshen.dataset import Dataset
from fenshen.errors import FenshenError, UsageError
from fenshen.preparation import sources
from fenshen.preparation.refusals import Reason
from fenshen.preparation.sources import archives


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
        monkeypatch.setattr(archives, "TOTAL_MATTERS_FROM", 1 << 20)
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

    @pytest.mark.parametrize("crop", ["none", "face"])
    def test_no_file_ends_the_work_on_the_others(self, crop, tmp_path):
        with zipfile.ZipFile(tmp_path / "damaged.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("garbled.png", portraits_bytes(noise(1)))
            archive.writestr("./.", b"a name without a name")
        data = bytearray((tmp_path / "damaged.zip").read_bytes())
        start = data.index(b"garbled.png") + len(b"garbled.png")
        data[start : start + 60] = b"\xff" * 60  # no deflate stream begins like this
        (tmp_path / "damaged.zip").write_bytes(data)
        (tmp_path / "huge.png").write_bytes(png_header(60_000, 60_000))
        (tmp_path / "words.jpg").write_text("a text that calls itself a picture")
        portraits.write(tmp_path / "good.png", avatars.draw("toon-head", 0, 512))
        assert make([tmp_path], tmp_path / "out", crop=crop).kept == 1
        assert refusals(tmp_path / "out") == {
            "garbled.png": "unreadable",
            "damaged.zip!": "not_a_picture",
            "huge.png": "too_large",
            "words.jpg": "not_a_picture",
        }

    def test_listing_is_in_a_fixed_order(self, tmp_path):
        folder_of(tmp_path / "b", 4)
        folder_of(tmp_path / "a", 4, start=50)
        found = [source.name for source in sources.find([str(tmp_path)]).sources]
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
        (tmp_path / "empty" / "notes.txt").write_text("not a picture")
        with pytest.raises(FenshenError, match="not a picture: 1"):
            make([tmp_path / "empty"], tmp_path / "out")
