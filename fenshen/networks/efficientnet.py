"""EfficientNet-Lite0 (Tan, Le 2019; the Lite variants have ReLU6 and no squeeze-excitation), frozen.

Only its convolutional trunk, as a source of features at four scales. Batch norms are folded into the
convolutions when the weights are loaded: a frozen network needs them no more, and half the memory traffic goes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor, nn

from fenshen import assets

_EPSILON = 1e-3


class _Stage(NamedTuple):
    repeats: int
    kernel: int
    stride: int
    expand: int
    width: int


_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)
# The stages whose outputs are tapped, one at each stride 4, 8, 16 and 32 (Projected GAN, section 4).
_TAPS = (1, 2, 4, 6)
WIDTHS = tuple(_STAGES[tap].width for tap in _TAPS)
STRIDES = (4, 8, 16, 32)


class _FrozenConv(torch.autograd.Function):
    """A convolution whose weights never learn: its backward pass is one more *forward* convolution.

    oneDNN's backward kernels for strided depthwise convolutions are slow (half of all time in bfloat16 on a CPU),
    its forward kernels are not, and the gradient with respect to the input is just the convolution of the
    gradient, spread out by the stride, with the flipped kernel.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, flipped: Tensor, bias: Tensor, conv: _Conv) -> Tensor:
        ctx.save_for_backward(flipped)
        ctx.conv, ctx.sides = conv, x.shape[2:]
        return _convolve(x, weight, bias, conv.stride, conv.padding, conv.groups)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None, None]:
        (flipped,), conv, (height, width) = ctx.saved_tensors, ctx.conv, ctx.sides
        margin = flipped.shape[-1] - 1 - conv.padding
        if conv.stride > 1:
            # Rows and columns of zeros between the gradients, and as many behind them as the input had.
            tall, wide = height - margin + conv.padding, width - margin + conv.padding
            spread = gradient.new_zeros(*gradient.shape[:2], tall, wide)
            spread = spread.contiguous(memory_format=torch.channels_last)
            spread[:, :, :: conv.stride, :: conv.stride] = gradient
            gradient = spread
        return _convolve(gradient, flipped, None, 1, margin, conv.groups), None, None, None, None


def _convolve(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int, groups: int
) -> Tensor:
    if not x.is_cuda or groups == 1:
        return F.conv2d(x, weight, bias, stride, padding, groups=groups)
    # cuDNN takes 5 x 5 depthwise convolutions in bfloat16 channel by channel, one kernel each; PyTorch does not.
    with torch.backends.cudnn.flags(enabled=False):
        return F.conv2d(x, weight, bias, stride, padding, groups=groups)


class _Conv(nn.Module):
    """A convolution with its batch norm folded in and TensorFlow's "same" padding."""

    weight: Tensor
    flipped: Tensor
    bias: Tensor

    def __init__(self, weight: Tensor, bias: Tensor, stride: int, groups: int) -> None:
        super().__init__()
        flipped = weight.flip(2, 3) if groups > 1 else weight.flip(2, 3).transpose(0, 1).contiguous()
        self.register_buffer("weight", weight, persistent=False)
        self.register_buffer("flipped", flipped, persistent=False)
        self.register_buffer("bias", bias, persistent=False)
        self.stride, self.groups = stride, groups
        self.padding = weight.shape[-1] // 2 if stride == 1 else 0

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K h w"]:
        if self.stride > 1:  # on even sides TensorFlow pads one pixel more at the bottom and the right
            before, after = (self.weight.shape[-1] - 2) // 2, (self.weight.shape[-1] - 1) // 2
            x = F.pad(x, (before, after, before, after))
        dtype = x.dtype
        weight, flipped, bias = self.weight.to(dtype), self.flipped.to(dtype), self.bias.to(dtype)
        return _FrozenConv.apply(x, weight, flipped, bias, self)  # type: ignore[no-untyped-call]


class _Block(nn.Module):
    """Inverted bottleneck: widen, filter each channel, narrow; with a shortcut where the shape stays."""

    def __init__(self, expand: _Conv | None, depthwise: _Conv, project: _Conv, shortcut: bool) -> None:
        super().__init__()
        self.expand, self.depthwise, self.project, self.shortcut = expand, depthwise, project, shortcut

    def forward(self, x: Tensor) -> Tensor:
        h = x if self.expand is None else F.relu6(self.expand(x))
        h = self.project(F.relu6(self.depthwise(h)))
        return x + h if self.shortcut else h


class EfficientNetLite0(nn.Module):
    """Pictures [B, 3, H, W] in [-1, 1] to four feature maps, at strides 4, 8, 16 and 32.

    Nothing in it learns: weights are buffers, so that optimizers, averages and checkpoints pass it by.
    """

    def __init__(self) -> None:
        super().__init__()
        state = load_file(assets.path("efficientnet_lite0.safetensors"))
        self.stem = _fold(state, "_conv_stem", "_bn0", stride=2)
        self.stages = nn.ModuleList()
        index, width = 0, 32
        for stage in _STAGES[: _TAPS[-1] + 1]:
            blocks = []
            for repeat in range(stage.repeats):
                stride = stage.stride if repeat == 0 else 1
                blocks.append(_block(state, f"_blocks.{index}", stage, width, stride))
                index, width = index + 1, stage.width
            self.stages.append(nn.Sequential(*blocks))
        self.requires_grad_(False)

    def forward(self, pictures: Float[Tensor, "B 3 H W"]) -> tuple[Float[Tensor, "B _ _ _"], ...]:
        # The weights were trained on (x - 127) / 128 with x in [0, 255], which is our range up to 0.4 %.
        x = F.relu6(self.stem(pictures))
        maps = []
        for i, stage in enumerate(self.stages):
            x = stage(x)
            if i in _TAPS:
                maps.append(x)
        return tuple(maps)


def _block(state: dict[str, Tensor], name: str, stage: _Stage, width: int, stride: int) -> _Block:
    expand = _fold(state, f"{name}._expand_conv", f"{name}._bn0") if stage.expand != 1 else None
    wide = width * stage.expand
    depthwise = _fold(state, f"{name}._depthwise_conv", f"{name}._bn1", stride=stride, groups=wide)
    project = _fold(state, f"{name}._project_conv", f"{name}._bn2")
    return _Block(expand, depthwise, project, shortcut=stride == 1 and width == stage.width)


def _fold(state: dict[str, Tensor], conv: str, norm: str, stride: int = 1, groups: int = 1) -> _Conv:
    """w' = w * gamma / sigma, b' = beta - mean * gamma / sigma."""
    gain = state[f"{norm}.weight"] * torch.rsqrt(state[f"{norm}.running_var"] + _EPSILON)
    weight = state[f"{conv}.weight"].float() * gain[:, None, None, None]
    bias = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * gain
    return _Conv(weight, bias, stride, groups)
