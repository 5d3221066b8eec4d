"""A double that speaks: films that can be watched while they grow, lips in step, nothing left of what was stopped."""

from __future__ import annotations

import importlib.util
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from sounding import tone

import fenshen
from fenshen import OutputOptions, audio, video
from fenshen.doubles.output import FILM, LIVE_FILM, STANDARD, Output, Scene
from fenshen.doubles.store import Double
from fenshen.errors import FenshenError, UsageError
from fenshen.faces.detect import FaceFinder
from fenshen.landmarks import CHIN, FOREHEAD, LIPS
from fenshen.motion.idle import idle
from fenshen.motion.speech import ENGINES, Engine, Language, Speech

TEXT = "你好👋，my name is Fenshen……“真的”？！"
speaks = pytest.mark.skipif(importlib.util.find_spec("espeakng_loader") is None, reason="needs espeak")


@speaks
def test_lips_and_sound_agree(someone: Path, tmp_path: Path) -> None:
    text = "Hello, I am a digital double. My mother bought a big blue boat."
    film = fenshen.say(
        someone, text, out=tmp_path / "film.mp4", engine="espeak", output=OutputOptions(scale=2)
    )
    finder, opening = FaceFinder(), []
    for frame in video.frames(film):
        points = finder.find(frame.picture)[0].landmarks
        upper, lower = points[list(LIPS)]
        opening.append(np.linalg.norm(upper - lower) / np.linalg.norm(points[FOREHEAD] - points[CHIN]))
    heard = audio.loudness(audio.read(film), audio.RATE, 25.0, len(opening))
    lags = range(-6, 7)
    agreement = [np.corrcoef(np.roll(heard, lag)[6:-6], opening[6:-6])[0, 1] for lag in lags]
    assert abs(lags[int(np.argmax(agreement))]) <= 1
    assert max(agreement) > 0.4


def test_an_engine_from_outside_speaks(someone: Path, tmp_path: Path) -> None:
    @ENGINES.register("mine")
    class Mine(Engine):
        def synthesize(self, text: str, lang: Language, voice: str | None = None) -> Speech:
            return Speech(tone(len(text) / 10), audio.RATE)

    film = fenshen.say(
        someone, "Hello, there.", out=tmp_path / "film.mp4", engine="mine", output=OutputOptions(scale=1)
    )
    heard = audio.read(film)[2000:20000]
    assert abs(np.abs(np.fft.rfft(heard)).argmax() * audio.RATE / len(heard) - 220) < 3
    with pytest.raises(UsageError, match=r"kokoro.*mine"):
        fenshen.say(someone, "Hello.", out=tmp_path / "other.mp4", engine="yours")


@speaks
def test_picture_and_sound_last_equally_long(someone: Path, tmp_path: Path) -> None:
    film = fenshen.say(
        someone, TEXT, out=tmp_path / "film.mp4", engine="espeak", rate=30, output=OutputOptions(scale=1)
    )
    frames = video.probe(film).frames
    assert abs(len(audio.read(film)) / audio.RATE - frames / 30) <= 1 / 30


@speaks
def test_a_film_can_be_watched_while_it_grows(
    someone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"{TEXT} One. Two."
    film = fenshen.say(
        someone, text, out=tmp_path / "live.mp4", engine="espeak", stream=True, output=OutputOptions(scale=1)
    )
    assert fenshen.verify(film).status == "valid"  # signed once it was whole
    pipe = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(sys, "stdout", pipe)
    fenshen.say(someone, text, out="-", engine="espeak", stream=True, output=OutputOptions(scale=1))
    piped = pipe.buffer.getvalue()
    fragments = piped.split(b"moof")
    assert len(fragments) > 5
    (tmp_path / "half.mp4").write_bytes(piped[: len(piped) // 2])  # all that has come so far
    with av.open(tmp_path / "half.mp4") as half:
        assert sum(1 for _ in half.decode(video=0)) > 5
    (tmp_path / "piped.mp4").write_bytes(piped)
    assert fenshen.verify(tmp_path / "piped.mp4").status == "stripped"  # its marks are there
    assert video.probe(tmp_path / "piped.mp4").has_audio
    with pytest.raises(UsageError, match="--no-label"):
        fenshen.say(someone, "Hello.", out="-", stream=True, output=OutputOptions(label=False))
    with pytest.raises(UsageError, match=r"\.mp4"):
        fenshen.say(someone, "Hello.", out=tmp_path / "x.webm", stream=True)


@pytest.mark.parametrize(
    ("name", "targets"),
    [(name, FILM) for name in ("film.mp4", "film.webm", "film.webp", "film.gif", "frames")]
    + [("film.mp4", LIVE_FILM)],
)
def test_what_is_interrupted_leaves_nothing(name: str, targets: Any, someone: Path, tmp_path: Path) -> None:
    def scenes() -> Iterator[Scene]:
        yield idle(0.2, 25.0, seed=0), None
        raise KeyboardInterrupt

    output = Output(Double.open(someone), tmp_path / name, targets, OutputOptions(scale=1))
    with pytest.raises(KeyboardInterrupt):
        output.film(scenes())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("name", ["a.png", "a.mp4", "a.webm", "frames", "live.mp4"])
def test_nothing_unsigned_is_left(
    name: str, late: bool, someone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object, **__: object) -> Path:
        raise FenshenError("provenance.cannot_sign", path="hidden", why="no room")

    if late:
        monkeypatch.setattr("fenshen.provenance.mark.sign", failing)
    else:
        (tmp_path / "config").touch()
        monkeypatch.setenv("FENSHEN_CONFIG", str(tmp_path / "config"))
    out = tmp_path / "out"
    out.mkdir()
    double = Double.open(someone)
    with pytest.raises(FenshenError, match=r"[Ss]ign"):
        if name == "a.png":
            fenshen.edit(double, out=out / name)
        else:
            targets = LIVE_FILM if name == "live.mp4" else FILM
            output = Output(double, out / name, targets, OutputOptions(scale=1))
            output.film([(idle(0.2, 25.0, seed=0), None)])
    assert not list(out.iterdir())


def test_a_pipe_that_closes_is_said_in_a_sentence(someone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(Closed()))  # type: ignore[arg-type]
    with pytest.raises(FenshenError, match="Broken pipe"):
        Output(Double.open(someone), STANDARD, LIVE_FILM, OutputOptions()).film(
            [(idle(0.4, 25.0, seed=0), None)]
        )
