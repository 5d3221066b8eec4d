"""How good generated sequences are: energy distance, and TimeGAN's two scores (Yoon et al. 2019, section 5).

The *discriminative score* is what a classifier makes of real and generated sequences beyond guessing, the *predictive
score* the error on real sequences of a predictor that learnt from generated ones. Both train small recurrent networks,
with the sizes and the numbers of steps of the authors' code.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor, nn

_BATCH = 128
_UNSEEN = 0.2  # of all sequences, those that the classifier is judged by


def energy_distance(real: Float[ndarray, "N T F"], fake: Float[ndarray, "M T F"]) -> float:
    """2 E|x - y| - E|x - x'| - E|y - y'| (Szekely, Rizzo 2013); 0 only where the distributions are the same."""
    x, y = (torch.from_numpy(part).flatten(1).double() for part in (real, fake))
    return float(2 * torch.cdist(x, y).mean() - _within(x) - _within(y))


def spread(sequences: Float[ndarray, "N T F"]) -> float:
    """Mean distance of two sequences."""
    return _within(torch.from_numpy(sequences).flatten(1).double())


def discriminative_score(
    real: Float[ndarray, "N T F"], fake: Float[ndarray, "M T F"], seed: int = 0, steps: int = 2000
) -> float:
    """|accuracy - 1/2| of a classifier on sequences that it has not seen: 0 at best, 1/2 at worst."""
    torch.manual_seed(seed)
    numbers = torch.Generator().manual_seed(seed)
    sets = [_split(torch.from_numpy(part), numbers) for part in (real, fake)]
    width = max(real.shape[2] // 2, 1)
    network = _Reader(real.shape[2], width, 1)
    optimizer = torch.optim.Adam(network.parameters())
    for _ in range(steps):
        logits = [network(_some(learnt, numbers))[:, -1] for learnt, _ in sets]
        loss = F.softplus(-logits[0]).mean() + F.softplus(logits[1]).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    with torch.no_grad():
        right = [(network(unseen)[:, -1, 0] > 0).float() for _, unseen in sets]
    accuracy = float(torch.cat([right[0], 1 - right[1]]).mean())
    return abs(accuracy - 0.5)


def predictive_score(
    real: Float[ndarray, "N T F"], fake: Float[ndarray, "M T F"], seed: int = 0, steps: int = 5000
) -> float:
    """Mean absolute error, on real sequences, of the last number of the next step, from the other numbers so far."""
    torch.manual_seed(seed)
    numbers = torch.Generator().manual_seed(seed)
    learnt, asked = torch.from_numpy(fake), torch.from_numpy(real)
    network = _Reader(real.shape[2] - 1, max(real.shape[2] // 2, 1), 1)
    optimizer = torch.optim.Adam(network.parameters())
    for _ in range(steps):
        some = _some(learnt, numbers)
        loss = (torch.sigmoid(network(some[:, :-1, :-1])[..., 0]) - some[:, 1:, -1]).abs().mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    with torch.no_grad():
        found = torch.sigmoid(network(asked[:, :-1, :-1])[..., 0])
        return float((found - asked[:, 1:, -1]).abs().mean())


class _Reader(nn.Module):
    """A recurrent unit and what it says at every step."""

    def __init__(self, numbers: int, width: int, out: int) -> None:
        super().__init__()
        self.units, self.out = nn.GRU(numbers, width, batch_first=True), nn.Linear(width, out)

    def forward(self, x: Float[Tensor, "B T F"]) -> Float[Tensor, "B T O"]:
        return self.out(self.units(x)[0])


def _within(x: Float[Tensor, "N D"]) -> float:
    return float(torch.cdist(x, x).sum() / (len(x) * max(len(x) - 1, 1)))


def _split(x: Tensor, numbers: torch.Generator) -> tuple[Tensor, Tensor]:
    shuffled = x[torch.randperm(len(x), generator=numbers)]
    unseen = max(round(_UNSEEN * len(x)), 1)
    return shuffled[unseen:], shuffled[:unseen]


def _some(x: Tensor, numbers: torch.Generator) -> Tensor:
    return x[torch.randint(len(x), (_BATCH,), generator=numbers)]
