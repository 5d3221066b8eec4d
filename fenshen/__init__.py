"""Fenshen 分身: digital doubles with GANs, on one laptop.

Each command of the command line is one function here: ``fenshen.prepare(...)``, ``fenshen.train(...)``.
They are imported when first touched, so that ``import fenshen`` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_VERBS = {
    "prepare": "fenshen.preparation.prepare",
    "train": "fenshen.training.train",
    "generate": "fenshen.sampling",
    "evaluate": "fenshen.metrics.evaluate",
    "double": "fenshen.doubles.double",
    "edit": "fenshen.doubles.edit",
    "animate": "fenshen.doubles.animate",
    "say": "fenshen.doubles.say",
    "verify": "fenshen.provenance.verify",
    "demo": "fenshen.tour",
    "doctor": "fenshen.machine",
}
__all__ = ["__version__", *_VERBS]


def __getattr__(name: str) -> Any:
    if name in _VERBS:
        return getattr(import_module(_VERBS[name]), name)
    raise AttributeError(f"module 'fenshen' has no attribute {name!r}")
