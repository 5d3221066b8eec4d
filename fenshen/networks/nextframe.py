"""Movement that goes on from a frame, driven by noise that has a memory and says the next frames, again and again.

Nothing that is drawn comes back as an input, and nothing but the noise is remembered: errors cannot grow, and after an
hour a movement is as it was in its first minute. What the given frame was else than the movement says fades. Noise
comes in several rates, because a head sways for seconds, while lids fall in two frames.
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
from fenshen.networks.temporal import Layer

SIZES = (8, 512)  # frames of a window
_BLOCK = 4  # frames that are said at once
PAST = 16  # blocks of noise that are looked back at: 2.6 s, beside what the noise itself remembers
_MEMORIES = (0.0, 2.0, 6.0, 20.0)  # blocks after which the noise of each rate has forgotten all but 1/e
_SMOOTH = 4  # blocks over which noise is averaged where it moves everything slowly
_FADE = 4.0  # frames in which most of the gap at the first frame closes, to begin with
_DETAIL = 0.1  # size of quick movements, to begin with
_LEAST, _SPEED = (
    0.1,
    12.0,
)  # spread of a control that D sees at least; how much larger than places it sees speeds
_D_LAYERS = 4


class State(NamedTuple):
    """Where a movement stands after some frame.

    Attributes:
        noise: the last values of the noise, and those before.
        said: what was said of that frame, in the movement's own components.
        gap: by how much the given first frame differed from what was said of it.
        age: frames since that one.
    """

    noise: Float[Tensor, "B P n"]
    said: Float[Tensor, "B F"]
    gap: Float[Tensor, "B F"]
    age: int


class Generator(networks.Generator):
    """The latent is noise, of the past and for every block of frames; the controls are the first frame.

    Frames are said as principal components of the training frames, so that a movement that nothing has learnt yet has
    their means, spreads and correlations.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.size, self.dimensions = config.size, config.dimensions
        self.blocks = -(-config.size // _BLOCK)
        self.channels = max(config.latent // (PAST + self.blocks), 1)
        self.out = nn.Linear(self.channels, config.dimensions, bias=False)
        half = PAST // 2
        self.look = nn.Sequential(
            nn.Conv1d(self.channels, config.width, half + 1),
            nn.LeakyReLU(0.2),
            nn.Conv1d(config.width, 2 * config.width, PAST - half + 1),
            nn.LeakyReLU(0.2),
            nn.Conv1d(2 * config.width, 2 * config.width, 1),
            nn.LeakyReLU(0.2),
        )
        self.detail = nn.Conv1d(2 * config.width, _BLOCK * config.dimensions, 1)
        self.fade = nn.Parameter(torch.zeros(config.dimensions))
        memories = torch.tensor([_MEMORIES[i % len(_MEMORIES)] for i in range(self.channels)])
        self.register_buffer("kept", torch.exp(-1 / memories), persistent=False)
        self.register_buffer("mean", torch.zeros(config.dimensions))
        self.register_buffer("components", torch.eye(config.dimensions))
        with torch.no_grad():
            # Slow noise alone moves everything; averaged, it has a variance of about 0.6.
            slow = (memories == max(_MEMORIES)).float() if self.channels >= len(_MEMORIES) else memories + 1
            nn.init.normal_(self.out.weight)
            self.out.weight.mul_(slow / slow.norm())
            self.detail.weight.mul_(_DETAIL)

    @torch.no_grad()
    def fit(self, samples: Float[Tensor, "N T F"]) -> None:
        frames = samples.flatten(0, 1).double()
        self.get_buffer("mean").copy_(frames.mean(0))
        values, vectors = torch.linalg.eigh(torch.cov(frames.T))
        self.get_buffer("components").copy_((vectors * values.clamp(min=0).sqrt()).T)

    def forward(
        self,
        latents: Float[Tensor, "B Z"],
        controls: Float[Tensor, "B 58"] | None = None,
        truncation: float = 1.0,
    ) -> Float[Tensor, "B T F"]:
        noise = self.noise_of(latents * truncation)
        first, state = self.begin(noise[:, :PAST], self._seen(controls, latents))
        rest, _ = self.go_on(state, noise[:, PAST:])
        return torch.cat([first[:, None], rest], dim=1)[:, : self.size]

    def draw(
        self,
        latents: Float[Tensor, "B Z"],
        controls: Float[Tensor, "B 58"] | None = None,
        truncation: float = 1.0,
        sizes: networks.Sizes | None = None,
        sources: networks.Sources | None = None,
    ) -> networks.Drawn:
        """Half of the windows begin at their frames; the others long after, when the gap has closed."""
        noise, frames = self.noise_of(latents * truncation), self._seen(controls, latents)
        first, state = self.begin(noise[:, :PAST], frames)
        late = (torch.arange(len(latents), device=latents.device) < len(latents) // 2)[:, None]
        said = self._frames(state.said)
        first = torch.where(late, said, first)
        rest, _ = self.go_on(state._replace(gap=torch.where(late, 0.0, state.gap)), noise[:, PAST:])
        return networks.Drawn(torch.cat([first[:, None], rest], dim=1)[:, : self.size])

    def noise_of(self, latents: Float[Tensor, "B Z"]) -> Float[Tensor, "B t n"]:
        """The parts of a latent: of the past, and one for each block; a latent that is too short is repeated."""
        parts = PAST + self.blocks
        times = -(-parts * self.channels // latents.shape[1])
        return latents.repeat(1, times)[:, : parts * self.channels].reshape(-1, parts, self.channels)

    def begin(
        self, noise: Float[Tensor, "B P n"], frame: Float[Tensor, "B F"]
    ) -> tuple[Float[Tensor, "B F"], State]:
        """The first frame, which is the given one, and where the movement stands then."""
        past = torch.cat([noise[:, :1], self._slowed(noise[:, 0], noise[:, 1:])], dim=1)
        said = self.out(past[:, -_SMOOTH:].mean(1))
        return frame, State(past, said, frame - self._frames(said), 0)

    def go_on(self, state: State, noise: Float[Tensor, "B blocks n"]) -> tuple[Float[Tensor, "B t F"], State]:
        """The next frames, a block for each part of the noise."""
        known = torch.cat([state.noise, self._slowed(state.noise[:, -1], noise)], dim=1)  # (B, P + blocks, n)
        smooth = known.unfold(1, _SMOOTH, 1).mean(3)[:, -noise.shape[1] :]
        said = self.out(smooth)  # of each block's last frame; those between lie on the way
        before = torch.cat([state.said[:, None], said[:, :-1]], dim=1)[:, :, None]
        way = (torch.arange(_BLOCK, device=noise.device) + 1)[:, None] / _BLOCK
        quick = self.detail(self.look(known.transpose(1, 2))).transpose(1, 2)
        quick = quick.unflatten(2, (_BLOCK, self.dimensions))[:, -noise.shape[1] :]
        frames = self._frames((before + way * (said[:, :, None] - before) + quick).flatten(1, 2))
        ages = state.age + 1 + torch.arange(frames.shape[1], device=noise.device)
        since = ages[:, None] / (_FADE * self.fade.exp())
        gaps = (
            state.gap[:, None] * (1 + since) * torch.exp(-since)
        )  # critically damped: it starts without a jerk
        left = State(known[:, -PAST:], said[:, -1], state.gap, state.age + frames.shape[1])
        return _not_negative(frames + gaps), left

    def _frames(self, said: Float[Tensor, "*B F"]) -> Float[Tensor, "*B F"]:
        return _not_negative((self.get_buffer("mean") + said @ self.get_buffer("components")).float())

    def _slowed(self, last: Float[Tensor, "B n"], noise: Float[Tensor, "B t n"]) -> Float[Tensor, "B t n"]:
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
        self.register_buffer("mean", torch.zeros(config.dimensions))
        self.register_buffer("spread", torch.ones(config.dimensions))

    @torch.no_grad()
    def fit(self, samples: Float[Tensor, "N T F"]) -> None:
        self.get_buffer("mean").copy_(samples.mean((0, 1)))
        self.get_buffer("spread").copy_(samples.flatten(0, 1).std(0).clamp(min=_LEAST))

    def forward(
        self, features: Features, controls: Float[Tensor, "B 58"] | None = None
    ) -> Float[Tensor, "B 1"]:
        places = ((features[0] - self.get_buffer("mean")) / self.get_buffer("spread")).transpose(1, 2)
        speeds = nn.functional.pad(_SPEED * places.diff(dim=2), (1, 0))
        x = self.layers(self.input(torch.cat([places, speeds], dim=1)))
        return self.out(x.mean(2)).float()


def _not_negative(frames: Float[Tensor, "*B F"]) -> Float[Tensor, "*B F"]:
    """Blendshapes are at least 0, and most of them are; gradients pass as if they were not held there."""
    actions = len(BLENDSHAPES)
    held = torch.cat([frames[..., :actions].clamp(min=0), frames[..., actions:]], dim=-1)
    return frames + (held - frames).detach()


FAMILIES.add(
    "next-frame", Family(Generator, Discriminator, medium=TRACKS, conditional=True, fits=True, sizes=SIZES)
)
