"""Videos in and out: what is written comes back, and nothing that is fed in breaks the reader."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fenshen import audio, messages, video
from fenshen.errors import FenshenError, UsageError
from fenshen.video import reading

GREEN, BLUE, RED, GREY = (20, 200, 40), (30, 60, 220), (225, 40, 40), (128, 128, 128)


def picture(index: int = 0, height: int = 96, width: int = 160) -> np.ndarray:
    """Four coloured quarters, and a white bar that tells the frame's number."""
    result = np.zeros((height, width, 3), dtype=np.uint8)
    for (y, x), colour in zip(((0, 0), (0, 1), (1, 0), (1, 1)), (GREEN, BLUE, RED, GREY), strict=True):
        result[y * height // 2 : (y + 1) * height // 2, x * width // 2 : (x + 1) * width // 2] = colour
    result[-8:, : 2 * index] = 255
    return result


def corners(shown: np.ndarray) -> list[np.ndarray]:
    """The colours in the middle of the four quarters, in reading order."""
    height, width = shown.shape[:2]
    return [shown[height // 4 + y * height // 2, width // 4 + x * width // 2] for y in (0, 1) for x in (0, 1)]


def assert_colours(shown: np.ndarray, *expected: tuple[int, int, int]) -> None:
    assert np.abs(np.array(corners(shown), dtype=int) - expected).max() <= 6


def encoded(
    path: Path,
    *,
    count: int = 12,
    rotate: float = 0,
    aspect: str = "1",
    codec: str = "libx264",
    group: int = 12,
) -> Path:
    """A video with metadata that :func:`fenshen.video.write` never sets."""
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = 96, 160, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(aspect)
        stream.codec_context.gop_size = group
        if rotate:
            stream.set_display_rotation(rotate)
        for index in range(count):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(index), format="rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "clip.mp4"
    video.write(path, (picture(i) for i in range(50)), 25)
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".gif", ".mkv"])
def test_what_is_written_comes_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    video.write(path, (picture(i) for i in range(10)), 10)
    read = list(video.frames(path))
    assert [frame.index for frame in read] == list(range(10))
    assert np.allclose([frame.timestamp for frame in read], np.arange(10) / 10, atol=0.011)
    for frame in read:
        assert_colours(frame.picture, GREEN, BLUE, RED, GREY)
        assert abs(int((frame.picture[-4] > 200).all(axis=1).sum()) - 2 * frame.index) <= 2
    info = video.probe(path)
    assert (info.height, info.width, info.rotation, info.has_audio) == (96, 160, 0, False)
    assert info.fps == pytest.approx(10)
    assert list(tmp_path.iterdir()) == [path]


def test_sound_lies_beside_the_pictures(tmp_path: Path) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(22050) / 22050).astype(np.float32)
    for suffix, samples in ((".mp4", tone), (".webm", np.stack([tone, -tone], axis=1))):
        path = tmp_path / f"out{suffix}"
        video.write(path, (picture(i, 97, 161) for i in range(25)), 25, audio=(samples, 22050))
        info = video.probe(path)
        assert (info.height, info.width, info.has_audio) == (98, 162, True)
        with av.open(path) as container:
            sound = list(container.decode(audio=0))
        seconds = sum(frame.samples for frame in sound) / sound[0].sample_rate
        assert seconds == pytest.approx(1, abs=0.06)
        left = np.concatenate([np.atleast_2d(frame.to_ndarray())[0] for frame in sound])
        assert 0.3 < np.abs(left[len(left) // 4 : len(left) // 2]).max() < 0.7


@pytest.mark.parametrize(
    ("rotate", "degrees", "colours"),
    [
        (90, 270, (BLUE, GREY, GREEN, RED)),
        (-90, 90, (RED, GREEN, GREY, BLUE)),
        (180, 180, (GREY, RED, BLUE, GREEN)),
    ],
)
def test_frames_are_upright(tmp_path: Path, rotate: int, degrees: int, colours: tuple) -> None:
    path = encoded(tmp_path / "turned.mp4", rotate=rotate)
    first = next(video.frames(path)).picture
    assert_colours(first, *colours)
    info = video.probe(path)
    assert info.rotation == degrees
    assert first.shape[:2] == (info.height, info.width)


def test_pixels_are_square(tmp_path: Path) -> None:
    wide = encoded(tmp_path / "wide.mp4", aspect="16/15")
    tall = encoded(tmp_path / "tall.mkv", aspect="8/9")
    assert next(video.frames(wide)).picture.shape == (96, 171, 3)
    assert next(video.frames(tall)).picture.shape == (108, 160, 3)
    assert (video.probe(tall).height, video.probe(tall).width) == (108, 160)


def test_two_moments_in_one_frame_leave_no_comb(tmp_path: Path) -> None:
    path = tmp_path / "fields.mpg"
    still = np.random.default_rng(0).integers(0, 256, (12, 10, 3)).repeat(8, 0).repeat(8, 1).astype(np.uint8)
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg2video", rate=25, options={"flags": "+ilme+ildct", "qmax": "2"})
        stream.height, stream.width, stream.pix_fmt, stream.bit_rate = 96, 160, "yuv420p", 10**7
        for _ in range(5):
            woven = np.concatenate([still, np.full((96, 80, 3), 20, np.uint8)], axis=1)
            woven[::2, 100:120], woven[1::2, 130:150] = 220, 220  # a bar moves between the fields
            container.mux(stream.encode(av.VideoFrame.from_ndarray(woven, format="rgb24")))
        container.mux(stream.encode(None))
    shown = list(video.frames(path))[-1].picture.astype(int)
    lines = shown[2:-2, 90:, 1]
    assert np.abs(np.diff(lines, axis=0)).max() < 60, "no line stands out"
    assert np.abs(shown[:, 4:76:8] - still[:, 4:76:8]).mean() < 16, "what stands still keeps its lines"


@pytest.mark.parametrize(
    ("codec", "suffix"), [("mpeg4", ".avi"), ("mpeg2video", ".mpg"), ("libvpx-vp9", ".webm")]
)
def test_old_and_new_codecs(tmp_path: Path, codec: str, suffix: str) -> None:
    read = list(video.frames(encoded(tmp_path / f"in{suffix}", codec=codec)))
    assert len(read) == 12
    assert_colours(read[-1].picture, GREEN, BLUE, RED, GREY)


@settings(max_examples=15, deadline=None)
@given(every=st.integers(1, 60), fps=st.floats(0.3, 60), cuts=st.lists(st.floats(0, 2.2), max_size=3))
def test_choosing_frames(clip: Path, every: int, fps: float, cuts: list[float]) -> None:
    assert [f.index for f in video.frames(clip, every=every)] == list(range(0, 50, every))

    chosen = [(f.index, f.timestamp) for f in video.frames(clip, fps=fps)]
    times = [time for _, time in chosen]
    assert times[0] == 0
    assert len(times) == len(set(times)) <= np.floor(2 * min(fps, 25)) + 1
    # On average at the rate asked for, never more than a frame off its tick.
    if fps <= 25:
        assert np.allclose(times, np.arange(len(times)) / fps, atol=0.041)

    # Stretches of a video put together are the whole.
    edges = [0.0, *sorted(cuts), None]
    parts = [f.index for a, b in pairwise(edges) for f in video.frames(clip, fps=fps, start=a, stop=b)]
    assert parts == [index for index, _ in chosen]


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [
        ("libx264", ".mp4"),
        ("libx264", ".ts"),
        ("mpeg2video", ".mpg"),
        ("mpeg4", ".avi"),
        ("libvpx-vp9", ".webm"),
    ],
)
def test_a_late_stretch_is_sought_and_is_that_of_the_whole(
    tmp_path: Path, codec: str, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = encoded(tmp_path / f"long{suffix}", codec=codec, count=350, group=40)
    whole = list(video.frames(path))
    decoded, count = reading._decoded, [0]

    def counted(*args: object) -> Iterator[object]:
        for frame in decoded(*args):
            count[0] += 1
            yield frame

    monkeypatch.setattr(reading, "_decoded", counted)
    edge = whole[302].timestamp  # a stretch begins exactly at a frame
    for start, stop in ((edge, None), (9.99, edge)):
        for options in ({}, {"every": 7}, {"fps": 3.0}):
            wanted = [f for f in video.frames(path, **options) if start <= f.timestamp < (stop or np.inf)]
            count[0] = 0
            found = list(video.frames(path, start=start, stop=stop, **options))
            assert [(f.index, f.timestamp) for f in found] == [(f.index, f.timestamp) for f in wanted]
            assert all(np.array_equal(a.picture, b.picture) for a, b in zip(found, wanted, strict=True))
            assert count[0] < (220 if suffix != ".mpg" else 351), "not decoded from the start"


def test_a_damaged_tail_keeps_the_rest(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 64, 64, 3), dtype=np.uint8)
    whole = tmp_path / "whole.mkv"
    video.write(whole, iter(noise), 25)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    kept = list(video.frames(cut))
    assert 10 <= len(kept) < 40
    for left, right in zip(kept, video.frames(whole), strict=False):
        assert np.array_equal(left.picture, right.picture)


def _audio_only(path: Path) -> None:
    with av.open(path, "w") as container:
        stream = container.add_stream("aac", rate=44100, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 44100), np.float32), format="fltp", layout="mono")
        silence.sample_rate = 44100
        container.mux(stream.encode(silence))
        container.mux(stream.encode(None))


@pytest.mark.parametrize(
    ("name", "content", "key"),
    [
        ("empty.mp4", b"", "video.not_a_video"),
        ("random.mp4", np.random.default_rng(1).bytes(4096), "video.not_a_video"),
        ("text.avi", b"not a video at all\n" * 50, "video.not_a_video"),
        ("bare.y4m", b"YUV4MPEG2 W64 H64 F25:1 Ip A1:1 C420jpeg\n", "video.no_frames"),
        ("huge.y4m", b"YUV4MPEG2 W60000 H60000 F25:1 Ip A1:1 C420jpeg\nFRAME\n" + b"0" * 999, None),
        ("concat.mp4", b"ffconcat version 1.0\nfile '/etc/hostname'\n", "video.not_a_video"),
        ("sound.m4a", _audio_only, "video.no_picture"),
        ("missing.mp4", None, "video.missing"),
    ],
)
def test_what_is_no_video_is_refused_in_a_sentence(
    tmp_path: Path, name: str, content: object, key: str
) -> None:
    path = tmp_path / name
    if callable(content):
        content(path)
    elif isinstance(content, bytes):
        path.write_bytes(content)
    for look in (video.probe, lambda path: list(video.frames(path))):
        with pytest.raises(FenshenError) as caught:
            look(path)
        assert key is None or caught.value.key == key
        assert name in str(caught.value)
        assert len(str(caught.value)) < 300 + len(str(path))


def test_a_playlist_opens_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/part.ts"
        playlist = tmp_path / "list.m3u8"
        playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{address}\n#EXT-X-ENDLIST\n")
        with pytest.raises(FenshenError):
            video.probe(playlist)
        with pytest.raises(TimeoutError):
            server.accept()


def test_wrong_words() -> None:
    with pytest.raises(UsageError):
        video.frames("x.mp4", every=2, fps=5)
    with pytest.raises(UsageError):
        video.frames("x.mp4", every=0)
    with pytest.raises(UsageError):
        video.frames("x.mp4", fps=float("nan"))
    with pytest.raises(UsageError):
        video.write("x.txt", [picture()], 25)


def test_writing_fails_without_a_trace(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FenshenError, match="Cannot write"):
        video.write(tmp_path / "file" / "out.mp4", [picture()], 25)
    (tmp_path / "file").unlink()
    for pictures in ([], [picture(), picture(height=32)]):
        for suffix in (".mp4", ".gif"):
            with pytest.raises(ValueError, match="picture"):
                video.write(tmp_path / f"out{suffix}", pictures, 25)
    assert list(tmp_path.iterdir()) == []


def test_every_message_is_in_both_languages() -> None:
    for room in ("video", "faces"):
        for name, sentences in messages.catalogue(room).items():
            assert set(sentences) == {"en", "zh"}, name
            assert any("\u4e00" <= letter <= "\u9fff" for letter in sentences["zh"]), name


@pytest.mark.parametrize("channels", [1, 2, 6, 8])
@pytest.mark.parametrize(("suffix", "rate"), [(".mp4", 44100), (".mp4", 22222), (".webm", 48000)])
def test_a_films_sound_keeps_its_channels(tmp_path: Path, channels: int, suffix: str, rate: int) -> None:
    path = tmp_path / f"film{suffix}"
    time = np.arange(rate) / rate
    tones = np.stack([0.3 * np.sin(2 * np.pi * (200 + 100 * i) * time) for i in range(channels)], axis=1)
    video.write(path, (picture(i) for i in range(25)), 25, audio=(tones.astype(np.float32), rate))
    kept = audio.of_film(path, 0.0)
    assert kept is not None
    samples = np.concatenate(list(kept.pieces))
    assert samples.shape[1] == channels
    assert kept.rate == (rate if rate == 44100 else 48000)
    middle = samples[kept.rate // 4 : 3 * kept.rate // 4]
    peaks = np.abs(np.fft.rfft(middle, axis=0)).argmax(0) * kept.rate / len(middle)
    # The LFE channel is low-passed by encoders.
    assert all(abs(peaks[i] - 200 - 100 * i) < 6 for i in range(channels) if i != 3 or channels < 6)


def hdr(code: np.ndarray, transfer: str) -> np.ndarray:
    """Codes of a picture in BT.2020, by the formulas of BT.2100: white of the given picture is at 203 nits."""
    to_2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
    to_p3 = np.array([[0.8225, 0.1774, 0.0], [0.0332, 0.9669, 0.0], [0.0171, 0.0724, 0.9108]])
    nits = 203 * (np.clip(code, 0, 1) ** 2.4) @ (to_p3 if transfer == "p3" else to_2020).T
    if transfer == "pq":
        y = (nits / 10000) ** 0.1593017578125
        return ((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375
    if transfer == "hlg":
        display = nits / 1000
        luminance = np.maximum(display @ [0.2627, 0.6780, 0.0593], 1e-9)
        scene = display * (luminance ** (-0.2 / 1.2))[..., None]
        high = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
        return np.where(scene <= 1 / 12, np.sqrt(3 * scene), high)
    return (nits / 203) ** (1 / 2.4)


@pytest.mark.parametrize(
    ("transfer", "number", "full"),
    [("pq", 16, False), ("hlg", 18, False), ("hlg", 18, True), ("sdr", 14, False), ("p3", 1, False)],
)
def test_hdr_films_look_as_if_filmed_without(tmp_path: Path, transfer: str, number: int, full: bool) -> None:
    draw = np.random.default_rng(0)
    # Colours of skin, cloth and walls: up to a third of white in linear light, where nothing is rolled off.
    colours = draw.uniform(0.1, 0.6, (6, 8, 3)).astype(np.float64)
    shown = colours.repeat(16, 0).repeat(16, 1)
    codes = hdr(shown, transfer)
    weights = [0.2126, 0.7152, 0.0722] if transfer == "p3" else [0.2627, 0.6780, 0.0593]
    luma = codes @ weights
    blue, red = ((codes[..., i] - luma) / (2 - 2 * weights[i]) for i in (2, 0))
    low, spans = (0, (1023, 1023)) if full else (64, (876, 896))
    planes = [luma * spans[0] + low, blue * spans[1] + 512, red * spans[1] + 512]
    frame = av.VideoFrame(128, 96, "yuv444p10le")
    for plane, values in zip(frame.planes, planes, strict=True):
        rows = np.zeros((96, plane.line_size // 2), np.uint16)
        rows[:, :128] = np.round(values)
        plane.update(rows.tobytes())
    path = tmp_path / "hdr.mkv"
    with av.open(path, "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv444p10le"
        context = stream.codec_context
        context.color_trc = number
        context.color_primaries, context.colorspace = (12, 1) if transfer == "p3" else (9, 9)
        context.color_range = 2 if full else 1
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    seen = next(video.frames(path)).picture
    assert lab_distance(seen, shown).mean() < 3
    assert lab_distance(seen, codes).mean() > 2 * lab_distance(seen, shown).mean(), (
        "as it came, it looks wrong"
    )


def lab_distance(seen: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Delta E (CIE 1976) of each pixel; ``shown`` is in [0, 1]."""
    import cv2

    first, second = (cv2.cvtColor(x.astype(np.float32), cv2.COLOR_RGB2LAB) for x in (seen / 255, shown))
    return np.linalg.norm(first - second, axis=-1)
