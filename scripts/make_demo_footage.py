"""Draw what ``fenshen demo`` starts from: a film of a person who does not exist, and a photograph of another.

Both are of digital humans, drawn by ``fenshen.humans`` at 512 and 768 pixels; her voice is Kokoro's. A frame takes a
second, which is why they are shipped. Run it again to change them (needs the extras humans and speech), and put the new
checksums into ``fenshen/assets/manifest.json``: ``python scripts/make_demo_footage.py``.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from jaxtyping import Float, UInt8
from joblib import Parallel, delayed
from numpy import ndarray

from fenshen import assets, controls, portraits, video
from fenshen.motion.talk import talk
from fenshen.motion.track import Track

_HER, _HIM = 119, 111
_SIZE, _PHOTOGRAPH = 512, 768
_WORDS = (
    "Hello! I was drawn by a computer, and nobody on earth looks like me. 你好，我并不存在，很高兴认识你。"
)
_FROM_END = (1.6, 0.9)  # seconds before the end at which she begins to smile, and does


def main() -> None:
    """Draw and write both."""
    folder = assets.FOLDER / "demo"
    said, track = talk(_WORDS, engine="kokoro", seed=3)
    draw = partial(_drawn, _HER, _SIZE)
    frames = Parallel(n_jobs=-1)(delayed(draw)(values) for values in _moves(track))
    sound = (said.samples, said.sample_rate)
    video.write(folder / "film.mp4", frames, track.rate, audio=sound, crf=20)
    smiling = controls.vector(mouthSmileLeft=0.25, mouthSmileRight=0.25)
    portraits.write(folder / "photograph.jpg", _drawn(_HIM, _PHOTOGRAPH, smiling))


def _moves(track: Track) -> Float[ndarray, "T 58"]:
    """She turns and nods while she speaks, and smiles at last."""
    time = np.arange(len(track)) / track.rate
    since = (time - len(track) / track.rate + _FROM_END[0]) / (_FROM_END[0] - _FROM_END[1])
    smile = np.clip(since, 0, 1) ** 2 * (3 - 2 * np.clip(since, 0, 1))
    smiling = controls.vector(
        mouthSmileLeft=0.7, mouthSmileRight=0.7, cheekSquintLeft=0.3, cheekSquintRight=0.3
    )
    turns = np.outer(np.sin(2 * np.pi * time / 5), controls.vector(yaw=0.16))
    nods = np.outer(np.sin(2 * np.pi * time / 3.7), controls.vector(pitch=0.05))
    return controls.clip((track.controls + turns + nods + np.outer(smile, smiling)).astype(np.float32))


def _drawn(seed: int, size: int, values: Float[ndarray, "58"]) -> UInt8[ndarray, "H W 3"]:
    from fenshen.humans import sample
    from fenshen.humans.camera import Camera
    from fenshen.humans.render import render

    return render(sample(seed), values, Camera(), size).picture


if __name__ == "__main__":
    main()
