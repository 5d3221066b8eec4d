"""The two players with their optimisers, and one move of each: what the loop repeats.

All randomness of a step is drawn from ``(seed, step)``: latents and augmentation of the whole batch are drawn on
every process, and each works on its slice. So a resumed run and a run on two processes see the same numbers.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from lightning.fabric import Fabric
from torch import Tensor, nn

from fenshen import controls as control_space
from fenshen.adversarial import averaging, losses, penalties, reconstruction
from fenshen.adversarial.augment import Augmentation
from fenshen.adversarial.matching import FeatureMatching
from fenshen.dataset import Batches
from fenshen.model import from_pixels
from fenshen.networks import Features, build
from fenshen.networks.contours import LANDMARKS
from fenshen.training.recipe import Recipe

_FACES = 2  # of a part of the batch whose identity is compared: one costs more than a picture of the step
_ADAPT_EVERY = 4  # moves between corrections of the augmentation (ADA, section 3)
_LATENTS, _AUGMENT_REAL, _AUGMENT_FAKE, _MIX = range(10, 14)  # independent random streams

Scalars = dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class Share:
    """This process's part of a batch, and what the networks are told of it.

    Attributes:
        weight: of every pixel in the reconstruction.
        points: where the lines of the faces run.
    """

    pictures: Float[Tensor, "B 3 S S"]
    controls: Float[Tensor, "B 58"] | None
    codes: Float[Tensor, "B Z"] | None
    weight: Float[Tensor, "B 1 S S"] | None
    points: Float[Tensor, "B P 2"] | None


@dataclass(frozen=True, eq=False)
class Played:
    """What G's move needs of the fakes of D's last one: G is not run twice for the same step."""

    share: Share
    fake: Float[Tensor, "B 3 S S"]
    points: Float[Tensor, "B P 2"] | None  # where G ran the lines of the faces
    features: Features
    real_features: Features
    real_logits: Tensor | None  # where the loss compares with them


class Game:
    """Generator, discriminator, the average of the generator, optimisers and augmentation.

    Args:
        recipe: what decides everything.
        batches: the training pictures.
        fabric: the device, the precision and the other processes.
    """

    def __init__(self, recipe: Recipe, batches: Batches, fabric: Fabric) -> None:
        self.recipe, self.batches, self.fabric = recipe, batches, fabric
        torch.manual_seed(recipe.seed)
        self.generator = self._place(build("generator", recipe.network))
        self.discriminator = self._place(build("discriminator", recipe.network))
        self.average = copy.deepcopy(self.generator).eval().requires_grad_(False)
        self.optimizer_g = self._adam(self.generator, recipe.lr_g)
        self.optimizer_d = self._adam(self.discriminator, recipe.lr_d)
        self.augmentation = Augmentation(recipe.augment, recipe.augment_p, recipe.augment_target)
        self.loss = losses.LOSSES[recipe.loss]
        self.matching = FeatureMatching(lambda x: fabric.all_reduce(x, reduce_op="mean"))
        self._identity: nn.Module | None = None
        self.lr_factor = 1.0  # halved by every rollback
        self._kept: list[Played] = []
        self._real_sign: list[Tensor] = []

    # ---- one step ---------------------------------------------------------------------------------------------

    def play(self, step: int) -> Scalars:
        """One step: ``n_critic`` moves of D, one of G; returns what is worth logging as tensors."""
        self._set_schedules(step)
        scalars: Scalars = {}
        if step < self.recipe.alone:
            self._play_alone(step)
        else:
            for move in range(step * self.recipe.n_critic, (step + 1) * self.recipe.n_critic):
                scalars |= self.discriminator_move(step, move)
        scalars |= self.generator_move(step)
        if "loss_d" in scalars:
            scalars["total"] = losses.total(scalars["loss_g"], scalars["loss_d"], self.recipe.total_weight)
        self._follow(step)
        return scalars

    def discriminator_move(self, step: int, move: int) -> Scalars:
        """One step of D on real pictures and fakes."""
        recipe, scalars = self.recipe, Scalars()
        self.discriminator.requires_grad_(True)
        self.optimizer_d.zero_grad(set_to_none=True)
        keep = move == (step + 1) * recipe.n_critic - 1
        penalised = move % recipe.penalty_every == 0
        self._kept.clear()
        for part in self._parts():
            share, draws = self._real(move, part), self._draws(_AUGMENT_REAL, move, part)
            with self.fabric.autocast():
                with torch.set_grad_enabled(keep):
                    fake, points = self._draw(move, part, share)
                    fake_features = self._look(fake, self._draws(_AUGMENT_FAKE, move, part))
                with torch.no_grad():
                    real_features = self._look(share.pictures, draws)
                if recipe.matching and keep:
                    self.matching.see_real(real_features)
                real_logits = self.discriminator(real_features, share.controls).float()
                fake_logits = self.discriminator(_detach(fake_features), share.controls).float()
                loss = self.loss.discriminator(real_logits, fake_logits)
                penalty = self._penalty(step, move, share, fake, draws, part) if penalised else None
            if keep:
                logits = real_logits.detach() if self.loss.paired else None
                self._kept.append(Played(share, fake, points, fake_features, real_features, logits))
            whole = loss if penalty is None else loss + penalty * recipe.penalty_every
            self.fabric.backward(whole / recipe.accumulate)
            _add(scalars, "loss_d", loss, recipe.accumulate)
            _add(scalars, "real_score", real_logits.sigmoid().mean(), recipe.accumulate)
            _add(scalars, "fake_score", fake_logits.sigmoid().mean(), recipe.accumulate)
            if penalty is not None:
                _add(scalars, "penalty", penalty, recipe.accumulate)
            self._real_sign.append(real_logits.detach().sign().mean())
        self._update(self.discriminator, self.optimizer_d)
        return scalars

    def generator_move(self, step: int) -> Scalars:
        """One step of G against the D that has just learnt, on the fakes of D's last move."""
        recipe, scalars = self.recipe, Scalars()
        self.discriminator.requires_grad_(False)
        self.optimizer_g.zero_grad(set_to_none=True)
        for played in self._kept:
            with self.fabric.autocast():
                terms = self._generator_losses(played, judged=step >= recipe.alone)
            whole = sum(weight * value for weight, value in terms.values())
            self.fabric.backward(whole / recipe.accumulate)
            for name, (_, value) in terms.items():
                _add(scalars, name, value, recipe.accumulate)
        self._kept.clear()
        self._update(self.generator, self.optimizer_g)
        return scalars

    def _generator_losses(self, played: Played, judged: bool) -> dict[str, tuple[float, Tensor]]:
        """The terms of G's loss and their weights."""
        recipe, share = self.recipe, played.share
        terms: dict[str, tuple[float, Tensor]] = {}
        if judged:
            logits = self.discriminator(played.features, share.controls).float()
            terms["loss_g"] = recipe.adversarial, self.loss.generator(played.real_logits, logits)
            if recipe.matching:
                terms["matching"] = recipe.matching, self.matching.loss(played.features)
            if recipe.perceptual:
                loss = reconstruction.feature_l1(played.features, played.real_features)
                terms["perceptual"] = recipe.perceptual, loss
        if recipe.reconstruction:
            loss = reconstruction.multiscale_l1(played.fake, share.pictures, share.weight)
            terms["reconstruction"] = recipe.reconstruction, loss
        if recipe.structure:
            loss = reconstruction.dissimilarity(played.fake, share.pictures, share.weight)
            terms["structure"] = recipe.structure, loss
        if recipe.identity and share.points is not None:
            terms["identity"] = recipe.identity, self._unlike(played.fake, share)
        if recipe.landmarks and played.points is not None and share.points is not None:
            terms["landmarks"] = recipe.landmarks, reconstruction.mean_distance(played.points, share.points)
        return terms

    def _unlike(self, fake: Float[Tensor, "B 3 S S"], share: Share) -> Tensor:
        """Mean squared distance of the embeddings of a few fakes and of who they should be."""
        from fenshen.faces import identity

        assert share.points is not None
        if self._identity is None:
            self._identity = copy.deepcopy(identity.network()).to(self.fabric.device)
        corners = [LANDMARKS.index(point) for point in identity.LANDMARKS]
        places = share.points[:_FACES, corners]
        wanted, found = (
            self._identity(identity.chips_at(pictures[:_FACES].float(), places))
            for pictures in (share.pictures, fake)
        )
        return (found.float() - wanted.float()).square().sum(1).mean()

    def _play_alone(self, step: int) -> None:
        """The fakes of a step without D: its frozen network is not asked either, which saves most of the time."""
        move = (step + 1) * self.recipe.n_critic - 1
        self._kept.clear()
        for part in self._parts():
            share = self._real(move, part)
            with self.fabric.autocast():
                fake, points = self._draw(move, part, share)
            self._kept.append(Played(share, fake, points, (), (), None))

    def _follow(self, step: int) -> None:
        """After both moves: the average follows the generator, the augmentation follows D's overfitting."""
        recipe, seen = self.recipe, (step + 1) * self.recipe.batch_size
        half_life = recipe.ema_half_life * recipe.ema_schedule.factor(step, recipe.steps)
        averaging.update(
            self.average,
            self.generator,
            averaging.decay(recipe.batch_size, half_life, seen) if half_life else 0.0,
        )
        if (step + 1) % _ADAPT_EVERY == 0 and self._real_sign:
            sign = self.fabric.all_reduce(torch.stack(self._real_sign).mean(), reduce_op="mean")
            self.augmentation.adapt(float(sign), _ADAPT_EVERY * recipe.batch_size)
            self._real_sign.clear()

    # ---- what both moves need ---------------------------------------------------------------------------------

    def _look(self, pictures: Float[Tensor, "B 3 S S"], draws: Tensor) -> Features:
        return self.discriminator.features(self.augmentation(pictures, draws))  # type: ignore[operator]

    def _penalty(
        self,
        step: int,
        move: int,
        share: Share,
        fake: Tensor,
        draws: Tensor,
        part: slice,
    ) -> Tensor | None:
        recipe, real = self.recipe, share.pictures
        terms: list[Tensor] = []

        def score(pictures: Tensor) -> Tensor:
            return self.discriminator(self._look(pictures, draws), share.controls)

        if recipe.r1:
            terms.append(recipe.r1 / 2 * penalties.squared_gradient(score, real))
        if recipe.r2:
            terms.append(recipe.r2 / 2 * penalties.squared_gradient(score, fake))
        if recipe.gradient_penalty:
            mix = torch.rand(recipe.batch_size, generator=self._random(_MIX, move))[part].to(real.device)
            terms.append(recipe.gradient_penalty * penalties.lipschitz(score, real, fake, mix))
        return sum(terms) * recipe.penalty_schedule.factor(step, recipe.steps) if terms else None  # type: ignore[return-value]

    def _update(self, network: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        parameters = [p for p in network.parameters() if p.grad is not None]
        if self.fabric.world_size > 1:
            flat = torch.cat([p.grad.flatten() for p in parameters if p.grad is not None])
            flat = self.fabric.all_reduce(flat, reduce_op="mean")
            pieces = flat.split([p.numel() for p in parameters])
            for p, piece in zip(parameters, pieces, strict=True):
                assert p.grad is not None
                p.grad.copy_(piece.view_as(p))  # in place: the optimiser wants the parameter's memory format
        if self.recipe.clip is not None:
            nn.utils.clip_grad_norm_(parameters, self.recipe.clip)
        optimizer.step()

    def _set_schedules(self, step: int) -> None:
        recipe = self.recipe
        factor = self.lr_factor * recipe.lr_schedule.factor(step, recipe.steps)
        for optimizer, rate in ((self.optimizer_g, recipe.lr_g), (self.optimizer_d, recipe.lr_d)):
            for group in optimizer.param_groups:
                group["lr"] = rate * factor
        if recipe.augment_target is None:
            self.augmentation.p = recipe.augment_p * recipe.augment_schedule.factor(step, recipe.steps)

    def _parts(self) -> list[slice]:
        """This process's slices of the global batch, one for each accumulation."""
        share = self.recipe.batch_size // self.fabric.world_size
        size, start = share // self.recipe.accumulate, share * self.fabric.global_rank
        return [slice(start + i * size, start + (i + 1) * size) for i in range(self.recipe.accumulate)]

    def _real(self, move: int, part: slice) -> Share:
        pixels, labels = self.batches.at(move, part)
        device, weight = self.fabric.device, None
        real = from_pixels(pixels, device)
        if not self.recipe.conditional or labels.controls is None:
            return Share(real, None, None, None, None)
        controls = torch.from_numpy(control_space.normalise(labels.controls)).to(device)
        codes = None if labels.codes is None else torch.from_numpy(labels.codes).to(device)
        if labels.spots is not None and self.recipe.focus:
            spots = torch.from_numpy(labels.spots).to(device)
            weight = 1 + self.recipe.focus * reconstruction.focus(spots, self.recipe.size)
        points = None if labels.points is None else torch.from_numpy(labels.points).to(device)
        return Share(real, controls, codes, weight, points)

    def _draw(self, move: int, part: slice, share: Share) -> tuple[Tensor, Tensor | None]:
        """The fakes of a move; of a family that works out the lines of a face, where they run."""
        latents = self._latents(move, part, share)
        if self.recipe.paired:
            return self.generator.draw(latents, share.controls)  # type: ignore[operator]
        return self.generator(latents, share.controls), None

    def _latents(self, move: int, part: slice, share: Share) -> Float[Tensor, "B Z"]:
        """Who is asked for where the recipe is paired, else noise."""
        if share.codes is not None:
            return share.codes
        shape = (self.recipe.batch_size, self.recipe.latent)
        return torch.randn(shape, generator=self._random(_LATENTS, move))[part].to(self.fabric.device)

    def _draws(self, stream: int, move: int, part: slice) -> Float[Tensor, "B U"]:
        return self.augmentation.draws(self.recipe.batch_size, self._random(stream, move))[part]

    def _random(self, stream: int, move: int) -> torch.Generator:
        (seed,) = np.random.SeedSequence((self.recipe.seed, stream, move)).generate_state(1, np.uint64)
        return torch.Generator().manual_seed(int(seed) >> 1)

    def _place(self, network: nn.Module) -> nn.Module:
        return network.to(self.fabric.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def _adam(self, network: nn.Module, rate: float) -> torch.optim.Optimizer:
        parameters = [p for p in network.parameters() if p.requires_grad]
        fused = self.fabric.device.type in ("cpu", "cuda")
        return torch.optim.Adam(parameters, lr=rate, betas=self.recipe.betas, fused=fused)

    def begin_from(self, weights: dict[str, Tensor]) -> None:
        """Start with another generator's weights, its average being itself."""
        self.generator.load_state_dict(weights)
        self.average.load_state_dict(weights)

    # ---- on disk ----------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """All that a resumed run needs, beside the recipe and the step."""
        return {
            "generator": self.generator.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "average": self.average.state_dict(),
            "optimizer_g": self.optimizer_g.state_dict(),
            "optimizer_d": self.optimizer_d.state_dict(),
            "matching": self.matching.state(),
            "augment_p": self.augmentation.p,
            "real_sign": self._real_sign,
            "lr_factor": self.lr_factor,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """The inverse of :meth:`state`."""
        self.generator.load_state_dict(state["generator"])
        self.discriminator.load_state_dict(state["discriminator"])
        self.average.load_state_dict(state["average"])
        _load_moments(self.optimizer_g, state["optimizer_g"])
        _load_moments(self.optimizer_d, state["optimizer_d"])
        self.matching.load_state(state["matching"], self.fabric.device)
        self.augmentation.p = state["augment_p"]
        self._real_sign = [sign.to(self.fabric.device) for sign in state["real_sign"]]
        self.lr_factor = state["lr_factor"]


def _load_moments(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load Adam's state, its moments in the memory format of their parameters, which files do not keep.

    The fused optimiser walks through parameter and moments side by side, whatever their strides.
    """
    optimizer.load_state_dict(state)
    for parameter, moments in optimizer.state.items():
        for name, value in moments.items():
            if value.shape == parameter.shape:
                moments[name] = torch.empty_like(parameter).copy_(value)


def _detach(features: Features) -> Features:
    return tuple(f.detach() for f in features)


def _add(scalars: Scalars, name: str, value: Tensor, parts: int) -> None:
    scalars[name] = scalars.get(name, torch.zeros((), device=value.device)) + value.detach() / parts
