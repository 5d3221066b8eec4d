"""What a recipe tells the networks about the pictures of a dataset."""

from __future__ import annotations

import numpy as np

from fenshen.dataset import LANDMARKS, Dataset, Labels, PairedLabels
from fenshen.errors import UsageError
from fenshen.networks.contours import LANDMARKS as LANDMARKS_OF_LINES
from fenshen.training.recipe import Recipe


def labels(data: Dataset, recipe: Recipe) -> Labels:
    """Controls for a conditional recipe; for a paired one also who is in each picture and where the face's parts are.

    Raises:
        UsageError: the dataset does not know what the recipe needs.
    """
    if not recipe.conditional:
        return Labels(None)
    if data.controls is None:
        raise UsageError("train.no_controls", dataset=data.path)
    if not recipe.paired:
        return Labels(data.controls)
    from fenshen.faces.regions import eyes_and_mouth
    from fenshen.humans.encoding import encode_records

    columns = {name: data.records[name].combine_chunks() for name in ("human", "camera", "landmarks")}
    if any(column.null_count for column in columns.values()):
        raise UsageError("train.no_humans", dataset=data.path)
    codes = encode_records(columns["human"].to_pylist(), columns["camera"].to_pylist())
    if codes.shape[1] != recipe.latent:
        raise UsageError("train.code_length", latent=recipe.latent, code=codes.shape[1])
    landmarks = columns["landmarks"].flatten().to_numpy(zero_copy_only=False).reshape(-1, LANDMARKS, 3)
    landmarks = np.asarray(landmarks)
    points = landmarks[:, LANDMARKS_OF_LINES, :2].copy()
    return PairedLabels(data.controls, codes, eyes_and_mouth(landmarks), points)
