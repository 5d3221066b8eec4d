"""``fenshen say``: a double speaks a text or a recording, as a film or as sound alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from fenshen import files
from fenshen.commands import DEVICE, RATE, SEED, Word, instead
from fenshen.doubles.options import OutputOptions
from fenshen.errors import UsageError

if TYPE_CHECKING:
    from fenshen.doubles.store import Double


@instead("--list-voices", "fenshen.motion.speech:voices", help="cli.list_voices")
def say(
    double: Path | str | Double,
    text: str | None = None,
    *,
    out: Annotated[Path | str | None, Word(metavar="FILE|-")] = None,
    audio: Path | str | None = None,
    lang: Annotated[str | None, Word("--spoken", "zh|en")] = None,
    voice: str | None = None,
    engine: Annotated[str | None, Word(metavar="NAME|URL")] = None,
    stream: bool = False,
    rate: Annotated[float, RATE] = 25.0,
    output: OutputOptions = OutputOptions(),
    seed: Annotated[int, SEED] = 0,
    device: Annotated[str, DEVICE] = "auto",
    force: bool = False,
) -> Path:
    """Let a double speak a text or a recording.

    Args:
        double: a .double file
        text: what to say, in Chinese, English or both
        out: the film to write, or .wav for the voice alone; by default a film named after the double. With --stream, -
            is standard output
        audio: a recording to speak along with, instead of a text
        lang: language of the text; by default the one that most of it is in
        voice: a voice of the engine, see --list-voices; by default the double's own, else one for the language
        engine: what speaks: kokoro (default), espeak, or the address of an OpenAI-compatible server
        stream: write frames as they are drawn, sentence by sentence: an MP4 that can be watched while it grows
        rate: frames per second
        output: how the film is finished
        seed: random seed of blinks, glances and nods
        device: where to compute
        force: overwrite an existing film

    Returns:
        The film's path.

    Raises:
        UsageError: both or neither of ``text`` and ``audio``, or an unknown voice or engine.
        FenshenError: the double, the voice or the recording cannot be opened, or the film cannot be written.
    """
    from fenshen.doubles.output import LIVE_FILM, SOUND, SOUND_FILM, Output
    from fenshen.doubles.store import Double
    from fenshen.motion.talk import talk_audio, talk_stream
    from fenshen.provenance.inputs import of_files

    if (text is None) == (audio is None):
        raise UsageError("double.text_or_audio")
    if audio is not None and out is not None and Path(out).suffix.lower() == SOUND:
        raise UsageError("double.sound_of_sound")
    opened = Double.of(double, device)
    suffix = ".webm" if output.transparent else ".mp4"
    target = Path(out) if out is not None else Path(f"{opened.path.stem}{suffix}")
    recording = of_files([Path(audio)], "recording") if audio is not None and Path(audio).is_file() else []
    medium = LIVE_FILM if stream else SOUND_FILM
    writer = Output(opened, target, medium, output, inputs=recording, force=force)
    if audio is not None:
        files.must_be_file(audio, "files.recording")
        pieces = iter([talk_audio(audio, rate=rate, seed=seed)])
    else:
        voice = voice or opened.card.voice
        pieces = talk_stream(str(text), lang=lang, voice=voice, engine=engine, rate=rate, seed=seed)
    if target.suffix.lower() == SOUND and not stream:
        return writer.sound((said.samples, said.sample_rate) for said, _ in pieces)
    return writer.film((track, (said.samples, said.sample_rate)) for said, track in pieces)
