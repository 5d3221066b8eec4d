"""Pictures to feature vectors: an ImageNet MobileNetV2 without its classifier.

Every distance measured with these features carries the network's name (MobileNet-KID): such figures compare
with one another, and not with the FID or KID of a paper, which are measured with Inception.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from numpy import ndarray
from safetensors.torch import load_file
from torch import Tensor, nn

from fenshen import assets, files
from fenshen.data import PictureData
from fenshen.errors import FenshenError
from fenshen.networks import place

NAME = "MobileNet"
WIDTH = 1280
WEIGHTS = "mobilenet_v2.safetensors"
Precision = Literal["float32", "bfloat16"]
Progress = Callable[[int], None]  # called with the number of newly finished pictures

_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)
_BATCH = {"cpu": 8, "cuda": 128}  # small enough on a CPU for the activations to stay in its cache
_MEMORY = 1 << 26  # bytes of a dataset's pixels in memory at a time


class View(NamedTuple):
    """The sizes at which the network sees a picture."""

    via: int | None  # reduced to this side first, so that finer detail does not count
    side: int  # of the network's input


FULL = View(None, 224)  # 224 is what the weights were trained at
THUMBNAIL = View(16, 128)


class _Stage(NamedTuple):
    expand: int
    width: int
    repeats: int
    stride: int


# Table 2 of Sandler et al. 2018.
_STAGES = (
    _Stage(1, 16, 1, 1),
    _Stage(6, 24, 2, 2),
    _Stage(6, 32, 3, 2),
    _Stage(6, 64, 4, 2),
    _Stage(6, 96, 3, 1),
    _Stage(6, 160, 3, 2),
    _Stage(6, 320, 1, 1),
)


class _Conv(nn.Module):
    """A convolution with its batch norm folded in: frozen, it needs none, and memory traffic halves."""

    weight: Tensor
    bias: Tensor

    def __init__(self, state: dict[str, Tensor], conv: str, norm: str, stride: int, groups: int, act: bool):
        super().__init__()
        gain = state[f"{norm}.weight"] * torch.rsqrt(state[f"{norm}.running_var"] + 1e-5)
        self.register_buffer("weight", state[f"{conv}.weight"] * gain[:, None, None, None])
        self.register_buffer("bias", state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * gain)
        self.stride, self.groups, self.act = stride, groups, act

    def forward(self, x: Tensor) -> Tensor:
        padding = self.weight.shape[-1] // 2
        x = F.conv2d(x, self.weight, self.bias, self.stride, padding, groups=self.groups)
        return F.relu6(x, inplace=True) if self.act else x


class _Block(nn.Sequential):
    """Inverted residual: widen, filter each channel, narrow without an activation; a shortcut if it fits."""

    def __init__(self, state: dict[str, Tensor], name: str, stage: _Stage, inputs: int, stride: int):
        wide = inputs * stage.expand
        layers = []
        if stage.expand != 1:
            layers.append(_Conv(state, f"{name}.0.0", f"{name}.0.1", 1, 1, True))
        k = len(layers)
        layers.append(_Conv(state, f"{name}.{k}.0", f"{name}.{k}.1", stride, wide, True))
        layers.append(_Conv(state, f"{name}.{k + 1}", f"{name}.{k + 2}", 1, 1, False))
        super().__init__(*layers)
        self.shortcut = stride == 1 and inputs == stage.width

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = super().forward(x)  # type: ignore[no-untyped-call]
        return y + x if self.shortcut else y


class MobileNetV2(nn.Module):
    """MobileNetV2 up to the pooling before its classifier (Sandler et al. 2018), frozen."""

    def __init__(self) -> None:
        super().__init__()
        state = {name: tensor.float() for name, tensor in load_file(assets.path(WEIGHTS)).items()}
        layers: list[nn.Module] = [_Conv(state, "features.0.0", "features.0.1", 2, 1, True)]
        inputs = 32
        for stage in _STAGES:
            for repeat in range(stage.repeats):
                stride = stage.stride if repeat == 0 else 1
                layers.append(_Block(state, f"features.{len(layers)}.conv", stage, inputs, stride))
                inputs = stage.width
        layers.append(_Conv(state, "features.18.0", "features.18.1", 1, 1, True))
        self.layers = nn.Sequential(*layers)

    def forward(self, pictures: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 1280"]:
        """Features of pictures normalised with ImageNet's mean and deviation, each in [0, 6]."""
        return self.layers(pictures).float().mean((2, 3))


class Features:
    """MobileNetV2 features of pictures of any size.

    Args:
        device: where to compute.
        precision: of the convolutions. bfloat16 is twice as fast on CPUs with units for it, but rounds the
        depthwise
            weights so coarsely that features move by 6 % and a large MobileNet-KID by a tenth, so it is
            never chosen by itself: figures should mean the same on every machine.
    """

    def __init__(self, device: torch.device | str = "cpu", precision: Precision = "float32") -> None:
        self.device, self.precision = torch.device(device), precision
        self._dtype: torch.dtype = getattr(torch, precision)
        network = MobileNetV2().to(self.device, self._dtype).eval()
        self.network = place(network, device)
        self._mean = torch.tensor(_MEAN, device=self.device).view(3, 1, 1) * 255
        self._scale = 1 / (torch.tensor(_STD, device=self.device).view(3, 1, 1) * 255)

    def __call__(
        self, pictures: UInt8[ndarray, "N H W 3"], progress: Progress | None = None, view: View = FULL
    ) -> Float[ndarray, "N 1280"]:
        """The features of ``pictures``, batch by batch."""
        features = np.empty((len(pictures), WIDTH), dtype=np.float32)
        batch = _BATCH.get(self.device.type, 32)
        for start in range(0, len(pictures), batch):
            part = torch.from_numpy(np.ascontiguousarray(pictures[start : start + batch]))
            features[start : start + batch] = self._batch(part, view).cpu().numpy()
            if progress:
                progress(len(part))
        return features

    @torch.inference_mode()
    def _batch(self, pictures: UInt8[Tensor, "B H W 3"], view: View) -> Float[Tensor, "B 1280"]:
        x = pictures.to(self.device).permute(0, 3, 1, 2)  # channels_last as it comes
        if view.via is not None:
            x = resize(x, view.via)
        x = (resize(x, view.side).float() - self._mean) * self._scale
        return self.network(x.to(self._dtype, memory_format=torch.channels_last))


def resize(pictures: UInt8[Tensor, "B 3 H W"], side: int) -> UInt8[Tensor, "B 3 S S"]:
    """Bicubic with antialiasing, as Pillow does it: other ways shift such metrics (Parmar et al. 2022)."""
    if pictures.shape[-2:] == (side, side):
        return pictures
    if pictures.device.type == "cpu":
        return F.interpolate(pictures, size=(side, side), mode="bicubic", antialias=True)
    x = F.interpolate(pictures.float(), size=(side, side), mode="bicubic", antialias=True)
    return x.round_().clamp_(0, 255).to(torch.uint8)


def colours(pictures: UInt8[ndarray, "N H W 3"]) -> Float[ndarray, "N 192"]:
    """Thumbnails of 8 pixels, in [0, 1]: colours and large shapes, which the network hardly sees."""
    x = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float().div_(255)
    return F.adaptive_avg_pool2d(x, 8).flatten(1).numpy()


def dataset_features(
    dataset: PictureData,
    rows: np.ndarray,
    features: Features,
    progress: Progress | None = None,
    view: View = FULL,
) -> Float[ndarray, "N 1280"]:
    """Features of some of a dataset's pictures; cached in its folder if that is writable."""
    file = _cache_file(dataset, rows, features, view)
    with suppress(OSError, ValueError):  # an absent or damaged file: they are computed again
        found = np.load(file, allow_pickle=False) if file else np.empty(0)
        if found.shape == (len(rows), WIDTH) and found.dtype == np.float32 and np.isfinite(found).all():
            if progress:
                progress(len(rows))
            return found
    computed = np.empty((len(rows), WIDTH), dtype=np.float32)
    start = 0
    for pictures in chunks(dataset, rows):
        computed[start : start + len(pictures)] = features(pictures, progress, view)
        start += len(pictures)
    if file is not None:
        with suppress(FenshenError), files.writing(file) as part:  # a full disk: they will be computed again
            np.save(part, computed)
    return computed


def chunks(dataset: PictureData, rows: np.ndarray) -> Iterator[UInt8[ndarray, "n H W 3"]]:
    """Some of a dataset's pictures, in chunks that fit in memory."""
    count = max(_MEMORY // (3 * dataset.card.size**2), 1)
    for start in range(0, len(rows), count):
        yield dataset.pixels[rows[start : start + count]]


def _cache_file(dataset: PictureData, rows: np.ndarray, features: Features, view: View) -> Path | None:
    """A name that changes with everything features depend on; None where there is no folder that was prepared.

    An untouched pixel file counts as unchanged.
    """
    try:
        pixels = (dataset.path / "pixels.npy").stat()
    except OSError:
        return None
    key = hashlib.sha256(np.ascontiguousarray(rows, dtype=np.int64).tobytes())
    weights = assets.manifest()[WEIGHTS]["sha256"]
    what = (
        weights,
        features.precision,
        features.device.type,
        tuple(view),
        pixels.st_size,
        pixels.st_mtime_ns,
    )
    key.update(repr(what).encode())
    return dataset.path / ".cache" / f"features-{key.hexdigest()[:24]}.npy"
