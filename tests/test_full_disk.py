"""On a full disk every writer says one sentence, and leaves what was there before, and nothing else."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch

from fenshen import controls, model, portraits, video
from fenshen.errors import FenshenError

resource = pytest.importorskip("resource")  # not on Windows

NOISE = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)
ROOM = 2048  # bytes that a file may have


def write_picture(folder: Path) -> Path:
    portraits.write(folder / "a.png", NOISE)
    return folder / "a.png"


def write_film(folder: Path) -> Path:
    video.write(folder / "a.mp4", [NOISE] * 8, 25)
    return folder / "a.mp4"


def write_gif(folder: Path) -> Path:
    video.write(folder / "a.gif", [NOISE] * 4, 25)
    return folder / "a.gif"


def write_track(folder: Path) -> Path:
    from fenshen.motion.track import Track

    values = np.random.default_rng(0).random((200, controls.COUNT)).astype(np.float32) / 2
    Track(values, 25.0).save(folder / "a.track.parquet")
    return folder / "a.track.parquet"


def write_human(folder: Path) -> Path:
    from fenshen.humans import sample
    from fenshen.humans.human import write

    write(sample(1), folder / "a.json")
    return folder / "a.json"


def write_dataset(folder: Path) -> Path:
    from fenshen.preparation.prepare import prepare

    prepare(["avatars:lorelei:4"], folder / "data", size=32, workers=1, force=True, progress=False)
    return folder / "data"


def write_checkpoint(folder: Path) -> Path:
    from fenshen.training import checkpoint

    path = checkpoint.save(folder, 1, {"weights": torch.rand(4000)}, lambda part: None)
    return path.parent


def write_double(folder: Path) -> Path:
    from fenshen.doubles import store
    from fenshen.humans import sample
    from fenshen.provenance.consent import self_consent

    card = store.DoubleCard(
        name="a", look="human", frames=1, seconds=0, neutral=controls.NEUTRAL.tolist(), seen={}, fenshen="0"
    )
    store.save(folder / "a.double", card, model.find(Path("humans")), sample(1), self_consent("a"))
    return folder / "a.double"


WRITERS = [
    write_picture,
    write_film,
    write_gif,
    write_track,
    write_human,
    write_dataset,
    write_checkpoint,
    write_double,
]


def contents(path: Path) -> dict[str, bytes]:
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return {str(file): file.read_bytes() for file in files}


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__.removeprefix("write_"))
def test_what_was_there_stays(write, tmp_path):
    written = write(tmp_path)
    before, names = contents(written), sorted(os.listdir(tmp_path))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, hard))  # Python ignores the signal: writing raises
    try:
        with pytest.raises(FenshenError, match="Cannot write"):
            write(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert contents(written) == before
    left = [name for name in os.listdir(tmp_path) if name not in names]
    assert left in ([], [".data.units"])  # finished work of prepare, which the next call continues


def test_a_full_temporary_folder_is_named(tmp_path):
    from fenshen import Double

    double = write_double(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, hard))
    try:
        with pytest.raises(FenshenError, match="temporary folder") as caught:
            Double.open(double)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(caught.value.values["path"]) == tempfile.gettempdir()


def test_a_temporary_folder_that_cannot_be_used_is_named(tmp_path, monkeypatch):
    from fenshen import Double

    double = write_double(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(FenshenError, match=r"temporary folder .*gone"):
        Double.open(double)


def test_what_the_system_refuses_is_not_called_damaged(tmp_path, monkeypatch):
    from fenshen import Double
    from fenshen.dataset import Dataset
    from fenshen.motion import track

    data, double, film = write_dataset(tmp_path), write_double(tmp_path), write_track(tmp_path)
    picture = write_picture(tmp_path)

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    for place, action in (
        ("fenshen.doubles.store.zipfile.ZipFile", lambda: Double.open(double)),
        ("fenshen.dataset.np.load", lambda: Dataset(data)),
        ("fenshen.files.read_table", lambda: Dataset(data).records),
        ("pyarrow.parquet.ParquetFile", lambda: track.load(film)),
        ("fenshen.files.read_tensors", lambda: model.Model.load("humans")),
        ("PIL.Image.open", lambda: portraits.read(picture)),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(place, refused)
            with pytest.raises(FenshenError, match=r"Cannot read .*: Permission denied"):
                action()
