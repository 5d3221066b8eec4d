"""The family that moves a person's own pictures, and draws only what none of them shows.

A few keyframes, pictures with known contour points, are bent to where the controls want the face, and mixed. The
network is that of ``portrait`` with two more heads: one corrects the motion of each keyframe, at 64 px; the other says
at every pixel how much each keyframe, the empty background and the network's own drawing count. Motion and shares know
no resolution: they are learnt at 128 and 256 px, and used on keyframes of any size.

The motion begins with geometry, which also says which keyframe is near, and what it cannot show
(:mod:`fenshen.networks.geometry`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from fenshen import controls as control_space
from fenshen.networks import FAMILIES, Drawn, Family, Moved, NetworkConfig, Sizes, portrait
from fenshen.networks.contours import CONTOUR_POINTS
from fenshen.networks.fast import Discriminator
from fenshen.networks.geometry import Geometry, Known, carried, upright_points

if TYPE_CHECKING:
    from fenshen.keyframes import Keyframes

_FLOW_SIDE = 64  # of the maps of motion
_STEP = 0.1  # sides of the picture that one unit of the motion head means
_REFUSED = 8.0  # logits that a keyframe loses where it cannot show what is asked for
_EMPTY, _DRAWN = 2.0, -2.0  # logits of the empty background where it was always seen, and of what is drawn
_OFTEN = 0.9  # the share of frames that have to show the background where it can begin to stand still
# Differences from the background, of 2, between which a person is there; and the places around one that count as well.
_DIFFERS, _AROUND_PERSON = (0.1, 0.2), 5
_PASSING = 0.25  # the share of near keyframes that have to show a person at a place, for one to be there
_GHOST = 0.02  # a share that is not shown
_COARSE = 32  # of the maps that tell which keyframes are near anywhere


class Parts(NamedTuple):
    """All that a picture is put together from, beside the keyframes; independent of their size.

    Attributes:
        drawn: by the network itself.
        motion: where in each keyframe the pixel seen here lies, relative to here, in sides; x right, y down.
        near, weights: as in :class:`fenshen.networks.Moved`.
        points: contour points.
    """

    drawn: Float[Tensor, "B 3 s s"]
    motion: Float[Tensor, "B K 2 f f"]
    near: Float[Tensor, "B K s s"]
    weights: Float[Tensor, "B L s s"]
    points: Float[Tensor, "B P 2"]


@dataclass(frozen=True, eq=False)
class Sources:
    """Pictures that are moved.

    Attributes:
        pictures: the keyframes.
        plate: the empty background.
    """

    pictures: Float[Tensor, "K 3 S S"]
    plate: Float[Tensor, "1 3 S S"]


def sources(keyframes: Keyframes, device: torch.device | str = "cpu") -> Sources:
    """The pictures of keyframes on a device, in [-1, 1]."""
    stacked = np.concatenate([keyframes.pictures, keyframes.plate[None, ..., :3]])
    pictures = torch.from_numpy(stacked).to(device).permute(0, 3, 1, 2).float().div(127.5).sub(1).contiguous()
    return Sources(pictures[:-1], pictures[-1:])


class Generator(portrait.Generator):
    """Code and controls to a picture that is put together from moved keyframes and from what is drawn."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config)
        count, side = config.keyframes, config.size
        self.motion_side = min(_FLOW_SIDE, side)
        self.motion = nn.Conv2d(config.channels(self.motion_side), 2 * count, 3, padding=1)
        self.shares = nn.Conv2d(config.channels(side), count + 2, 3, padding=1)
        for head in (self.motion, self.shares):
            nn.init.normal_(head.weight, std=1e-3)
            assert head.bias is not None
            nn.init.zeros_(head.bias)
        # What is moved is part of the weights, at the network's own size: a model draws by itself, wherever it is.
        self.register_buffer("pictures", torch.zeros(count, 3, side, side))
        self.register_buffer("plate", torch.zeros(1, 3, side, side))
        self.register_buffer("empty", torch.zeros(1, 1, side, side))
        self.register_buffer("told", torch.zeros(count, control_space.COUNT))
        self.register_buffer("points", torch.zeros(count, len(CONTOUR_POINTS), 2))
        self.register_buffer("made", torch.zeros(count))
        self.register_buffer("present", torch.ones(count, 1, self.motion_side, self.motion_side))
        self.geometry = Geometry()
        self.larger: dict[int, Sources] = {}  # by side; not part of the weights

    def keep(
        self,
        sources: Sources,
        empty: Float[Tensor, "1 1 S S"],
        told: Float[Tensor, "K 58"],
        points: Float[Tensor, "K P 2"],
        made: Float[Tensor, "K"],
    ) -> None:
        """Take the keyframes that are moved.

        Args:
            sources: at the network's size.
            empty: how often the plate was seen at each pixel, 0 to 1.
            told: normalised controls of the keyframes.
            points: contour points of the keyframes, in sides.
            made: 1 for those that were not filmed, 0 for the others.
        """
        kept = {"pictures": sources.pictures, "plate": sources.plate, "empty": empty, "told": told}
        for name, value in (kept | {"points": points, "made": made}).items():
            self.get_buffer(name).copy_(value)
        self.get_buffer("present").copy_(_present(sources, empty, self.motion_side))

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *more: Any) -> None:
        # Older weights know neither made keyframes nor where a person cannot be.
        for name, unknown in (("made", torch.zeros_like), ("present", torch.ones_like)):
            state.setdefault(f"{prefix}{name}", unknown(self.get_buffer(name)))
        super()._load_from_state_dict(state, prefix, *more)

    def draw(
        self,
        latents: Float[Tensor, "B Z"],
        controls: Float[Tensor, "B 58"] | None = None,
        truncation: float = 1.0,
        sizes: Sizes | None = None,
        sources: Float[Tensor, "B C H W"] | None = None,
    ) -> Drawn:
        """As :meth:`forward`, with the parts.

        Args:
            sizes: all alike: the network's own, or one of :attr:`larger`.
        """
        parts = self.parts(latents, controls, truncation)
        return put_together(
            parts, self.sources(None if sizes is None else int(sizes[0, 0])), sharp=not self.training
        )

    def sources(self, side: int | None = None) -> Sources:
        """What is moved: at the network's own size, or one of :attr:`larger`."""
        own = Sources(self.get_buffer("pictures"), self.get_buffer("plate"))
        return own if side is None else self.larger.get(side, own)

    def parts(
        self,
        latents: Float[Tensor, "B Z"],
        controls: Float[Tensor, "B 58"] | None = None,
        truncation: float = 1.0,
        *,
        few: bool = False,
    ) -> Parts:
        """What the pictures are put together from; other arguments as :meth:`forward`.

        Args:
            few: keyframes that are near nowhere are left out, which halves the work; not to be exported or trained.
        """
        if controls is None:
            controls = latents.new_zeros(len(latents), control_space.COUNT)
        maps, points = self.maps(latents, controls, truncation)
        drawn = self.to_picture(maps[-1]).float()
        learnt = self.motion(F.leaky_relu(maps[self.sides.index(self.motion_side)], 0.2)).float()
        shares = self.shares(F.leaky_relu(maps[-1], 0.2)).float()
        with torch.autocast(latents.device.type, enabled=False):
            # Shares follow the points, and are no reason to move them.
            there, known = points.detach(), self._known()
            learnt = _STEP * learnt.unflatten(1, (-1, 2))
            upright = upright_points(there, self.head_space.aim(controls))
            count, which = len(known.points), None
            if few:
                near = self.geometry.near(there, upright, known, _COARSE)
                which = (near.amax((0, 2, 3)) > _GHOST).nonzero()[:, 0]
                known = Known(*(one[which] for one in known))
                learnt = learnt.index_select(1, which)
                shares = torch.cat([shares.index_select(1, which), shares[:, -2:]], dim=1)
            motion = carried(there, known.points, self.motion_side) + learnt
            near = self.geometry.near(there, upright, known, drawn.shape[-1])
            lacking = self.geometry.lacking(there, upright, known, drawn.shape[-1], few=few)
            weights = self._weights(shares, near, lacking, motion, known.present)
            if which is not None:
                motion, near = (_spread(one, which, count) for one in (motion, near))
                weights = torch.cat([_spread(weights[:, :-2], which, count), weights[:, -2:]], dim=1)
        return Parts(drawn, motion, near, weights, points)

    def _known(self) -> Known:
        points, told, made, present = map(self.get_buffer, ("points", "told", "made", "present"))
        return Known(points, upright_points(points, self.head_space.aim(told)), made, present)

    def _weights(
        self,
        shares: Float[Tensor, "B L s s"],
        near: Float[Tensor, "B K s s"],
        lacking: Float[Tensor, "B K s s"],
        motion: Float[Tensor, "B K 2 f f"],
        present: Float[Tensor, "K 1 f f"],
    ) -> Float[Tensor, "B L s s"]:
        # Odds, not a share: a background that nobody ever stood before is shown itself.
        seen = self.get_buffer("empty")
        empty = ((seen + 1e-3) / (1 + 1e-3 - seen)).log().expand(len(near), -1, -1, -1)
        inside = lacking.amax(1, keepdim=True)
        ours = (near + 1e-4).log() - _REFUSED * lacking
        plate = _EMPTY + empty - _REFUSED * inside
        prior = torch.cat([ours, plate, torch.full_like(empty, _DRAWN)], dim=1)
        # Where nobody was filmed and nobody is moved to, there is nothing to learn: it stands still to the pixel.
        free = ((1 - seen) / (1 - _OFTEN)).clamp(max=1)
        weights = (prior + torch.maximum(free, self._passed(near, motion, present)) * shares).softmax(1)
        if self.training:
            return weights
        # Ghosts of keyframes that hardly count cost as much time as others.
        counting = F.relu(weights - _GHOST)
        return counting / counting.sum(1, keepdim=True)

    def _passed(
        self,
        near: Float[Tensor, "B K s s"],
        motion: Float[Tensor, "B K 2 f f"],
        present: Float[Tensor, "K 1 f f"],
    ) -> Float[Tensor, "B 1 s s"]:
        """1 where the moved keyframes show a person, 0 where all they show is background."""
        moved = bent(present, motion.detach(), "bilinear")[:, :, 0]
        near = F.avg_pool2d(near, near.shape[-1] // self.motion_side)
        shown = (near * moved).sum(1, keepdim=True)
        return _enlarged((shown / _PASSING).clamp(max=1), self.sides[-1])


def _spread(
    maps: Float[Tensor, "B k *rest"], which: Int[Tensor, "k"], count: int
) -> Float[Tensor, "B K *rest"]:
    """Maps of some of ``count`` keyframes among those of all; 0 for the others."""
    return maps.new_zeros(len(maps), count, *maps.shape[2:]).index_copy_(1, which, maps)


def _present(sources: Sources, empty: Float[Tensor, "1 1 S S"], side: int) -> Float[Tensor, "K 1 side side"]:
    """1 where a person is in keyframes, or may be: where they differ from the background, or it was never seen."""
    differs = F.avg_pool2d((sources.pictures - sources.plate).abs().amax(1, keepdim=True), 3, 1, 1)
    low, high = _DIFFERS
    found = torch.maximum(((differs - low) / (high - low)).clamp(0, 1), (empty == 0).float())
    return F.adaptive_max_pool2d(F.max_pool2d(found, _AROUND_PERSON, 1, _AROUND_PERSON // 2), side)


def bent(
    pictures: Float[Tensor, "K C S S"], motion: Float[Tensor, "B K 2 side side"], how: str
) -> Float[Tensor, "B K C side side"]:
    """Keyframes moved: what lies where the motion points to.

    Args:
        how: mode of ``torch.nn.functional.grid_sample``.
    """
    batch, count, _, side, _ = motion.shape
    steps = (torch.arange(side, device=motion.device, dtype=torch.float32) + 0.5) / side
    here = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), dim=-1)  # (side, side, 2)
    places = 2 * (here + motion.permute(1, 0, 3, 4, 2)) - 1  # (K, B, side, side, 2)
    moved = F.grid_sample(pictures, places.flatten(1, 2), how, "border", align_corners=False)
    return moved.reshape(count, -1, batch, side, side).permute(2, 0, 1, 3, 4)


def put_together(parts: Parts, sources: Sources, *, sharp: bool = True) -> Drawn:
    """The pictures, at the size of the keyframes.

    Args:
        sharp: bend keyframes with cubic interpolation; linear is quicker, and blurs a little.
    """
    batch, count = parts.motion.shape[:2]
    side = sources.pictures.shape[-1]
    motion = _enlarged(parts.motion.flatten(1, 2), side).reshape(batch, count, 2, side, side)
    moved = bent(sources.pictures, motion, "bicubic" if sharp else "bilinear")
    weights, near = _enlarged(parts.weights, side), _enlarged(parts.near, side)
    kept = (weights[:, :count, None] * moved).sum(1)
    rest = weights[:, count, None] * sources.plate + weights[:, count + 1, None] * _enlarged(
        parts.drawn, side
    )
    return Drawn(kept + rest, parts.points, Moved(parts.drawn, moved, sources.plate, near, weights))


def _enlarged(maps: Float[Tensor, "B C s s"], side: int) -> Float[Tensor, "B C S S"]:
    if maps.shape[-1] == side:
        return maps
    return F.interpolate(maps, size=(side, side), mode="bilinear", align_corners=False)


FAMILIES.add(
    "mover", Family(Generator, Discriminator, conditional=True, frozen=True, paired=True, moves=True)
)
