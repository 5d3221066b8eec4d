"""Texts from a relational memory, as in RelGAN (Nie, Narodytska, Patel 2019).

The generator is a relational memory core (Santoro et al. 2018): a memory that attends to itself and to the token that
comes in, then passes gates like an LSTM's. Training looks at a Gumbel-softmax (Jang et al. 2017; Maddison et al. 2017)
of every token. The discriminator embeds a text many times, each time into few numbers, and judges each embedding with
the same convolutions (section 2.3).
"""

from __future__ import annotations

import hashlib

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from fenshen import networks
from fenshen.data.texts import TEXTS
from fenshen.networks import FAMILIES, Drawn, Family, Features, NetworkConfig, Sizes, Sources

_HEADS = 2
_EMBEDDING = 64  # numbers of a token, for G
_VIEWS = 16  # embeddings of a text, for D; of one number a token each
_KERNELS = (2, 3, 4, 5)
_LEAST = 2.0**-25  # instead of 0, whose logarithm is none


class Memory(nn.Module):
    """A relational memory core with one slot, as RelGAN has it (Santoro et al. 2018, section 3).

    Args:
        width: numbers of the slot, shared among two heads.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.query, self.keys = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.attended, self.thought = nn.LayerNorm(width), nn.LayerNorm(width)
        self.gates_in, self.gates_back = nn.Linear(width, 2 * width), nn.Linear(width, 2 * width)

    def forward(self, x: Float[Tensor, "B H"], memory: Float[Tensor, "B H"]) -> Float[Tensor, "B H"]:
        """The memory after one more token."""
        seen = torch.stack([memory, x], dim=1)  # (B, 2, H): what the slot attends to
        query = self.query(memory).view(len(x), _HEADS, 1, -1)
        both = self.keys(seen).view(len(x), 2, 2, _HEADS, -1).permute(2, 0, 3, 1, 4)  # (2, B, heads, 2, h)
        key, value = both[0], both[1]
        shares = torch.softmax(query @ key.transpose(2, 3) * query.shape[-1] ** -0.5, dim=3)
        mixed = self.attended(memory + (shares @ value).reshape(len(x), self.width))
        mixed = self.thought(mixed + self.mlp(mixed))
        take, keep = (self.gates_in(x) + self.gates_back(torch.tanh(memory))).chunk(2, dim=1)
        return torch.sigmoid(take) * torch.tanh(mixed) + torch.sigmoid(keep + 1) * memory


class Generator(networks.Writer):
    """Token after token by the memory; the latent seeds the Gumbel noise that chooses among them.

    Truncation is the temperature of the choice: at 0 every token is the likeliest.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.length, self.words = config.size, config.dimensions
        self.table = nn.Parameter(torch.randn(config.dimensions, _EMBEDDING) * 0.1)
        self.begin = nn.Parameter(torch.randn(_EMBEDDING) * 0.1)
        self.blank = nn.Parameter(torch.randn(config.width) * 0.1)
        self.input, self.memory = nn.Linear(_EMBEDDING, config.width), Memory(config.width)
        self.out, self.bias = (
            nn.Linear(config.width, _EMBEDDING),
            nn.Parameter(torch.zeros(config.dimensions)),
        )

    def forward(
        self,
        latents: Float[Tensor, "B Z"],
        controls: Float[Tensor, "B 58"] | None = None,
        truncation: float = 1.0,
    ) -> Float[Tensor, "B T V"]:
        return F.one_hot(self._write(self._noise(latents) * truncation), self.words).float()

    def draw(
        self,
        latents: Float[Tensor, "B Z"],
        controls: Float[Tensor, "B 58"] | None = None,
        truncation: float = 1.0,
        sizes: Sizes | None = None,
        sources: Sources | None = None,
    ) -> Drawn:
        """Texts relaxed: softmax((o + g) / temperature), whose argmax is what :meth:`forward` writes.

        Tokens are read back without a gradient, as in RelGAN: so they are written first, then all steps' logits
        follow from them at once.
        """
        noise = self._noise(latents) * truncation
        logits = self._logits(self._write(noise))
        relaxed = torch.softmax((logits + noise) / self.temperature, dim=2)
        return Drawn(relaxed, likelihood=self.likelihood)

    def likelihood(self, texts: Float[Tensor, "B T V"]) -> Float[Tensor, "B"]:
        written = texts.argmax(2)
        logits = self._logits(written).flatten(0, 1)
        return -F.cross_entropy(logits, written.flatten(), reduction="none").view_as(written).mean(1)

    @torch.no_grad()
    def _write(self, noise: Float[Tensor, "B T V"]) -> Int[Tensor, "B T"]:
        memory, read = self.blank.expand(len(noise), -1), self.begin.expand(len(noise), -1)
        steps = []
        for step in range(self.length):
            memory = self.memory(self.input(read), memory)
            steps.append((self._said(memory) + noise[:, step]).argmax(1))
            read = self.table[steps[-1]]
        return torch.stack(steps, dim=1)

    def _logits(self, written: Int[Tensor, "B T"]) -> Float[Tensor, "B T V"]:
        """Logits of every token after the ones before it."""
        first = self.begin.expand(len(written), 1, -1)
        read = self.input(torch.cat([first, F.embedding(written[:, :-1], self.table)], dim=1))
        memory, memories = self.blank.expand(len(written), -1), []
        for step in range(self.length):
            memory = self.memory(read[:, step], memory)
            memories.append(memory)
        return self._said(torch.stack(memories, dim=1))

    def _said(self, memory: Float[Tensor, "*B H"]) -> Float[Tensor, "*B V"]:
        return F.linear(self.out(memory), self.table, self.bias).float()

    def _noise(self, latents: Float[Tensor, "B Z"]) -> Float[Tensor, "B T V"]:
        """Standard Gumbel noise, each text's from its own latent alone, and the same on all devices."""
        rows = []
        for latent in latents.cpu().numpy():
            seed = int.from_bytes(hashlib.blake2b(latent.tobytes(), digest_size=8).digest(), "little") >> 1
            numbers = torch.Generator().manual_seed(seed)
            rows.append(torch.rand(self.length, self.words, generator=numbers))
        chance = torch.stack(rows).clamp_(min=_LEAST)
        return chance.log_().neg_().log_().neg_().to(latents.device)


class Discriminator(networks.Discriminator):
    """One logit for each of several embeddings of a text."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        filters = max(config.width // len(_KERNELS), 4)
        joined = filters * len(_KERNELS)
        self.embed = nn.Linear(config.dimensions, _VIEWS, bias=False)
        self.convolutions = nn.ModuleList(nn.Conv1d(1, filters, k, padding=k // 2) for k in _KERNELS)
        self.way, self.gate = nn.Linear(joined, joined), nn.Linear(joined, joined)
        self.out = nn.Sequential(nn.Linear(joined, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
        nn.init.uniform_(self.embed.weight, -1.0, 1.0)

    def forward(
        self, features: Features, controls: Float[Tensor, "B 58"] | None = None
    ) -> Float[Tensor, "B R"]:
        embedded = self.embed(features[0]).transpose(1, 2)  # (B, R, T)
        views = embedded.flatten(0, 1)[:, None]  # (B R, 1, T)
        found = F.relu(torch.cat([_largest(convolve(views)) for convolve in self.convolutions], dim=1))
        share = torch.sigmoid(self.gate(found))  # of a highway layer (Srivastava et al. 2015)
        found = share * F.relu(self.way(found)) + (1 - share) * found
        return self.out(found).view(embedded.shape[:2]).float()


def _largest(maps: Float[Tensor, "N F T"]) -> Float[Tensor, "N F"]:
    """Of each map; pooled, which on CPUs takes half as long as a maximum."""
    return F.max_pool1d(maps, maps.shape[2]).flatten(1)


FAMILIES.add("relational", Family(Generator, Discriminator, medium=TEXTS, writes=True, sizes=(2, 64)))
