"""Pictures that were made of a photograph, on disk and marked."""

from __future__ import annotations

from pathlib import Path

from fenshen.errors import UsageError
from fenshen.provenance.credentials import About, must_fit
from fenshen.provenance.implicit import COMPOSITE
from fenshen.provenance.inputs import of_files
from fenshen.provenance.mark import Mark
from fenshen.provenance.options import MarkOptions

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


def target(out: Path | str, force: bool, suffixes: tuple[str, ...] = SUFFIXES) -> Path:
    """Where to write, checked before any work.

    Raises:
        UsageError: there are no such pictures, or one is there already.
    """
    path = Path(out)
    if path.suffix.lower() not in suffixes:
        raise UsageError("portraits.unknown_suffix", path=path, suffixes=", ".join(suffixes))
    if path.exists() and not force:
        raise UsageError("generate.exists", path=path)
    must_fit(path)
    return path


def of_photograph(photograph: Path, digest: str, options: MarkOptions, what: str = "photograph") -> Mark:
    """The marks of what a model made of a photograph, or of a recording.

    Args:
        what: the file is called.
        digest: sha256 of the model's weights, in hex.

    Raises:
        FenshenError: there is no certificate to sign with.
    """
    about = About(model=digest, inputs=of_files([photograph], what))
    mark = Mark(about, options, COMPOSITE)
    mark.ready()
    return mark
