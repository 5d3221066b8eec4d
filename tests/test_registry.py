"""Kinds register themselves; what is not there is a sentence with the nearest name."""

import pytest

from fenshen.errors import UsageError
from fenshen.registry import Registry


def test_names_lead_to_what_registered():
    colours: Registry[int] = Registry("loss")
    colours.register("red")(1)
    colours.register("blue")(2)
    assert list(colours) == ["red", "blue"]
    assert colours["red"] == 1
    assert "green" not in colours
    with pytest.raises(ValueError, match="registered already"):
        colours.register("red")(3)


def test_an_unknown_name_is_answered_with_all_names():
    losses: Registry[int] = Registry("loss")
    losses.register("hinge")(1)
    with pytest.raises(UsageError, match=r"no loss 'hing'.*hinge"):
        losses["hing"]
