"""Doubles without their background: pictures and films that are transparent where nobody is."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch
from people import photograph
from PIL import Image
from sounding import saved, tone

import fenshen
from fenshen import OutputOptions, portraits, video
from fenshen.doubles.matte import Matte
from fenshen.doubles.output import FILM
from fenshen.drawing import draw, request_of_seed
from fenshen.errors import UsageError
from fenshen.model import Model
from fenshen.networks.selfie import Selfie

SEED = 4


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    model = Model.load("humans")
    (picture,) = draw(model, [request_of_seed(model, SEED)])
    return portraits.resize(picture, 256)


def test_the_network_computes_what_the_original_does() -> None:
    """Reference values: the original file, run with ai-edge-litert 2.3.0 on the same picture."""
    picture = cv2.resize(photograph(), (256, 256), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    with torch.inference_mode():
        (sure,) = Selfie.load()(torch.from_numpy(picture).permute(2, 0, 1)[None])[0]
    assert sure.mean().item() == pytest.approx(0.5443407, abs=1e-4)
    for y, x, value in ((7, 113, 0.385574), (134, 9, 0.359819), (203, 7, 0.717993), (239, 117, 0.773872)):
        assert sure[y, x].item() == pytest.approx(value, abs=2e-3)


def test_the_middle_is_opaque_and_the_upper_corners_are_not(portrait: np.ndarray) -> None:
    for size in (128, 256, 320):
        cut = Matte().cut(portraits.resize(portrait, size))
        assert cut.shape == (size, size, 4)
        opacity, eighth = cut[..., 3], size // 8
        assert (opacity[3 * eighth : 5 * eighth, 3 * eighth : 5 * eighth] == 255).all()
        assert (opacity[:eighth, :eighth] == 0).all()
        assert (opacity[:eighth, -eighth:] == 0).all()
        soft = np.mean((opacity > 0) & (opacity < 255))
        assert 0 < soft < 0.15  # an edge, and no fog


def test_no_colour_of_the_ground_is_left_at_the_edge(portrait: np.ndarray) -> None:
    """Before a ground of another colour the same person is cut out: on black, the two look alike."""
    cut = Matte().cut(portrait)
    opacity = cut[..., 3:].astype(np.float32) / 255
    grounds = [np.array(colour, np.float32) for colour in ((40, 200, 60), (60, 60, 230))]
    before = [np.rint(cut[..., :3] * opacity + ground * (1 - opacity)).astype(np.uint8) for ground in grounds]
    on_black = [
        each[..., :3] * (each[..., 3:].astype(np.float32) / 255) for each in (Matte().cut(p) for p in before)
    ]
    edge = (opacity[..., 0] > 0.05) & (opacity[..., 0] < 0.95)
    leaked = np.abs(on_black[0] - on_black[1])[edge].mean()
    assert leaked < 0.15 * np.abs(before[0].astype(float) - before[1])[edge].mean()


def test_edges_are_calm_in_a_film(portrait: np.ndarray) -> None:
    noise = np.random.default_rng(0).integers(-3, 4, (6, *portrait.shape))
    frames = [np.clip(portrait + each, 0, 255).astype(np.uint8) for each in noise]
    film, single = Matte(film=True), Matte()

    def unrest(cut: list[np.ndarray]) -> float:
        return float(np.abs(np.diff([each[..., 3].astype(float) for each in cut], axis=0)).mean())

    assert unrest([film.cut(frame) for frame in frames]) < unrest([single.cut(frame) for frame in frames])


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_a_transparent_picture_says_who_made_it(someone: Path, tmp_path: Path, suffix: str) -> None:
    file = fenshen.edit(someone, out=tmp_path / f"cut{suffix}", output=OutputOptions(transparent=True))
    with Image.open(file) as picture:
        opacity = np.asarray(picture.convert("RGBA"))[..., 3]
    assert opacity[0, 0] == 0
    assert opacity[128, 128] == 255
    verdict = fenshen.verify(file)
    assert verdict.status == "valid"
    assert verdict.watermark == (verdict.model or "")[:8]


def test_sheets_are_transparent_too(someone: Path, tmp_path: Path) -> None:
    sheet = fenshen.edit(
        someone,
        out=tmp_path / "sheet.png",
        grid=("smile:0:1:3", "yaw:-10:10:2"),
        output=OutputOptions(scale=1, transparent=True),
    )
    opacity = np.asarray(Image.open(sheet))[..., 3]
    assert opacity.shape[1] == 3 * 128
    assert all(opacity[y * 128 + 64, x * 128 + 64] == 255 for x in range(3) for y in range(2))
    assert all(opacity[y * 128 + 2, x * 128 + 2] == 0 for x in range(3) for y in range(2))
    both = fenshen.edit(
        someone,
        out=tmp_path / "both.webp",
        before_after=True,
        output=OutputOptions(scale=1, transparent=True),
    )
    assert Image.open(both).size[0] == 2 * 128


def opacities(film: Path) -> list[np.ndarray]:
    """Of all frames of a WebM, which FFmpeg's own decoder of VP9 does not see."""
    decoder = av.CodecContext.create("libvpx-vp9", "r")
    with av.open(film) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        frames = [frame for packet in [*packets, None] for frame in decoder.decode(packet)]
    return [frame.reformat(format="rgba").to_ndarray()[..., 3] for frame in frames]


def test_a_webm_is_transparent_and_marked(someone: Path, tmp_path: Path) -> None:
    fenshen.animate(someone, out=tmp_path / "alive.webm", idle=0.4, output=OutputOptions(transparent=True))
    seen = opacities(tmp_path / "alive.webm")
    assert len(seen) == 10
    assert all(opacity[4, 4] < 8 and opacity[128, 128] > 247 for opacity in seen)
    verdict = fenshen.verify(tmp_path / "alive.webm")
    assert verdict.status == "valid"
    assert verdict.watermark == (verdict.model or "")[:8]


def test_what_is_said_is_transparent_with_its_sound(someone: Path, tmp_path: Path) -> None:
    hum = saved(tmp_path / "hum.wav", tone(0.5), 24000)
    film = fenshen.say(
        someone, audio=hum, out=tmp_path / "said.webm", output=OutputOptions(scale=1, transparent=True)
    )
    assert film == tmp_path / "said.webm"
    assert film.with_name("said.webm.c2pa").is_file()
    assert video.probe(tmp_path / "said.webm").has_audio
    assert all(opacity[2, 2] < 8 for opacity in opacities(tmp_path / "said.webm"))


@pytest.mark.parametrize("name", ["alive.gif", "alive.webp", "frames"])
def test_gifs_webps_and_frames_are_transparent(someone: Path, tmp_path: Path, name: str) -> None:
    fenshen.animate(someone, out=tmp_path / name, idle=0.12, output=OutputOptions(scale=1, transparent=True))
    files = [tmp_path / name] if "." in name else sorted((tmp_path / name).glob("*.png"))
    shown = []
    for file in files:
        with Image.open(file) as picture:
            for number in range(getattr(picture, "n_frames", 1)):
                picture.seek(number)
                shown.append(np.asarray(picture.convert("RGBA"))[..., 3])
    assert len(shown) == 3
    assert all(opacity[2, 2] == 0 and opacity[64, 64] == 255 for opacity in shown)


def test_what_cannot_be_transparent_is_refused_in_a_sentence(someone: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.png, \.webp"):
        fenshen.edit(someone, out=tmp_path / "x.jpg", output=OutputOptions(transparent=True))
    for suffix in (".mp4", ".mov", ".mkv"):
        assert suffix in FILM.suffixes
        with pytest.raises(UsageError, match=r"\.webm.* folder"):
            fenshen.animate(
                someone, out=tmp_path / f"x{suffix}", idle=0.4, output=OutputOptions(transparent=True)
            )
    with pytest.raises(UsageError, match=r"\.webm"):
        fenshen.say(someone, "Hello", out=tmp_path / "x.mp4", output=OutputOptions(transparent=True))
    with pytest.raises(UsageError, match="--stream"):
        fenshen.say(
            someone, "Hello", out=tmp_path / "x.mp4", stream=True, output=OutputOptions(transparent=True)
        )
    assert not list(tmp_path.iterdir())
