"""``fenshen train``: a generator from a dataset; where the run exists already, training goes on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fenshen.errors import UsageError

if TYPE_CHECKING:
    from fenshen.training.recipe import Recipe


def train(
    dataset: Path | str,
    *,
    out: Path | str,
    recipe: Path | str | Recipe | None = None,
    settings: Sequence[str] = (),
    device: str = "auto",
    devices: int = 1,
    nodes: int = 1,
    force: bool = False,
    progress: bool = True,
) -> Path:
    """Train a generator on a dataset; where the run exists already, go on with it.

    Args:
        dataset: the folder that ``prepare`` wrote.
        out: the run's folder.
        recipe: a recipe's name or file; by default the one for the dataset's size. A run that is resumed keeps its
            own.
        settings: ``key=value`` overrides of the recipe.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
        devices: processes on this machine, each with its share of the batch.
        nodes: machines, started by torchrun or SLURM.
        force: begin anew where a run exists.
        progress: show the bar.

    Returns:
        The run's folder.

    Raises:
        UsageError: an unknown recipe, key or value; or settings that a resumed run cannot change.
        FenshenError: the dataset cannot be read, the run cannot be written, or training diverged three times.
        Interrupted: SIGINT or SIGTERM; everything is saved and the same call goes on.
    """
    from fenshen.dataset import Dataset
    from fenshen.machine import fabric as open_fabric
    from fenshen.training.loop import Training
    from fenshen.training.runs import begin, choose_recipe

    data, run = Dataset(dataset), Path(out)
    chosen = choose_recipe(run, data, recipe, settings, force)
    fabric = open_fabric(device, devices, nodes, chosen.precision)
    fabric.launch()
    if fabric.is_global_zero:
        begin(run, chosen, force)
    fabric.barrier()
    if chosen.batch_size % (fabric.world_size * chosen.accumulate):
        raise UsageError("train.batch_share", batch=chosen.batch_size, processes=fabric.world_size)
    Training(data, chosen, run, fabric, progress).until_done()
    return run
