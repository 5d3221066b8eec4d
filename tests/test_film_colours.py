"""Colours of films that say how bright they are."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from fenshen import video


def pq(nits: np.ndarray) -> np.ndarray:
    y = (nits / 10000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375


@pytest.mark.parametrize(
    ("said", "apart"),
    [
        ("", False),
        ("max-cll=4000,400", True),
        ("master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(40000000,50)", True),
    ],
)
def test_highlights_keep_apart_up_to_the_peak_that_a_film_names(
    tmp_path: Path, said: str, apart: bool
) -> None:
    path, nits = tmp_path / "bright.mkv", np.array([20.0, 100.0, 1500.0, 3500.0])
    luma = np.round(64 + 876 * pq(nits)).astype(np.uint16).repeat(32)
    settings = ["log-level=none", "crf=4", "hdr10=1", "repeat-headers=1", *([said] if said else [])]
    with av.open(path, "w") as container:
        stream = container.add_stream("libx265", rate=25, options={"x265-params": ":".join(settings)})
        stream.width, stream.height, stream.pix_fmt = 128, 64, "yuv420p10le"
        context = stream.codec_context
        context.color_trc, context.color_primaries, context.colorspace, context.color_range = 16, 9, 9, 1
        frame = av.VideoFrame(128, 64, "yuv420p10le")
        frame.pts = 0
        for plane, row in zip(frame.planes, (luma, np.full(64, 512), np.full(64, 512)), strict=True):
            rows = np.zeros((plane.height, plane.line_size // 2), np.uint16)
            rows[:, : len(row)] = row
            plane.update(rows.tobytes())
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    dark, skin, light, lightest = next(video.frames(path)).picture[32, 16::32, 1].astype(int)
    assert abs(dark - 255 * (20 / 203) ** (1 / 2.4)) < 4, "what is darker than a third of white stays"
    assert 160 < skin < light
    assert (lightest - light > 2) == apart, (dark, skin, light, lightest)
