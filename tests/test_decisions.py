"""What only all portraits together can tell: the split, the copies, and what the summary says."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from preparing import noise

from fenshen import messages, portraits
from fenshen.landmarks import COUNT
from fenshen.preparation import duplicates, refusals
from fenshen.preparation.refusals import PrepareSummary, Reason
from fenshen.preparation.splits import Origin, split

origins = st.lists(
    st.builds(
        Origin,
        source=st.sampled_from([f"s{i}" for i in range(12)]),
        subject=st.none(),
        timestamp=st.none() | st.floats(0, 100),
    ),
    min_size=1,
    max_size=60,
)


class TestSplits:
    @settings(deadline=None)
    @given(origins)
    def test_no_picture_is_on_both_sides_and_training_is_never_empty(self, some):
        some = [replace(origin, subject=[None, "ann", "bob"][int(origin.source[1:]) % 3]) for origin in some]
        sides = split(some)
        assert len(sides) == len(some)
        assert "train" in sides
        stills: dict[str, set[str]] = {}
        for origin, side in zip(some, sides, strict=True):
            if origin.timestamp is None:
                stills.setdefault(origin.source, set()).add(side)
        assert all(len(both) == 1 for both in stills.values())
        assert split(some) == sides

    def test_about_a_tenth_of_stills(self):
        sides = split([Origin(f"p{i}", None, None) for i in range(1000)])
        assert sides.count("held_out") == 100

    def test_whole_subjects_where_there_are_enough(self):
        some = [Origin(f"{i}", f"subject {i % 20}", None) for i in range(400)]
        held_out = {o.subject for o, side in zip(some, split(some), strict=True) if side == "held_out"}
        train = {o.subject for o, side in zip(some, split(some), strict=True) if side == "train"}
        assert not held_out & train
        assert len(held_out) == 2

    def test_whole_clips_where_there_are_enough(self):
        some = [Origin(f"clip {i}", None, t / 25) for i in range(20) for t in range(50)]
        held_out = {o.source for o, side in zip(some, split(some), strict=True) if side == "held_out"}
        train = {o.source for o, side in zip(some, split(some), strict=True) if side == "train"}
        assert not held_out & train
        assert len(held_out) == 2

    def test_the_end_of_a_single_clip(self):
        sides = split([Origin("clip", None, t / 25) for t in range(100)])
        assert sides == ["train"] * 90 + ["held_out"] * 10


class TestDuplicates:
    @settings(deadline=None)
    @given(st.integers(0, 10_000), st.floats(0.6, 1.0), st.integers(40, 95))
    def test_copies_are_near_and_others_far(self, seed, scale, quality):
        picture = noise(seed, 128)
        stream = io.BytesIO()
        side = round(128 * scale)
        Image.fromarray(picture).resize((side, side), Image.Resampling.LANCZOS).save(
            stream, "JPEG", quality=quality
        )
        copy = portraits.resize(portraits.read(stream.getvalue()), 128)
        three = [picture, copy, noise(seed + 1, 128)]
        hashes = np.array([duplicates.perceptual_hash(p) for p in three], dtype=np.uint64)
        signatures = np.stack([duplicates.signature(p) for p in three])
        assert duplicates.find(hashes, signatures, np.array([1.0, 2.0, 3.0])) == {0: 1}

    def test_a_chain_of_copies_keeps_its_ends(self):
        landmarks = np.zeros((3, COUNT, 3)) + np.array([0.0, 0.0018, 0.0036])[:, None, None]
        signatures = np.stack([duplicates.signature(noise(0), points) for points in landmarks])
        found = duplicates.find(np.zeros(3, dtype=np.uint64), signatures, np.zeros(3))
        assert found == {1: 0}


class TestVerdict:
    def test_it_wants_what_the_recipes_want(self):
        from fenshen.training import recipe

        for name, wanted in (*refusals.FROM_SCRATCH.values(), refusals.FEW_SHOT):
            assert recipe.load(name).pictures == wanted

    def summary(self, **values) -> PrepareSummary:
        usual = {"path": "d", "size": 64, "train": 0, "held_out": 0, "refused": {}, "subjects": 0, "clips": 0}
        return PrepareSummary(**{**usual, "faces": values["kept"], "one_person": False, **values})

    def test_it_says_what_the_pictures_are_enough_for(self):
        one = self.summary(kept=41, one_person=True).verdict
        assert "41 portraits of one person: enough for a double" in one
        assert "few-shot-64" in one
        assert "fast-64" in self.summary(kept=5000).verdict
        assert "fast-128" in self.summary(kept=5000, size=256).verdict
        assert "few-shot-64 --set size=128" in self.summary(kept=60, size=128).verdict
        assert "1 portrait of one person" in self.summary(kept=1, one_person=True).verdict
        assert "too few to train on" in self.summary(kept=3).verdict

    def test_every_reason_has_words_in_both_languages(self):
        everything = {reason: i + 1 for i, reason in enumerate(Reason)}
        for language in messages.LANGUAGES:
            messages.use(language)
            try:
                text = self.summary(kept=41, refused=everything).text
            finally:
                messages.use(None)
            assert all(str(count) in text for count in everything.values())
