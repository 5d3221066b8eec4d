"""The result of an evaluation: figures, and their meaning in words."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from fenshen.messages import LANGUAGES, Language, catalogue, language, message
from fenshen.metrics.neighbours import Verdict as CopyVerdict

Topic = Literal["quality", "variety", "copies", "trust"]
Level = Literal["good", "fair", "bad", "note"]
MarkName = Literal["half", "quarter", "eighth"]
Value = float | int | str

_COLLAPSED, _NARROW = 0.35, 0.75  # diversity relative to real pictures
_TWINS, _MANY_TWINS = 0.1, 0.5  # share of pictures with a twin
_FEW, _MANY = 100, 500  # pictures on the smaller side


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Figures(_Part):
    """How one set of pictures compares with held-out real ones."""

    mobilenet_kid: float = Field(description="near 0 where no difference is seen; may be slightly negative")
    mobilenet_kid_deviation: float = Field(description="standard deviation over random subsets")
    precision: float
    recall: float
    density: float
    coverage: float
    diversity: float = Field(description="mean distance of two pictures, over that of held-out real ones")
    colour_diversity: float = Field(description="the same of thumbnails of 8 pixels: colours, large shapes")
    repeats: float = Field(description="share of pictures with a twin")


class Mark(_Part):
    """A point of the ruler: what a known damage does to real pictures."""

    name: MarkName = Field(description="of the resolution that is left")
    mobilenet_kid: float


class Copies(_Part):
    """How close the pictures come to training pictures."""

    verdict: CopyVerdict
    share: float = Field(description="of pictures that are copies of a training picture")
    distance: float = Field(description="median distance to the nearest training picture")
    usual: float = Field(description="the same of real pictures that were not trained on")
    compared: int = Field(description="training pictures compared with")


class Verdict(_Part):
    """One judgement, in words."""

    topic: Topic
    key: str
    level: Level
    en: str
    zh: str

    def text(self, chosen: Language | None = None) -> str:
        """The sentence, in the language in use if none is named."""
        return str(getattr(self, chosen or language()))


class Report(_Part):
    """``report.json``: everything an evaluation found."""

    fenshen: str
    date: str = Field(description="when it was measured, ISO 8601")
    subject: dict[str, Any] = Field(description="what was judged")
    dataset: dict[str, Any] = Field(description="what it was compared with")
    settings: dict[str, Any] = Field(description="seed, device, features")
    generated: int = Field(description="pictures judged")
    real: int = Field(description="real pictures they were compared with")
    reference: Literal["held_out", "all"] = Field(description="which real pictures")
    figures: Figures
    real_figures: Figures | None = Field(description="of training pictures: what a perfect model gets")
    ruler: list[Mark]
    copies: Copies
    inception_fid: float | None = None
    verdicts: list[Verdict] = []
    files: list[str] = []

    @property
    def text(self) -> str:
        """The verdicts and where the report lies, in the language in use."""
        lines = [verdict.text() for verdict in self.verdicts]
        return "\n".join([*lines, *(message("evaluate.wrote", path=file) for file in self.files)])


def judge(report: Report) -> list[Verdict]:
    """The figures in words: how good, how varied, copied or not, and how sure all that is."""
    return [topic(report) for topic in (_quality, _variety, _copies, _trust)]


def _quality(report: Report) -> Verdict:
    """The KID on the ruler of damaged real pictures, because its bare value says little."""
    figures, real = report.figures, report.real_figures
    kid = figures.mobilenet_kid
    marks: dict[str, float] = {}
    for mark in report.ruler:  # made to rise, should noise have swapped two small ones
        marks[mark.name] = max([mark.mobilenet_kid, *marks.values()])
    values = {"kid": 1000 * kid, **{name: 1000 * value for name, value in marks.items()}}
    floor = max(real.mobilenet_kid if real else 0.0, 0.0) + 2 * figures.mobilenet_kid_deviation
    if kid <= min(floor, marks["half"] / 4):
        return _say(report, "quality", "quality_same", "good", **values)
    if kid <= marks["half"]:
        return _say(report, "quality", "quality_near", "good", **values)
    if kid <= marks["quarter"]:
        return _say(report, "quality", "quality_soft", "fair", **values)
    if kid <= marks["eighth"]:
        return _say(report, "quality", "quality_far", "bad", **values)
    return _say(report, "quality", "quality_lost", "bad", **values)


def _variety(report: Report) -> Verdict:
    figures, real = report.figures, report.real_figures
    reachable = real.coverage if real else 1.0
    shares = {
        name: getattr(figures, name) for name in ("diversity", "colour_diversity", "repeats", "coverage")
    }
    values = {**shares, "real": reachable}
    if figures.diversity < _COLLAPSED or figures.repeats >= _MANY_TWINS:
        return _say(report, "variety", "variety_collapse", "bad", **values)
    if figures.diversity < _NARROW or figures.repeats >= _TWINS:
        return _say(report, "variety", "variety_less", "fair", **values)
    if figures.colour_diversity < _NARROW:
        return _say(report, "variety", "variety_pale", "fair", **values)
    if figures.coverage < reachable / 2:
        return _say(report, "variety", "variety_beside", "fair", **values)
    return _say(report, "variety", "variety_full", "good", **values)


def _copies(report: Report) -> Verdict:
    levels: dict[str, Level] = {"none": "good", "some": "fair", "memorised": "bad"}
    copies = report.copies
    level = levels.get(copies.verdict, "note")
    values: dict[str, Value] = {"share": copies.share, "compared": copies.compared}
    return _say(report, "copies", f"copies_{copies.verdict}", level, **values)


def _trust(report: Report) -> Verdict:
    deviation = 1000 * report.figures.mobilenet_kid_deviation
    values: dict[str, Value] = {"generated": report.generated, "real": report.real, "deviation": deviation}
    fewer = min(report.generated, report.real)
    if report.reference == "all":
        return _say(report, "trust", "trust_no_held_out", "bad", **values)
    if fewer < _FEW:
        return _say(report, "trust", "trust_few", "bad", **values)
    if fewer < _MANY:
        return _say(report, "trust", "trust_fair", "fair", **values)
    return _say(report, "trust", "trust_many", "good", **values)


def _say(report: Report, topic: Topic, key: str, level: Level, **values: Value) -> Verdict:
    """A verdict in all languages; advice on training follows only where there is a model to train."""
    words = catalogue("evaluate")
    keys = [
        key,
        *([f"{key}_advice"] if report.subject["kind"] == "model" and f"{key}_advice" in words else []),
    ]
    space: dict[Language, str] = {"en": " ", "zh": ""}
    en, zh = (
        space[chosen].join(words[part][chosen].format(**values) for part in keys) for chosen in LANGUAGES
    )
    return Verdict(topic=topic, key=key, level=level, en=en, zh=zh)
