"""Checkpoints: everything a run is made of, as safetensors and JSON, in a folder that appears by one rename.

``step-XXXXXXXX/`` holds ``model.safetensors`` and ``model.json`` (the averaged generator, ready to draw from),
``state.safetensors`` (both networks, both optimisers) and ``state.json`` (all that is not a tensor).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from fenshen import cards, files, model

KEEP = 3  # newest ones
_STATE, _FACTS = "state.safetensors", "state.json"
_DISCRIMINATOR = "/game/discriminator/"  # how the names of its weights begin
_TENSOR, _ITEMS, _TUPLE = "$tensor", "$items", "$tuple"


def save(run: Path, step: int, state: dict[str, Any], write_model: Callable[[Path], None]) -> Path:
    """Write checkpoint ``step`` of a run, then remove old ones: the last three and the best measured one stay.

    Args:
        state: nested dicts and lists of tensors and plain values.
        write_model: writes the model's two files into the folder it is given.

    Raises:
        FenshenError: the disk is full or cannot be written; older checkpoints are untouched.
    """
    folder = run / "checkpoints" / f"step-{step:08d}"
    tensors: dict[str, Tensor] = {}
    facts = _flatten(state, "", tensors)
    with files.writing_folder(folder, SafetensorError) as part:
        save_file(tensors, part / _STATE)
        (part / _FACTS).write_text(json.dumps({"step": step, "state": facts}), encoding="utf-8")
        write_model(part)
    _prune(run)
    return folder


def latest(run: Path) -> tuple[int, dict[str, Any]] | None:
    """Step and state of the newest checkpoint that can be read; None where there is none."""
    for folder in reversed(folders(run)):
        try:
            facts = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
            cards.check(facts, folder, 1)
            return facts["step"], _unflatten(facts["state"], files.read_tensors(folder / _STATE))
        except (OSError, ValueError, KeyError, SafetensorError):
            continue
    return None


def discriminator(folder: Path) -> dict[str, Tensor] | None:
    """The discriminator's weights in a checkpoint; None where a folder holds a generator only, or is damaged."""
    file, start = folder / _STATE, _DISCRIMINATOR
    try:
        tensors = files.read_tensors(file) if file.is_file() else {}
    except (OSError, SafetensorError):
        return None
    return {
        name.removeprefix(start): value for name, value in tensors.items() if name.startswith(start)
    } or None


def keep_discriminator(folder: Path, weights: dict[str, Tensor]) -> Path:
    """Write a discriminator's weights beside a model, where :func:`discriminator` finds them; returns the file."""
    named = {f"{_DISCRIMINATOR}{name}": value.contiguous() for name, value in weights.items()}
    save_file(named, folder / _STATE)
    return folder / _STATE


def folders(run: Path) -> list[Path]:
    """A run's checkpoints, oldest first."""
    return sorted((run / "checkpoints").glob("step-*"))


def _prune(run: Path) -> None:
    every = folders(run)
    merits = {folder: merit for folder in every if (merit := _merit(folder)) is not None}
    best = min(merits, key=lambda folder: merits[folder]) if merits else None
    for folder in every[:-KEEP]:
        if folder != best:
            shutil.rmtree(folder, ignore_errors=True)


def _merit(folder: Path) -> float | None:
    try:
        return model.merit(json.loads((folder / model.CARD).read_text(encoding="utf-8"))["metrics"])
    except (OSError, ValueError, KeyError):
        return None


def _flatten(value: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    """``value`` with its tensors moved to ``tensors`` under their paths; JSON can say the rest."""
    if isinstance(value, Tensor):
        tensors[path] = value.detach().cpu().contiguous()
        return {_TENSOR: path}
    if isinstance(value, dict):
        if all(isinstance(key, str) for key in value):
            return {key: _flatten(item, f"{path}/{key}", tensors) for key, item in value.items()}
        return {_ITEMS: [[key, _flatten(item, f"{path}/{key}", tensors)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        items = [_flatten(item, f"{path}/{i}", tensors) for i, item in enumerate(value)]
        return {_TUPLE: items} if isinstance(value, tuple) else items
    return value


def _unflatten(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, list):
        return [_unflatten(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    if _TENSOR in value:
        return tensors[value[_TENSOR]]
    if _ITEMS in value:
        return {key: _unflatten(item, tensors) for key, item in value[_ITEMS]}
    if _TUPLE in value:
        return tuple(_unflatten(item, tensors) for item in value[_TUPLE])
    return {key: _unflatten(item, tensors) for key, item in value.items()}


def is_finite(state: Any) -> bool:
    """Whether every floating-point tensor in a nested state is finite."""
    if isinstance(state, Tensor):
        return not state.is_floating_point() or bool(torch.isfinite(state).all())
    if isinstance(state, dict):
        return all(is_finite(value) for value in state.values())
    if isinstance(state, list | tuple):
        return all(is_finite(value) for value in state)
    return True
