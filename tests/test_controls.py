"""The control space: its names, ranges and mirror."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fenshen import controls

unit = arrays(np.float32, (3, 58), elements=st.floats(0, 1, width=32))
valid = unit.map(lambda u: (controls.LOW + u * (controls.HIGH - controls.LOW)).astype(np.float32))
anything = arrays(np.float32, (2, 58), elements=st.floats(width=32))


def test_58_names_in_order():
    assert len(controls.NAMES) == len(set(controls.NAMES)) == controls.COUNT == 58
    assert len(controls.BLENDSHAPES) == 52
    assert controls.NAMES[0] == "eyeBlinkLeft"
    assert controls.NAMES[51:] == ("tongueOut", "yaw", "pitch", "roll", "x", "y", "scale")
    assert all(controls.NAMES[i] == name for name, i in controls.INDEX.items())


@given(valid)
def test_mirroring_twice_is_nothing(values):
    mirrored = controls.mirror(values)
    controls.check(mirrored)
    assert np.array_equal(controls.mirror(mirrored), values)


def test_mirroring_swaps_sides_and_turns():
    given_ = controls.vector(eyeBlinkLeft=0.7, jawOpen=0.5, yaw=0.3, pitch=0.2, roll=-0.1, x=0.1, y=-0.2)
    there = controls.vector(eyeBlinkRight=0.7, jawOpen=0.5, yaw=-0.3, pitch=0.2, roll=0.1, x=-0.1, y=-0.2)
    assert np.array_equal(controls.mirror(given_), there)


@given(anything)
def test_what_was_clipped_is_valid_and_what_is_valid_is_left(values):
    clipped = controls.clip(values)
    controls.check(clipped)
    assert np.array_equal(controls.clip(clipped), clipped)


@given(valid)
def test_normalising_can_be_undone(values):
    controls.check(values)
    back = controls.denormalise(controls.normalise(values))
    np.testing.assert_allclose(back, values, rtol=1e-6, atol=1e-6)


@given(st.sampled_from(controls.NAMES), st.sampled_from([math.nan, math.inf, -3.0, 3.0]))
def test_what_is_out_of_range_is_named(name, value):
    with pytest.raises(ValueError, match=rf"^{name} is "):
        controls.vector({name: value})


def test_mistyped_names_and_lengths_are_refused():
    with pytest.raises(KeyError):
        controls.vector(jawOpne=0.1)
    with pytest.raises(ValueError, match="58"):
        controls.check.__wrapped__(np.zeros(57, np.float32))
