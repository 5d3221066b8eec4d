"""A double on disk: a folder, or the same files in one zip that ends with ``.double``.

``double.json`` is the card, ``human.json`` the person of the base model that it began from, ``consent.json`` who
agreed to what, ``inputs.json`` the marks of what it was made of, ``model/`` the generator. Nothing else is read,
nothing is unpacked outside a temporary folder, and no file runs: a double from a stranger can be opened.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated, Any, Literal

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator

from fenshen import cards, files
from fenshen import controls as control_space
from fenshen.drawing import DrawRequest, draw
from fenshen.errors import FenshenError, UsageError
from fenshen.humans.camera import Camera
from fenshen.humans.human import Human, parse
from fenshen.keyframes import FOLDER as KEYFRAMES
from fenshen.keyframes import Keyframes
from fenshen.keyframes import file_names as keyframe_files
from fenshen.messages import message
from fenshen.model import CARD as MODEL_CARD
from fenshen.model import WEIGHTS, Model
from fenshen.player import Player
from fenshen.provenance.consent import Consent
from fenshen.provenance.consent import check as check_consent
from fenshen.provenance.consent import read as read_consent
from fenshen.provenance.inputs import MOST, Input
from fenshen.provenance.mark import Mark
from fenshen.provenance.options import MarkOptions

SUFFIX = ".double"
SCHEMA_VERSION = 2
_CARD, _HUMAN, _CONSENT, _INPUTS = "double.json", "human.json", "consent.json", "inputs.json"
# What a double is made of, and how large each file may be: what is larger is not ours.
_FILES = {
    _CARD: 2**20,
    _HUMAN: 2**20,
    _CONSENT: 2**20,
    f"model/{MODEL_CARD}": 2**20,
    f"model/{WEIGHTS}": 2**28,
}
# As many of these as there are.
_KEYFRAMES = {f"{KEYFRAMES}/{name}": most for name, most in keyframe_files().items()}
_OPTIONAL = {**_KEYFRAMES, _INPUTS: 2**27}
_INPUT_LIST = TypeAdapter(Annotated[list[Input], Field(max_length=MOST)])
Range = tuple[float, float]


class DoubleCard(BaseModel):
    """``double.json``: whose double it is, what it was trained on, and how good it is."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    schema_version: int = SCHEMA_VERSION
    name: Annotated[str, Field(description="what the double is called")]
    look: Annotated[Literal["photo", "human"], Field(description="of a photograph, or of a drawn human")]
    frames: Annotated[int, Field(ge=1, description="pictures it was trained on")]
    seconds: Annotated[float, Field(ge=0, description="of film; 0 for photographs")]
    psnr: Annotated[float | None, Field(description="dB, on pictures that were held out")] = None
    neutral: Annotated[list[float], Field(description="controls of the face at rest")]
    seen: Annotated[
        dict[str, Range], Field(description="from where to where each control went, all but the last 2 %")
    ]
    still: Annotated[bool, Field(description="whether camera and background stood still")] = True
    notes: Annotated[list[str], Field(description="what was guessed, in the language of its maker")] = []
    voice: Annotated[
        str | None, Field(max_length=64, description="that it speaks with, if not said otherwise")
    ] = None
    fenshen: Annotated[str, Field(max_length=32, description="version that wrote it")]

    @field_validator("neutral")
    @classmethod
    def _controls(cls, values: list[float]) -> list[float]:
        control_space.check(np.array(values, dtype=np.float32))
        return values

    @field_validator("name")
    @classmethod
    def _printable(cls, name: str) -> str:
        check_name(name)
        return name


@dataclass(frozen=True, eq=False)
class Double:
    """A double ready to be drawn.

    Attributes:
        path: where it was opened.
        human: the drawn human it started from; its code is the generator's latent.
        keyframes: the person's own pictures that it moves; None of a double that is drawn whole.
        inputs: the films or photographs that it was made of, with the marks that they had.
    """

    path: Path
    card: DoubleCard
    model: Model
    human: Human
    consent: Consent
    keyframes: Keyframes | None = None
    inputs: tuple[Input, ...] = ()

    @classmethod
    def open(cls, path: Path | str, device: str = "auto") -> Double:
        """Open a double whose consent holds today.

        Raises:
            FenshenError: it is not a double, is damaged or newer than this Fenshen, or its consent has ended.
        """
        from fenshen.machine import torch_device

        path = Path(path)
        with _unpacked(path) as folder:
            try:
                card = cards.read(DoubleCard, _read(folder / _CARD), path, SCHEMA_VERSION)
            except ValueError as error:
                raise _damaged(path, _CARD, error) from error
            consent = read_consent(folder / _CONSENT)
            check_consent(consent)
            human = parse(_read(folder / _HUMAN), folder / _HUMAN)
            model = Model.load(folder / "model", torch_device(device))
            model.digest  # noqa: B018  (worked out while the file is there)
            kept = Keyframes.read(folder / KEYFRAMES) if (folder / KEYFRAMES).is_dir() else None
            inputs = _inputs(folder / _INPUTS, path)
        if not model.card.network.conditional or model.card.told != "human":
            raise FenshenError("double.damaged", path=path, file=MODEL_CARD, why=model.card.told)
        if (0 if kept is None else len(kept.pictures)) != model.card.network.keyframes:
            raise FenshenError("double.damaged", path=path, file=KEYFRAMES, why=model.card.network.keyframes)
        return cls(path, card, model, human, consent, kept, inputs)

    @classmethod
    def of(cls, double: Double | Path | str, device: str = "auto") -> Double:
        """The double itself if it is open already, else :meth:`open`."""
        return double if isinstance(double, Double) else cls.open(double, device)

    def __fspath__(self) -> str:
        return str(self.path)

    @property
    def text(self) -> str:
        """What it was made of, how good it is, and what it has not seen."""
        card = self.card
        quality = "" if card.psnr is None else message("double.quality", psnr=card.psnr)
        made = message(
            "double.made" if card.seconds else "double.made_of_photos",
            name=card.name,
            frames=card.frames,
            seconds=card.seconds,
            quality=quality,
            path=self.path,
        )
        return "\n".join([made, *card.notes, *self.limits()])

    def summary(self) -> dict[str, Any]:
        """The card and the path, as JSON."""
        return {"path": str(self.path), **self.card.model_dump()}

    @property
    def neutral(self) -> Float[ndarray, "58"]:
        """Controls of the face at rest."""
        return np.array(self.card.neutral, dtype=np.float32)

    @property
    def latent(self) -> Float[ndarray, "Z"]:
        """The generator's latent: the code of its human."""
        from fenshen.humans.encoding import encode

        return encode(self.human, Camera())

    @property
    def size(self) -> int:
        """Side of its pictures in pixels."""
        return self.model.card.resolution if self.keyframes is None else self.keyframes.size

    def draw(self, requests: Sequence[DrawRequest], *, held: bool = False) -> UInt8[ndarray, "N S S 3"]:
        """Pictures of some requests; ``held`` as in :meth:`player`.

        Where a request is for somebody else than the person who was filmed (older, say), keyframes show the wrong one,
        and the network draws alone.
        """
        if self.keyframes is None:
            return draw(self.model, requests)
        from fenshen.doubles.compositor import KeyframePlayer

        player, own = KeyframePlayer(self.model, self.latent, self.keyframes, held=held), self.latent
        pictures = []
        for one in requests:
            asked = control_space.NEUTRAL if one.controls is None else one.controls
            mine = np.array_equal(one.latent, own)
            pictures.append(player.draw(asked) if mine else player.drawn(one.latent, asked))
        return np.stack(pictures)

    def request(self) -> DrawRequest:
        """A request for the face at rest."""
        return DrawRequest(self.latent, self.neutral, self.human, Camera())

    def player(self, *, held: bool = False) -> Player:
        """A player for drawing many frames.

        Args:
            held: let the edges rest, so that frames fit into the film's whole frame, where there is one.
        """
        if self.keyframes is None:
            return Player(self.model, self.latent)
        from fenshen.doubles.compositor import KeyframePlayer

        return KeyframePlayer(self.model, self.latent, self.keyframes, held=held)

    def mark(self, options: MarkOptions, inputs: Sequence[Input] = (), *, seen: bool = True) -> Mark:
        """The marks of everything that is made with it.

        Args:
            inputs: what goes into that besides.
            seen: whether it shows the double; else only its voice is heard, which is nobody's.

        Raises:
            FenshenError: its consent does not hold any more.
        """
        return Mark.of_double(
            self.card.name,
            self.model.digest,
            self.consent,
            options,
            inputs=[*(self.inputs if seen else ()), *inputs],
            composite=seen and self.keyframes is not None and self.card.look == "photo",
        )

    def limits(self) -> list[str]:
        """Sentences about what its footage does not show."""
        return [message(f"double.limit_{name}", seen=seen) for name, seen in _lacking(self.card.seen)]


# A control, a sentence about it, the unit it is told in, and what it has to reach for the sentence to be left out.
_WANTED = (
    ("yaw", "yaw_left", -180 / np.pi, 15),
    ("yaw", "yaw_right", 180 / np.pi, 15),
    ("pitch", "pitch_up", 180 / np.pi, 8),
    ("pitch", "pitch_down", -180 / np.pi, 8),
    ("eyeBlinkLeft", "blink", 1.0, 0.5),
    ("jawOpen", "jaw", 1.0, 0.35),
    ("mouthSmileLeft", "smile", 1.0, 0.4),
)


def _lacking(seen: dict[str, Range]) -> Iterator[tuple[str, float]]:
    for control, sentence, unit, wanted in _WANTED:
        reached = max(unit * value for value in seen.get(control, (0.0, 0.0)))
        if reached < wanted:
            yield sentence, max(reached, 0.0)


def save(
    path: Path,
    card: DoubleCard,
    model: Path,
    human: Human,
    consent: Consent,
    keyframes: Keyframes | None = None,
    inputs: Sequence[Input] = (),
) -> None:
    """Write a double as one zip.

    Args:
        model: the folder of a model.
        keyframes: that the model moves.
        inputs: what it was made of.

    Raises:
        FenshenError: it cannot be written.
    """
    with files.writing(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_CARD, card.model_dump_json(indent=2) + "\n")
        archive.writestr(_HUMAN, human.model_dump_json(indent=2) + "\n")
        archive.writestr(_CONSENT, consent.model_dump_json(indent=2) + "\n")
        archive.writestr(_INPUTS, _INPUT_LIST.dump_json(list(inputs), indent=2) + b"\n")
        archive.write(model / MODEL_CARD, f"model/{MODEL_CARD}")
        archive.writestr(f"model/{WEIGHTS}", _halved(model / WEIGHTS))
        for name, content in ({} if keyframes is None else keyframes.files()).items():
            archive.writestr(f"{KEYFRAMES}/{name}", content)


def _halved(weights: Path) -> bytes:
    """The weights in float16: half the size, and no pixel moves by more than a level of 255."""
    from safetensors.torch import save as to_bytes

    return to_bytes({name: value.half().contiguous() for name, value in files.read_tensors(weights).items()})


def check_name(name: str) -> None:
    """Refuse a name that cannot be displayed.

    Raises:
        UsageError: it is empty or longer than 64 characters, or has spaces at its ends or what cannot be printed.
    """
    if not 1 <= len(name) <= 64 or not name.isprintable() or name != name.strip():
        raise UsageError("double.bad_name", name=name)


def check_target(path: Path, force: bool) -> None:
    """Refuse a path to which a double cannot be written.

    Raises:
        UsageError: it has another suffix, or is taken.
    """
    if path.suffix != SUFFIX:
        raise UsageError("double.suffix", path=path)
    if path.exists() and (not force or path.is_dir()):
        raise UsageError("generate.exists", path=path)


@contextmanager
def _unpacked(path: Path) -> Iterator[Path]:
    """The folder with a double's files, unpacked if it is a zip."""
    if path.is_dir():
        for name, most in (_FILES | _OPTIONAL).items():
            file = path / name
            # A link could lead out of the folder.
            inside = file.resolve() == path.resolve() / name
            missing = not file.is_file() and (name in _FILES or file.exists())
            if not inside or missing or (file.is_file() and file.stat().st_size > most):
                raise FenshenError("double.not_one", path=path)
        yield path
        return
    if not path.is_file():
        raise FenshenError("double.missing", path=path)
    with files.temporary_folder() as folder:
        with files.temporary_errors():
            (folder / "model").mkdir()
        try:
            with files.reading_errors(path), zipfile.ZipFile(path) as archive:
                there = _OPTIONAL.keys() & set(archive.namelist())
                if there & _KEYFRAMES.keys():
                    with files.temporary_errors():
                        (folder / KEYFRAMES).mkdir()
                for member, most in (_FILES | {name: _OPTIONAL[name] for name in there}).items():
                    _unpack(archive, member, most, folder, path)
        except FenshenError:
            raise
        except (
            Exception
        ) as error:  # BadZipFile, KeyError, zlib.error, EOFError, whatever an archive's reader says
            raise FenshenError("double.not_one", path=path) from error
        try:
            yield folder
        except FenshenError as error:  # names what the user knows, not the folder that is gone in a moment
            raise error.renamed(folder, path) from error


def _unpack(archive: zipfile.ZipFile, member: str, most: int, folder: Path, path: Path) -> None:
    if archive.getinfo(member).file_size > most:
        raise FenshenError("double.damaged", path=path, file=member, why=message("double.too_large"))
    with archive.open(member) as source, files.temporary_errors(), (folder / member).open("wb") as target:
        shutil.copyfileobj(_Source(source, path), target)  # never more than the header says


class _Source:
    """A member that is read, apart from the temporary file that is written: only one of them is to blame."""

    def __init__(self, member: IO[bytes], path: Path) -> None:
        self._member, self._path = member, path

    def read(self, size: int = -1) -> bytes:
        with files.reading_errors(self._path):
            return self._member.read(size)


def _inputs(file: Path, path: Path) -> tuple[Input, ...]:
    """What the double was made of; nothing is known of doubles that were made before it was kept."""
    if not file.is_file():
        return ()
    try:
        return tuple(_INPUT_LIST.validate_json(_read(file)))
    except ValueError as error:
        raise _damaged(path, _INPUTS, error) from error


def _read(file: Path) -> bytes:
    with files.reading_errors(file):
        return file.read_bytes()


def _damaged(path: Path, file: str, error: Exception) -> FenshenError:
    return FenshenError("double.damaged", path=path, file=file, why=" ".join(str(error).split())[:200])
