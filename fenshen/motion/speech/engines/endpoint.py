"""A speech server that speaks OpenAI's protocol, by its address: the text, and nothing else, goes there."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from functools import cached_property
from typing import Any
from urllib.parse import urldefrag

from fenshen import audio
from fenshen.errors import FenshenError
from fenshen.motion.speech import ENGINES
from fenshen.motion.speech.align import aligned
from fenshen.motion.speech.engines.espeak import Espeak
from fenshen.motion.speech.spoken import Engine, Language, Speech

KEY = "FENSHEN_SPEECH_KEY"  # the environment variable with the server's key, if it wants one
_MODEL, _VOICE = "tts-1", "alloy"
_SECONDS = 120  # to wait for an answer
_MOST = 64 << 20  # bytes of it


@ENGINES.register("http://")
@ENGINES.register("https://")
class Endpoint(Engine):
    """The engine behind an address; which voices it has, it does not say.

    Args:
        address: up to and with the version, such as ``http://localhost:8880/v1``; a model may be named after a
            ``#``.
    """

    def __init__(self, address: str) -> None:
        base, model = urldefrag(address)
        self._url = base.rstrip("/") + "/audio/speech"
        self._model = model or _MODEL

    @classmethod
    def open(cls, name: str) -> Endpoint:
        """The engine of an address."""
        return cls(name)

    def synthesize(self, text: str, lang: Language, voice: str | None = None) -> Speech:
        """See :meth:`Engine.synthesize`; without eSpeak NG, phonemes are left to the sound."""
        try:
            samples = audio.read(self._ask(text, voice or _VOICE))
        except (OSError, ValueError) as error:
            why = getattr(error, "reason", None) or error
            raise FenshenError("motion.endpoint_failed", url=self._url, why=why) from error
        except FenshenError as error:
            why = error.values.get("why", error)
            raise FenshenError("motion.endpoint_failed", url=self._url, why=why) from error
        spoken = Speech(samples, audio.RATE)
        if self._espeak is None:
            return spoken
        model = self._espeak.synthesize(text, lang)
        return Speech(samples, audio.RATE, aligned(samples, audio.RATE, model))

    @cached_property
    def _espeak(self) -> Espeak | None:
        try:
            return Espeak()
        except FenshenError:
            return None

    def _ask(self, text: str, voice: str) -> bytes:
        body = {"model": self._model, "input": text, "voice": voice, "response_format": "wav"}
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get(KEY):
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(self._url, json.dumps(body).encode(), headers)
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=_SECONDS) as answer:
            data = answer.read(_MOST + 1)
        if len(data) > _MOST:
            raise ValueError("the answer is too long")
        return data


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A server may not send the text and the key elsewhere."""

    def redirect_request(self, *_: Any) -> None:
        return None
