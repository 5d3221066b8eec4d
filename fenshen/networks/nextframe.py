"""Movement that goes on from a frame: recurrent units, driven by noise, that say the next frames and again the next.

The units' state is what the movement remembers; it begins as the given frame says. What is drawn never comes back as an
input: errors cannot grow, and a movement of any length stays as those that were learnt. Noise comes in several rates,
because a head sways for seconds, while lids fall in two frames.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fenshen import networks
from fenshen.controls import BLENDSHAPES
from fenshen.data.tracks import TRACKS, squeezed
from fenshen.networks import FAMILIES, Family, Features, NetworkConfig
from fenshen.networks.gru import recurrent
from fenshen.networks.temporal import Layer

SIZES = (8, 512)  # frames of a window
_LAYERS = 2
_BLOCK = 4  # frames that the units say at once
_MEMORIES = (0.0, 2.0, 6.0, 20.0)  # blocks after which the noise of each rate has forgotten all but 1/e
_FADE = 4.0  # frames after which half of what the first frame was else than the units say is gone, to begin with
_SPEED = 4.0  # how much faster than places D sees speeds
_D_LAYERS = 4


class State(NamedTuple):
    """Where a movement stands after some frame.

    Attributes:
        units: state of the recurrent units.
        noise: the last values of the noise.
        tail: what they last said of the frames to come, into which the next block is blended.
        gap: by how much the given first frame differed from what the units said of it.
        age: frames since that one.
    """

    units: Float[Tensor, "L B W"]
    noise: Float[Tensor, "B n"]
    tail: Float[Tensor, "B K F"]
    gap: Float[Tensor, "B F"]
    age: int


class Generator(networks.Generator):
    """The latent is noise, to begin with and for every block of frames; the controls are the first frame."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.size, self.width, self.dimensions = config.size, config.width, config.dimensions
        self.blocks = -(-config.size // _BLOCK)
        self.channels = max(config.latent // (self.blocks + 1), 1)
        self.start = nn.Linear(config.dimensions + self.channels, _LAYERS * config.width)
        self.units = nn.GRU(self.channels, config.width, _LAYERS, batch_first=True)
        self.out = nn.Sequential(
            nn.Linear(config.width + self.channels, 2 * config.width),
            nn.LeakyReLU(0.2),
            nn.Linear(2 * config.width, 2 * _BLOCK * config.dimensions),
        )
        self.fade = nn.Parameter(torch.zeros(config.dimensions))
        memories = torch.tensor([_MEMORIES[i % len(_MEMORIES)] for i in range(self.channels)])
        self.register_buffer("kept", torch.exp(-1 / memories), persistent=False)

    def forward(
        self,
        latents: Float[Tensor, "B Z"],
        controls: Float[Tensor, "B 58"] | None = None,
        truncation: float = 1.0,
    ) -> Float[Tensor, "B T F"]:
        noise = self.noise_of(latents * truncation)
        first, state = self.begin(noise[:, 0], self._seen(controls, latents))
        rest, _ = self.go_on(state, noise[:, 1:])
        return torch.cat([first[:, None], rest], dim=1)[:, : self.size]

    def draw(
        self,
        latents: Float[Tensor, "B Z"],
        controls: Float[Tensor, "B 58"] | None = None,
        truncation: float = 1.0,
        side: int | None = None,
        sources: Float[Tensor, "B C H W"] | None = None,
    ) -> networks.Drawn:
        """Half of the windows begin at their frames, the others a window later: those must look like real ones too."""
        late = len(latents) // 2
        windows = [self(latents[late:], None if controls is None else controls[late:], truncation)]
        if late:
            noise = self.noise_of(latents * truncation)
            with torch.no_grad():
                _, state = self.begin(noise[:late, 0], self._seen(controls, latents)[:late])
                _, state = self.go_on(state, noise.roll(1, 0)[:late, 1:])
            windows.insert(0, self.go_on(state, noise[:late, 1:])[0][:, : self.size])
        return networks.Drawn(torch.cat(windows))

    def noise_of(self, latents: Float[Tensor, "B Z"]) -> Float[Tensor, "B t n"]:
        """The parts of a latent: what the state begins with, and one for each block; a short latent is repeated."""
        length = (self.blocks + 1) * self.channels
        times = -(-length // latents.shape[1])
        return latents.repeat(1, times)[:, :length].unflatten(1, (self.blocks + 1, self.channels))

    def begin(
        self, noise: Float[Tensor, "B n"], frame: Float[Tensor, "B F"]
    ) -> tuple[Float[Tensor, "B F"], State]:
        """The first frame, which is the given one, and what comes after it is drawn from."""
        units = torch.tanh(self.start(torch.cat([frame, noise], dim=1)))
        units = units.unflatten(1, (_LAYERS, self.width)).transpose(0, 1).contiguous()
        said = self._said(units[-1], noise)[:, _BLOCK:]
        return frame, State(units, noise, said, frame - _not_negative(said[:, 0]), 0)

    def go_on(
        self, state: State, noise: Float[Tensor, "B blocks n"]
    ) -> tuple[Float[Tensor, "B t F"], State]:
        """The next frames, a block for each part of the noise."""
        slow = self._slowed(state.noise, noise)
        run, units = recurrent(self.units, slow, state.units)
        said = self._said(run, slow)  # (B, blocks, 2 K, F): each block twice, from two places
        heads, tails = said[:, :, :_BLOCK], said[:, :, _BLOCK:]
        before = torch.cat([state.tail[:, None], tails[:, :-1]], dim=1)
        share = (torch.arange(_BLOCK, device=noise.device) + 1)[:, None] / _BLOCK
        frames = _not_negative((before + share * (heads - before)).flatten(1, 2))
        ages = state.age + 1 + torch.arange(frames.shape[1], device=noise.device)
        since = ages[:, None] / (_FADE * self.fade.exp())
        gaps = state.gap[:, None] * (1 + since) * torch.exp(-since)  # critically damped: it starts without a jerk
        left = State(units, slow[:, -1], tails[:, -1], state.gap, state.age + frames.shape[1])
        return _not_negative(frames + gaps), left

    def _said(
        self, units: Float[Tensor, "*B W"], noise: Float[Tensor, "*B n"]
    ) -> Float[Tensor, "*B K F"]:
        flat = self.out(torch.cat([units, noise], dim=-1)).float()
        return flat.unflatten(-1, (2 * _BLOCK, self.dimensions))

    def _slowed(self, last: Float[Tensor, "B n"], noise: Float[Tensor, "B t n"]
    ) -> Float[Tensor, "B t n"]:
        """Each channel as an autoregressive process of unit variance: y_t = a y_(t-1) + sqrt(1 - a^2) z_t."""
        kept = self.get_buffer("kept")
        steps = torch.arange(noise.shape[1], device=noise.device)
        apart = (steps[:, None] - steps).clamp(min=0)  # (t, t)
        shares = torch.where((steps[:, None] >= steps)[..., None], kept ** apart[..., None], 0.0)  # (t, t, n)
        driven = torch.einsum("tsn,bsn->btn", shares, noise * (1 - kept.square()).sqrt())
        return driven + last[:, None] * kept ** (steps[:, None] + 1)

    def _seen(
        self, controls: Float[Tensor, "B 58"] | None, latents: Float[Tensor, "B Z"]
    ) -> Float[Tensor, "B F"]:
        if controls is None:
            return latents.new_zeros(len(latents), self.dimensions)
        return squeezed(controls)


class Discriminator(networks.Discriminator):
    """Sees places and speeds, through dilated convolutions; one logit from the mean over all frames."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.input = nn.Conv1d(2 * config.dimensions, config.width, 4, stride=2)
        self.layers = nn.Sequential(*(Layer(config.width, 2**i) for i in range(_D_LAYERS)))
        self.out = nn.Linear(config.width, 1)

    def forward(
        self, features: Features, controls: Float[Tensor, "B 58"] | None = None
    ) -> Float[Tensor, "B 1"]:
        places = features[0].transpose(1, 2)
        speeds = nn.functional.pad(_SPEED * places.diff(dim=2), (1, 0))
        x = self.layers(self.input(torch.cat([places, speeds], dim=1)))
        return self.out(x.mean(2)).float()


def _not_negative(frames: Float[Tensor, "*B F"]) -> Float[Tensor, "*B F"]:
    """Blendshapes are at least 0, and most of them are; gradients pass as if they were not held there."""
    actions = len(BLENDSHAPES)
    held = torch.cat([frames[..., :actions].clamp(min=0), frames[..., actions:]], dim=-1)
    return frames + (held - frames).detach()


FAMILIES.add(
    "next-frame", Family(Generator, Discriminator, medium=TRACKS, conditional=True, sizes=SIZES)
)
