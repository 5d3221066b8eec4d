"""``fenshen train``: a generator from a dataset; if the run exists already, training continues."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from fenshen.commands import DEVICE, RECIPE_SETTINGS, SEED, Word, instead
from fenshen.errors import UsageError
from fenshen.training.run import Run

if TYPE_CHECKING:
    from fenshen.dataset import Dataset
    from fenshen.training.recipe import Recipe


@instead("--list", "fenshen.training.menu:menu", help="cli.list")
@instead("--tune", "fenshen.training.tune:tune", help="cli.tune")
def train(
    dataset: Dataset | Path | str,
    *,
    out: Path | str,
    recipe: Annotated[str | Path | Recipe | None, Word("--recipe -r")] = None,
    settings: Annotated[Sequence[str], RECIPE_SETTINGS] = (),
    seed: Annotated[int | None, SEED] = None,
    device: Annotated[str, DEVICE] = "auto",
    devices: Annotated[int, Word(low=1)] = 1,
    nodes: Annotated[int, Word(low=1)] = 1,
    profile: Annotated[int | None, Word(low=1, high=1000)] = None,
    force: bool = False,
    progress: bool = True,
) -> Run:
    """Train a generator on a dataset, or continue a run.

    Args:
        dataset: the folder that prepare wrote; sizes:FOLDER, pictures of any size as they are; greys:FOLDER, grey
            pictures of 16 bits; tracks:FOLDER, films or tracks to learn movement from; lines:FILE, lines of text; or
            points:ring8, points:grid25 or sines:5, drawn by formula
        out: folder of the run
        recipe: name or file of a recipe; by default the one for the dataset's size. A run that continues keeps its own
        settings: change a key of the recipe; can be repeated
        seed: random seed; the same as the recipe's key seed
        device: where to compute
        devices: processes on this machine, which share the batch
        nodes: machines, started by torchrun or SLURM
        profile: take this many steps to see where the time goes, and save nothing but a trace
        force: start over if the run exists
        progress: show the bar

    Returns:
        The run, opened.

    Raises:
        UsageError: an unknown recipe, key or value; or settings that a run cannot change while it continues.
        FenshenError: the dataset cannot be read, another process is at work on the run, the run cannot be written, or
            training diverged three times.
        Interrupted: SIGINT or SIGTERM; everything is saved and the same call continues.
    """
    from fenshen.data import open_data
    from fenshen.locks import at_work
    from fenshen.machine import fabric as open_fabric
    from fenshen.machine import is_main_process
    from fenshen.training.loop import Training
    from fenshen.training.runs import begin, choose_recipe

    data = open_data(dataset)
    run = Path(out)
    words = [*settings, *([] if seed is None else [f"seed={seed}"])]
    with at_work(run) if is_main_process() else nullcontext():
        chosen = choose_recipe(run, data, recipe, words, force)
        fabric = open_fabric(device, devices, nodes, chosen.precision)
        fabric.launch()
        if chosen.batch_size % (fabric.world_size * chosen.accumulate):
            raise UsageError("train.batch_share", batch=chosen.batch_size, processes=fabric.world_size)
        training = Training(data, chosen, run, fabric, progress, fresh=force)
        if fabric.is_global_zero:
            begin(run, chosen, force)
        fabric.barrier()
        if profile is not None:
            from fenshen.training import phases

            trace = run / "profile" / f"process-{fabric.global_rank}.pt.trace.json"
            found = phases.profile(training.game.train_step, profile, fabric.device, trace)
            return Run(run, profile=found)
        training.until_done()
    return Run(run, training.taken)
