"""Fenshen 分身: digital doubles with GANs, on one laptop.

Each command of the command line is one function here: ``fenshen.prepare(...)``, ``fenshen.train(...)``. Functions and
types are imported when first used, so that ``import fenshen`` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fenshen.version import __version__

if TYPE_CHECKING:
    from fenshen.dataset import Dataset
    from fenshen.doubles.animate import animate
    from fenshen.doubles.double import double
    from fenshen.doubles.edit import edit
    from fenshen.doubles.options import OutputOptions
    from fenshen.doubles.say import say
    from fenshen.doubles.store import Double
    from fenshen.explanation.explain import explain
    from fenshen.machine import doctor
    from fenshen.metrics.evaluate import evaluate
    from fenshen.model import Model
    from fenshen.pictures.restore import restore
    from fenshen.pictures.stylize import stylize
    from fenshen.preparation.prepare import prepare
    from fenshen.provenance.verify import verify
    from fenshen.sampling import generate
    from fenshen.tour.demo import demo
    from fenshen.training.run import Run
    from fenshen.training.train import train

_PLACES = {
    "prepare": "fenshen.preparation.prepare",
    "train": "fenshen.training.train",
    "generate": "fenshen.sampling",
    "evaluate": "fenshen.metrics.evaluate",
    "double": "fenshen.doubles.double",
    "edit": "fenshen.doubles.edit",
    "animate": "fenshen.doubles.animate",
    "say": "fenshen.doubles.say",
    "restore": "fenshen.pictures.restore",
    "stylize": "fenshen.pictures.stylize",
    "explain": "fenshen.explanation.explain",
    "verify": "fenshen.provenance.verify",
    "demo": "fenshen.tour.demo",
    "doctor": "fenshen.machine",
    "Dataset": "fenshen.dataset",
    "Run": "fenshen.training.run",
    "Model": "fenshen.model",
    "Double": "fenshen.doubles.store",
    "OutputOptions": "fenshen.doubles.options",
}
__all__ = [
    "Dataset",
    "Double",
    "Model",
    "OutputOptions",
    "Run",
    "__version__",
    "animate",
    "demo",
    "doctor",
    "double",
    "edit",
    "evaluate",
    "explain",
    "generate",
    "prepare",
    "restore",
    "say",
    "stylize",
    "train",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'fenshen' has no attribute {name!r}")
