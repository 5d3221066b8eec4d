"""``report.html``: one file with its pictures, curves and both languages; it loads nothing from a server."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from jaxtyping import UInt8
from markupsafe import Markup
from numpy import ndarray

from fenshen import pages
from fenshen.messages import LANGUAGES
from fenshen.metrics import charts
from fenshen.metrics.history import Curve, History
from fenshen.metrics.report import Figures, Report, Verdict
from fenshen.provenance.mark import Mark

TILES = 64  # pictures of a sheet
PAIRS = 12


class Pair(NamedTuple):
    """A generated picture and the training picture nearest to it."""

    generated: UInt8[ndarray, "h w 3"]
    trained: UInt8[ndarray, "h w 3"]
    relative: float  # the distance, over the usual distance of unseen real pictures
    mirrored: bool
    copied: bool


class Album(NamedTuple):
    """The pictures of a report, at the size they are shown."""

    generated: UInt8[ndarray, "N h w 3"]
    real: UInt8[ndarray, "M h w 3"]
    pairs: list[Pair]


class _Row(NamedTuple):
    key: str
    value: str
    real: str


class _Bar(NamedTuple):
    key: str
    value: str
    part: float  # of the longest
    chosen: bool


def render_html(
    report: Report, album: Album, history: History | None = None, mark: Mark | None = None
) -> str:
    """The page of a report.

    Args:
        history: curves of the run that made the pictures.
        mark: of the model that made them; None if no model did.
    """
    return pages.render(
        "fenshen.metrics",
        "report.html.jinja",
        "metrics",
        report=report,
        label=None if mark is None else mark.implicit_label(),
        spoken=spoken,
        generated=[pages.inlined(picture, mark) for picture in album.generated],
        real=[pages.inlined(picture) for picture in album.real],
        pairs=[
            (pair, pages.inlined(pair.generated, mark), pages.inlined(pair.trained)) for pair in album.pairs
        ],
        rows=list(_rows(report)),
        bars=_bars(report),
        history=history,
        plots=list(_plots(history)) if history else [],
    )


def spoken(verdict: Verdict) -> Markup:
    """A verdict in all languages."""
    return pages.spans((name, verdict.text(name)) for name in LANGUAGES)


def _rows(report: Report) -> Iterable[_Row]:
    """The table of figures, beside those of real pictures as the best achievable."""
    real = report.real_figures

    def kid(figures: Figures) -> str:
        return f"{_thousands(figures.mobilenet_kid)} ± {_thousands(figures.mobilenet_kid_deviation)}"

    yield _Row("kid", kid(report.figures), kid(real) if real else "")
    if report.inception_fid is not None:
        yield _Row("fid", f"{report.inception_fid:.1f}", "")
    for key in ("precision", "recall", "density", "coverage", "diversity", "colour_diversity", "repeats"):
        style = ".0%" if key in ("precision", "recall", "coverage", "repeats") else ".2f"
        yield _Row(
            key,
            format(getattr(report.figures, key), style),
            format(getattr(real, key), style) if real else "",
        )
    if report.copies.compared:
        yield _Row("copies", f"{report.copies.share:.0%}", "")


def _bars(report: Report) -> list[_Bar]:
    """The ruler: the pictures' KID among those of damaged real pictures, smallest first."""
    marks = {f"ruler_{mark.name}": mark.mobilenet_kid for mark in report.ruler}
    if report.real_figures:
        marks["ruler_real"] = report.real_figures.mobilenet_kid
    marks["ruler_generated"] = report.figures.mobilenet_kid
    longest = max([*marks.values(), 1e-9])
    order = sorted(marks.items(), key=lambda item: item[1])
    return [
        _Bar(key, _thousands(value), max(value, 0.0) / longest, key == "ruler_generated")
        for key, value in order
    ]


def _thousands(kid: float) -> str:
    return f"{1000 * kid:.1f}".replace("-0.0", "0.0").replace("-", "−")


class _Plot(NamedTuple):
    key: str
    lines: list[str]  # what each line shows, keys of the catalogue
    chart: charts.Chart


def _plots(history: History) -> Iterable[_Plot]:
    curves = history.curves
    kid: Curve = [(step, 1000 * value) for step, value in curves["kid"]]
    for key, names, chart in (
        ("plot_kid", ["line_kid"], charts.lines([kid], low=0.0)),
        ("plot_scores", ["line_real", "line_fake"], _lines(curves, ("real_score", "fake_score"), 0.0, 1.0)),
        ("plot_losses", ["line_g", "line_d"], _lines(curves, ("loss_g", "loss_d"))),
    ):
        if chart is not None:
            yield _Plot(key, names, chart)


def _lines(
    curves: dict[str, Curve], names: tuple[str, ...], low: float | None = None, high: float | None = None
) -> charts.Chart | None:
    return charts.lines([curves[name] for name in names], low=low, high=high)
