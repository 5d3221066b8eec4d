"""A recipe: everything that decides a training run, as one typed, validated YAML file."""

from __future__ import annotations

import contextlib
import difflib
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    create_model,
    model_validator,
)

from fenshen import cards, files
from fenshen.adversarial.losses import LOSSES
from fenshen.errors import UsageError
from fenshen.messages import message
from fenshen.names import readable
from fenshen.networks import FAMILIES, NetworkConfig, Noise
from fenshen.training.terms import TERMS, Need

Group = Literal[
    "minutes", "hours", "people", "papers", "translations", "points", "sequences", "sounds", "own"
]
GROUPS: tuple[Group, ...] = get_args(Group)
Policy = Literal["geometry", "colour", "cutout"]
AUTO, NOTHING = "auto", "none"  # words for what a run starts from
Decay = Annotated[float, Field(ge=0, lt=1)]
_SHIPPED = (Path(__file__).parents[1] / "recipes", Path(__file__).parents[2] / "recipes")


class Schedule(BaseModel):
    """A factor over the course of a run: rises linearly for ``warmup`` steps, then goes from 1 to ``end``."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    kind: Annotated[Literal["constant", "linear", "cosine"], Field(description="way from 1 to end")] = (
        "constant"
    )
    warmup: Annotated[int, Field(ge=0, description="steps of the linear rise from 0")] = 0
    end: Annotated[float, Field(ge=0, description="factor at the last step")] = 1.0

    def factor(self, step: int, steps: int) -> float:
        """The factor at ``step`` of ``steps``."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        if self.kind == "constant":
            return 1.0
        done = min((step - self.warmup) / max(steps - self.warmup, 1), 1.0)
        way = done if self.kind == "linear" else (1 - math.cos(math.pi * done)) / 2
        return 1 + (self.end - 1) * way


def _family_or_none(name: str | None) -> str | None:
    return None if name is None else FAMILIES.check(name)


class _Networks(BaseModel):
    """What a recipe says about itself and its networks."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: Annotated[str, Field(description="what the recipe is called")] = "custom"
    summary: Annotated[dict[str, str], Field(description="one line about it, by language")] = {}
    group: Annotated[Group, Field(description="where train --list shows it")] = "own"
    pictures: Annotated[
        int, Field(ge=0, description="how many pictures it needs to do well; 0: no matter")
    ] = 1000

    # The networks.
    family: Annotated[
        str,
        AfterValidator(FAMILIES.check),
        Field(description="network family", json_schema_extra=FAMILIES.add_choices),
    ] = "fast"
    discriminator: Annotated[
        str | None,
        AfterValidator(_family_or_none),
        Field(description="family of D where it is another than G's, such as multi-scale"),
    ] = None
    size: Annotated[
        int,
        Field(description="side of pictures in pixels, a power of two; steps of sequences; frames of sounds"),
    ] = 64
    dimensions: Annotated[
        int, Field(description="colours of a pixel, which are 3; numbers of a step; words that a step can be")
    ] = 3
    latent: Annotated[int, Field(description="length of the latent vector")] = 128
    noise: Annotated[Noise, Field(description="distribution of the latents' numbers")] = "normal"
    categories: Annotated[
        int, Field(description="of the latent, numbers that are one choice: all 0 but one that is 1")
    ] = 0
    generators: Annotated[
        int, Field(description="generators that share all but their first layer, chosen by the latent (MGAN)")
    ] = 1
    width: Annotated[int, Field(description="channels at the full size; doubled downward")] = 32
    max_width: Annotated[int, Field(description="channels are never more than this")] = 512
    width_d: Annotated[float, Field(description="channels of D, relative to those of G")] = 1.0
    packing: Annotated[int, Field(description="samples that D judges together (PacGAN)")] = 1
    minibatch: Annotated[
        int, Field(description="features of minibatch discrimination, D's view of the whole batch; 0: none")
    ] = 0
    conditional: Annotated[bool, Field(description="give both networks the 58 controls")] = False
    spectral_norm: Annotated[bool, Field(description="spectral normalisation of D")] = False
    batch_norm: Annotated[
        bool | None,
        Field(description="batch norm in family dcgan's D; null: unless it has the WGAN-GP penalty"),
    ] = None
    reduction: Annotated[int, Field(description="D's frozen trunk sees pictures this much smaller")] = 2
    keyframes: Annotated[int, Field(description="pictures of a person that G moves")] = 0
    sources: Annotated[
        int, Field(description="channels of the pictures or sounds that G translates; 0: none")
    ] = 0
    places: Annotated[
        int, Field(description="places of a picture that G tells apart as in its source (CUT); 0: none")
    ] = 0
    paired: Annotated[
        bool, Field(description="G is told who is in each picture, or given its source, and asked for it")
    ] = False

    start: Annotated[
        str | None,
        Field(
            description="model or run whose weights G and, where it has one like ours, D start from; auto: the one "
            "that comes with Fenshen for these networks, if any; none: nothing"
        ),
    ] = AUTO


if TYPE_CHECKING:
    _Weights = _Networks
else:
    # One key for each term's weight, from the table of terms.
    _Weights = create_model(
        "_Weights",
        __base__=_Networks,
        **{
            term.key: (Annotated[float, Field(ge=0, description=term.help["en"])], term.weight)
            for term in TERMS
        },
    )


class Recipe(_Weights):
    """Every key of a recipe, with its default; ``--set key=value`` takes the same names."""

    # The game.
    loss: Annotated[
        str,
        AfterValidator(LOSSES.check),
        Field(description="adversarial loss", json_schema_extra=LOSSES.add_choices),
    ] = "non_saturating"
    focus: Annotated[
        float, Field(ge=0, description="extra weight of eyes and mouth when fakes are compared with pictures")
    ] = 0.0
    adversarial_from: Annotated[
        int, Field(ge=0, description="step from which D takes part; G learns alone before it")
    ] = 0
    temperature: Annotated[
        float,
        Field(
            gt=0, le=1, description="of Gumbel-softmax at the end, for texts; 1 where D joins, then falling"
        ),
    ] = 1.0
    total_weight: Annotated[float, Field(ge=0, description="lambda of the logged L_G + lambda L_D")] = 1.0
    r1: Annotated[float, Field(ge=0, description="gamma of the R1 penalty, at real pictures")] = 0.0
    r2: Annotated[float, Field(ge=0, description="gamma of the R2 penalty, at fakes")] = 0.0
    gradient_penalty: Annotated[float, Field(ge=0, description="weight of the WGAN-GP penalty")] = 0.0
    penalty_every: Annotated[
        int, Field(ge=1, description="steps between penalties, which are multiplied by it")
    ] = 1
    n_critic: Annotated[int, Field(ge=1, description="steps of D for one of G")] = 1

    # Remedies that change the game, not the networks.
    instance_noise: Annotated[
        float, Field(ge=0, description="standard deviation of noise on everything that D sees")
    ] = 0.0
    instance_noise_schedule: Annotated[Schedule, Field(description="schedule of instance_noise")] = Schedule(
        kind="linear", end=0.0
    )
    unrolled: Annotated[
        int, Field(ge=0, le=16, description="steps of D that G looks ahead, and through (unrolled GAN)")
    ] = 0
    historical: Annotated[
        float, Field(ge=0, description="weight of the squared distance of weights from their mean so far")
    ] = 0.0
    top_k: Annotated[
        Schedule, Field(description="share of a batch's fakes, the best judged, that G learns from")
    ] = Schedule()
    frozen_layers: Annotated[
        int, Field(ge=0, description="of D, first layers that keep the weights they start with (FreezeD)")
    ] = 0

    # The optimizers.
    steps: Annotated[int, Field(ge=1, description="steps of G in all")] = 20_000
    minutes: Annotated[
        float | None,
        Field(gt=0, description="stop after this much training time, with schedules at their end"),
    ] = None
    batch_size: Annotated[int, Field(ge=2, le=65_536, description="pictures a step, over all processes")] = 32
    accumulate: Annotated[int, Field(ge=1, description="parts a batch is split into, to save memory")] = 1
    lr_g: Annotated[float, Field(gt=0, description="Adam's learning rate for G")] = 2e-4
    lr_d: Annotated[float, Field(gt=0, description="Adam's learning rate for D")] = 2e-4
    betas: Annotated[tuple[Decay, Decay], Field(description="Adam's decay rates")] = (0.0, 0.99)
    clip: Annotated[float | None, Field(gt=0, description="largest gradient norm of a network")] = None
    lr_schedule: Annotated[Schedule, Field(description="schedule of both learning rates")] = Schedule()
    penalty_schedule: Annotated[Schedule, Field(description="schedule of r1, r2 and gradient_penalty")] = (
        Schedule()
    )
    ema_half_life: Annotated[
        float,
        Field(ge=0, description="pictures until the weights' average has forgotten half; 0: no average"),
    ] = 10_000
    ema_schedule: Annotated[Schedule, Field(description="schedule of the half-life")] = Schedule()

    # The pictures.
    mirror: Annotated[bool, Field(description="show half of the pictures mirrored")] = True
    augment: Annotated[tuple[Policy, ...], Field(description="kinds of augmentation D sees")] = ()
    augment_p: Annotated[float, Field(ge=0, le=1, description="probability of each, at the start")] = 0.0
    augment_target: Annotated[
        float | None,
        Field(
            ge=-1, le=1, description="wanted mean sign of D on real pictures (ADA); null: fixed probability"
        ),
    ] = None
    augment_schedule: Annotated[Schedule, Field(description="schedule of the probability")] = Schedule()

    unfilmed: Annotated[
        int, Field(ge=0, description="pictures in each batch of what was not filmed, at most half of it")
    ] = 0
    fine: Annotated[
        int | None, Field(description="side of the pictures that moved keyframes are compared with at last")
    ] = None
    fine_from: Annotated[float, Field(ge=0, le=1, description="share of the steps before that")] = 0.7

    # The run.
    seed: Annotated[int, Field(ge=0, lt=2**32, description="random seed")] = 0
    precision: Annotated[
        Literal["auto", "float32", "bf16"], Field(description="precision of the arithmetic")
    ] = "auto"
    log_every: Annotated[int, Field(ge=1, description="steps between rows of the log")] = 20
    sample_every: Annotated[int, Field(ge=1, description="steps between sample sheets")] = 500
    evaluate_every: Annotated[int, Field(ge=0, description="steps between KID measurements; 0: never")] = 2000
    patience: Annotated[
        int, Field(ge=0, description="stop after this many measurements without a better one; 0: never")
    ] = 0
    checkpoint_every: Annotated[int, Field(ge=1, description="steps between checkpoints")] = 1000

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        self.network  # noqa: B018  (builds and so validates it)
        for complaint in (self._beyond_the_family(), self._without_pairs(), self._uneven()):
            if complaint is not None:
                raise ValueError(complaint)
        return self

    def _beyond_the_family(self) -> str | None:
        """What is asked for that the family cannot do."""
        family, judge = FAMILIES[self.family], self.network.judge
        name_d = self.discriminator or self.family
        if self.conditional and not (family.conditional and judge.conditional):
            return message("recipe.not_conditional", family=self.family, able=_able("conditional"))
        if self.spectral_norm and not judge.spectral_norm:
            return message("recipe.no_spectral_norm", family=name_d, able=_able("spectral_norm"))
        if judge.frozen and (self.r1 or self.r2 or self.gradient_penalty):
            return message("recipe.no_penalty", family=name_d)
        if self.mirror and not family.medium.raster:
            return message("recipe.only_pictures", key="mirror", family=self.family)
        if self.augment and not family.medium.raster:
            return message("recipe.only_pictures", key="augment", family=self.family)
        for term in TERMS:
            if Need.FROZEN in term.needs and self.weight(term.key) and not judge.frozen:
                return message("recipe.not_frozen", key=term.key, able=_able("frozen"))
            if Need.SEVERAL in term.needs and self.weight(term.key) and self.generators == 1:
                return message("recipe.one_generator", key=term.key)
            if Need.PLACES in term.needs and self.weight(term.key) and not self.places:
                return message("recipe.no_places", key=term.key)
            if Need.TEXTS in term.needs and self.weight(term.key) and not family.writes:
                return message("recipe.no_texts", key=term.key, able=_able("writes"))
            kinds = {need.value for need in term.needs} & {"pictures", "sequences", "sounds"}
            if kinds and self.weight(term.key) and family.medium.name not in kinds:
                return message("recipe.other_term", key=term.key, family=self.family)
            if Need.FACES in term.needs and self.weight(term.key) and family.translates:
                return message("recipe.not_people", key=term.key, family=self.family)
        if bool(self.keyframes) != family.moves:
            return message("recipe.keyframes", family=self.family, able=_able("moves"))
        if self.paired and not (family.paired or family.translates):
            return message("recipe.not_paired", family=self.family, able=_able("paired"))
        return None

    def _without_pairs(self) -> str | None:
        """What contradicts pairs, or needs them."""
        if self.paired and not self.sources and (not self.conditional or self.mirror or self.augment):
            return message("recipe.paired")
        if self.paired and self.sources and self.focus:
            return message("recipe.not_people", key="focus", family=self.family)
        given = [key for key in PAIRED if getattr(self, key)]
        if self.weight("likelihood"):  # of which a generator learns alone as well
            given = [key for key in given if key != "adversarial_from"]
        return message("recipe.unpaired", keys=", ".join(given)) if given and not self.paired else None

    def _uneven(self) -> str | None:
        if self.batch_size % self.accumulate:
            return message("recipe.accumulate", batch=self.batch_size, parts=self.accumulate)
        if self.frozen_layers and self.start in (None, NOTHING):
            return message("recipe.frozen_start")
        if self.batch_size // self.accumulate % self.packing:
            return message("recipe.packs", batch=self.batch_size // self.accumulate, packing=self.packing)
        return None

    def side(self, step: int) -> int:
        """Side in pixels of the pictures that are compared at a step."""
        return self.size if self.fine is None or step < self.fine_start else self.fine

    def heat(self, step: int) -> float:
        """The temperature of Gumbel-softmax at a step: it falls exponentially (RelGAN, section 2.2)."""
        done = (step - self.adversarial_from) / max(self.steps - self.adversarial_from, 1)
        return self.temperature ** min(max(done, 0.0), 1.0)

    @property
    def fine_start(self) -> int:
        """The step from which finer pictures are compared."""
        return round(self.fine_from * self.steps)

    def weight(self, term: str) -> float:
        """The weight of a term of G's loss, by the term's key."""
        return getattr(self, term)

    @property
    def network(self) -> NetworkConfig:
        """The part that the networks are built from."""
        values = {name: getattr(self, name) for name in NetworkConfig.model_fields}
        if self.batch_norm is None:
            # WGAN-GP bounds each picture's own gradient (Gulrajani et al. 2017, section 4).
            values["batch_norm"] = not self.gradient_penalty
        return NetworkConfig(**values)

    def to_yaml(self) -> str:
        """The whole recipe, defaults too."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def _able(ability: str) -> str:
    """The families that can do something."""
    return ", ".join(name for name, family in FAMILIES.items() if getattr(family, ability))


RENAMED = {"alone": "adversarial_from"}  # keys of version 0.1.0 and what they are called now
# Keys that mean something only where G is asked for the very picture.
PAIRED = (*(term.key for term in TERMS if Need.PAIRS in term.needs), "focus", "adversarial_from")
# A run keeps these from its first step to its last: weights, data order or moments depend on them.
FIXED = (*NetworkConfig.model_fields, "batch_size", "seed", "mirror", "loss")


def shipped() -> dict[str, Path]:
    """The recipes that come with Fenshen, by name."""
    folder = next(f for f in _SHIPPED if f.is_dir())
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def load(recipe: str | Path, overrides: Iterable[str] = ()) -> Recipe:
    """A recipe by name or file, with ``key=value`` overrides.

    Raises:
        UsageError: no such recipe, a file that is not one, an unknown key (the nearest is named) or a bad value.
    """
    return build(_read(recipe), overrides)


def build(values: Mapping[str, Any], overrides: Iterable[str] = ()) -> Recipe:
    """A recipe from plain values and ``key=value`` overrides; ``lr_schedule.kind=cosine`` reaches inside."""
    merged = {RENAMED.get(key, key): value for key, value in values.items()}
    for override in overrides:
        key, value = _parse(override)
        head, _, tail = key.partition(".")
        head = RENAMED.get(head, head)
        _known(head, Recipe.model_fields)
        if tail and Recipe.model_fields[head].annotation is not Schedule:
            raise UsageError("recipe.no_parts", key=head, part=tail)
        if tail:
            _known(tail, Schedule.model_fields)
            merged[head] = {**merged.get(head, {}), tail: value}
        else:
            merged[head] = value
    for key in merged:
        _known(key, Recipe.model_fields)
    try:
        return Recipe.model_validate(merged)
    except ValidationError as error:
        raise _complaint(error.errors()[0]) from error


# Pydantic's errors as sentences of the catalogue; its own words where there is none.
_REASONS = {
    "greater_than": "recipe.greater_than",
    "greater_than_equal": "recipe.at_least",
    "less_than": "recipe.less_than",
    "less_than_equal": "recipe.at_most",
    "literal_error": "recipe.one_of",
    "finite_number": "recipe.finite",
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "recipe.whole"),
    **dict.fromkeys(("float_type", "float_parsing"), "recipe.number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "recipe.yes_or_no"),
    "tuple_type": "recipe.list",
    **dict.fromkeys(("model_type", "dict_type"), "recipe.parts"),
}


def _complaint(first: Mapping[str, Any]) -> UsageError:
    """The first thing that pydantic found, as a sentence."""
    why = str(first["msg"]).removeprefix("Value error, ")
    if first["type"] in _REASONS:
        why = message(_REASONS[first["type"]], **first.get("ctx", {}))
    if not first["loc"]:
        return UsageError("recipe.inconsistent", why=why)
    key = ".".join(str(part) for part in first["loc"])
    return UsageError("recipe.bad_value", key=key, value=first["input"], why=why)


def _read(recipe: str | Path) -> dict[str, Any]:
    name = str(recipe)
    file = shipped().get(name) or Path(name)
    files.must_be_file(file, "files.recipe")
    if not file.is_file():
        if not name.endswith((".yaml", ".yml")):
            _known(name, shipped(), "recipe.unknown", "recipe.unknown_none_near")
        raise UsageError("recipe.no_file", file=file)
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError("recipe.unreadable", file=file, why=" ".join(str(error).split())) from error
    if not isinstance(values, dict):
        raise UsageError("recipe.unreadable", file=file, why=message("recipe.no_lines"))
    cards.check(values, file, 1)
    values.pop("schema_version", None)
    return {"name": readable(file.stem), **{str(key): value for key, value in values.items()}}


def _parse(override: str) -> tuple[str, Any]:
    key, equals, text = override.partition("=")
    if not equals:
        raise UsageError("recipe.no_equals", word=override)
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError("recipe.bad_value", key=key, value=text, why=message("recipe.yaml")) from error
    if isinstance(value, str):  # YAML 1.1 reads 1e-4 as a word
        with contextlib.suppress(ValueError):
            value = float(value)
    return key.strip(), value


def _known(
    key: str,
    among: Iterable[str],
    near: str = "recipe.unknown_key",
    far: str = "recipe.unknown_key_none_near",
) -> None:
    names = list(among)
    if key not in names:
        nearest = difflib.get_close_matches(key, names, n=1, cutoff=0.5)
        if nearest:
            raise UsageError(near, key=key, nearest=nearest[0])
        raise UsageError(far, key=key, names=", ".join(names))
