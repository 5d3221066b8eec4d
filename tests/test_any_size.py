"""Pictures of any size: buckets, what is reflected, one network for all sizes, training and drawing."""

from __future__ import annotations

import math
import shutil

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file

import fenshen
from fenshen import portraits
from fenshen.data import open_data
from fenshen.data.sizes import SizedBatches, Sizes
from fenshen.dataset import Labels
from fenshen.errors import FenshenError, FenshenWarning, UsageError
from fenshen.model import Model, find
from fenshen.networks import NetworkConfig, build_discriminator, build_generator
from fenshen.networks.any_size import places, reflected
from fenshen.training import checkpoint, progress
from fenshen.training import recipe as recipes
from fenshen.training.measuring import sizes as measuring

SHAPES = [
    (48, 64),
    (48, 64),
    (64, 33),
    (50, 61),
    (32, 80),
]  # heights and widths; the second and fourth share a bucket
SMALL = ("width=8", "max_width=16", "batch_size=4", "log_every=5", "sample_every=12", "evaluate_every=12")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pictures that say which they are by the colour of their first pixel."""
    folder = tmp_path_factory.mktemp("sizes") / "pictures"
    numbers = np.random.default_rng(0)
    for number in range(24):
        height, width = SHAPES[number % len(SHAPES)] if number else (96, 40)  # one odd picture
        picture = numbers.integers(0, 256, (height, width, 3), np.uint8)
        picture[0, 0] = number
        portraits.write(folder / f"{number:02}.png", picture)
    return folder


def batches_of(data, seed=0, mirror=False):
    rows = np.arange(len(data.sizes))
    return SizedBatches(rows, data.indices("train"), Labels(None), 4, seed, mirror, data=data)


def test_batches_are_of_one_bucket_and_hold_whole_pictures(folder):
    data = Sizes(str(folder))
    batches, counted = batches_of(data), np.zeros(len(data.sizes))
    for step in range(400):
        pixels, labels = batches.at(step)
        assert not any(side % 16 for side in pixels.shape[1:3])
        for padded, (height, width) in zip(pixels, labels.sizes, strict=True):
            row = int(padded[0, 0, 0])
            counted[row] += 1
            picture = data.picture(row)
            assert picture.shape[:2] == (height, width)
            assert np.array_equal(padded[:height, :width], picture)
            assert all(
                0 <= larger - own < 16 for larger, own in zip(padded.shape, (height, width), strict=False)
            )
    train = data.indices("train")
    assert set(np.flatnonzero(counted)) == set(
        train
    )  # none is left out, and nothing that is held out is shown
    # Every picture is as likely, however many share its bucket: 4 in 1600 chances, each a batch's at worst.
    assert counted[train] == pytest.approx(np.full(len(train), 1600 / len(train)), rel=0.6)


def test_a_batch_depends_on_seed_and_step_only(folder):
    one, other = (batches_of(Sizes(str(folder)), mirror=True) for _ in range(2))
    one.at(3)
    (pixels, labels), (again, same) = one.at(9), other.at(9)
    assert np.array_equal(pixels, again)
    assert np.array_equal(labels.sizes, same.sizes)
    part, told = one.at(9, slice(1, 3))
    assert np.array_equal(part, pixels[1:3])
    assert np.array_equal(told.sizes, labels.sizes[1:3])


def test_zip_files_are_read_alike_and_turned_pictures_stand_upright(folder, tmp_path):
    zipped = shutil.make_archive(str(tmp_path / "all"), "zip", folder)
    assert np.array_equal(np.unique(Sizes(zipped).sizes, axis=0), np.unique(Sizes(str(folder)).sizes, axis=0))
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "turned").mkdir()
    for number in range(4):
        Image.new("RGB", (64, 40)).save(tmp_path / "turned" / f"{number}.jpg", exif=exif)
    data = Sizes(str(tmp_path / "turned"))
    assert data.picture(0).shape == (64, 40, 3)


@given(height=st.integers(33, 63), width=st.integers(33, 63))
@settings(max_examples=10, deadline=None)
def test_fakes_are_reflected_as_real_pictures_are(height, width):
    picture = np.random.default_rng(0).random((3, 64, 64), np.float32)
    own = picture[:, :height, :width]
    padded = np.pad(own, [(0, 0), (0, 64 - height), (0, 64 - width)], mode="reflect")
    made = reflected(torch.from_numpy(picture)[None], torch.tensor([[height, width]]))[0]
    assert np.array_equal(made.numpy(), padded)


def network(**values):
    torch.manual_seed(0)
    return NetworkConfig(family="any-size", size=64, latent=16, width=8, max_width=16, **values)


@pytest.mark.parametrize(
    ("size", "judge"),
    [
        ((32, 32), None),
        ((512, 32), None),
        ((77, 130), None),
        ((32, 32), "multi-scale"),
        ((48, 80), "multi-scale"),
    ],
)
def test_one_network_draws_and_judges_every_size(size, judge):
    config = network(discriminator=judge)
    generator, discriminator = build_generator(config), build_discriminator(config)
    sizes = torch.tensor([size, size])
    pictures = generator.draw(torch.randn(2, 16), sizes=sizes).pictures
    assert all(0 <= side - own < 16 for side, own in zip(pictures.shape[2:], size, strict=True))
    logits = discriminator(discriminator.features(pictures))
    logits.mean().backward()
    learning = [p for net in (generator, discriminator) for p in net.parameters() if p.requires_grad]
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in learning)


def test_places_are_relative_to_the_borders():
    small, large = (places(torch.tensor([[side, side]]), (side // 16,) * 2)[0, 0, :, 0] for side in (64, 128))
    assert small.tolist() == pytest.approx([-0.75, -0.25, 0.25, 0.75])
    assert large.reshape(4, 2).mean(1).tolist() == pytest.approx(small.tolist())
    wide = places(torch.tensor([[64, 128]]), (4, 8))
    assert torch.equal(wide[0, 0, :, 3], small)  # the other axis does not matter


def train(data, run, *settings):
    return fenshen.train(data, out=run, settings=(*SMALL, *settings), device="cpu", progress=False)


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    """Twelve steps, in two parts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "_MEASURED", 8)  # pictures: looking at more takes most of the time
        path = tmp_path_factory.mktemp("run") / "run"
        train(f"sizes:{folder}", path, "steps=6", "lr_schedule.kind=constant")
        return train(f"sizes:{folder}", path, "steps=12").path


def test_training_goes_on_bit_for_bit(run, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(measuring, "_MEASURED", 8)
    whole = train(f"sizes:{folder}", tmp_path / "whole", "steps=12").path
    states = [load_file(checkpoint.folders(path)[-1] / "state.safetensors") for path in (run, whole)]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    logged = progress.rows(run)
    assert all(math.isfinite(row["loss_g"]) for row in logged if "loss_g" in row)
    assert any("kid" in row for row in logged)
    assert (run / "samples" / "step-00000012.png").is_file()


def test_every_size_can_be_asked_for(run, tmp_path):
    for size, word in (((160, 96), "96x160"), ((37, 65), "65x37")):
        files = fenshen.generate(run, seeds="0-1", size=word, out=tmp_path / word)
        assert [portraits.read(file).shape for file in files] == [(*size, 3)] * 2
    (file, *_) = fenshen.generate(run, seeds="0", out=tmp_path / "usual")
    assert portraits.read(file).shape == (48, 64, 3)  # the most common
    model = Model.load(run)
    both = model.draw_sizes(model.latents([3, 4]), torch.tensor([[50, 61], [160, 64]]))
    assert np.array_equal(both[1], model.draw(model.latents([4]), size=(160, 64))[0])
    for word in ("96", "96x31", "600x64"):
        with pytest.raises(UsageError, match="--size"):
            fenshen.generate(run, seeds="0", size=word, out=tmp_path / "no.png")


def test_a_run_starts_from_another(run, folder, tmp_path):
    begun = train(f"sizes:{folder}", tmp_path / "next", "steps=1", f"start={run}", "evaluate_every=0")
    assert begun.model().card.start == str(run)
    first = load_file(checkpoint.folders(begun.path)[0] / "model.safetensors")
    best = load_file(find(run) / "model.safetensors")
    assert all(torch.equal(first[key], best[key]) for key in best)


def test_what_is_no_picture_of_a_possible_size_is_refused(folder, tmp_path):
    (tmp_path / "with").mkdir()
    bad = tmp_path / "with" / "bad.png"
    for content, sentence in ((b"no picture", "bad.png"), (None, "600x40")):
        if content is None:
            Image.new("RGB", (600, 40)).save(bad)
        else:
            bad.write_bytes(content)
        with pytest.raises(FenshenError, match=sentence):
            open_data(f"sizes:{tmp_path / 'with'}")
    Image.new("RGB", (64, 40)).save(bad)
    (tmp_path / "with" / "note.txt").write_text("note")
    with pytest.warns(FenshenWarning, match="note.txt"):
        assert len(open_data(f"sizes:{tmp_path / 'with'}").samples) == 1
    with pytest.raises(UsageError, match="any-size"):
        fenshen.train(f"sizes:{folder}", out=tmp_path / "run", recipe="fast-64", progress=False)
    assert not (tmp_path / "run").exists()
    for setting in ("generators=2", "minibatch=4", "discriminator=dcgan"):
        with pytest.raises(UsageError, match="multi-scale"):
            recipes.load("any-size", [setting])


def test_a_model_of_one_size_says_so(tmp_path):
    with pytest.raises(UsageError, match="any-size"):
        fenshen.generate("faces-64", seeds="0", size="96x64", out=tmp_path / "no.png")
