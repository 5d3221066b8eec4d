"""``fenshen evaluate`` from end to end: known answers, the report, and what it refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image, ImageFilter

from fenshen import __version__, avatars, dataset, messages, model, portraits
from fenshen.errors import FenshenError, UsageError
from fenshen.metrics import charts, history
from fenshen.metrics.evaluate import evaluate
from fenshen.metrics.report import Report, judge
from fenshen.networks import NetworkConfig, build_generator

SIZE, TRAIN, HELD_OUT = 64, 72, 40
NASTY = 'a<script>"&'  # a folder may be called anything


def write_dataset(path: Path, pixels: np.ndarray, held_out: int) -> dataset.Dataset:
    count = len(pixels)
    rows: dict[str, list[Any]] = {field.name: [None] * count for field in dataset.RECORDS}
    rows["source"] = [f"drawn:{i}" for i in range(count)]
    rows["split"] = ["train"] * (count - held_out) + ["held_out"] * held_out
    card = dataset.DatasetCard(
        size=pixels.shape[1],
        count=count,
        rejected=0,
        crop="none",
        origin=["drawn"],
        licence="CC0-1.0",
        fenshen=__version__,
    )
    records = pa.table(rows, schema=dataset.RECORDS)
    return dataset.write(path, card, pixels, records, dataset.REJECTED.empty_table())


def write_folder(path: Path, pixels: np.ndarray) -> Path:
    path.mkdir()
    for i, picture in enumerate(pixels):
        Image.fromarray(picture).save(path / f"{i:03}.png")
    return path


@pytest.fixture(scope="module")
def drawn() -> np.ndarray:
    return np.stack([avatars.draw("lorelei", seed, SIZE) for seed in range(TRAIN + HELD_OUT + 48)])


@pytest.fixture(scope="module")
def faces(drawn: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> dataset.Dataset:
    path = tmp_path_factory.mktemp("data") / NASTY
    return write_dataset(path, drawn[: TRAIN + HELD_OUT], HELD_OUT)


@pytest.fixture(scope="module")
def others(drawn: np.ndarray) -> np.ndarray:
    """More pictures of the same kind, in the dataset's neither half."""
    return drawn[TRAIN + HELD_OUT :]


def run(subject: Any, data: dataset.Dataset, out: Path, **options: Any) -> Report:
    return evaluate(subject, data, out, device="cpu", progress=False, **{"count": 48, **options})


def keys(report: Report) -> dict[str, str]:
    return {verdict.topic: verdict.key for verdict in report.verdicts}


def test_real_pictures_are_near_and_a_report_is_written(
    faces: dataset.Dataset, others: np.ndarray, tmp_path: Path
) -> None:
    report = run(write_folder(tmp_path / "real", others), faces, tmp_path / "out")
    found = keys(report)
    assert (found["quality"], found["variety"]) == ("quality_same", "variety_full")
    assert found["trust"] == "trust_few"
    assert report.copies.share <= 0.1
    assert abs(report.figures.mobilenet_kid) < 0.02 < report.ruler[0].mobilenet_kid
    marks = [mark.mobilenet_kid for mark in report.ruler]
    assert marks == sorted(marks)
    assert report.real_figures is not None
    assert (report.generated, report.real, report.reference) == (48, HELD_OUT, "held_out")
    assert Report.model_validate_json((tmp_path / "out" / "report.json").read_text("utf-8")) == report
    assert list((faces.path / ".cache").glob("features-*.npy"))
    again = run(tmp_path / "real", faces, tmp_path / "again")  # from the cache
    assert again.figures == report.figures


def test_the_page_stands_alone_in_two_languages(
    faces: dataset.Dataset, others: np.ndarray, tmp_path: Path
) -> None:
    run(write_folder(tmp_path / "real", others[:16]), faces, tmp_path / "out")
    html = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert not re.search(r"https?://|src=\"(?!data:)|href=|@import|url\(|<script", html)
    assert "default-src 'none'" in html
    assert NASTY not in html
    assert "a&lt;script&gt;" in html
    for language in messages.LANGUAGES:
        assert html.count(f'<span lang="{language}">') > 30
    assert html.count("data:image/webp") == 16 + HELD_OUT + 2 * 12


def test_known_damages_show(faces: dataset.Dataset, others: np.ndarray, tmp_path: Path) -> None:
    soft = [Image.fromarray(p).filter(ImageFilter.GaussianBlur(1.5)) for p in others]
    blurred = run(write_folder(tmp_path / "blurred", np.stack(soft)), faces, tmp_path / "1")
    assert keys(blurred)["quality"] in ("quality_soft", "quality_far", "quality_lost")
    strangers = np.stack([avatars.draw("pixel-art", seed, SIZE) for seed in range(32)])
    strange = run(write_folder(tmp_path / "strange", strangers), faces, tmp_path / "2")
    assert keys(strange)["variety"] != "variety_full"
    assert keys(strange)["copies"] == "copies_none"
    assert strange.figures.precision == strange.figures.coverage == 0
    repeated = run(write_folder(tmp_path / "one", np.repeat(others[:1], 32, axis=0)), faces, tmp_path / "3")
    assert keys(repeated)["variety"] == "variety_collapse"
    assert max(repeated.figures.diversity, repeated.figures.recall) < 0.1
    assert repeated.figures.coverage < 0.25  # one picture lies in about 5 of 32 neighbourhoods
    copied = run(faces, faces, tmp_path / "4")  # a dataset against itself: its training pictures
    assert keys(copied)["copies"] == "copies_memorised"
    assert copied.copies.share == 1
    assert "advice" not in copied.text
    assert "--set" not in copied.text  # nobody trained these


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run as training leaves it, with a generator that learnt nothing."""
    path = tmp_path_factory.mktemp("runs") / "run"
    torch.manual_seed(0)
    network = NetworkConfig(family="dcgan", size=SIZE, latent=8, width=4)
    card = model.ModelCard(
        network=network,
        recipe="dcgan-64",
        step=7,
        pictures_seen=70,
        origin=["drawn"],
        pictures=TRAIN,
        fenshen="0",
    )
    model.save(path / "checkpoints" / "step-00000007", build_generator(network), card)
    rows = [{"step": s, "time": s, "images": 8 * s, "loss_g": 1.0, "loss_d": 2 / s} for s in range(1, 500)]
    rows += [{"step": 100, "kid": 0.5}, {"step": 200, "kid": 0.25}]
    rows += [{"step": 300, "finding": "collapse", "text": "<b>alike</b>"}]
    lines = [json.dumps(row) for row in rows]
    lines += ["{cut sho", "[1]", '{"step": "x"}', '{"step": 1, "kid": NaN}', '{"step": 1' + "0" * 400 + "}"]
    (path / "log.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return path


def test_a_run_is_drawn_judged_and_its_curves_shown(
    trained: Path, faces: dataset.Dataset, tmp_path: Path
) -> None:
    report = run(trained, faces, tmp_path / "out", count=40, seed=5)
    assert (report.subject["kind"], report.subject["step"], report.generated) == ("model", 7, 40)
    assert keys(report)["quality"] == "quality_lost"
    html = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert html.count("<path") == 3  # KID and two losses; no row had scores
    assert "&lt;b&gt;alike" in html
    again = run(model.Model.load(trained), faces, tmp_path / "again", count=40, seed=5)
    assert again.figures == report.figures
    assert run(trained, faces, tmp_path / "else", count=40, seed=6).figures != report.figures


def test_history_passes_over_what_it_cannot_read(trained: Path, tmp_path: Path) -> None:
    read = history.read(trained)
    assert read.curves["kid"] == [(100, 0.5), (200, 0.25)]
    assert len(read.curves["loss_g"]) <= 240
    assert (read.steps, read.pictures, read.findings) == (499, 8 * 499, [(300, "<b>alike</b>")])
    assert history.read(tmp_path).curves["kid"] == []


def test_charts_scale_to_round_numbers() -> None:
    chart = charts.lines([[(0.0, 0.1), (50.0, 0.9)], [(0.0, 3.0)]], low=0.0)
    assert chart is not None
    assert [tick.label for tick in chart.y_ticks] == ["0", "0.25", "0.5", "0.75", "1"]
    assert chart.paths[0] == "M0.0 180.0L600.0 20.0"
    assert chart.paths[1] == ""
    assert charts.lines([[(1.0, 1.0)]]) is None


def test_few_pictures_and_sizes_are_owned_up_to(drawn: np.ndarray, tmp_path: Path) -> None:
    small = write_dataset(tmp_path / "small", drawn[:20], held_out=3)
    large = np.repeat(np.repeat(drawn[20:36], 2, axis=1), 2, axis=2)
    report = run(write_dataset(tmp_path / "large", large, held_out=0), small, tmp_path / "out")
    assert (report.reference, report.real, report.real_figures) == ("all", 20, None)
    assert keys(report)["trust"] == "trust_no_held_out"
    assert report.settings["compared_at"] == SIZE
    assert "128 px" in (tmp_path / "out" / "report.html").read_text("utf-8")


def test_every_verdict_can_be_said_in_both_languages(
    trained: Path, faces: dataset.Dataset, tmp_path: Path
) -> None:
    report = run(trained, faces, tmp_path / "out", count=16)
    seen = set()
    half, quarter, eighth = (mark.mobilenet_kid for mark in report.ruler)
    kids = (0.0, half * 0.9, quarter * 0.9, eighth * 0.9, eighth * 2)
    for kid, diversity, coverage in zip(
        kids, (0.1, 0.6, 1.0, 1.0, 1.0), (0.9, 0.9, 0.9, 0.1, 0.9), strict=True
    ):
        change = {"mobilenet_kid": kid, "diversity": diversity, "coverage": coverage, "repeats": 0.0}
        for number, copies in enumerate(("none", "some", "memorised", "alike", "unknown")):
            varied = report.model_copy(
                update={
                    "figures": report.figures.model_copy(
                        update={**change, "colour_diversity": 1 - 0.2 * number}
                    ),
                    "copies": report.copies.model_copy(update={"verdict": copies}),
                    "reference": "all" if number == 4 else "held_out",
                    "generated": (50, 200, 900, 900, 900)[number],
                    "real": 600,
                }
            )
            for verdict in judge(varied):
                seen.add(verdict.key)
                assert "{" not in verdict.en + verdict.zh
    said = {key for key in messages.catalogue("evaluate") if re.match("quality|variety|copies|trust", key)}
    assert seen == {key for key in said if not key.endswith("_advice")}


def test_the_base_model_goes_by_its_name(faces: dataset.Dataset, tmp_path: Path) -> None:
    report = run(Path("humans"), faces, tmp_path / "out", count=8)
    assert report.subject["recipe"] == model.Model.load("humans").card.recipe
    with pytest.raises(UsageError, match="is a file"):
        run(Path(report.files[0]), faces, tmp_path / "again")
    with pytest.raises(UsageError, match="is a file"):
        run(Path("humans"), faces, report.files[0])


def test_refusals(faces: dataset.Dataset, others: np.ndarray, tmp_path: Path) -> None:
    real = write_folder(tmp_path / "real", others[:12])
    for count in (3, 10**8):
        with pytest.raises(UsageError, match="count"):
            run(real, faces, tmp_path / "out", count=count)
    with pytest.raises(UsageError, match="nowhere"):
        run(tmp_path / "nowhere", faces, tmp_path / "out")
    with pytest.raises(UsageError, match="absent"):
        run(real, faces, tmp_path / "out", inception=tmp_path / "absent.safetensors")
    with pytest.raises(FenshenError, match="8"):
        run(write_folder(tmp_path / "few", others[:5]), faces, tmp_path / "out")
    for i in range(10):
        (tmp_path / "few" / f"broken{i}.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(FenshenError, match="5 readable"):
        run(tmp_path / "few", faces, tmp_path / "out")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FenshenError, match="Cannot write"):
        run(real, faces, tmp_path / "file" / "out")
    assert not (tmp_path / "out").exists()
    run(real, faces, tmp_path / "out")
    with pytest.raises(UsageError, match="--force"):
        run(real, faces, tmp_path / "out")
    run(real, faces, tmp_path / "out", force=True)


def test_inception_fid_is_measured_with_given_weights(
    faces: dataset.Dataset, others: np.ndarray, tmp_path: Path
) -> None:
    from safetensors.torch import save_file

    from fenshen.metrics.inception import InceptionV3

    torch.manual_seed(0)
    save_file(InceptionV3().state_dict(), tmp_path / "inception.safetensors")
    small = write_dataset(tmp_path / "small", portraits_of(others[:10]), held_out=0)
    report = run(
        write_folder(tmp_path / "real", others[:8]),
        small,
        tmp_path / "out",
        inception=tmp_path / "inception.safetensors",
    )
    assert report.inception_fid is not None
    assert report.inception_fid >= 0
    assert "Inception FID" in (tmp_path / "out" / "report.html").read_text("utf-8")


def portraits_of(pixels: np.ndarray) -> np.ndarray:
    return np.stack([portraits.resize(picture, 32) for picture in pixels])
