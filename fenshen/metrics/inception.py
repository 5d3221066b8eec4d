"""The Inception network for the Fréchet Inception Distance, for users who have its weights.

It is the InceptionV3 of TensorFlow's 2015-12-05 release, which differs from the later one that classifiers
use: its average pools do not count the padding, and its last block pools by maximum. Weights are not
shipped: no copy under clear terms was found.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from numpy import ndarray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from fenshen.errors import UsageError
from fenshen.metrics.features import Progress, resize
from fenshen.networks import place

WIDTH = 2048
_SIDE = 299
_BATCH = 16
_Size = int | tuple[int, int]


class _Conv(nn.Module):
    """Convolution, batch norm, ReLU, with the names of the released weights."""

    def __init__(self, inputs: int, outputs: int, kernel: _Size, stride: int = 1, padding: _Size = 0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)), inplace=True)


def _row(inputs: int, outputs: int, width: int = 7) -> _Conv:
    return _Conv(inputs, outputs, (1, width), padding=(0, width // 2))


def _column(inputs: int, outputs: int, height: int = 7) -> _Conv:
    return _Conv(inputs, outputs, (height, 1), padding=(height // 2, 0))


def _average(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)


class _A(nn.Module):  # 35 x 35
    def __init__(self, inputs: int, pool: int) -> None:
        super().__init__()
        self.branch1x1 = _Conv(inputs, 64, 1)
        self.branch5x5_1, self.branch5x5_2 = _Conv(inputs, 48, 1), _Conv(48, 64, 5, padding=2)
        self.branch3x3dbl_1 = _Conv(inputs, 64, 1)
        self.branch3x3dbl_2, self.branch3x3dbl_3 = _Conv(64, 96, 3, padding=1), _Conv(96, 96, 3, padding=1)
        self.branch_pool = _Conv(inputs, pool, 1)

    def forward(self, x: Tensor) -> Tensor:
        five = self.branch5x5_2(self.branch5x5_1(x))
        three = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch1x1(x), five, three, self.branch_pool(_average(x))], 1)


class _B(nn.Module):  # 35 x 35 to 17 x 17
    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.branch3x3 = _Conv(inputs, 384, 3, 2)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = _Conv(inputs, 64, 1), _Conv(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = _Conv(96, 96, 3, 2)

    def forward(self, x: Tensor) -> Tensor:
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch3x3(x), double, F.max_pool2d(x, 3, 2)], 1)


class _C(nn.Module):  # 17 x 17
    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.branch1x1 = _Conv(inputs, 192, 1)
        self.branch7x7_1, self.branch7x7_2 = _Conv(inputs, width, 1), _row(width, width)
        self.branch7x7_3 = _column(width, 192)
        self.branch7x7dbl_1, self.branch7x7dbl_2 = _Conv(inputs, width, 1), _column(width, width)
        self.branch7x7dbl_3, self.branch7x7dbl_4 = _row(width, width), _column(width, width)
        self.branch7x7dbl_5 = _row(width, 192)
        self.branch_pool = _Conv(inputs, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        seven = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        double = self.branch7x7dbl_5(self.branch7x7dbl_4(double))
        return torch.cat([self.branch1x1(x), seven, double, self.branch_pool(_average(x))], 1)


class _D(nn.Module):  # 17 x 17 to 8 x 8
    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.branch3x3_1, self.branch3x3_2 = _Conv(inputs, 192, 1), _Conv(192, 320, 3, 2)
        self.branch7x7x3_1, self.branch7x7x3_2 = _Conv(inputs, 192, 1), _row(192, 192)
        self.branch7x7x3_3, self.branch7x7x3_4 = _column(192, 192), _Conv(192, 192, 3, 2)

    def forward(self, x: Tensor) -> Tensor:
        seven = self.branch7x7x3_4(self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x))))
        return torch.cat([self.branch3x3_2(self.branch3x3_1(x)), seven, F.max_pool2d(x, 3, 2)], 1)


class _E(nn.Module):  # 8 x 8
    def __init__(self, inputs: int, pool_by_maximum: bool) -> None:
        super().__init__()
        self.branch1x1 = _Conv(inputs, 320, 1)
        self.branch3x3_1 = _Conv(inputs, 384, 1)
        self.branch3x3_2a, self.branch3x3_2b = _row(384, 384, 3), _column(384, 384, 3)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = _Conv(inputs, 448, 1), _Conv(448, 384, 3, padding=1)
        self.branch3x3dbl_3a, self.branch3x3dbl_3b = _row(384, 384, 3), _column(384, 384, 3)
        self.branch_pool = _Conv(inputs, 192, 1)
        self.pool_by_maximum = pool_by_maximum

    def forward(self, x: Tensor) -> Tensor:
        three = self.branch3x3_1(x)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        pool = F.max_pool2d(x, 3, 1, 1) if self.pool_by_maximum else _average(x)
        parts = [self.branch1x1(x), self.branch3x3_2a(three), self.branch3x3_2b(three)]
        parts += [self.branch3x3dbl_3a(double), self.branch3x3dbl_3b(double), self.branch_pool(pool)]
        return torch.cat(parts, 1)


class InceptionV3(nn.Module):
    """Maps pictures [B, 3, 299, 299] in [-1, 1] to the 2048 features before the classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = _Conv(3, 32, 3, 2)
        self.Conv2d_2a_3x3 = _Conv(32, 32, 3)
        self.Conv2d_2b_3x3 = _Conv(32, 64, 3, padding=1)
        self.Conv2d_3b_1x1 = _Conv(64, 80, 1)
        self.Conv2d_4a_3x3 = _Conv(80, 192, 3)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = _A(192, 32), _A(256, 64), _A(288, 64)
        self.Mixed_6a = _B(288)
        self.Mixed_6b, self.Mixed_6c, self.Mixed_6d = _C(768, 128), _C(768, 160), _C(768, 160)
        self.Mixed_6e = _C(768, 192)
        self.Mixed_7a = _D(768)
        self.Mixed_7b, self.Mixed_7c = _E(1280, pool_by_maximum=False), _E(2048, pool_by_maximum=True)

    def forward(self, x: Float[Tensor, "B 3 299 299"]) -> Float[Tensor, "B 2048"]:
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(F.max_pool2d(x, 3, 2)))
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(F.max_pool2d(x, 3, 2))))
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))))
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))
        return x.mean((2, 3))


class InceptionFeatures:
    """The features that FID is measured with, of pictures resized as Parmar et al. 2022 do (clean-fid).

    Args:
        weights: the FID weights as safetensors; anything pickled is refused.

    Raises:
        UsageError: not a safetensors file, or not these weights.
    """

    def __init__(self, weights: Path, device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device)
        network = InceptionV3()
        network.load_state_dict(_read(weights, network))
        network = network.eval().requires_grad_(False).to(self.device)
        self.network = place(network, device)

    @torch.inference_mode()
    def __call__(
        self, pictures: UInt8[ndarray, "N H W 3"], progress: Progress | None = None
    ) -> Float[ndarray, "N 2048"]:
        """The features of ``pictures``, batch by batch."""
        features = np.empty((len(pictures), WIDTH), dtype=np.float32)
        for start in range(0, len(pictures), _BATCH):
            part = torch.from_numpy(np.ascontiguousarray(pictures[start : start + _BATCH])).to(self.device)
            x = resize(part.permute(0, 3, 1, 2), _SIDE).float().sub(128).div(128)
            features[start : start + _BATCH] = self.network(x).cpu().numpy()
            if progress:
                progress(len(part))
        return features


def _read(file: Path, network: nn.Module) -> dict[str, Tensor]:
    """The network's part of the weights, or what is wrong with them."""
    try:
        given = load_file(file)
    except FileNotFoundError as error:
        raise UsageError("evaluate.inception_missing", path=file) from error
    except (OSError, SafetensorError) as error:
        raise UsageError("evaluate.inception_not_safetensors", path=file) from error
    wanted = {name: value for name, value in network.state_dict().items() if "num_batches" not in name}
    missing = [name for name in wanted if name not in given]
    if missing:
        why = f"{missing[0]} (+ {len(missing) - 1})" if len(missing) > 1 else missing[0]
        raise UsageError("evaluate.inception_lacks", path=file, why=why)
    for name, value in wanted.items():
        if given[name].shape != value.shape:
            why = f"{name}: {list(given[name].shape)} != {list(value.shape)}"
            raise UsageError("evaluate.inception_shape", path=file, why=why)
    counters = {name: value for name, value in network.state_dict().items() if "num_batches" in name}
    return {name: given[name].float() for name in wanted} | counters
