"""The process that eSpeak NG runs in, a script for :class:`fenshen.companion.Companion`.

eSpeak NG is GPL-3 code and not ours: it stays in a process of its own, a script that is given the paths of its library
and data and imports nothing of Fenshen. A request is ``{"voice", "text", "sound"}``. With ``sound`` the answer is
``{"rate", "bytes", "events"}``, followed by that many bytes of int16 samples; an event is milliseconds and a phoneme.
Without it, it is ``{"phonemes"}``: the text in IPA, one string a clause. ``{"error"}`` says what went wrong.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from typing import Any

# espeak_Initialize: sound to a callback, no threads; phoneme events, in IPA
_SYNCHRONOUS, _IPA_EVENTS = 2, 1 | 2
_UTF8, _PHONEMES = 1, 0x100  # espeak_Synth
_IPA, _TIE = 0x02, 0x80 | ord("^") << 8  # espeak_TextToPhonemes: IPA, affricates and diphthongs tied by ^
_PHONEME = 7  # an event's type


class _Id(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    ]


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class _Espeak:
    def __init__(self, library: str, data: str) -> None:
        self._library = ctypes.CDLL(library)
        self.rate: int = self._library.espeak_Initialize(_SYNCHRONOUS, 0, data.encode(), _IPA_EVENTS)
        if self.rate <= 0:
            raise RuntimeError("espeak_Initialize failed")
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(1))  # eSpeak takes the time for one
        self._sound = bytearray()
        self._events: list[tuple[int, str]] = []
        self._callback = _Callback(self._hear)  # kept: ctypes does not
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_Synth.argtypes = [
            ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int,
            ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p,
        ]  # fmt: skip
        self._library.espeak_TextToPhonemes.restype = ctypes.c_char_p

    def answer(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        if self._library.espeak_SetVoiceByName(request["voice"].encode()) != 0:
            return {"error": f"no voice {request['voice']}"}, b""
        text = request["text"].replace("\0", " ").encode()
        if not request["sound"]:
            return {"phonemes": self._phonemes(text)}, b""
        self._sound.clear()
        self._events.clear()
        self._library.espeak_Synth(text, len(text) + 1, 0, 1, 0, _UTF8 | _PHONEMES, None, None)
        self._library.espeak_Synchronize()
        sound = bytes(self._sound)
        return {"rate": self.rate, "bytes": len(sound), "events": self._events}, sound

    def _phonemes(self, text: bytes) -> list[str]:
        place = ctypes.c_char_p(text)
        clauses = []
        while place.value:
            said = self._library.espeak_TextToPhonemes(ctypes.byref(place), _UTF8, _IPA | _TIE)
            clauses.append((said or b"").decode("utf-8", "ignore"))
        return clauses

    def _hear(self, samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            self._sound += ctypes.string_at(samples, count * 2)
        i = 0
        while events[i].type:
            if events[i].type == _PHONEME:
                # Eight bytes, cut anywhere and not always ended by a zero.
                symbol = bytes(events[i].id.string).decode("utf-8", "ignore")
                self._events.append((events[i].audio_position, symbol))
            i += 1
        return 0


def main() -> None:
    """Answer until the other side closes."""
    espeak = _Espeak(*sys.argv[1:])
    for line in sys.stdin.buffer:
        # eSpeak's synthesis goes on where it stopped, and never sounds the same twice. Where the system can copy a
        # process, each request is answered by a copy of this one as it was when it started.
        copy = os.fork() if hasattr(os, "fork") else None
        if copy:
            _, status = os.waitpid(copy, 0)
            if status:
                sys.stdout.buffer.write(json.dumps({"error": f"it ended with {status}"}).encode() + b"\n")
                sys.stdout.buffer.flush()
            continue
        head, sound = espeak.answer(json.loads(line))
        sys.stdout.buffer.write(json.dumps(head).encode() + b"\n" + sound)
        sys.stdout.buffer.flush()
        if copy == 0:
            os._exit(0)


if __name__ == "__main__":
    main()
