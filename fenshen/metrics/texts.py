"""How good generated texts are: BLEU against a corpus, and against one another.

A text's BLEU-n (Papineni et al. 2002) is the geometric mean of the shares of its 1- to n-grams that the references
have, times a penalty where it is shorter than they are; BLEU of many texts is their mean, as Texygen takes it (Zhu et
al. 2018). Self-BLEU compares each text with all others: the higher, the more alike they are. Counts of the references
are put together once, so that many texts against many take no longer than reading them.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

Text = Sequence[str]
Gram = tuple[str, ...]
_NOTHING = 0.1  # matches that are counted where there are none (Chen, Cherry 2014, method 1)


def bleu(texts: Sequence[Text], references: Sequence[Text], n: int = 4) -> float:
    """Mean BLEU-n of tokenised texts against all references, 0 to 1."""
    most: Counter[Gram] = Counter()
    for reference in references:
        for gram, count in _grams(reference, n).items():
            most[gram] = max(most[gram], count)
    lengths = sorted(map(len, references))
    return _mean([_bleu(text, n, most.__getitem__, lengths) for text in texts])


def self_bleu(texts: Sequence[Text], n: int = 4) -> float:
    """Mean BLEU-n of each text against all the others, 0 to 1."""
    first: Counter[Gram] = Counter()
    second: Counter[Gram] = Counter()  # of an n-gram, the largest counts in one text and in any other
    for text in texts:
        for gram, count in _grams(text, n).items():
            second[gram] = max(second[gram], min(first[gram], count))
            first[gram] = max(first[gram], count)
    lengths = sorted(map(len, texts))
    values = []
    for text in texts:
        own = _grams(text, n)
        others = [*lengths]
        others.remove(len(text))
        values.append(_bleu(text, n, partial(_most_of_others, own, first, second), others))
    return _mean(values)


def _most_of_others(own: Counter[Gram], first: Counter[Gram], second: Counter[Gram], gram: Gram) -> int:
    """How often any other text has it: that with the most, unless that is the text itself."""
    return (second if own[gram] == first[gram] else first)[gram]


def f_score(texts: Sequence[Text], references: Sequence[Text], n: int = 4) -> float:
    """Harmonic mean of BLEU of texts against references, which is quality, and of the reverse, which is variety.

    The reverse asks how much of the references the texts have (backward BLEU: Shi et al. 2018).
    """
    one, other = bleu(texts, references, n), bleu(references, texts, n)
    return 2 * one * other / max(one + other, 1e-9)


def distinct(texts: Sequence[Text], n: int = 2) -> float:
    """Share of all n-grams that are different ones (Li et al. 2016)."""
    every = Counter(gram for text in texts for gram in _of_length(text, n))
    return len(every) / max(every.total(), 1)


def _bleu(text: Text, n: int, known: Callable[[Gram], int], lengths: Sequence[int]) -> float:
    own = _grams(text, n)
    if not text or not lengths:
        return 0.0
    total = 0.0
    for size in range(1, n + 1):
        mine = {gram: count for gram, count in own.items() if len(gram) == size}
        found = sum(min(count, known(gram)) for gram, count in mine.items())
        total += math.log((found or _NOTHING) / max(sum(mine.values()), 1))
    nearest = _nearest(lengths, len(text))
    return min(1.0, math.exp(1 - nearest / len(text))) * math.exp(total / n)


def _nearest(lengths: Sequence[int], length: int) -> int:
    """The nearest of sorted lengths; the shorter of two that are as near."""
    at = bisect_left(lengths, length)
    return min(lengths[max(at - 1, 0) : at + 1], key=lambda one: (abs(one - length), one))


def _grams(text: Text, n: int) -> Counter[Gram]:
    return Counter(gram for size in range(1, n + 1) for gram in _of_length(text, size))


def _of_length(text: Text, size: int) -> list[Gram]:
    return [tuple(text[at : at + size]) for at in range(len(text) - size + 1)]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / max(len(values), 1)
