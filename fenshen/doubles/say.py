"""``fenshen say``: a double speaks a text or a recording."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fenshen.doubles.output import Output
from fenshen.doubles.store import Double
from fenshen.errors import UsageError

if TYPE_CHECKING:
    from fenshen.provenance.credentials import Signer

_FILMS = (".mp4", ".mov", ".mkv", ".webm")


def say(
    double: Path | str,
    text: str | None = None,
    *,
    out: Path | str | None = None,
    audio: Path | str | None = None,
    lang: str | None = None,
    voice: str | None = None,
    engine: str = "kokoro",
    rate: float = 25.0,
    scale: float = 2.0,
    label: bool = True,
    transparent: bool = False,
    signer: Signer | None = None,
    seed: int = 0,
    device: str = "auto",
    stream: bool = False,
    force: bool = False,
) -> Path:
    """Film a double that says something.

    Args:
        double: a ``.double``.
        text: in Chinese, English, or both.
        out: a film; by default named after the double.
        audio: a recording to be moved to, instead of a text.
        lang: ``zh`` or ``en``; by default what most of the text is.
        voice: of the engine; by default the double's own, else one for the language.
        engine: ``kokoro``, ``espeak``, or the address of an OpenAI-compatible server.
        rate: frames a second.
        scale: 1 to 4.
        label: draw the visible label.
        transparent: leave out the background; only a .webm can.
        signer: of the credentials, from :func:`fenshen.provenance.credentials.load`; self-made if None.
        seed: of blinks, glances and nods.
        device: where to compute.
        stream: write frames as they come, sentence by sentence: to an MP4 that can be watched while it grows, or to
            standard output where ``out`` is ``-``.
        force: replace what is there.

    Raises:
        UsageError: both or neither of ``text`` and ``audio``, an unknown voice or engine.
        FenshenError: the double, the voice or the recording cannot be opened, or the film cannot be written.
    """
    from fenshen.motion.talk import talk_audio, talk_stream

    if (text is None) == (audio is None):
        raise UsageError("double.text_or_audio")
    opened = Double.open(double, device)
    target = Path(out or f"{Path(double).stem}{'.webm' if transparent else '.mp4'}")
    output = Output(
        opened,
        target,
        _FILMS,
        scale=scale,
        label=label,
        transparent=transparent,
        signer=signer,
        force=force,
        live=stream,
    )
    if audio is not None:
        pieces = iter([talk_audio(audio, rate=rate, seed=seed)])
    else:
        voice = voice or opened.card.voice
        pieces = talk_stream(str(text), lang=lang, voice=voice, engine=engine, rate=rate, seed=seed)
    return output.film((track, (said.samples, said.sample_rate)) for said, track in pieces)
