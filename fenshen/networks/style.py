"""The modern default: a style generator and a residual discriminator.

After StyleGAN2 (Karras et al. 2020), with what a laptop cannot pay for left out: the modulated convolution is
written as scale - convolve - scale, which needs no grouped convolution; no noise maps, no blur kernels of our own;
bilinear resampling. Weights are stored at unit variance and scaled when used (equalised learning rate, Karras et
al. 2018, section 4.1), so that one Adam step size fits all layers and bfloat16 holds from the first step on.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from fenshen import networks
from fenshen.controls import COUNT
from fenshen.networks import FAMILIES, Family, Features, NetworkConfig

_GAIN = math.sqrt(2)  # of the leaky ReLU, so that it keeps the variance
_GROUP = 4  # pictures in a group of the minibatch standard deviation


class EqualisedLinear(nn.Module):
    """A dense layer, w / sqrt(fan_in), whose learning rate may be a fraction of the others'."""

    def __init__(self, fan_in: int, fan_out: int, bias: float = 0.0, rate: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(fan_out, fan_in) / rate)
        self.bias = nn.Parameter(torch.full((fan_out,), bias / rate))
        self.gain, self.rate = rate / math.sqrt(fan_in), rate

    def forward(self, x: Float[Tensor, "B I"]) -> Float[Tensor, "B O"]:
        return F.linear(x, self.weight * self.gain, self.bias * self.rate)


class EqualisedConv(nn.Module):
    """A convolution that keeps the side, w / sqrt(fan_in)."""

    def __init__(self, fan_in: int, fan_out: int, kernel: int, bias: bool = True) -> None:
        super().__init__()
        weight = torch.randn(fan_out, fan_in, kernel, kernel)
        self.weight = nn.Parameter(weight.contiguous(memory_format=torch.channels_last))
        self.bias = nn.Parameter(torch.zeros(fan_out)) if bias else None
        self.gain = 1 / math.sqrt(fan_in * kernel**2)

    def forward(self, x: Float[Tensor, "B I H W"]) -> Float[Tensor, "B O H W"]:
        return F.conv2d(x, self.weight * self.gain, self.bias, padding=self.weight.shape[-1] // 2)


class ModulatedConv(nn.Module):
    """y = d(s) * conv(s * x): StyleGAN2's equations 1 and 3 applied to the maps instead of the weights.

    d_o = (sum_i s_i^2 sum_k w_oik^2 + eps)^(-1/2) brings every output channel back to unit variance.
    """

    def __init__(self, fan_in: int, fan_out: int, kernel: int, style: int, demodulate: bool = True) -> None:
        super().__init__()
        weight = torch.randn(fan_out, fan_in, kernel, kernel)
        self.weight = nn.Parameter(weight.contiguous(memory_format=torch.channels_last))
        self.affine = EqualisedLinear(style, fan_in, bias=1.0)
        self.bias = nn.Parameter(torch.zeros(fan_out))
        self.gain = 1 / math.sqrt(fan_in * kernel**2)
        self.demodulate = demodulate

    def forward(self, x: Float[Tensor, "B I H W"], style: Float[Tensor, "B Z"]) -> Float[Tensor, "B O H W"]:
        scale = self.affine(style)  # [B, I]
        weight = self.weight * self.gain
        y = F.conv2d(x * scale[:, :, None, None].to(x.dtype), weight, padding=weight.shape[-1] // 2)
        if self.demodulate:
            energy = weight.float().square().sum((2, 3))  # [O, I]
            with torch.autocast(x.device.type, enabled=False):
                demodulation = torch.rsqrt(F.linear(scale.float().square(), energy) + 1e-8)
            y = y * demodulation[:, :, None, None].to(y.dtype)
        return y + self.bias[:, None, None].to(y.dtype)


class Mapping(nn.Module):
    """Latent z, and controls where there are any, to the style w; a slow moving average of w is its centre."""

    centre: Tensor

    def __init__(self, latent: int, conditional: bool, layers: int = 2) -> None:
        super().__init__()
        self.embed = EqualisedLinear(COUNT, latent) if conditional else None
        widths = [latent * (2 if conditional else 1)] + [latent] * layers
        self.layers = nn.ModuleList(EqualisedLinear(i, o, rate=0.01) for i, o in pairwise(widths))
        self.register_buffer("centre", torch.zeros(latent))

    def forward(
        self, z: Float[Tensor, "B Z"], controls: Float[Tensor, "B 58"] | None, truncation: float = 1.0
    ) -> Float[Tensor, "B Z"]:
        x = _unit(z)
        if self.embed is not None:
            x = torch.cat([x, _unit(self.embed(_given(controls)).float())], dim=1)
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2) * _GAIN
        if self.training:
            with torch.no_grad():
                self.centre.lerp_(x.float().mean(0), 0.005)
        return x if truncation == 1.0 else torch.lerp(self.centre.to(x.dtype), x, truncation)


class Generator(networks.Generator):
    """Maps of 4, 8, ... size pixels; each adds its part to the picture (skip architecture)."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        sides = [4 * 2**i for i in range(config.size.bit_length() - 2)]
        self.mapping = Mapping(config.latent, config.conditional)
        self.start = nn.Parameter(torch.randn(1, config.channels(4), 4, 4))
        self.convs, self.to_picture = nn.ModuleList(), nn.ModuleList()
        for side in sides:
            width, out = config.channels(max(side // 2, 4)), config.channels(side)
            first = ModulatedConv(width, out, 3, config.latent)
            second = ModulatedConv(out, out, 3, config.latent) if side > 4 else None
            self.convs.append(nn.ModuleList([first] if second is None else [first, second]))
            self.to_picture.append(ModulatedConv(out, 3, 1, config.latent, demodulate=False))

    def forward(
        self,
        latents: Float[Tensor, "B Z"],
        controls: Float[Tensor, "B 58"] | None = None,
        truncation: float = 1.0,
    ) -> Float[Tensor, "B 3 S S"]:
        style = self.mapping(latents, controls, truncation)
        x = self.start.expand(len(latents), -1, -1, -1).contiguous(memory_format=torch.channels_last)
        x = _convolve(self.convs[0], x.to(style.dtype), style)
        picture = self.to_picture[0](x, style).float()
        for convs, to_picture in zip(self.convs[1:], self.to_picture[1:], strict=True):
            x = _convolve(convs, _double(x), style)
            picture = _double(picture) + to_picture(x, style).float()
        return picture


class Discriminator(networks.Discriminator):
    """Residual blocks down to 4 px, minibatch standard deviation, one logit; projected on controls if given.

    With controls the logit is f(x) + v(x) . e(c) / sqrt(n) (projection discriminator, Miyato, Koyama 2018).
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.from_picture = EqualisedConv(3 * config.packing, config.channels(config.size), 1)
        sides = [config.size // 2**i for i in range(config.size.bit_length() - 3)]  # size, ..., 8
        self.blocks = nn.ModuleList(
            ResidualBlock(config.channels(side), config.channels(side // 2)) for side in sides
        )
        width = config.channels(4)
        self.last = EqualisedConv(width + 1, width, 3)
        self.dense = EqualisedLinear(width * 16, width)
        self.embed = EqualisedLinear(COUNT, width) if config.conditional else None
        self.out = EqualisedLinear(width, 1)

    def forward(
        self, features: Features, controls: Float[Tensor, "B 58"] | None = None
    ) -> Float[Tensor, "B 1"]:
        x = F.leaky_relu(self.from_picture(features[0]), 0.2) * _GAIN
        for block in self.blocks:
            x = block(x)
        x = torch.cat([x, _spread(x)], dim=1)
        x = F.leaky_relu(self.last(x), 0.2) * _GAIN
        x = F.leaky_relu(self.dense(x.flatten(1)), 0.2) * _GAIN
        logit = self.out(x).float()
        if self.embed is not None:
            match = (x * _unit(self.embed(_given(controls)).float())).sum(1, keepdim=True)
            logit = logit + match.float() / math.sqrt(x.shape[1])
        return logit


class ResidualBlock(nn.Module):
    """Two convolutions and a halving beside a 1x1 shortcut; their sum is scaled back to unit variance."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.first = EqualisedConv(width, width, 3)
        self.second = EqualisedConv(width, out, 3)
        self.shortcut = EqualisedConv(width, out, 1, bias=False)

    def forward(self, x: Float[Tensor, "B I H W"]) -> Float[Tensor, "B O h w"]:
        h = F.leaky_relu(self.first(x), 0.2) * _GAIN
        h = F.leaky_relu(self.second(F.avg_pool2d(h, 2)), 0.2) * _GAIN
        return (h + self.shortcut(F.avg_pool2d(x, 2))) * math.sqrt(0.5)


def _convolve(convs: nn.Module, x: Float[Tensor, "B I H W"], style: Float[Tensor, "B Z"]) -> Tensor:
    for conv in convs.children():
        x = F.leaky_relu(conv(x, style), 0.2) * _GAIN
    return x


def _given(controls: Float[Tensor, "B 58"] | None) -> Float[Tensor, "B 58"]:
    if controls is None:
        raise ValueError("a conditional network needs controls")
    return controls


def _unit(x: Float[Tensor, "B N"]) -> Float[Tensor, "B N"]:
    """Each row scaled to a mean square of 1."""
    return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8)


def _double(x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C h w"]:
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


def _spread(x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B 1 H W"]:
    """How much the pictures of a group differ (Karras et al. 2018, section 3); a group is 4 neighbours.

    A batch that is no multiple of 4 is one group.
    """
    batch, _, height, width = x.shape
    group = _GROUP if batch % _GROUP == 0 else batch
    y = x.float().reshape(batch // group, group, *x.shape[1:])
    deviation = (y.var(1, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3))  # [B / group]
    return deviation.repeat_interleave(group)[:, None, None, None].expand(-1, 1, height, width).to(x.dtype)


FAMILIES.add("style", Family(Generator, Discriminator, conditional=True))
