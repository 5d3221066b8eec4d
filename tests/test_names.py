"""Names in other encodings than UTF-8: used as they are in every source and output, shown and stored readably."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest

import fenshen
from fenshen import files, portraits, video
from fenshen.dataset import Dataset
from fenshen.encodings import guess
from fenshen.names import readable

KNOWN = [
    (
        "gbk",
        "照片.jpg 张三的照片(1).jpg 婧.jpg 微信图片_2023.jpg IMG_王.jpg 新建文件夹 老板.png 全家福 联通",
    ),
    ("cp932", "写真.jpg テスト.png 日本語のファイル 表示 山田太郎 鈴木 ﾃｽﾄ スクリーンショット"),
    ("euc_jp", "写真.jpg テスト.png 山田太郎 新しいフォルダー"),
    ("big5", "照片 測試圖片 臺北 陳怡君 畢業照 家庭旅遊"),
    ("cp949", "사진.jpg 가족 김철수 새폴더 동영상 안녕하세요 부산여행 김치찌개 떡볶이 나"),
    ("cp1251", "фото.jpg Иванов.png Съёмка ФОТО семья Мария Україна"),
    ("cp866", "фото.jpg Иванов.png семья Мария"),
    ("koi8_r", "Фото Мария свадьба"),
    ("cp1252", "Müller.jpg café.jpg François São João Åse été.jpg Größe coração Photo_d’été"),
    ("cp437", "Müller.jpg José ñandú über écran"),
    ("utf-8", "照片 写真 Müller"),
]


@pytest.mark.parametrize(("encoding", "names"), KNOWN, ids=[encoding for encoding, _ in KNOWN])
def test_one_name_is_enough_to_guess_its_encoding(encoding, names):
    for name in names.split():
        raw = name.encode(encoding)
        found = guess([raw], ("cp437", "cp1252"))
        assert found is not None, name
        assert raw.decode(found) == name
        if encoding != "cp437":
            assert readable(f"照片/{raw.decode('utf-8', 'surrogateescape')}") == f"照片/{name}"


def test_anything_can_be_shown():
    for raw in (b"\xff\xfe", b"a\x81.jpg", bytes(range(128, 256)), b"\xd5"):
        shown = readable(os.fsdecode(raw))
        assert shown.encode() and shown.isprintable()  # noqa: PT018
    assert readable("\ud800.jpg").encode()
    assert readable("plain 照片.jpg") == "plain 照片.jpg"


@pytest.mark.parametrize("encoding", ["gbk", "shift_jis", "cp437", "utf-8"])
def test_zip_names_without_the_flag_of_utf8(encoding, tmp_path):
    who, what = {"cp437": ("Jürgen", "café"), "gbk": ("张三", "照片")}.get(encoding, ("山田", "写真"))
    file = tmp_path / "windows.zip"
    pictures = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), np.uint8)
    with zipfile.ZipFile(file, "w") as archive:
        for number, picture in enumerate(pictures):
            portraits.write(tmp_path / "one.png", picture)
            folder, name = (f"{text}".encode(encoding) for text in (who, f"{what}{number}.png"))
            # As many bytes of ASCII stand in for a name that zipfile would mark as UTF-8.
            archive.write(tmp_path / "one.png", f"{'f' * len(folder)}{number}/{'n' * len(name)}")
    data = file.read_bytes()
    for number in range(4):
        folder, name = who.encode(encoding), f"{what}{number}.png".encode(encoding)
        data = data.replace(
            b"f" * len(folder) + f"{number}/".encode() + b"n" * len(name),
            folder + f"{number}/".encode() + name,
        )
    file.write_bytes(data)
    made = fenshen.prepare([file], tmp_path / "data", size=32, crop="none", progress=False)
    names = {f"{file}!/{who}{number}/{what}{number}.png" for number in range(4)}
    assert set(made.records["source"].to_pylist()) == names
    assert set(made.records["subject"].to_pylist()) == {f"{who}{number}" for number in range(4)}


@pytest.fixture
def raw(tmp_path):
    """A path of names in GBK; skipped where the file system takes only Unicode."""
    folder = tmp_path / os.fsdecode("照片".encode("gbk"))
    try:
        folder.mkdir()
    except (OSError, ValueError):
        pytest.skip("names are Unicode here")
    return lambda name: folder / os.fsdecode(name.encode("gbk"))


def test_every_source_and_dataset(raw, tmp_path):
    pictures = np.random.default_rng(0).integers(0, 256, (8, 64, 64, 3), np.uint8)
    for number, picture in enumerate(pictures):
        portraits.write(raw("王小") / raw(f"照片{number}.png").name, picture)
    video.write(raw("短片.mp4"), pictures, 25)
    raw("说明.txt").touch()
    made = fenshen.prepare([raw("")], raw("数据"), size=32, crop="none", progress=False)
    assert made.report.path == f"{tmp_path}/照片/数据"
    again = Dataset(raw("数据"))
    assert set(again.records["subject"].to_pylist()) == {"王小", None}
    assert f"{tmp_path}/照片/王小/照片0.png" in again.records["source"].to_pylist()
    assert again.rejected["source"].to_pylist() == [f"{tmp_path}/照片/说明.txt"]


def test_runs_models_reports_and_doubles(raw, someone, drawings, tmp_path):
    quick = ["steps=2", "batch_size=8", "size=32", "width=8", "evaluate_every=0"]
    for steps in (2, 3):
        run = fenshen.train(
            drawings, out=raw("训练"), recipe="dcgan-64", settings=[*quick, f"steps={steps}"], progress=False
        )
    (sheet,) = fenshen.generate(run, out=raw("图片.png"), seeds="1")
    assert sheet == raw("图片.png")
    fenshen.evaluate(run, drawings, raw("报告"), count=16, progress=False)
    assert json.loads((raw("报告") / "report.json").read_text())["subject"]["name"] == "训练"
    double = raw("分身.double")
    double.write_bytes(someone.read_bytes())
    words = [sys.executable, "-m", "fenshen"]
    for more in (
        ["edit", double, "--out", raw("表情.png")],
        ["animate", double, "--idle", "0.2", "--out", raw("动.mp4")],
    ):
        done = subprocess.run([*words, *more, "--json"], capture_output=True, check=True)
        assert json.loads(done.stdout) == {"file": readable(more[-1])}
        verdict = fenshen.verify(more[-1])
        assert (verdict.status, verdict.file) == ("valid", readable(more[-1]))
    done = subprocess.run([*words, "edit", raw("没有.double")], capture_output=True, check=False)
    assert "没有.double" in done.stderr.decode()


def test_texts_are_always_whole(raw):
    files.write_text(raw("说明.txt"), f"see {raw('照片.png')}")
    assert raw("说明.txt").read_text(encoding="utf-8").endswith("/照片/照片.png")
