"""Sounds for tests: tones, and files of any kind."""

from __future__ import annotations

import av
import numpy as np


def tone(seconds, rate=24000, loud=0.3):
    time = np.arange(round(seconds * rate)) / rate
    return (loud * np.sin(2 * np.pi * 220 * time)).astype(np.float32)


def saved(path, samples, rate, layout="stereo", codec=None):
    codec = (
        codec
        or {".wav": "pcm_s16le", ".mp3": "libmp3lame", ".flac": "flac", ".ogg": "libvorbis"}[path.suffix]
    )
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        planes = np.tile(samples, (2 if layout == "stereo" else 1, 1))
        frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout=layout)
        frame.sample_rate = rate
        resampler = av.AudioResampler(stream.format, layout, rate, 1024)
        for piece in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path
