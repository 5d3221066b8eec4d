"""Put a trained model into ``fenshen/assets``: a maintainer's script.

    python scripts/ship_model.py runs/humans humans-128

Weights are stored as float16, which halves the file and moves no pixel by more than one level of 255. ``manifest.json``
gets the checksum; its other words, and those of the card that training does not know, are to be mended by hand.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path

from safetensors.torch import load_file, save_file

from fenshen import assets, model


def main() -> None:
    """Copy the best checkpoint of the run, halved."""
    source, name = model.find(Path(sys.argv[1])), sys.argv[2]
    target = assets.FOLDER / name
    target.mkdir(exist_ok=True)
    weights = {key: value.half().contiguous() for key, value in load_file(source / model.WEIGHTS).items()}
    save_file(weights, target / model.WEIGHTS)
    shutil.copyfile(source / model.CARD, target / model.CARD)
    file = assets.FOLDER / "manifest.json"
    manifest = json.loads(file.read_text(encoding="utf-8"))
    (row,) = (row for row in manifest["assets"] if row["file"] == f"{name}/{model.WEIGHTS}")
    row["sha256"] = hashlib.sha256((target / model.WEIGHTS).read_bytes()).hexdigest()
    file.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
