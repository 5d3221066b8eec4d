"""A trained generator on disk, and drawing from it.

A model is a folder of two files: ``model.safetensors``, the weights, and ``model.json``, the card. A checkpoint of
a run contains one, so a run, a checkpoint and an exported folder can all be loaded.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Shaped, UInt8
from numpy import ndarray
from pydantic import BaseModel, ConfigDict, Field
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from fenshen import assets, cards, files
from fenshen import controls as control_space
from fenshen.data.texts import spelt
from fenshen.errors import FenshenError, UsageError
from fenshen.greys import Levels
from fenshen.media import SIDES, canvas, to_pixels
from fenshen.networks import Generator, NetworkConfig, Sizes, Translator, build_generator, place
from fenshen.networks.latents import draw_latents

SCHEMA_VERSION = 1
WEIGHTS, CARD = "model.safetensors", "model.json"
SHIPPED = {
    "humans": "humans-128",
    "humans-128": "humans-128",
    "faces-64": "faces-64",
    "restorer": "restorer",
    "toon-128": "toon-128",
    "lips": "lips",
    "treble": "treble",
}  # models in our assets, by their names
_CHUNK = 8  # pictures computed together, always: so that a picture does not depend on its neighbours' number


class ModelCard(BaseModel):
    """``model.json``: what a model is, what it was trained on and how good it is."""

    model_config = ConfigDict(extra="forbid")

    schema_version: int = SCHEMA_VERSION
    network: NetworkConfig
    told: Literal["noise", "human", "picture", "sound"] = Field(
        "noise", description="what it is given: noise, codes of humans, or pictures or sound to translate"
    )
    recipe: str = Field(description="name of the recipe it was trained by")
    step: int = Field(ge=0)
    pictures_seen: int = Field(ge=0)
    origin: list[str] = Field(description="where the training pictures came from")
    pictures: int = Field(ge=0, description="how many training pictures there were")
    start: str | None = Field(default=None, description="the model whose weights it began with")
    sizes: list[tuple[int, int]] = Field(
        default_factory=list, description="common heights and widths of training pictures of several sizes"
    )
    licence: str | None = Field(default=None, description="terms of the training pictures, when known")
    consent: str | None = None
    metrics: dict[str, float] = Field(default_factory=dict)
    vocabulary: list[str] = Field(
        default_factory=list, description="of texts: what their numbers stand for; the first one ends a line"
    )
    levels: Levels | None = Field(default=None, description="of grey pictures: what 0 and 65535 stand for")
    fenshen: str = Field(description="version that wrote it")

    @property
    def family(self) -> str:
        return self.network.family

    @property
    def resolution(self) -> int:
        """Side of its pictures in pixels."""
        return self.network.size


def save(path: Path, generator: nn.Module, card: ModelCard) -> None:
    """Write a model into the folder ``path``, which the caller moves to its place."""
    path.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in generator.state_dict().items()}, path / WEIGHTS)
    (path / CARD).write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")


class Model:
    """A generator ready to draw. It computes in float32, so that all machines draw the same picture.

    Args:
        generator: in evaluation mode, on ``device``.
        card: what is known about it.
        path: where it was loaded from.
    """

    def __init__(self, generator: Generator, card: ModelCard, path: Path, device: torch.device) -> None:
        self.generator, self.card, self.path, self.device = generator, card, path, device

    @classmethod
    def load(cls, path: Path | str, device: str | torch.device = "cpu") -> Model:
        """Open a model folder, a checkpoint or a run (its best checkpoint, else its last), or ``humans``.

        Raises:
            FenshenError: nothing of the kind is there, or it is damaged or from a newer Fenshen.
        """
        folder = find(Path(path))
        card = _read_card(folder)
        generator = build_generator(card.network)
        try:
            with files.refusals(folder / WEIGHTS):
                generator.load_state_dict(files.read_tensors(folder / WEIGHTS))
        except (OSError, SafetensorError, RuntimeError) as error:
            why = " ".join(str(error).split())[:200]
            raise FenshenError("model.damaged", path=folder, file=WEIGHTS, why=why) from error
        device = torch.device(device)
        generator = place(generator, device)
        generator.eval().requires_grad_(False)
        return cls(generator, card, folder, device)

    def latents(self, seeds: Sequence[int]) -> Float[Tensor, "N Z"]:
        """The latent vector of each seed. It does not depend on the other seeds."""
        numbers = [torch.Generator().manual_seed(seed) for seed in seeds]
        return torch.cat([draw_latents(self.card.network, 1, one) for one in numbers])

    def sample(
        self,
        seeds: Sequence[int],
        *,
        truncation: float = 1.0,
        controls: Float[ndarray, "58"] | None = None,
    ) -> Shaped[ndarray, "N *S"]:
        """Draw one picture per seed, uint8 [N, H, W, 3]; or one sample of another medium.

        Args:
            truncation: below 1 keeps nearer to the average: less variety, fewer failures.
            controls: for a conditional model; neutral if None.
        """
        return self.draw(self.latents(seeds), truncation=truncation, controls=controls)

    @torch.inference_mode()
    def draw(
        self,
        latents: Float[Tensor, "N Z"],
        *,
        truncation: float = 1.0,
        controls: Float[ndarray, "*N 58"] | None = None,
        size: tuple[int, int] | None = None,
    ) -> Shaped[ndarray, "N *S"]:
        """Draw one picture or other sample per latent vector, with shared controls or one set for each.

        Texts whose words are known come as strings.

        Args:
            size: height and width, for a model that draws any; by default the training pictures' most common.

        Raises:
            FenshenError: the model translates.
            UsageError: it draws one size, or the size is too small or too large.
        """
        if self.card.network.any_size:
            asked = size or next(iter(self.card.sizes), (self.card.resolution, self.card.resolution))
            check_size(asked)
            sizes = torch.tensor([asked]).expand(len(latents), 2)
            return np.stack(self.draw_sizes(latents, sizes, truncation=truncation))
        if size is not None:
            raise UsageError("generate.one_size", model=self.path, side=self.card.resolution)
        labels: list[Tensor | None] = [None] * math.ceil(len(latents) / _CHUNK)
        if isinstance(self.generator, Translator):
            raise FenshenError("model.translator", path=self.path)
        if self.card.network.conditional:
            given = control_space.NEUTRAL if controls is None else controls
            control_space.check(given)
            told = torch.from_numpy(control_space.normalise(given)).expand(len(latents), -1)
            labels = [_filled(part).to(self.device) for part in torch.split(told, _CHUNK)]
        chunks = []
        for part, label in zip(torch.split(latents, _CHUNK), labels, strict=True):
            drawn = self.generator(_filled(part).to(self.device), label, truncation=truncation)
            chunks.append(self.card.network.medium.decode(drawn[: len(part)]))
        samples = np.concatenate(chunks)
        return spelt(samples, self.card.vocabulary) if self.card.vocabulary else samples

    @torch.inference_mode()
    def draw_sizes(
        self, latents: Float[Tensor, "N Z"], sizes: Sizes, *, truncation: float = 1.0
    ) -> list[UInt8[ndarray, "H W 3"]]:
        """Draw one picture per latent vector, each of its own height and width."""
        canvases = [canvas(size) for size in sizes.tolist()]
        drawn: dict[int, UInt8[ndarray, "H W 3"]] = {}
        for one in sorted(set(canvases)):
            rows = [row for row, same in enumerate(canvases) if same == one]
            for start in range(0, len(rows), _CHUNK):
                some = rows[start : start + _CHUNK]
                filled = sizes[(some * _CHUNK)[:_CHUNK]]
                asked = _filled(latents[some]).to(self.device)
                made = to_pixels(self.generator.draw(asked, truncation=truncation, sizes=filled).pictures)
                for row, picture in zip(some, made, strict=False):
                    height, width = sizes[row].tolist()
                    drawn[row] = picture[:height, :width].copy()
        return [drawn[row] for row in range(len(latents))]

    @torch.inference_mode()
    def translate(self, sources: Shaped[ndarray, "N *S"]) -> Shaped[ndarray, "N *T"]:
        """Make pictures of pictures of any size, which may have more channels than three; sequences or sounds of what
        they follow, of any length.

        Raises:
            FenshenError: the model draws from noise.
        """
        if not isinstance(self.generator, Translator):
            raise FenshenError("model.no_translator", path=self.path)
        medium, multiple = self.card.network.medium, self.generator.multiple
        more = [-side % multiple if axis in medium.axes else 0 for axis, side in enumerate(sources.shape)]
        whole = np.pad(sources, [(0, some) for some in more], mode="edge")
        made = np.concatenate(
            [medium.decode(self.generator.translate(medium.encode(one[None], self.device))) for one in whole]
        )
        for axis in medium.axes:  # a frame of a source is many samples of a sound
            made = made.take(range(sources.shape[axis] * made.shape[axis] // whole.shape[axis]), axis)
        return np.ascontiguousarray(made)

    @cached_property
    def digest(self) -> str:
        """sha256 of the weights file, in hex."""
        return hashlib.sha256((self.path / WEIGHTS).read_bytes()).hexdigest()


def check_size(size: tuple[int, int]) -> None:
    """Check a height and width that a model of any size is asked for.

    Raises:
        UsageError: a side is too small or too large.
    """
    if not SIDES[0] <= min(size) <= max(size) <= SIDES[1]:
        raise UsageError("generate.bad_size", size=f"{size[1]}x{size[0]}", low=SIDES[0], high=SIDES[1])


def _filled(part: Float[Tensor, "n K"]) -> Float[Tensor, "8 K"]:
    full = torch.zeros(_CHUNK, part.shape[1])
    full[: len(part)] = part
    return full


def shipped() -> dict[str, ModelCard]:
    """The cards of the models that come with Fenshen, by their full names."""
    return {name: _read_card(assets.FOLDER / name) for name in sorted(set(SHIPPED.values()))}


def is_shipped(path: Path) -> bool:
    """Whether ``path`` is the name of a model that comes with Fenshen, and no file or folder of that name is there."""
    return str(path) in SHIPPED and not path.exists()


def find(path: Path) -> Path:
    """The folder with a model's two files that ``path`` means; a shipped model goes by its name."""
    if (path / CARD).is_file():
        return path
    if is_shipped(path):
        return assets.path(f"{SHIPPED[str(path)]}/{WEIGHTS}").parent
    folders = [folder for folder in (path / "checkpoints").glob("step-*") if (folder / CARD).is_file()]
    if not folders:
        raise FenshenError("model.not_this" if path.exists() else "model.not_one", path=path)
    measured = [
        (value, folder) for folder in folders if (value := merit(_read_card(folder).metrics)) is not None
    ]
    return min(measured)[1] if measured else max(folders)


def merit(metrics: Mapping[str, float]) -> float | None:
    """The value that is smallest for the best checkpoint; None if nothing was measured.

    KID; minus the PSNR; for points, reverse KL and the share of samples that are not good; for sequences, energy
    distance; for sequences that follow others, the mean error; for sounds, the distance of their spectra; for texts,
    how far their likelihood by the oracle is from its own texts', or minus the F-score of BLEU.
    """
    if "psnr" in metrics:
        return -metrics["psnr"]
    if "good" in metrics:
        return metrics["reverse_kl"] + 1 - metrics["good"]
    if "bleu_f" in metrics:
        return -metrics["bleu_f"]
    known = ("kid", "energy", "error", "stft", "oracle_gap")
    return next((metrics[name] for name in known if name in metrics), None)


def _read_card(folder: Path) -> ModelCard:
    try:
        with files.reading_errors(folder / CARD):
            text = (folder / CARD).read_bytes()
        return cards.read(ModelCard, text, folder, SCHEMA_VERSION)
    except ValueError as error:
        raise FenshenError("model.damaged", path=folder, file=CARD, why=files.reason(error)) from error
