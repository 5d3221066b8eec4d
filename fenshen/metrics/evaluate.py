"""``fenshen evaluate``: a model's quality in figures, in words and in pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from fenshen import files
from fenshen.commands import DEVICE, SEED, Word
from fenshen.errors import UsageError

MOST_READ = 200  # pictures of either kind on a reader's sheet

if TYPE_CHECKING:
    from fenshen.dataset import Dataset
    from fenshen.metrics.report import Report
    from fenshen.model import Model
    from fenshen.training.run import Run


def evaluate(
    model: Annotated[Path | str | Run | Model | Dataset, Word(metavar="MODEL|RUN")],
    dataset: Path | str | Dataset,
    out: Path | str,
    *,
    count: int = 1000,
    seed: Annotated[int, SEED] = 0,
    reader: Annotated[int, Word(low=0, high=MOST_READ)] = 0,
    inception: Path | str | None = None,
    device: Annotated[str, DEVICE] = "auto",
    force: bool = False,
    progress: bool = True,
) -> Report:
    """Compare pictures with the held-out ones of a dataset; write report.json and report.html.

    Args:
        model: a model, a checkpoint or a run; a dataset or a folder of pictures works too
        dataset: the folder that prepare wrote; or grey pictures, greys:FOLDER
        out: folder for the report
        count: number of generated pictures to measure
        seed: seed of the first picture
        reader: write reader.png as well, a sheet of so many real and so many generated pictures in random order, for
            somebody who knows such pictures to say which is which, and reader.json with the answers
        inception: Inception weights (safetensors), to measure FID as well
        device: where to compute
        force: overwrite an existing report
        progress: show a bar on standard error

    Returns:
        The report, as in ``report.json``. With 1000 pictures, and as many held out, MobileNet-KID varies by about
        0.0005 near 0.

    Raises:
        UsageError: a count below 8 or above 100,000, a report that exists, an unknown device, or weights of another
            network.
        FenshenError: the model or the dataset cannot be read, has fewer than 8 pictures, or the report cannot be
            written.
    """
    from fenshen.data import open_data
    from fenshen.data.greys import GreyPictures
    from fenshen.dataset import Dataset
    from fenshen.machine import torch_device
    from fenshen.metrics import evaluation
    from fenshen.model import Model

    folder = Path(out)
    files.must_be_folder(folder, "files.output")
    if inception is not None:
        files.must_be_file(inception, "files.weights")
    evaluation.check(folder, count, reader, force)
    data = open_data(dataset)
    if not isinstance(data, Dataset | GreyPictures):
        raise UsageError("evaluate.only_pictures", dataset=data.path)
    judged = model if isinstance(model, Model | Dataset) else Path(model)
    weights = None if inception is None else Path(inception)
    return evaluation.evaluate(
        judged, data, folder, count, seed, reader, weights, torch_device(device), progress
    )
