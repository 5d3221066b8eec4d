"""The oracle of SeqGAN (Yu, Zhang, Wang, Yu 2017, section "Synthetic data experiments"): a language that is known.

``oracle:20`` are texts of 20 tokens out of 5,000, written by an LSTM whose weights are all drawn from N(0, 1). Nobody
understands them, but how likely each is can be computed, and so how well a generator has learnt their language. The
papers' oracle is one drawing of such weights, ours another; its own texts' likelihood is therefore measured too.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from fenshen.data import KINDS, FormulaCard
from fenshen.data.texts import TEXTS
from fenshen.errors import UsageError

WORDS, HIDDEN = 5000, 32  # as in the paper; its embedding is as wide as its state
LENGTHS = (2, 64)
_COUNT, _HELD_OUT = 11_000, 1_000  # 10,000 to train on, as in the paper
_SEED = 0
_TOGETHER = 500  # texts


@KINDS.register("oracle")
class Oracle:
    """Training data of the oracle: 10,000 texts, the same in every run, and 1,000 that are held out.

    Args:
        name: how many tokens a text has, as a word.

    Raises:
        UsageError: it is no number from 2 to 64.
    """

    medium = TEXTS
    recipe = "oracle-text"

    def __init__(self, name: str) -> None:
        if not name.isdecimal() or not LENGTHS[0] <= int(name) <= LENGTHS[1]:
            raise UsageError("texts.no_oracle", name=name, low=LENGTHS[0], high=LENGTHS[1])
        self.length = int(name)
        self.path = Path(f"oracle:{name}")
        self.card = FormulaCard([str(self.path)], self.length)
        self.shape = {"size": self.length, "dimensions": WORDS}
        self.fingerprint = f"{self.path}:{_COUNT}:{_SEED}"
        numbers = torch.Generator().manual_seed(_SEED)
        self.table, self.out = (torch.randn(WORDS, HIDDEN, generator=numbers) for _ in range(2))
        self.bias = torch.randn(WORDS, generator=numbers)
        self.gates = torch.randn(2 * HIDDEN, 4 * HIDDEN, generator=numbers)
        self.gate_bias = torch.randn(4 * HIDDEN, generator=numbers)

    @cached_property
    def samples(self) -> Int[ndarray, "N T"]:
        """The texts."""
        numbers = torch.Generator().manual_seed(_SEED + 1)
        parts = [
            self.write(torch.rand(len(part), self.length, generator=numbers))
            for part in torch.split(torch.arange(_COUNT), _TOGETHER)
        ]
        return torch.cat(parts).numpy()

    def indices(self, split: Literal["train", "held_out"]) -> np.ndarray:
        """Positions of one split's texts."""
        return np.arange(_COUNT - _HELD_OUT) if split == "train" else np.arange(_COUNT - _HELD_OUT, _COUNT)

    def write(self, chance: Float[Tensor, "N T"]) -> Int[Tensor, "N T"]:
        """Texts, each token where the distribution function of the next one reaches a number in [0, 1)."""
        run, steps = self._run(len(chance)), list[Tensor]()
        logits = next(run)
        for step in range(chance.shape[1]):
            reached = torch.softmax(logits, 1).cumsum(1)
            steps.append(
                torch.searchsorted(reached, chance[:, step, None].contiguous())[:, 0].clamp(max=WORDS - 1)
            )
            logits = run.send(steps[-1])
        return torch.stack(steps, dim=1)

    def nll(self, texts: Int[ndarray, "N T"]) -> float:
        """Minus the mean log-likelihood of texts, in nats a token."""
        parts = torch.split(torch.from_numpy(texts), _TOGETHER)
        return float(torch.cat([self._nll(part) for part in parts]).mean())

    def _nll(self, texts: Int[Tensor, "N T"]) -> Float[Tensor, "N"]:
        run = self._run(len(texts))
        logits, total = next(run), torch.zeros(len(texts))
        for step in texts.T:
            total = total + torch.nn.functional.cross_entropy(logits, step, reduction="none")
            logits = run.send(step)
        return total / texts.shape[1]

    def _run(self, count: int) -> Generator[Tensor, Tensor, None]:
        """Logits of the next token; it is sent the token that was taken. The first one follows token 0."""
        state = memory = torch.zeros(count, HIDDEN)
        token = torch.zeros(count, dtype=torch.long)
        while True:
            gates = torch.cat([self.table[token], state], 1) @ self.gates + self.gate_bias
            take, keep, give, new = gates.chunk(4, dim=1)
            memory = torch.sigmoid(keep) * memory + torch.sigmoid(take) * torch.tanh(new)
            state = torch.sigmoid(give) * torch.tanh(memory)
            token = yield state @ self.out.T + self.bias
