"""What a run's weights begin as: a user's model, one that comes with Fenshen, or nothing."""

from __future__ import annotations

from fenshen import model
from fenshen.training.recipe import AUTO, NOTHING, Recipe


def find(recipe: Recipe) -> str | None:
    """Name or path of the model that a new run of the recipe starts from; None: random weights.

    Of the models that come with Fenshen it is one with the same generator, which draws from noise.
    """
    if recipe.start != AUTO:
        return None if recipe.start == NOTHING else recipe.start
    if recipe.paired or recipe.sources:
        return None
    for name, card in model.shipped().items():
        if card.told == "noise" and card.network.of_generator() == recipe.network.of_generator():
            return name
    return None
