"""Measuring texts: how likely the oracle finds them; or, where they have words, BLEU beside held-out ones."""

from __future__ import annotations

from numpy import ndarray

from fenshen.data.oracle import Oracle
from fenshen.data.texts import spelt, tokens
from fenshen.metrics.texts import bleu, distinct, f_score, self_bleu
from fenshen.training.measuring import MEASURING, Draw, Measuring

_MEASURED = 500


@MEASURING.register("texts")
class TextMeasuring(Measuring):
    """Measures texts by their oracle, or by words that they share with held-out ones."""

    def diversity(self, samples: ndarray) -> float:
        """Share of different pairs of tokens, relative to as many real texts'."""
        real = self._real(self.batches.indices[: len(samples)])
        return distinct(_split(samples)) / max(distinct(_split(real)), 1e-9)

    def measure(self, draw: Draw) -> dict[str, float]:
        """The oracle's negative log-likelihood in nats a token, and how far it is from its own texts'; else BLEU-4."""
        samples, real = draw(self.probes(_MEASURED, seed=1)), self._real(self.data.indices("held_out"))
        made = _split(samples)
        if isinstance(self.data, Oracle):
            nll = self.data.nll(samples)
            gap = abs(nll - self.data.nll(real))
            return {"oracle_nll": nll, "oracle_gap": gap, "distinct": distinct(made)}
        held_out = _split(real[:_MEASURED])
        return {
            "bleu": bleu(made, held_out),
            "self_bleu": self_bleu(made),
            "bleu_f": f_score(made, held_out),
        }

    def _real(self, rows: ndarray) -> ndarray:
        words, numbers = self.data.card.vocabulary, self.data.samples[rows]
        return spelt(numbers, words) if words else numbers


def _split(samples: ndarray) -> list[list[str]]:
    if samples.dtype.kind == "U":
        return [tokens(str(line)) for line in samples]
    return [list(map(str, row)) for row in samples.tolist()]
