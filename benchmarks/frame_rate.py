"""Frames a second that the base model ``humans`` draws, one at a time, from controls to bytes.

A double moves: every frame has its own controls, and nobody waits for eight of them to be drawn together. Measured
are PyTorch, in bfloat16 where this machine has matrix units for it, and ONNX Runtime in float32, in turns, so that a
busy machine slows both. The generator's multiplications are counted as well: a browser should not be asked for more
than 400 million.
"""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy import ndarray
from reporting import Figure, parser, progress, report
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from fenshen import controls as control_space
from fenshen.drawing import request_of_seed
from fenshen.humans.sampler import sample_controls
from fenshen.model import Model
from fenshen.player import Player

_ROUNDS, _FRAMES = 20, 50
Draw = Callable[[Float[ndarray, "58"]], UInt8[ndarray, "S S 3"]]


class Exported(nn.Module):
    """Code and controls to bytes, as the exported file holds it."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(
        self, code: Float[Tensor, "1 Z"], controls: Float[Tensor, "1 58"]
    ) -> UInt8[Tensor, "1 S S 3"]:
        picture = self.generator(code, controls).mul(127.5).add(127.5).round().clamp(0, 255)
        return picture.to(torch.uint8).permute(0, 2, 3, 1)


def onnx(model: Model, code: Float[ndarray, "Z"], folder: Path) -> Draw:
    """The model in ONNX Runtime."""
    import onnxruntime

    file, given = folder / "model.onnx", torch.from_numpy(code)[None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Exported(model.generator).eval(),
            (given, torch.zeros(1, control_space.COUNT)),
            file,
            input_names=["code", "controls"],
            output_names=["picture"],
            dynamo=True,
            verbose=False,
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])

    def draw(controls: Float[ndarray, "58"]) -> UInt8[ndarray, "S S 3"]:
        told = {"code": code[None], "controls": control_space.normalise(controls)[None]}
        return session.run(None, told)[0][0]

    return draw


def main() -> None:
    """Measure, and print one JSON object."""
    options = parser(__doc__)
    options.add_argument("--model", default="humans", help="a model or run told who it draws")
    chosen = options.parse_args()
    model = Model.load(chosen.model)
    code = request_of_seed(model, 0).latent
    moves = [sample_controls(0, frame) for frame in range(_FRAMES)]
    with tempfile.TemporaryDirectory() as folder:
        ways: dict[str, Draw] = {"torch": Player(model, code).draw, "onnx": onnx(model, code, Path(folder))}
        apart = max(
            int(np.abs(ways["torch"](move).astype(int) - ways["onnx"](move)).max()) for move in moves[:5]
        )
        rates = measure(ways, moves, 4 if chosen.quick else _ROUNDS)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        model.generator(torch.from_numpy(code)[None], torch.zeros(1, control_space.COUNT))
    millions = counter.get_total_flops() / 2e6
    report(
        "frame_rate",
        [
            Figure("torch_frames", round(rates["torch"], 1), 150, unit="frames/s", better="higher"),
            Figure("onnx_frames", round(rates["onnx"], 1), 120, unit="frames/s", better="higher"),
            Figure("onnx_vs_torch", round(rates["onnx"] / rates["torch"], 3), unit="x"),
            Figure("multiplications", round(millions, 1), 400, unit="million", better="lower"),
            Figure(
                "parameters",
                round(sum(p.numel() for p in model.generator.parameters()) / 1e6, 2),
                unit="million",
            ),
            Figure("furthest_apart", apart, unit="of 255"),
        ],
    )


def measure(ways: dict[str, Draw], moves: list[Float[ndarray, "58"]], rounds: int) -> dict[str, float]:
    """The median rate of each, measured in turns."""
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, draw in ways.items():
            started = time.perf_counter()
            for move in moves:
                draw(move)
            if turn:  # the first turn warms up
                rates[name].append(len(moves) / (time.perf_counter() - started))
        progress(f"round {turn} of {rounds}")
    return {name: float(np.median(values)) for name, values in rates.items()}


if __name__ == "__main__":
    main()
