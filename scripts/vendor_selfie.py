"""Make ``fenshen/assets/selfie_segmentation.safetensors``: a maintainer's script, run once.

    npm pack @mediapipe/selfie_segmentation@0.1.1675465747
    pip install tflite
    python scripts/vendor_selfie.py mediapipe-selfie_segmentation-0.1.1675465747.tgz

The package holds a TensorFlow Lite file with float16 weights. They are taken in the order in which the file computes,
which is the order of :class:`fenshen.networks.selfie.Selfie`, and stored as they are. ``manifest.json`` gets a row.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tarfile
from pathlib import Path

import numpy as np
import tflite
import torch
from safetensors.torch import save_file

from fenshen.networks.selfie import FILE, Selfie

ASSETS = Path(__file__).parents[1] / "fenshen" / "assets"
MODEL = "package/selfie_segmentation.tflite"
ROW = {
    "file": FILE,
    "name": "MediaPipe Selfie Segmentation, general model",
    "version": "0.1.1675465747",
    "package": "npm @mediapipe/selfie_segmentation 0.1.1675465747, selfie_segmentation.tflite",
    "licence_code": "Apache-2.0",
    "licence_weights": "Apache-2.0 (package)",
    "trained_on": "Google's own pictures of people, by its model card",
    "used_for": "where the person is, for transparent backgrounds",
}


def layers(archive: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Weight and bias of every convolution, in the order in which the file computes them."""
    with tarfile.open(archive) as tar:
        file = tar.extractfile(MODEL)
        assert file is not None, MODEL
        model = tflite.Model.GetRootAs(file.read(), 0)
    graph = model.Subgraphs(0)

    def constant(index: int) -> np.ndarray:
        tensor = graph.Tensors(index)
        data = model.Buffers(tensor.Buffer()).DataAsNumpy()
        return data.view(np.float16).reshape(tensor.ShapeAsNumpy())

    halves: dict[int, int] = {}  # each float32 tensor and the float16 one that it is turned from
    found = []
    for number in range(graph.OperatorsLength()):
        operator = graph.Operators(number)
        inputs, outputs = operator.InputsAsNumpy(), operator.OutputsAsNumpy()
        kind = model.OperatorCodes(operator.OpcodeIndex())
        if kind.BuiltinCode() == tflite.BuiltinOperator.DEQUANTIZE:
            halves[outputs[0]] = inputs[0]
        elif len(inputs) == 3:
            found.append((constant(halves[inputs[1]]), constant(halves[inputs[2]])))
    return found


def state(found: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, torch.Tensor]:
    """The names and layouts of the network."""
    network = Selfie()
    names = [name.removesuffix(".weight") for name in network.state_dict() if name.endswith(".weight")]
    tensors = {}
    for name, (weight, bias) in zip(names, found, strict=True):
        wanted = network.get_parameter(f"{name}.weight").shape
        # Stored as out, height, width, in; depthwise as 1, height, width, out.
        depthwise = wanted[1] == 1 and weight.shape[0] == 1 and name != "last"
        order = (3, 0, 1, 2) if depthwise or name == "last" else (0, 3, 1, 2)
        turned = torch.from_numpy(weight.transpose(order).copy())
        assert turned.shape == wanted, (name, weight.shape, wanted)
        tensors |= {f"{name}.weight": turned, f"{name}.bias": torch.from_numpy(bias.copy())}
    return tensors


def main(archive: Path) -> None:
    save_file(state(layers(archive)), ASSETS / FILE)
    (ASSETS / FILE).chmod(0o644)
    manifest = json.loads((ASSETS / "manifest.json").read_text(encoding="utf-8"))
    row = ROW | {"sha256": hashlib.sha256((ASSETS / FILE).read_bytes()).hexdigest()}
    rows = [other for other in manifest["assets"] if other["file"] != FILE]
    manifest["assets"] = [*rows, {key: row[key] for key in rows[0]}]
    text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    (ASSETS / "manifest.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
