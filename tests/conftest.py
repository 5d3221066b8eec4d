"""For every test: English sentences, two threads in all, and array shapes checked at every call."""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

# The same examples every time, and no clock: a slow machine is no failure.
settings.register_profile("fenshen", derandomize=True, deadline=None)
settings.load_profile("fenshen")

# A shell ignores Ctrl-C on behalf of its background jobs, and children inherit that: tests send it to children.
signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ["FENSHEN_LANG"] = "en"
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1" if "PYTEST_XDIST_WORKER" in os.environ else "2")

# Before the first import of these rooms: their shapes are then more than comments.
install_import_hook(
    [
        "fenshen.adversarial",
        "fenshen.audio",
        "fenshen.controls",
        "fenshen.dataset",
        "fenshen.faces",
        "fenshen.model",
        "fenshen.motion",
        "fenshen.networks",
        "fenshen.provenance",
        "fenshen.training",
    ],
    "typechecker.typechecked",
)


@pytest.fixture(scope="session")
def drawings(tmp_path_factory):
    """A dataset of 96 drawings of 32 px."""
    import fenshen

    folder = tmp_path_factory.mktemp("data") / "drawings"
    fenshen.prepare(["avatars:lorelei:96"], folder, size=32, progress=False)
    return folder


@pytest.fixture(scope="session")
def cast(tmp_path_factory):
    """A dataset of 96 digital humans of 32 px, each with its exact labels."""
    import people

    import fenshen

    if people.NO_HUMANS:
        pytest.skip(people.NO_HUMANS)
    folder = tmp_path_factory.mktemp("data") / "cast"
    fenshen.prepare(["humans:96"], folder, size=32, progress=False)
    return folder


@pytest.fixture(scope="session")
def talking(tmp_path_factory):
    """A film of a digital human who says a sentence, with its sound and its true controls."""
    import people

    if reason := people.NO_HUMANS or people.NO_ESPEAK:
        pytest.skip(reason)
    return people.talking(tmp_path_factory.mktemp("film") / "talking.mp4")


@pytest.fixture(scope="session")
def someone(tmp_path_factory):
    """A double of a person of the base model, who was never tuned."""
    import fenshen
    from fenshen import assets, controls
    from fenshen.doubles import store
    from fenshen.humans import sample
    from fenshen.provenance.consent import self_consent

    path = tmp_path_factory.mktemp("double") / "someone.double"
    card = store.DoubleCard(
        name="someone",
        look="human",
        frames=1,
        seconds=0,
        neutral=controls.NEUTRAL.tolist(),
        seen={},
        fenshen=fenshen.__version__,
    )
    base = assets.path("humans-128/model.safetensors").parent
    store.save(path, card, base, sample(4), self_consent("someone"))
    return path
