"""Films whose time stamps cannot be taken as they are: put together, numbered, damaged."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from sounding import film, tone

from fenshen import audio, video


def beeping(path: Path, codec: str = "mp2") -> Path:
    """Two seconds at 25 frames a second with a beep at 0.5 s."""
    sound = np.zeros((2, 96000), np.float32)
    sound[:, 24000:28800] = tone(0.1, 48000, 0.8)
    return film(path, times=np.arange(50) / 25, sound=[(0.0, sound)], codecs=(codec,))


def beeps(path: Path) -> np.ndarray:
    """When beeps begin, in seconds from the first frame."""
    sound = audio.of_film(path, video.probe(path).start)
    assert sound is not None
    loud = np.flatnonzero(np.abs(np.concatenate(list(sound.pieces))[:, 0]) > 0.2) / sound.rate
    return loud[np.diff(loud, prepend=-9) > 0.3]


@pytest.mark.parametrize("suffix", [".ts", ".mkv"])
def test_parts_that_were_put_together_are_one_film(tmp_path: Path, suffix: str) -> None:
    part = beeping(tmp_path / f"part{suffix}")
    whole = tmp_path / f"whole{suffix}"
    whole.write_bytes(2 * part.read_bytes())
    times = [frame.timestamp for frame in video.frames(whole)]
    assert len(times) == 100
    assert np.diff(times).min() > 0.03
    assert np.diff(times).max() < 0.2
    assert np.allclose(beeps(whole), 0.5 + np.array(times)[[0, 50]], atol=0.012)
    parts = [*video.frames(whole, stop=2.5), *video.frames(whole, start=2.5)]
    assert [frame.timestamp for frame in parts] == times


def test_sound_that_begins_a_little_beside_the_picture_stays_there(tmp_path: Path) -> None:
    for late in (0.02, 0.025):
        beep = np.tile(tone(0.2, 48000, 0.8), (2, 1))
        path = film(tmp_path / f"{late}.mkv", times=np.arange(25) / 25, sound=[(late, beep)])
        assert beeps(path) == pytest.approx([late], abs=0.002)


def test_frames_of_an_avi_are_shown_at_its_rate(tmp_path: Path) -> None:
    path = tmp_path / "numbered.avi"
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"bf": "2", "b_strategy": "0"})
        stream.height, stream.width, stream.pix_fmt = 64, 64, "yuv420p"
        for index in range(50):
            grey = np.full((64, 64, 3), 4 * index, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(stream.encode(None))
    frames = list(video.frames(path))
    assert np.allclose([frame.timestamp for frame in frames], np.arange(50) / 25)
    assert (np.diff([float(frame.picture.mean()) for frame in frames]) > 0).all()
    assert video.probe(path).start == 0


def test_frames_that_come_too_late_are_left_out(tmp_path: Path) -> None:
    whole, damaged = tmp_path / "whole.mp4", tmp_path / "damaged.mp4"
    noise = np.random.default_rng(0).integers(0, 256, (50, 64, 64, 3), dtype=np.uint8)
    with av.open(whole, "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"bf": "3", "g": "25"})
        stream.height, stream.width, stream.pix_fmt = 64, 64, "yuv420p"
        for picture in noise:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    with av.open(whole) as source, av.open(damaged, "w") as container:
        track = container.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None and not Fraction(1, 4) < packet.pts * packet.time_base < Fraction(3, 4):
                packet.stream = track
                container.mux(packet)
    assert (np.diff([frame.timestamp for frame in video.frames(damaged)]) > 0).all()
