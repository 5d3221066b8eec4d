"""Why files are refused, and whether the rest is enough for what is planned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from pydantic import BaseModel, Field

from fenshen.messages import message

# Recipes and what they want: from where learning from scratch looks like the data rather than like single pictures
# of it, by size; and below which even the few-shot recipe has nothing to generalise from.
FROM_SCRATCH = {64: ("fast-64", 1000), 128: ("fast-128", 1500)}
FEW_SHOT = ("few-shot-64", 40)
ENOUGH_FOR_DOUBLE = 20


class Reason(str, Enum):
    """Why a file, a frame or a face is not in the dataset: the values of ``rejected.parquet``."""

    UNREADABLE = "unreadable"  # damaged, cut short, no permission
    NOT_A_PICTURE = "not_a_picture"
    TOO_LARGE = "too_large"  # more pixels or bytes than we open
    UNSAFE = "unsafe"  # a zip member that leaves its folder, is a link, or unpacks to far too much
    ENCRYPTED = "encrypted"
    NO_FACE = "no_face"
    SEVERAL_FACES = "several_faces"  # with one_person: who is meant is not clear
    TOO_SMALL = "too_small"
    BLURRED = "blurred"
    NEAR_DUPLICATE = "near_duplicate"
    WRONG_SUBJECT = "wrong_subject"


@dataclass(frozen=True)
class Refusal:
    """One row of ``rejected.parquet``."""

    source: str
    reason: Reason
    detail: str = ""
    timestamp: float | None = None


class PrepareSummary(BaseModel):
    """What ``prepare`` made, and what it is enough for."""

    path: str
    size: int
    kept: int = Field(description="portraits in the dataset")
    train: int
    held_out: int
    refused: dict[Reason, int] = Field(description="how many files, frames and faces, by reason")
    faces: int = Field(description="portraits with measured controls")
    subjects: int = Field(description="named subjects; 0 where no folder names any")
    clips: int = Field(description="videos that portraits come from")
    one_person: bool = Field(description="everything shows one person, as far as can be told")

    @property
    def text(self) -> str:
        """The closing words: what was kept, why the rest was not, what it is enough for."""
        lines = [message("prepare.kept", **self.model_dump())]
        if self.refused:
            lines.append(
                message("prepare.refused", count=sum(self.refused.values()), why=describe(self.refused))
            )
        return "\n".join([*lines, self.verdict])

    @property
    def verdict(self) -> str:
        """Whether the dataset is large enough, for what, and with which recipe."""
        number = "" if self.kept == 1 else "s"
        noun = message(f"prepare.noun_portrait{number}" if self.faces else f"prepare.noun_picture{number}")
        if self.one_person and self.faces:
            noun = message("prepare.noun_one_person", portraits=noun)
        purposes = (
            [message("prepare.for_double")] if self.one_person and self.faces >= ENOUGH_FOR_DOUBLE else []
        )
        recipe, wanted = FROM_SCRATCH[64 if self.size <= 64 else 128]
        if self.kept >= wanted:
            purposes.append(message("prepare.for_scratch", recipe=self._at_this_size(recipe)))
            return message(
                "prepare.enough", count=self.kept, noun=noun, purposes=message("prepare.and").join(purposes)
            )
        few_shot, least = FEW_SHOT
        key = "prepare.few" if self.kept >= least else "prepare.very_few"
        verdict = message(key, recipe=self._at_this_size(few_shot), wanted=f"{wanted:,}", least=least)
        if purposes:
            return message(
                "prepare.enough_but", count=self.kept, noun=noun, purposes=purposes[0], verdict=verdict
            )
        return message("prepare.not_enough", count=self.kept, noun=noun, verdict=verdict)

    def _at_this_size(self, recipe: str) -> str:
        """The recipe, with the setting that it needs where the dataset has another size than the recipe."""
        return recipe if recipe.endswith(f"-{self.size}") else f"{recipe} --set size={self.size}"


def describe(refused: Mapping[Reason, int]) -> str:
    """``no face: 12, blurred: 3``, most frequent first."""
    ranked = sorted(refused.items(), key=lambda pair: (-pair[1], pair[0].value))
    return message("prepare.comma").join(
        message(f"prepare.why_{reason.value}", count=count) for reason, count in ranked
    )


def tally(refusals: Iterable[Refusal]) -> dict[Reason, int]:
    """How many refusals there are of each reason."""
    return dict(Counter(refusal.reason for refusal in refusals))
