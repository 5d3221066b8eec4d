"""What a recipe tells the networks about the pictures of a dataset."""

from __future__ import annotations

import numpy as np

from fenshen import landmarks
from fenshen.data import TrainingData
from fenshen.data.sizes import SizedBatches, Sizes
from fenshen.data.tracks import Tracks
from fenshen.data.translations import TranslatedBatches, Translations
from fenshen.dataset import Batches, Dataset, Labels, PairedLabels
from fenshen.errors import UsageError
from fenshen.networks.contours import CONTOUR_POINTS
from fenshen.training.recipe import Recipe


def batches(data: TrainingData, recipe: Recipe, batch_size: int) -> Batches:
    """The training samples with what the networks are told about them.

    Raises:
        UsageError: the dataset does not know what the recipe needs.
    """
    train = data.indices("train")
    if isinstance(data, Sizes):
        rows = np.arange(len(data.sizes))
        return SizedBatches(rows, train, Labels(None), batch_size, recipe.seed, recipe.mirror, data=data)
    if not isinstance(data, Translations):
        if recipe.sources:
            raise UsageError("train.no_sources", recipe=recipe.name, dataset=data.path)
        return Batches(data.samples, train, labels(data, recipe), batch_size, recipe.seed, recipe.mirror)
    if recipe.paired and not data.paired:
        raise UsageError("train.not_pairs", recipe=recipe.name, dataset=data.path)
    return TranslatedBatches(
        data.samples,
        train,
        Labels(None),
        batch_size,
        recipe.seed,
        recipe.mirror,
        data=data,
        size=recipe.size,
    )


def labels(data: TrainingData, recipe: Recipe) -> Labels:
    """Controls for a conditional recipe; for a paired one also who is in each picture and where the face's parts are.

    Raises:
        UsageError: the dataset does not know what the recipe needs.
    """
    if not recipe.conditional:
        return Labels(None)
    if not isinstance(data, Dataset | Tracks) or data.controls is None:
        raise UsageError("train.no_controls", dataset=data.path)
    if not recipe.paired or not isinstance(data, Dataset):
        return Labels(data.controls)
    from fenshen.faces.regions import eyes_and_mouth
    from fenshen.humans.encoding import encode_records

    columns = {name: data.records[name].combine_chunks() for name in ("human", "camera", "landmarks")}
    if any(column.null_count for column in columns.values()):
        raise UsageError("train.no_humans", dataset=data.path)
    codes = encode_records(columns["human"].to_pylist(), columns["camera"].to_pylist())
    if codes.shape[1] != recipe.latent:
        raise UsageError("train.code_length", latent=recipe.latent, code=codes.shape[1])
    flat = np.asarray(columns["landmarks"].flatten().to_numpy(zero_copy_only=False))
    found = flat.reshape(-1, landmarks.COUNT, 3)
    return PairedLabels(data.controls, codes, eyes_and_mouth(found), found[:, CONTOUR_POINTS, :2].copy())
