"""Put a trained model into ``fenshen/assets``: a maintainer's script.

    python scripts/ship_model.py runs/humans humans-128
    python scripts/ship_model.py runs/faces faces-64 --pair

Weights are stored as float16, which halves the file and moves no pixel by more than one level of 255. With ``--pair``
the discriminator comes too, for runs that start from the model. ``manifest.json`` gets the
checksums; its other words, and those of the card that training does not know, are to be mended by hand.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

from fenshen import assets, model
from fenshen.training import checkpoint


def main() -> None:
    """Copy the best checkpoint of the run, halved."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("run", type=Path)
    options.add_argument("name")
    options.add_argument("--pair", action="store_true", help="with the discriminator")
    chosen = options.parse_args()
    source, target = model.find(chosen.run), assets.FOLDER / chosen.name
    target.mkdir(exist_ok=True)
    files = [target / model.WEIGHTS]
    save_file(halved(load_file(source / model.WEIGHTS)), files[0])
    shutil.copyfile(source / model.CARD, target / model.CARD)
    if chosen.pair:
        files.append(checkpoint.keep_discriminator(target, halved(judge(source))))
    for file in files:
        note(file)


def halved(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """As float16; what counts stays as it is."""
    return {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in weights.items()
    }


def judge(source: Path) -> dict[str, Tensor]:
    """The discriminator's weights; those of a frozen trunk are not among them."""
    weights = checkpoint.discriminator(source)
    if weights is None:
        raise SystemExit(f"{source} holds no discriminator")
    return weights


def note(file: Path) -> None:
    """Write the file's checksum into the manifest, in whose row the rest stands already."""
    manifest = assets.FOLDER / "manifest.json"
    rows = json.loads(manifest.read_text(encoding="utf-8"))
    (row,) = (row for row in rows["assets"] if row["file"] == file.relative_to(assets.FOLDER).as_posix())
    row["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    manifest.write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
