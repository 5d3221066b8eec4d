"""What makes a network of any family one of several, or look at several samples at once.

Four remedies against mode collapse that change networks rather than losses. They wrap the networks of a family, which
know nothing of them, apart from the width of the discriminator's first layer where samples are packed.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fenshen import networks
from fenshen.networks import Features, NetworkConfig, Samples

_SEEN = 8  # px, of a map that the view of a batch begins with
_HIDDEN = 64
_KERNEL = 8  # dimensions of a feature of minibatch discrimination


class SeveralGenerators(networks.Generator):
    """K generators that share all but their first layer: the mixture of MGAN (Hoang et al. 2018, section 4).

    x = G(A_k z + b_k), with the number k of the generator as the latent's last K numbers. A classifier beside the
    discriminator (:meth:`SeveralJudged.classify`) tells whose picture it is, and G learns to make that easy.
    """

    def __init__(self, build: Callable[[NetworkConfig], networks.Generator], config: NetworkConfig) -> None:
        super().__init__()
        noise = config.latent - config.generators
        self.count = config.generators
        self.starts = nn.Parameter(
            torch.eye(noise).repeat(self.count, 1, 1) + torch.randn(self.count, noise, noise) / noise**0.5
        )
        self.biases = nn.Parameter(torch.randn(self.count, noise))
        self.shared = build(config.model_copy(update={"latent": noise, "generators": 1}))

    def forward(
        self,
        latents: Float[Tensor, "B Z"],
        controls: Float[Tensor, "B 58"] | None = None,
        truncation: float = 1.0,
    ) -> Samples:
        noise, chosen = latents[:, : -self.count], latents[:, -self.count :]
        started = torch.einsum("bk,kij,bj->bi", chosen, self.starts, noise) + chosen @ self.biases
        return self.shared(started, controls, truncation)


class SeveralJudged(networks.Discriminator):
    """A discriminator that judges samples in packs, or looks at the whole batch, or knows K generators apart.

    Args:
        network: of any family, built for ``config.packing`` samples at a time.
    """

    def __init__(self, network: networks.Discriminator, config: NetworkConfig) -> None:
        super().__init__()
        self.network, self.packing = network, config.packing
        with torch.no_grad():
            seen = network.features(torch.zeros(self.packing, *config.shape))[-1]
        classes = config.generators if config.generators > 1 else 0
        self.classifier = nn.Sequential(View(seen), nn.Linear(_HIDDEN, classes)) if classes else None
        packed = pack(seen, self.packing)
        self.batch_view = MinibatchDiscrimination(packed, config.minibatch) if config.minibatch else None

    def features(self, pictures: Samples) -> Features:
        return self.network.features(pictures)

    def forward(
        self, features: Features, controls: Float[Tensor, "B 58"] | None = None
    ) -> Float[Tensor, "packs K"]:
        """Logits of the packs; with minibatch discrimination the last one comes from the view of the batch."""
        packed = tuple(pack(x, self.packing) for x in features)
        logits = self.network(packed, controls)
        if self.batch_view is not None:
            logits = torch.cat([logits, self.batch_view(packed[-1]).to(logits.dtype)], dim=1)
        return logits

    def classify(self, features: Features) -> Float[Tensor, "B generators"]:
        """Logits of which generator drew each sample."""
        if self.classifier is None:
            raise ValueError("there is one generator only")
        return self.classifier(features[-1]).float()


def pack(x: Float[Tensor, "B *S"], count: int) -> Float[Tensor, "packs *P"]:
    """[B, C, ...] to [B / m, m C, ...]: m samples after one another as the channels of one.

    PacGAN (Lin, Khetan, Fanti, Oh 2018): the discriminator is shown m samples of the same origin at once. What it
    sees of a generator that misses modes then differs in every pack, not just now and then.
    """
    return x if count == 1 else x.reshape(len(x) // count, count * x.shape[1], *x.shape[2:])


class View(nn.Sequential):
    """A sample, or a map of it, as 64 numbers: a little network of its own beside the discriminator.

    Args:
        like: a batch of what it will see.
    """

    def __init__(self, like: Samples) -> None:
        first: list[nn.Module] = [nn.Flatten(), nn.Linear(like[0].numel(), _HIDDEN)]
        if like.ndim == 4:
            small = [nn.AdaptiveAvgPool2d(_SEEN)] if like.shape[-1] != _SEEN else []
            strided = nn.Conv2d(like.shape[1], _HIDDEN // 4, 4, 2, 1)
            dense = nn.Linear(_HIDDEN // 4 * (_SEEN // 2) ** 2, _HIDDEN)
            first = [*small, strided, nn.LeakyReLU(0.2), nn.Flatten(), dense]
        super().__init__(*first, nn.LeakyReLU(0.2), nn.Linear(_HIDDEN, _HIDDEN), nn.LeakyReLU(0.2))


class MinibatchDiscrimination(nn.Module):
    """How near every sample is to the others of its batch, as one more logit (Salimans et al. 2016, section 3.2).

    M_i = T f(x_i), c_b(x_i, x_j) = exp(-||M_ib - M_jb||_1), o(x_i)_b = mean_j c_b(x_i, x_j). In the paper f is a
    layer of the discriminator; here it is a view of its own, so that every family can have it.
    """

    def __init__(self, like: Samples, features: int) -> None:
        super().__init__()
        self.view = View(like)
        self.kernels = nn.Linear(_HIDDEN, features * _KERNEL, bias=False)
        self.out = nn.Linear(features, 1)
        self.features = features

    def forward(self, x: Samples) -> Float[Tensor, "B 1"]:
        rows = self.kernels(self.view(x)).float().unflatten(1, (self.features, _KERNEL))  # (B, F, K)
        apart = (rows[:, None] - rows[None]).abs().sum(3)  # (B, B, F)
        return self.out(torch.exp(-apart).mean(1))
