"""Text as it is spoken.

A text is cleaned of markup (:mod:`.clean`), checked for scripts that no voice speaks (:mod:`.scripts`), cut into
sentences and those by script (:mod:`.split`); then Chinese (:mod:`.chinese`) and English (:mod:`.english`) each read
their own numbers, dates, money, units and signs. What both say for the same sign stands in :mod:`.words`.

The grammars of wetext were tried first. They fail on much of what people bring ("#1" raises an error, "the 1990s" are
seconds, HK$500 are US dollars, GPT-4 is minus four), and they weigh 50 MB.
"""

from __future__ import annotations

from fenshen.motion.speech.text.split import HAN, MAX_CHARACTERS, PAUSE, language_of, runs, sentences

__all__ = ["HAN", "MAX_CHARACTERS", "PAUSE", "language_of", "runs", "sentences"]
