"""The tutorial's programme as it is written, to compare with: its networks (5.2.1) and its step (5.2.2).

Nothing here is mended. The networks are layer for layer the tutorial's, in float32 and the default memory
format; the step minimises the losses as printed, draws ``batch_size`` latents whatever the real batch holds,
and does not detach the generator while the discriminator learns. ``docs/en/seed.md`` says what is wrong with
each of these; ``seed_numbers.py`` measures it.

:func:`as_written` is the programme itself: its data is 64 px, its generator makes 32 px. :func:`grown_to_64`
adds to each network the one layer that 64 px takes, so that the programme's speed can be compared with a
64 px network of the same widths.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn, optim

Z_DIM = 100
BATCH_SIZE = 64
IMAGE_SIZE = 64
LEARNING_RATE = 0.0002


class Generator(nn.Module):
    """Latents [B, 100, 1, 1] to pictures [B, 3, 32, 32] in [-1, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.model = nn.Sequential(
            nn.ConvTranspose2d(100, 256, 4, 1, 0, bias=False),
            nn.BatchNorm2d(256),
            nn.ReLU(True),
            nn.ConvTranspose2d(256, 128, 4, 2, 1, bias=False),
            nn.BatchNorm2d(128),
            nn.ReLU(True),
            nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(True),
            nn.ConvTranspose2d(64, 3, 4, 2, 1, bias=False),
            nn.Tanh(),
        )

    def forward(self, x: Float[Tensor, "B 100 1 1"]) -> Float[Tensor, "B 3 32 32"]:
        return self.model(x)


class Discriminator(nn.Module):
    """Pictures to scores in (0, 1): [B, 1, 1, 1] for 32 px, [B, 1, 5, 5] for 64 px."""

    def __init__(self) -> None:
        super().__init__()
        self.model = nn.Sequential(
            nn.Conv2d(3, 64, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(64, 128, 4, 2, 1, bias=False),
            nn.BatchNorm2d(128),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(128, 256, 4, 2, 1, bias=False),
            nn.BatchNorm2d(256),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(256, 1, 4, 1, 0, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 1 h w"]:
        return self.model(x)


class Generator64(nn.Module):
    """The tutorial's generator with one more stage before its first: [B, 100, 1, 1] to [B, 3, 64, 64]."""

    def __init__(self) -> None:
        super().__init__()
        self.model = nn.Sequential(
            nn.ConvTranspose2d(100, 512, 4, 1, 0, bias=False),
            nn.BatchNorm2d(512),
            nn.ReLU(True),
            nn.ConvTranspose2d(512, 256, 4, 2, 1, bias=False),
            nn.BatchNorm2d(256),
            nn.ReLU(True),
            *Generator().model[3:],  # 256-128-64-3, as above
        )

    def forward(self, x: Float[Tensor, "B 100 1 1"]) -> Float[Tensor, "B 3 64 64"]:
        return self.model(x)


class Discriminator64(nn.Module):
    """The tutorial's discriminator with one more stage after its last: [B, 3, 64, 64] to [B, 1, 1, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.model = nn.Sequential(
            *Discriminator().model[:8],  # 3-64-128-256, as above
            nn.Conv2d(256, 512, 4, 2, 1, bias=False),
            nn.BatchNorm2d(512),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(512, 1, 4, 1, 0, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x: Float[Tensor, "B 3 64 64"]) -> Float[Tensor, "B 1 1 1"]:
        return self.model(x)


class Programme:
    """Two networks with the tutorial's optimizers and training step."""

    def __init__(self, G: nn.Module, D: nn.Module, batch_size: int = BATCH_SIZE) -> None:
        self.G, self.D, self.batch_size = G, D, batch_size
        self.optimizer_G = optim.Adam(self.G.parameters(), lr=LEARNING_RATE)
        self.optimizer_D = optim.Adam(self.D.parameters(), lr=LEARNING_RATE)

    def step(self, real_images: Float[Tensor, "B 3 H W"]) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """One pass through the body of the tutorial's loop; returns its D_loss and G_loss."""
        device = real_images.device

        self.optimizer_D.zero_grad()
        real_scores = self.D(real_images)
        real_loss = -torch.mean(real_scores)

        z = torch.randn(self.batch_size, Z_DIM, 1, 1).to(device)
        fake_images = self.G(z)
        fake_scores = self.D(fake_images)
        fake_loss = -torch.mean(fake_scores)

        D_loss = real_loss + fake_loss
        D_loss.backward()
        self.optimizer_D.step()

        self.optimizer_G.zero_grad()
        z = torch.randn(self.batch_size, Z_DIM, 1, 1).to(device)
        fake_images = self.G(z)
        fake_scores = self.D(fake_images)
        G_loss = -torch.mean(fake_scores)

        G_loss.backward()
        self.optimizer_G.step()
        return D_loss.detach(), G_loss.detach()


def as_written(device: torch.device | str = "cpu") -> Programme:
    """The tutorial's programme: 64 px in, 32 px out."""
    return Programme(Generator().to(device), Discriminator().to(device))


def grown_to_64(device: torch.device | str = "cpu") -> Programme:
    """The same programme with the layer that 64 px takes: 100-512-256-128-64-3 and 3-64-128-256-512-1."""
    return Programme(Generator64().to(device), Discriminator64().to(device))
