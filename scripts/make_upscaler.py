"""Train ``fenshen/assets/upscaler.safetensors``, which enlarges pictures of doubles: a maintainer's script.

    python scripts/make_upscaler.py humans-256.npz

Draws 400 humans into the file, if it is not there, at 256 pixels, and lets the base model draw the same ones at 128.
Then it learns to make the large pictures of small ones: half of these are the large ones halved, softened and a little
noisy, in colours of all kinds, which teaches what edges look like; half are the base model's, which teaches what of a
generator's pictures is no edge but a blemish. Six minutes of one core. The last 40 people are not learnt from; of them
the last line tells the PSNR for both kinds, beside that of Lanczos' window. ``manifest.json`` gets a row.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from fenshen.adversarial.reconstruction import dissimilarity
from fenshen.humans import sample
from fenshen.humans.encoding import encode
from fenshen.humans.render import render
from fenshen.humans.sampler import sample_camera, sample_controls
from fenshen.media import from_pixels, to_pixels
from fenshen.model import Model
from fenshen.networks.upscaler import FILE, Upscaler

ASSETS = Path(__file__).parents[1] / "fenshen" / "assets"
PEOPLE, HELD_OUT, FIRST = 400, 40, 700_000
SIZE = 256  # pixels a side, of a whole picture
STEPS, BATCH, PIECE = 3500, 8, 96  # pixels a side, of a piece
RATE = 2e-3
SOFTEST, NOISIEST = 0.9, 0.02  # standard deviations in pixels of the small picture, and of [-1, 1]
ROW = {
    "file": FILE,
    "name": "Fenshen upscaler: twice the side",
    "version": "1",
    "package": "trained here: scripts/make_upscaler.py",
    "licence_code": "Apache-2.0",
    "licence_weights": "Apache-2.0",
    "trained_on": "humans drawn by Fenshen itself (seeds 700000 to 700359), from MakeHuman's CC0 data, and the base "
    "model's pictures of them",
    "used_for": "enlarging what a double draws",
}


def drawn(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Humans as they are drawn, uint8 [N, 256, 256, 3], and as the base model draws them, uint8 [N, 128, 128, 3]."""
    if not file.is_file():
        people = [(sample(s), sample_controls(s), sample_camera(s)) for s in range(FIRST, FIRST + PEOPLE)]
        large = [render(human, controls, camera, SIZE).picture for human, controls, camera in people]
        codes = torch.stack([torch.from_numpy(encode(human, camera)) for human, _, camera in people])
        small = Model.load("humans").draw(codes, controls=np.stack([controls for _, controls, _ in people]))
        np.savez(file, large=np.stack(large), small=small)
    with np.load(file) as kept:
        return kept["large"], kept["small"]


def batch(large: np.ndarray, small: np.ndarray, draw: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Small pieces [B, 3, 48, 48] and what they should become [B, 3, 96, 96], mirrored and in colours of all kinds."""
    wholes, modelled = [], []
    for _ in range(BATCH):
        person = draw.integers(len(large))
        corners = 2 * draw.integers(0, (SIZE - PIECE) // 2 + 1, (2, 2))
        y, x = max(
            corners, key=lambda c: float(_piece(large[person], *c, PIECE).std())
        )  # the one with more in it
        turn = (slice(None), slice(None, None, draw.choice((-1, 1))), draw.permutation(3))
        wholes.append(_piece(large[person], y, x, PIECE)[turn[:2]][..., turn[2]])
        modelled.append(_piece(small[person], y // 2, x // 2, PIECE // 2)[turn[:2]][..., turn[2]])
    wanted, seen = from_pixels(np.stack(wholes)), from_pixels(np.stack(modelled))
    half = BATCH // 2
    seen[:half] = softened(wanted[:half], draw)
    gain = torch.from_numpy(draw.uniform(0.6, 1.1, (BATCH, 1, 1, 1)).astype(np.float32))
    lift = torch.from_numpy(draw.uniform(-0.2, 0.2, (BATCH, 3, 1, 1)).astype(np.float32))
    return (seen * gain + lift).contiguous(memory_format=torch.channels_last), wanted * gain + lift


def _piece(picture: np.ndarray, y: int, x: int, side: int) -> np.ndarray:
    return picture[y : y + side, x : x + side]


def softened(large: Tensor, draw: np.random.Generator) -> Tensor:
    """Half the side, blurred and noisy, each piece as much as chance wants."""
    small = F.avg_pool2d(large, 2)
    steps = torch.arange(-4, 5, dtype=torch.float32)
    sigma = torch.from_numpy(draw.uniform(0.05, SOFTEST, len(small)).astype(np.float32))
    kernel = torch.exp(-0.5 * (steps / sigma[:, None]) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(3, 0)[:, None]  # (3B, 1, 9)
    flat = F.pad(small.flatten(0, 1)[None], (4, 4, 4, 4), mode="replicate")
    flat = F.conv2d(flat, kernel[..., None], groups=len(kernel))
    flat = F.conv2d(flat, kernel[:, :, None], groups=len(kernel))
    noise = draw.standard_normal(small.shape) * draw.uniform(0, NOISIEST, (len(small), 1, 1, 1))
    return flat[0].unflatten(0, (-1, 3)) + torch.from_numpy(noise.astype(np.float32))


def train(large: np.ndarray, small: np.ndarray) -> Upscaler:
    """L1 and structure, with a rate that falls as a cosine."""
    torch.manual_seed(0)
    draw = np.random.default_rng(0)
    network = Upscaler().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    nn.init.zeros_(network.last.weight)
    nn.init.zeros_(network.last.bias)
    learns = torch.optim.Adam(network.parameters(), RATE, betas=(0.9, 0.99))
    falls = torch.optim.lr_scheduler.CosineAnnealingLR(learns, STEPS)
    for step in range(STEPS):
        seen, wanted = batch(large, small, draw)
        guess = network(seen)
        loss = F.l1_loss(guess, wanted) + 0.05 * dissimilarity(guess, wanted)
        learns.zero_grad()
        loss.backward()
        learns.step()
        falls.step()
        if step % 100 == 0:
            print(f"step {step} of {STEPS}: {loss.item():.4f}", file=sys.stderr, flush=True)
    return network.eval()


def report(network: Upscaler, large: np.ndarray, small: np.ndarray) -> None:
    """PSNR on people who were not learnt from, softened as before and by the base model, beside Lanczos' window."""
    softer = to_pixels(softened(from_pixels(large), np.random.default_rng(1)))
    said = {}
    for kind, pictures in (("softened", softer), ("modelled", small)):
        with torch.inference_mode():
            ours = to_pixels(network(from_pixels(pictures)))
        plain = [cv2.resize(each, (SIZE, SIZE), interpolation=cv2.INTER_LANCZOS4) for each in pictures]
        said[kind], said[f"{kind}_lanczos"] = psnr(ours, large), psnr(np.stack(plain), large)
    print(json.dumps(said))


def psnr(pictures: np.ndarray, truth: np.ndarray) -> float:
    error = np.mean((pictures.astype(np.float32) - truth) ** 2, axis=(1, 2, 3))
    return round(float(np.mean(10 * np.log10(255**2 / error))), 2)


def main(file: Path) -> None:
    large, small = drawn(file)
    network = train(large[:-HELD_OUT], small[:-HELD_OUT])
    save_file(
        {name: value.half().contiguous() for name, value in network.state_dict().items()}, ASSETS / FILE
    )
    report(network, large[-HELD_OUT:], small[-HELD_OUT:])
    manifest = json.loads((ASSETS / "manifest.json").read_text(encoding="utf-8"))
    row = ROW | {"sha256": hashlib.sha256((ASSETS / FILE).read_bytes()).hexdigest()}
    rows = [other for other in manifest["assets"] if other["file"] != FILE]
    manifest["assets"] = [*rows, {key: row[key] for key in rows[0]}]
    text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    (ASSETS / "manifest.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
