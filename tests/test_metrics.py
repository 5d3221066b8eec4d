"""The measures themselves, held to answers that are known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter
from safetensors.torch import load_file, save_file

from fenshen import assets, avatars
from fenshen.errors import UsageError
from fenshen.metrics.coverage import coverage, repeats, spread, squared_distances
from fenshen.metrics.distances import frechet_distance, kernel_distance, kernel_distance_once
from fenshen.metrics.features import THUMBNAIL, WEIGHTS, Features, MobileNetV2
from fenshen.metrics.inception import InceptionFeatures, InceptionV3
from fenshen.metrics.meters import CopyMeter, KidMeter, diversity
from fenshen.metrics.neighbours import Memory


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    return np.stack([avatars.draw("lorelei", seed, 64) for seed in range(160)])


@pytest.fixture(scope="module")
def strangers() -> np.ndarray:
    return np.stack([avatars.draw("pixel-art", seed, 64) for seed in range(40)])


@pytest.fixture(scope="module")
def look() -> Features:
    return Features()


def each(change: Callable[[Image.Image], Image.Image], pictures: np.ndarray) -> np.ndarray:
    return np.stack([np.asarray(change(Image.fromarray(picture))) for picture in pictures])


def blurred(pictures: np.ndarray, radius: float = 1.0) -> np.ndarray:
    return each(lambda picture: picture.filter(ImageFilter.GaussianBlur(radius)), pictures)


def gaussians(count: int, width: int, seed: int, shift: float = 0.0, scale: float = 1.0) -> np.ndarray:
    values = np.random.default_rng(seed).normal(shift, scale, (count, width))
    return values.astype(np.float32)


# ---- features ----


def test_folded_batch_norm_is_the_batch_norm() -> None:
    state = {name: value.float() for name, value in load_file(assets.path(WEIGHTS)).items()}
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    y = F.conv2d(x, state["features.0.0.weight"], stride=2, padding=1)
    parts = ("running_mean", "running_var", "weight", "bias")
    y = F.relu6(F.batch_norm(y, *(state[f"features.0.1.{part}"] for part in parts)))
    torch.testing.assert_close(MobileNetV2().layers[0](x), y, rtol=1e-4, atol=1e-5)


def test_features_do_not_depend_on_company_or_memory_order(look: Features, faces: np.ndarray) -> None:
    together = look(faces[:11])
    assert together.shape == (11, 1280)
    assert 0 <= together.min() < together.max() <= 6
    np.testing.assert_allclose(look(faces[10:11])[0], together[10], atol=1e-3)
    mirrored = look(faces[:3, :, ::-1])  # a view with a negative stride
    np.testing.assert_allclose(mirrored, look(faces[:3, :, ::-1].copy()), atol=1e-6)


def test_bfloat16_keeps_the_order_of_distances(look: Features, faces: np.ndarray) -> None:
    rough = Features(precision="bfloat16")
    sets = (faces[6:12], blurred(faces[6:12], 0.5), blurred(faces[6:12]))
    exact, rounded = (
        [kernel_distance_once(real, network(other)) for other in sets]
        for network, real in ((look, look(faces[:6])), (rough, rough(faces[:6])))
    )
    assert exact == sorted(exact)
    np.testing.assert_allclose(rounded, exact, rtol=0.25, atol=0.005)


# ---- distances ----


@given(st.integers(4, 12), st.integers(4, 12), st.integers(0, 2**32 - 1))
def test_kernel_distance_is_the_written_out_sum(n: int, m: int, seed: int) -> None:
    x, y = gaussians(n, 5, seed), gaussians(m, 5, seed + 1, shift=0.5)

    def k(a: np.ndarray, b: np.ndarray) -> float:
        return float((np.dot(a.astype(np.float64), b) / 5 + 1) ** 3)

    within = [
        sum(k(s[i], s[j]) for i in range(len(s)) for j in range(len(s)) if i != j) / (len(s) * (len(s) - 1))
        for s in (x, y)
    ]
    between = sum(k(a, b) for a in x for b in y) / (n * m)
    value = kernel_distance_once(x, y)
    assert value == pytest.approx(sum(within) - 2 * between, rel=1e-4, abs=1e-4)
    assert value == pytest.approx(kernel_distance_once(y, x), rel=1e-5, abs=1e-5)


def test_kernel_distance_is_unbiased_seeded_and_sees_a_shift() -> None:
    same = [kernel_distance_once(gaussians(40, 8, 2 * i), gaussians(40, 8, 2 * i + 1)) for i in range(60)]
    assert abs(np.mean(same)) < 3 * np.std(same) / 60**0.5
    x, y = gaussians(200, 8, 0), gaussians(100, 8, 1, shift=0.5)
    found = kernel_distance(x, y, seed=3)
    assert found == kernel_distance(x, y, seed=3)
    assert found.subset_size == 50
    assert found.value == pytest.approx(kernel_distance_once(x, y), abs=3 * found.deviation)
    assert found.value > 3 * found.deviation > 0


@settings(max_examples=20)
@given(st.sampled_from([6, 20, 90]), st.floats(0, 5), st.integers(0, 1000))
def test_frechet_distance_of_a_moved_and_scaled_set(count: int, shift: float, seed: int) -> None:
    """Fewer and more pictures than features: |c|^2 for a shift by c, (1 - s)^2 tr S for a scaling by s."""
    x = gaussians(count, 24, seed)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(x, x + np.float32(shift)) == pytest.approx(24 * shift**2, rel=1e-3, abs=1e-4)
    variance = float(x.astype(np.float64).var(0, ddof=1).sum())
    centred = x - x.mean(0)
    assert frechet_distance(centred, 3 * centred) == pytest.approx(4 * variance, rel=1e-4)


def test_frechet_distance_agrees_with_the_root_of_the_product() -> None:
    x, y = gaussians(400, 6, 0), gaussians(300, 6, 1) @ np.diag([1, 2, 1, 3, 1, 1]).astype(np.float32) + 1
    sx, sy = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = np.sqrt(np.linalg.eigvals(sx @ sy).real).sum()
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(sx) + np.trace(sy) - 2 * root
    assert frechet_distance(x, y) == pytest.approx(float(expected), rel=1e-4)


def test_distances_refuse_what_cannot_be_compared() -> None:
    for distance in (kernel_distance, kernel_distance_once, frechet_distance):
        with pytest.raises((ValueError, TypeError)):  # whoever checks shapes first
            distance(gaussians(8, 4, 0), gaussians(8, 5, 0))
        with pytest.raises(ValueError, match="4 pictures"):
            distance(gaussians(8, 4, 0), gaussians(3, 4, 0))


# ---- coverage ----


def test_coverage_of_the_same_another_and_a_collapsed_set() -> None:
    real = gaussians(200, 6, 0)
    same = coverage(real, gaussians(200, 6, 1))
    assert min(same.precision, same.recall, same.coverage) > 0.8
    assert same.density == pytest.approx(1, abs=0.15)
    assert coverage(real, gaussians(200, 6, 1, shift=50)) == (0, 0, 0, 0)
    one = np.repeat(real[:1], 200, axis=0)
    collapsed = coverage(real, one)
    assert collapsed.precision == 1
    assert max(collapsed.recall, collapsed.coverage) < 0.1
    assert (spread(one), repeats(real, one)) == (pytest.approx(0, abs=1e-3), 1)


def test_half_the_modes_halve_recall_not_precision() -> None:
    real = np.concatenate([gaussians(100, 4, 0), gaussians(100, 4, 1, shift=30)])
    half = coverage(real, gaussians(200, 4, 2))
    assert half.precision > 0.85
    assert half.recall == pytest.approx(0.5, abs=0.1)
    assert half.coverage == pytest.approx(0.5, abs=0.1)


def test_repeats_finds_a_collapse_to_several_pictures() -> None:
    real = gaussians(120, 8, 0)
    few = np.repeat(gaussians(12, 8, 1), 10, axis=0) + gaussians(120, 8, 2, scale=1e-3)
    assert spread(few) / spread(real) > 0.8  # mean distances do not see it
    assert repeats(real, few) == 1
    assert repeats(real, gaussians(120, 8, 3)) < 0.1


@given(st.integers(2, 9), st.integers(2, 9), st.integers(0, 1000))
def test_squared_distances_are_exact_and_zero_for_copies(n: int, m: int, seed: int) -> None:
    x, y = gaussians(n, 7, seed, shift=100), gaussians(m, 7, seed + 1, shift=100)
    y[0] = x[0]
    expected = ((x[:, None].astype(np.float64) - y[None]) ** 2).sum(-1)
    np.testing.assert_allclose(squared_distances(x, y), expected, rtol=1e-6, atol=1e-8)


# ---- copies ----


@pytest.fixture(scope="module")
def memory(look: Features, faces: np.ndarray) -> Memory:
    return Memory(look(faces[:80], view=THUMBNAIL), look(faces[80:120], view=THUMBNAIL))


def softened(pictures: np.ndarray) -> np.ndarray:
    """As a generator would remember a picture: half the detail, a little noise."""
    noise = np.random.default_rng(0).normal(0, 5, pictures.shape)
    return np.clip(blurred(pictures) + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("change", [lambda p: p, softened, lambda p: p[:, :, ::-1]])
def test_copies_are_found_however_they_are_disguised(
    memory: Memory, look: Features, faces: np.ndarray, change: Callable[[np.ndarray], np.ndarray]
) -> None:
    fakes = change(faces[:24])
    found = memory.compare(look(fakes, view=THUMBNAIL), look(fakes[:, :, ::-1], view=THUMBNAIL))
    assert found.verdict == "memorised"
    assert found.copies > 0.9
    assert (found.row == np.arange(24)).mean() > 0.9


def test_new_pictures_are_not_called_copies(
    memory: Memory, look: Features, faces: np.ndarray, strangers: np.ndarray
) -> None:
    for fakes in (faces[120:], blurred(faces[120:]), strangers):
        found = memory.compare(look(fakes, view=THUMBNAIL), look(fakes[:, :, ::-1], view=THUMBNAIL))
        assert found.copies <= 0.1
        assert found.verdict in ("none", "some")
    assert found.verdict == "none"


def test_some_copies_frames_of_a_video_and_too_few_pictures() -> None:
    train, held_out, new = gaussians(300, 16, 0), gaussians(100, 16, 1), gaussians(90, 16, 2)
    memory = Memory(train, held_out)
    assert memory.compare(np.concatenate([new, train[:10]])).verdict == "some"
    frames = np.cumsum(gaussians(300, 16, 3, scale=0.05), axis=0)
    assert Memory(frames, held_out).compare(frames[:50] + 0.01).verdict == "alike"
    assert Memory(train[:5], held_out[:0]).compare(train[:5]).verdict == "unknown"
    assert Memory(train, held_out[:0]).compare(new).verdict == "none"  # judged by the training pictures


# ---- while training ----


def test_meters_tell_real_from_blurred_strange_repeated_and_copied(
    faces: np.ndarray, strangers: np.ndarray
) -> None:
    meter = KidMeter(faces[:80], count=32)
    good = meter.look(lambda count: faces[80 : 80 + count])
    assert abs(good.kid) < 0.01
    assert good.diversity == pytest.approx(1, abs=0.15)
    assert good.kid < meter.measure(lambda count: blurred(faces[80 : 80 + count])) / 10
    assert good.kid < meter.measure(lambda count: strangers[:count]) / 10
    stuck = meter.look(lambda count: np.repeat(faces[:1], count, axis=0))
    assert stuck.diversity < 0.01
    assert stuck.repeats == 1
    copies = CopyMeter(faces[:60], faces[120:])
    assert copies.measure(softened(faces[:16])).verdict == "memorised"
    assert copies.measure(faces[80:96]).copies <= 0.2


def test_pixel_diversity(faces: np.ndarray) -> None:
    assert diversity(faces[:64], faces[64:128]) == pytest.approx(1, abs=0.1)
    assert diversity(np.repeat(faces[:1], 64, axis=0), faces) == pytest.approx(0, abs=1e-4)
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 64, 3), dtype=np.uint8)
    assert diversity(noise, faces) < 0.35


# ---- Inception ----


@pytest.fixture(scope="module")
def inception_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("inception") / "inception.safetensors"
    state = InceptionV3().state_dict()
    state["fc.weight"] = torch.zeros(1008, 2048)  # the released file has a classifier, which FID does not use
    save_file(state, file)
    return file


def test_inception_has_the_published_size_and_measures(inception_file: Path, faces: np.ndarray) -> None:
    # torchvision counts 23,834,568 parameters without the auxiliary head, 2,049,000 in the classifier.
    assert sum(value.numel() for value in InceptionV3().parameters()) == 23_834_568 - 2_049_000
    look = InceptionFeatures(inception_file)
    features = look(faces[:6])
    assert features.shape == (6, 2048)
    assert frechet_distance(features, features) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(features, look(blurred(faces[:6], 3))) > 0


def test_inception_refuses_other_files(inception_file: Path, tmp_path: Path) -> None:
    state = load_file(inception_file)
    name = "Mixed_7c.branch_pool.conv.weight"
    save_file({key: value for key, value in state.items() if key != name}, tmp_path / "lacking.safetensors")
    save_file({**state, name: torch.zeros(3)}, tmp_path / "shape.safetensors")
    torch.save({"x": torch.zeros(1)}, tmp_path / "pickled.pth")
    for file, words in {
        "lacking.safetensors": name,
        "shape.safetensors": r"\[3\]",
        "pickled.pth": "weights_only=True",
        "absent.safetensors": "absent",
    }.items():
        with pytest.raises(UsageError, match=words):
            InceptionFeatures(tmp_path / file)
