"""MediaPipe's selfie segmentation (Google 2021): where in a picture a person is, frozen.

A MobileNetV3 (Howard et al. 2019) down to a sixteenth of the side, a pooled head, and a way up on which at each size
what was seen on the way down is weighed by its context. The layers stand in the order of the original file, of which
``scripts/vendor_selfie.py`` takes the weights.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor, nn

from fenshen import assets
from fenshen.networks import place

SIDE = 256  # pixels of the pictures it was trained on
FILE = "selfie_segmentation.safetensors"


class _Same(nn.Conv2d):
    """A convolution with TensorFlow's "same" padding: of two uneven sides the lower right one gets more."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups)
        self.before, self.after = (kernel - stride) // 2, (kernel - stride + 1) // 2

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K h w"]:
        return super().forward(F.pad(x, (self.before, self.after, self.before, self.after)))


class _Weigh(nn.Module):
    """How much each channel counts, from its mean over the picture (Hu et al. 2018, squeeze and excitation)."""

    def __init__(self, width: int, narrow: int) -> None:
        super().__init__()
        self.squeeze, self.excite = nn.Conv2d(width, narrow, 1), nn.Conv2d(narrow, width, 1)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C 1 1"]:
        return torch.sigmoid(self.excite(F.relu(self.squeeze(x.mean((2, 3), keepdim=True)))))


class _Bottleneck(nn.Module):
    """Widen, filter each channel, weigh, narrow; with a shortcut where the shape stays."""

    def __init__(
        self, width: int, wide: int, out: int, kernel: int = 3, stride: int = 1, narrow: int = 0
    ) -> None:
        super().__init__()
        self.expand = nn.Conv2d(width, wide, 1)
        self.depthwise = _Same(wide, wide, kernel, stride, groups=wide)
        self.weigh = _Weigh(wide, narrow) if narrow else None
        self.project = nn.Conv2d(wide, out, 1)
        self.act = F.hardswish if kernel == 5 else F.relu
        self.shortcut = stride == 1 and width == out

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K h w"]:
        h = self.act(self.depthwise(self.act(self.expand(x))))
        h = h if self.weigh is None else h * self.weigh(h)
        return x + self.project(h) if self.shortcut else self.project(h)


class _Head(nn.Module):
    """The deepest maps under a gate of their mean (Howard et al. 2019, section 6.4)."""

    def __init__(self, width: int, wide: int) -> None:
        super().__init__()
        self.look, self.gate = nn.Conv2d(width, wide, 1), nn.Conv2d(width, wide, 1)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K H W"]:
        return F.relu(self.look(x)) * torch.sigmoid(self.gate(x.mean((2, 3), keepdim=True)))


class _Up(nn.Module):
    """To twice the side, joined with what the way down saw there."""

    def __init__(self, deep: int, width: int) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(deep, width, 1)
        self.weigh = _Weigh(width, width)
        self.mix = nn.Conv2d(width, width, 1)
        self.refine = _Same(width, width, 3, groups=width)

    def forward(
        self, x: Float[Tensor, "B C h w"], seen: Float[Tensor, "B K H W"]
    ) -> Float[Tensor, "B K H W"]:
        x = self.narrow(F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False))
        x = F.relu(self.mix(seen * self.weigh(seen + x) + x))
        return x + F.relu(self.refine(x))


class Selfie(nn.Module):
    """RGB pictures in [0, 1] to how surely each pixel is a person's, in [0, 1]. Nothing in it learns."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _Same(3, 16, 3, 2)
        self.down = nn.ModuleList(
            (
                _Bottleneck(16, 16, 16, stride=2, narrow=8),
                nn.Sequential(_Bottleneck(16, 72, 24, stride=2), _Bottleneck(24, 88, 24)),
                nn.Sequential(
                    _Bottleneck(24, 96, 32, kernel=5, stride=2, narrow=24),
                    _Bottleneck(32, 128, 32, kernel=5, narrow=32),
                    _Bottleneck(32, 128, 32, kernel=5, narrow=32),
                    _Bottleneck(32, 96, 32, kernel=5, narrow=24),
                    _Bottleneck(32, 96, 32, kernel=5, narrow=24),
                ),
            )
        )
        self.head = _Head(32, 128)
        self.up = nn.ModuleList((_Up(128, 24), _Up(24, 16), _Up(16, 16)))
        self.last = nn.ConvTranspose2d(16, 1, 2, 2)

    @classmethod
    def load(cls) -> Selfie:
        """With the weights that come with Fenshen."""
        network = cls()
        network.load_state_dict({name: value.float() for name, value in load_file(assets.path(FILE)).items()})
        return place(network, "cpu").eval().requires_grad_(False)

    def forward(self, pictures: Float[Tensor, "B 3 256 256"]) -> Float[Tensor, "B 1 256 256"]:
        x = F.hardswish(self.stem(pictures))
        seen = []
        for stage in self.down:
            seen.append(x)
            x = stage(x)
        x = self.head(x)
        for up, before in zip(self.up, reversed(seen), strict=True):
            x = up(x, before)
        return torch.sigmoid(self.last(x))
