"""Text as it is spoken.

A text is cleaned of markup (:mod:`.clean`), checked for scripts that no voice speaks (:mod:`.scripts`), cut into
sentences and those by script (:mod:`.split`); then Chinese (:mod:`.chinese`) and English (:mod:`.english`) each read
their own numbers, dates, money, units and signs. What both say for the same sign stands in :mod:`.words`.
"""

from __future__ import annotations

from fenshen.motion.speech.text.split import HAN, MAX_CHARACTERS, PAUSE, language_of, runs, sentences

__all__ = ["HAN", "MAX_CHARACTERS", "PAUSE", "language_of", "runs", "sentences"]
