"""Grey pictures of 16 bits: read and written in their own unit, learnt, drawn and judged."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import fenshen
from fenshen import greys, media, portraits
from fenshen.data import open_data
from fenshen.data.phantoms import Phantoms
from fenshen.errors import FenshenError, UsageError
from fenshen.greys import FULL, GREYS, Levels
from fenshen.messages import message
from fenshen.networks import FAMILIES, NetworkConfig, build_discriminator, build_generator
from fenshen.provenance.verify import verify
from fenshen.training.measuring import pictures as measuring

GREY = [name for name, family in FAMILIES.items() if family.grey]


def ramp(side: int = 40, start: int = 100, step: int = 37) -> np.ndarray:
    """A picture of many values, uint16."""
    return (
        (start + step * np.arange(side * side, dtype=np.int64) % FULL).astype(np.uint16).reshape(side, side)
    )


def dicom(values: np.ndarray, kind: str = "MONOCHROME2", slope: float = 1, intercept: float = 0) -> bytes:
    """A DICOM file of one frame, with a patient's name in it."""
    pydicom = pytest.importorskip("pydicom")
    file = pydicom.dataset.FileDataset("", {}, preamble=b"\0" * 128)
    file.file_meta = pydicom.dataset.FileMetaDataset()
    file.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    file.file_meta.MediaStorageSOPClassUID = pydicom.uid.CTImageStorage
    file.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    file.SOPClassUID, file.PatientName = pydicom.uid.CTImageStorage, "Somebody^Real"
    file.Rows, file.Columns = values.shape
    file.SamplesPerPixel, file.BitsAllocated, file.BitsStored, file.HighBit = 1, 16, 16, 15
    file.PixelRepresentation, file.PhotometricInterpretation = 0, kind
    file.RescaleSlope, file.RescaleIntercept = slope, intercept
    file.PixelData = values.astype("<u2").tobytes()
    stream = io.BytesIO()
    file.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def encoded(values: np.ndarray, suffix: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, {"png": "PNG", "tif": "TIFF"}[suffix])
    return stream.getvalue()


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_values_are_read_as_they_were_measured(suffix: str) -> None:
    (page,) = greys.read(encoded(ramp(), suffix), "x")
    assert (page == ramp()).all()


def test_every_page_of_a_tiff_is_a_picture() -> None:
    stream = io.BytesIO()
    first, *more = (Image.fromarray(ramp(start=start)) for start in (0, 500, 900))
    first.save(stream, "TIFF", save_all=True, append_images=more)
    assert [int(page.min()) for page in greys.read(stream.getvalue(), "x")] == [0, 500, 900]


def test_dicom_comes_in_its_own_unit_and_the_right_way_round() -> None:
    (page,) = greys.read(dicom(ramp(), intercept=-1024), "x")
    assert (page == ramp().astype(np.float32) - 1024).all()
    (other,) = greys.read(dicom(ramp(), "MONOCHROME1"), "x")
    assert (other == FULL - ramp().astype(np.float32)).all()  # by its bits, not by what it shows


def test_what_is_no_grey_picture_is_refused_with_its_name() -> None:
    colours = np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)
    broken = dicom(ramp())[:-900]
    nan = np.full((40, 40), np.nan, np.float32)
    for data in (encoded(colours, "png"), broken, b"no picture", encoded(nan, "tif"), b"\0" * 128 + b"DICM"):
        with pytest.raises(FenshenError, match="a name"):
            greys.read(data, "a name")


@given(st.floats(-2000, 70_000), st.floats(1e-3, 70_000))
def test_numbers_in_a_file_give_the_values_back(low: float, width: float) -> None:
    levels = Levels(low, low + width)
    some = np.array([[0, 1, 1000, 32767, FULL]], np.uint16)
    numbers, slope, intercept = levels.stored(some)
    wrong = np.abs(numbers * slope + intercept - levels.values(some)).max()
    assert wrong <= slope / 2 + 1e-6 * (abs(low) + width)
    assert (np.abs(levels.greys(levels.values(some)).astype(int) - some) <= 1).all()


def test_networks_see_all_of_16_bits() -> None:
    some = np.arange(FULL + 1, dtype=np.uint16).reshape(1, 256, 256)
    assert (GREYS.decode(GREYS.encode(some, "cpu")) == some).all()


def test_a_label_changes_only_what_it_covers() -> None:
    grey = np.random.default_rng(0).integers(0, FULL, (128, 128)).astype(np.uint16)
    from fenshen.provenance import label

    rows, columns = label.box(128, 128)
    marked = greys.labelled(grey, label.put)
    changed = marked != grey
    assert changed[rows, columns].any()
    changed[rows, columns] = False
    assert not changed.any()


def test_phantoms_are_the_same_in_every_run_and_half_have_lesions() -> None:
    one, other = Phantoms("40"), Phantoms("40")
    assert (one.samples == other.samples).all()
    assert one.samples.dtype == np.uint16
    assert len(np.unique(one.samples)) > 1000
    assert 0.4 < np.mean([one.slice(i).lesions > 0 for i in range(200)]) < 0.6


def test_a_folder_is_read_in_its_window_and_patients_are_kept_together(tmp_path: Path) -> None:
    for patient in range(12):
        for number in range(3):
            file = tmp_path / f"patient-{patient}" / f"{number}.dcm"
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(dicom(ramp(70, start=patient), intercept=-1024))
    (tmp_path / "notes.txt").write_text("passed over")
    data = open_data(f"greys:-160..240:{tmp_path}")
    assert data.samples.shape == (36, 64, 64)
    assert data.card.levels == (-160, 240)
    assert {0, FULL} <= set(np.unique(data.samples).tolist())
    away = data.indices("held_out")
    assert len(away) in (3, 6)
    assert (np.sort(away).reshape(-1, 3) // 3).std(axis=1).max() == 0
    assert b"Somebody" not in data.card.origin[0].encode()


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("greys:nowhere", "greys.no_folder"),
        ("greys:5..5:.", "greys.no_window"),
        ("phantoms:3", "greys.no_count"),
        ("phantoms:-1", "greys.no_count"),
    ],
)
def test_bad_words_are_refused(name: str, key: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_data(name)
    assert caught.value.key == key


def test_flat_small_and_no_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FenshenError) as caught:
        open_data(f"greys:{tmp_path}")
    assert caught.value.key == "greys.empty"
    for values, key in ((ramp(20), "greys.too_small"), (np.zeros((40, 40), np.uint16), "greys.flat")):
        (tmp_path / "a.png").write_bytes(encoded(values, "png"))
        with pytest.raises(FenshenError) as caught:
            len(open_data(f"greys:{tmp_path}").samples)
        assert caught.value.key == key


@pytest.mark.parametrize("family", GREY)
def test_families_draw_and_judge_one_channel(family: str) -> None:
    config = NetworkConfig(family=family, size=32, dimensions=1, width=8, max_width=32, latent=16)
    drawn = build_generator(config)(torch.randn(2, 16))
    assert drawn.shape == (2, 1, 32, 32)
    judge = build_discriminator(config)
    assert judge(judge.features(drawn)).shape[0] == 2
    assert config.medium is GREYS
    assert NetworkConfig(family=family, size=32).medium is media.PICTURES


def test_a_family_of_colours_says_who_draws_grey() -> None:
    with pytest.raises(ValueError, match="dcgan"):
        NetworkConfig(family="style", size=32, dimensions=1)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("greys") / "run"
    small = ("size=32", "width=8", "max_width=64", "batch_size=4", "steps=30", "evaluate_every=30")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "_KID_SAMPLES", 16)  # looking at more takes most of the time
        fenshen.train("phantoms:90", out=out, settings=small, device="cpu", progress=False)
    return out


def test_what_is_drawn_has_one_channel_of_16_bits_in_the_unit_of_the_files(run: Path, tmp_path: Path) -> None:
    fenshen.generate(run, out=tmp_path / "one.png", seeds="3", scale=4)
    fenshen.generate(run, out=tmp_path / "sheet.png", seeds="0-9")
    fenshen.generate(run, out=tmp_path / "some", seeds="0-1")
    for file in (tmp_path / "one.png", tmp_path / "sheet.png", *sorted((tmp_path / "some").iterdir())):
        with Image.open(file) as picture:
            assert picture.mode == "I;16"
            values = np.asarray(picture)
        assert len(np.unique(values)) > 256
        assert values.max() <= 4095
        text = portraits.read_text(file)
        assert (float(text["RescaleSlope"]), float(text["RescaleIntercept"])) == (1, 0)
        assert verify(file).ok
    assert np.asarray(Image.open(tmp_path / "one.png")).shape == (128, 128)
    (film,) = fenshen.generate(
        run, out=tmp_path / "walk.mp4", seeds="0-1", seconds=0.2
    )  # of 8 bits, for the eye
    assert verify(film).ok


def test_a_run_is_judged_and_a_reader_gets_a_sheet(run: Path, tmp_path: Path) -> None:
    report = fenshen.evaluate(run, "phantoms:90", tmp_path, count=12, reader=5, device="cpu", progress=False)
    assert report.figures.mobilenet_kid > 0
    answers = json.loads((tmp_path / "reader.json").read_text("utf-8"))
    assert sorted(answers.values()) == ["generated"] * 5 + ["real"] * 5
    assert set(report.files) == {
        str(tmp_path / n) for n in ("report.json", "report.html", "reader.png", "reader.json")
    }
    assert portraits.read(tmp_path / "reader.png").shape[1] > 6 * 192
    with pytest.raises(UsageError) as caught:
        fenshen.evaluate(run, "phantoms:90", tmp_path / "b", count=8, reader=9, device="cpu", progress=False)
    assert str(caught.value) == message("evaluate.reader", reader=9, count=8)
