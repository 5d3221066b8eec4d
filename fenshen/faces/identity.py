"""Face identity: 128 numbers per portrait, close for the same person and far apart for two.

The network is dlib's face recognition ResNet, by its author "essentially a version of ResNet-34 (He et al.
2016) with a few layers removed and the number of filters per layer reduced by half", in plain PyTorch, so
that gradients flow through it. It was trained to keep each person's faces in a ball of their own, on
pictures of 150 pixels in which eyes and nose have fixed places; such a picture is called a chip.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy import ndarray
from torch import Tensor, nn
from torch.nn import functional as F

from fenshen import assets, controls
from fenshen.faces import align, pose
from fenshen.landmarks import EYE_INNER, EYE_OUTER, NOSE_BASE

WEIGHTS = "identity_resnet34.safetensors"
CHIP = 150  # pixels
EMBEDDING = 128

# Euclidean distance of two embeddings below which they show one person, as the network was trained.
SAME_PERSON = 0.6

# Where a chip has the outer and inner corner of the subject's left eye, of the right eye, and the base of
# the nose (dlib's get_face_chip_details with a padding of 0.25), and the landmarks they are.
_PLACES = np.array([(110.96, 46.35), (89.61, 47.90), (37.06, 46.37), (58.41, 47.91), (74.01, 87.78)])
CHIP_POINTS = (EYE_OUTER.left, EYE_INNER.left, EYE_OUTER.right, EYE_INNER.right, NOSE_BASE)
# The same points of the canonical face, in centimetres from its centre, x right and y down.
_CANONICAL = np.array([(4.446, -2.664), (1.856, -2.585), (-4.446, -2.664), (-1.856, -2.585), (0.0, 2.089)])
# And where they are in an aligned portrait, in fractions of its side.
_ALIGNED = np.array(controls.CENTRE) + controls.FACE_HEIGHT / pose.FACE_HEIGHT * _CANONICAL

_MEAN = (122.782, 117.001, 104.298)  # of the training pictures; what is left is divided by 256
_BATCH = 32  # chips at a time: 0.3 GB


class IdentityNet(nn.Module):
    """dlib's face recognition ResNet: 29 convolutions; its scales and shifts are folded into them."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 7, stride=2)
        # Widths and counts of dlib's "anet_type": a block that halves the picture, then some that keep it.
        blocks = {f"conv32_{i}": _Block(32, 32) for i in (1, 2, 3)}
        for before, width, count in ((32, 64, 3), (64, 128, 2), (128, 256, 2)):
            blocks[f"conv{width}_down"] = _Block(before, width, halve=True)
            blocks |= {f"conv{width}_{i}": _Block(width, width) for i in range(1, count + 1)}
        blocks["conv256_down_out"] = _Block(256, 256, halve=True)
        self.blocks = nn.Sequential()
        for name, block in blocks.items():
            self.blocks.add_module(name, block)
        self.head = nn.Linear(256, EMBEDDING, bias=False)
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1), persistent=False)

    def forward(self, chips: Float[Tensor, "N 3 150 150"]) -> Float[Tensor, "N 128"]:
        """Embeddings of chips, RGB in [-1, 1]."""
        x = (127.5 * (chips + 1) - self.mean) / 256
        x = F.max_pool2d(F.relu(self.stem(x)), 3, stride=2)  # (N, 32, 35, 35)
        x = self.blocks(x)  # (N, 256, 3, 3)
        return self.head(x.mean(dim=(2, 3)))


class _Block(nn.Module):
    """Two convolutions and a way around them; where they halve the picture, the way around averages it."""

    def __init__(self, before: int, width: int, *, halve: bool = False) -> None:
        super().__init__()
        self.halve = halve
        self.conv1 = nn.Conv2d(before, width, 3, stride=2 if halve else 1, padding=0 if halve else 1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N D h w"]:
        y = self.conv2(F.relu(self.conv1(x)))
        if self.halve:
            x = F.avg_pool2d(x, 2)
            # dlib's add_prev: channels or a last row that only one of them has are added to 0.
            extra = [max(a - b, 0) for a, b in zip(x.shape, y.shape, strict=True)]
            y = F.pad(y, (0, extra[3], 0, extra[2]))
            extra = [max(b - a, 0) for a, b in zip(x.shape, y.shape, strict=True)]
            x = F.pad(x, (0, extra[3], 0, extra[2], 0, extra[1]))
        return F.relu(x + y)


@cache
def network() -> IdentityNet:
    """The network with its weights, frozen, in float32 on the CPU; one a process.

    Raises:
        FenshenError: the weights are missing or changed.
    """
    from safetensors.torch import load_file

    with torch.inference_mode(
        False
    ):  # even if first called in inference mode, gradients can flow through it later
        net = IdentityNet()
        net.load_state_dict({name: value.float() for name, value in load_file(assets.path(WEIGHTS)).items()})
        return net.eval().requires_grad_(False)


def embed(
    portraits: UInt8[ndarray, "N H W 3"], landmarks: Float[ndarray, "N 478 3"] | None = None
) -> Float[ndarray, "N 128"]:
    """Embeddings of portraits.

    Args:
        portraits: RGB.
        landmarks: the faces' landmarks in portrait sides, as in a dataset's records. Without them, the
            portraits are assumed to be aligned: exact for :func:`fenshen.faces.align.alignment`, slightly
            off for frames of a steady crop, in which heads turn and move.
    """
    if landmarks is None:
        places = np.broadcast_to(_ALIGNED, (len(portraits), len(CHIP_POINTS), 2))
    else:
        places = np.asarray(landmarks, dtype=np.float64)[:, list(CHIP_POINTS), :2]
    side = portraits.shape[1]
    chips = [_cut(p, at * side - 0.5) for p, at in zip(portraits, places, strict=True)]
    return _embed(chips)


def chip(picture: UInt8[ndarray, "H W 3"], landmarks: Float[ndarray, "478 3"]) -> UInt8[ndarray, "150 150 3"]:
    """Cut a face's chip out of any picture, by its landmarks in pixels."""
    return _cut(picture, np.asarray(landmarks, dtype=np.float64)[list(CHIP_POINTS), :2])


def embed_chips(chips: UInt8[ndarray, "N 150 150 3"]) -> Float[ndarray, "N 128"]:
    """Embeddings of chips that :func:`chip` cut."""
    return _embed(list(chips))


def aligned_chips(portraits: Float[Tensor, "N 3 S S"]) -> Float[Tensor, "N 3 150 150"]:
    """Chips of aligned portraits in [-1, 1], differentiably: ``network()(aligned_chips(generated))``."""
    places = torch.tensor(_ALIGNED, dtype=portraits.dtype, device=portraits.device)
    return chips_at(portraits, places.expand(len(portraits), -1, -1))


def chips_at(
    portraits: Float[Tensor, "N 3 S S"], places: Float[Tensor, "N 5 2"]
) -> Float[Tensor, "N 3 150 150"]:
    """Chips of portraits in [-1, 1], differentiably.

    Args:
        places: positions of :data:`CHIP_POINTS` in each portrait, in portrait sides.
    """
    goal = torch.tensor(_PLACES, dtype=places.dtype, device=places.device)
    to, at = goal - goal.mean(0), places - places.mean(1, keepdim=True)
    # The similarity from chip to portrait with the least squared error, as a complex number: sides a pixel.
    real = (at * to).sum((1, 2)) / to.square().sum()
    imaginary = (at[..., 1] * to[:, 0] - at[..., 0] * to[:, 1]).sum(1) / to.square().sum()
    turn = torch.stack([real, -imaginary, imaginary, real], dim=1).reshape(-1, 2, 2)
    finer = float(torch.hypot(real, imaginary).max()) * portraits.shape[-1]
    if finer > 1:  # a chip is smaller than its part of the portrait
        smaller = max(round(portraits.shape[-1] / finer), 1)
        portraits = F.interpolate(portraits, (smaller, smaller), mode="bilinear", antialias=True)
    # affine_grid counts from -1 to 1 across a picture, whose pixel i has its centre at (2 i + 1) / side - 1.
    middle = (turn @ ((CHIP - 1) / 2 - goal.mean(0))) + places.mean(1)
    theta = torch.cat([CHIP * turn, (2 * middle - 1)[..., None]], dim=2).to(portraits.dtype)
    grid = F.affine_grid(theta, [len(portraits), 3, CHIP, CHIP], align_corners=False)
    return F.grid_sample(portraits, grid, mode="bilinear", padding_mode="border", align_corners=False)


@torch.inference_mode()
def _embed(chips: list[UInt8[ndarray, "150 150 3"]]) -> Float[ndarray, "N 128"]:
    found = [np.empty((0, EMBEDDING), dtype=np.float32)]
    for start in range(0, len(chips), _BATCH):
        batch = torch.from_numpy(np.stack(chips[start : start + _BATCH])).permute(0, 3, 1, 2)
        found.append(network()(batch.float() / 127.5 - 1).numpy())
    return np.concatenate(found)


def _cut(picture: UInt8[ndarray, "H W 3"], points: Float[ndarray, "5 2"]) -> UInt8[ndarray, "150 150 3"]:
    return align.align(picture, align.similarity(points, _PLACES), CHIP)
