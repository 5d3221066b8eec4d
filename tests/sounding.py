"""Sounds for tests: tones, and files of any kind."""

from __future__ import annotations

from fractions import Fraction

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


def film(path, *, times, sound, rate=48000, layout="stereo", codecs=("pcm_s16le",)):
    """A film of grey frames at times in seconds, with parts of sound (start, [channels, samples]); a track a codec."""
    with av.open(path, "w") as container:
        picture = container.add_stream("libx264", rate=1000, options={"bf": "0"})
        picture.height, picture.width, picture.pix_fmt = 64, 64, "yuv420p"
        picture.time_base = picture.codec_context.time_base = Fraction(1, 1000)
        tracks = [container.add_stream(codec, rate=rate, layout=layout) for codec in codecs]
        for time in times:
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 128, np.uint8), format="rgb24")
            frame.pts, frame.time_base = round(time * 1000), Fraction(1, 1000)
            container.mux(picture.encode(frame))
        container.mux(picture.encode(None))
        for start, planes in sound:
            for at in range(0, planes.shape[1], 1024):
                piece = np.ascontiguousarray(
                    (planes[:, at : at + 1024].T.reshape(1, -1) * 32767).astype(np.int16)
                )
                frame = av.AudioFrame.from_ndarray(piece, format="s16", layout=layout)
                frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
                frame.pts = round(start * rate) + at
                for track in tracks:
                    container.mux(track.encode(frame))
        for track in tracks:
            container.mux(track.encode(None))
    return path
