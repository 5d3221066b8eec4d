"""Make the voices in ``fenshen/assets/voices`` from the package they come in: a maintainer's script.

    npm pack kokoro-js@1.2.1
    python scripts/vendor_voices.py kokoro-js-1.2.1.tgz

A voice is a table of style vectors by the number of phonemes, float32 [510, 1, 256] in the package; it is stored as
float16 safetensors ``style`` [510, 256]. ``manifest.json`` gets the checksums.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tarfile
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

ASSETS = Path(__file__).parents[1] / "fenshen" / "assets"
VOICES = {
    "zf_xiaoxiao": "a woman's voice, made for Chinese",
    "zm_yunxi": "a man's voice, made for Chinese",
    "af_heart": "a woman's voice, made for English",
    "am_michael": "a man's voice, made for English",
}


def main(package: Path) -> None:
    manifest = json.loads((ASSETS / "manifest.json").read_text(encoding="utf-8"))
    files = {f"voices/{name}.safetensors": use for name, use in VOICES.items()}
    rows = [row for row in manifest["assets"] if row["file"] not in files]
    (ASSETS / "voices").mkdir(exist_ok=True)
    with tarfile.open(package) as archive:
        for file, use in files.items():
            member = archive.extractfile(f"package/voices/{Path(file).stem}.bin")
            assert member is not None
            style = np.frombuffer(member.read(), dtype="<f4").reshape(510, 256)
            save_file({"style": style.astype(np.float16)}, ASSETS / file)
            rows.append(
                {
                    "file": file,
                    "name": f"Kokoro-82M v1.0, voice {Path(file).stem}",
                    "version": "1.0",
                    "package": f"npm kokoro-js 1.2.1, voices/{Path(file).stem}.bin",
                    "sha256": hashlib.sha256((ASSETS / file).read_bytes()).hexdigest(),
                    "licence_code": "Apache-2.0",
                    "licence_weights": "Apache-2.0 (package; Kokoro-82M by hexgrad)",
                    "trained_on": "permissive or non-copyrighted speech, most of it synthetic, by the author's notes",
                    "used_for": use,
                }
            )
    manifest["assets"] = rows
    (ASSETS / "manifest.json").write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
