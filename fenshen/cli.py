"""The command line: one command a verb, no logic. Heavy modules load only with the command that needs them."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from fenshen import __version__, messages
from fenshen.errors import FenshenError, UsageError
from fenshen.messages import message


def main() -> None:
    """The entry point: runs a command, prints errors as sentences, sets the exit code."""
    words = sys.argv[1:]
    messages.use(_language(words))
    try:
        code = _app()(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except FenshenError as error:
        if "--debug" in words:
            raise
        _complain(str(error), error.exit_code)
    except typer.Exit as error:
        sys.exit(error.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        _complain(message("cli.interrupted"), 130)
    except Exception as error:
        if "--debug" in words:
            raise
        if hasattr(error, "format_message"):  # click's own usage errors
            _complain(error.format_message(), 2)
        _complain(message("cli.unexpected", error=f"{type(error).__name__}: {error}"), 1)


def _complain(sentence: str, code: int) -> None:
    typer.secho(sentence, err=True, fg=None if code == 130 else typer.colors.RED)
    sys.exit(code)


def _language(words: list[str]) -> str | None:
    """``--lang`` is read before anything else, for the help texts are in that language too."""
    for i, word in enumerate(words):
        value = words[i + 1] if word == "--lang" and i + 1 < len(words) else word.removeprefix("--lang=")
        if word.startswith("--lang") and value in messages.LANGUAGES:
            return value
    return None


def _print(values: Any, as_json: bool, text: str) -> None:
    """One JSON object on standard output with ``--json``, else words."""
    typer.echo(json.dumps(values, ensure_ascii=False, default=str) if as_json else text)


def _signer(certificate: Path | None, key: Path | None) -> Any:
    """One's own certificate, if it was named."""
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise UsageError("cli.certificate_and_key")
    from fenshen.provenance.credentials import load

    return load(certificate, key)


def _app() -> Callable[..., Any]:
    """All commands, their help in the language in use."""
    app = typer.Typer(
        name="fenshen",
        help=message("cli.about"),
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
    )

    def option(default: Any, *names: str, help: str, **more: Any) -> Any:
        return typer.Option(*names, help=message(f"cli.{help}"), **more)

    Out = Annotated[Path, option(..., "--out", "-o", help="out")]
    Lang = Annotated[str | None, option(None, "--lang", help="lang", metavar="en|zh")]
    Json = Annotated[bool, option(False, "--json", help="json")]
    Debug = Annotated[bool, option(False, "--debug", help="debug")]
    Force = Annotated[bool, option(False, "--force", help="force")]
    Device = Annotated[str, option("auto", "--device", help="device", metavar="auto|cpu|cuda[:N]|mps")]
    Seed = Annotated[int, option(0, "--seed", help="seed", min=0, max=2**32 - 1)]
    Certificate = Annotated[Path | None, option(None, "--certificate", help="certificate", metavar="PEM")]
    Key = Annotated[Path | None, option(None, "--key", help="key", metavar="PEM")]

    @app.callback(invoke_without_command=True)
    def fenshen(
        version: Annotated[bool, option(False, "--version", help="version", is_eager=True)] = False,
        lang: Lang = None,
    ) -> None:
        if version:
            typer.echo(f"fenshen {__version__}")
            raise typer.Exit

    @app.command(help=message("cli.demo"))
    def demo(
        out: Annotated[Path, option(..., "--out", "-o", help="out")] = Path("demo"),
        minutes: Annotated[float, option(3.0, "--minutes", help="demo_minutes", min=0.05)] = 3.0,
        seed: Seed = 0,
        device: Device = "auto",
        force: Force = False,
        as_json: Json = False,
        lang: Lang = None,
        debug: Debug = False,
    ) -> None:
        from fenshen.tour import demo

        result = demo(out, minutes=minutes, seed=seed, device=device, force=force)
        _print(result.model_dump(), as_json, result.text)

    @app.command(help=message("cli.doctor"))
    def doctor(as_json: Json = False, lang: Lang = None, debug: Debug = False) -> None:
        from fenshen.machine import describe, doctor

        checks = doctor()
        _print([vars(check) for check in checks], as_json, describe(checks))
        raise typer.Exit(0 if all(check.ok for check in checks) else 1)

    @app.command(help=message("cli.prepare"))
    def prepare(
        sources: Annotated[list[str], typer.Argument(help=message("cli.sources"), metavar="SRC...")],
        out: Out,
        size: Annotated[int, option(64, "--size", help="size")] = 64,
        crop: Annotated[str, option("face", "--crop", help="crop", metavar="face|clip|none")] = "face",
        fit: Annotated[str, option("crop", "--fit", help="fit", metavar="crop|pad|stretch")] = "crop",
        all_faces: Annotated[bool, option(False, "--all-faces", help="all_faces")] = False,
        one_person: Annotated[bool, option(False, "--one-person", help="one_person")] = False,
        every: Annotated[int | None, option(None, "--every", help="every")] = None,
        fps: Annotated[float | None, option(None, "--fps", help="fps")] = None,
        min_face: Annotated[int | None, option(None, "--min-face", help="min_face")] = None,
        ground: Annotated[str, option("white", "--ground", help="ground")] = "white",
        workers: Annotated[int | None, option(None, "--workers", help="workers")] = None,
        backend: Annotated[str | None, option(None, "--backend", help="backend")] = None,
        seed: Seed = 0,
        force: Force = False,
        as_json: Json = False,
        lang: Lang = None,
        debug: Debug = False,
    ) -> None:
        from fenshen.preparation.prepare import prepare

        summary = prepare(
            sources,
            out,
            size=size,
            crop=crop,  # type: ignore[arg-type]
            fit=fit,  # type: ignore[arg-type]
            all_faces=all_faces,
            one_person=one_person,
            every=every,
            fps=fps,
            min_face=min_face,
            ground=ground,
            workers=workers,
            backend=backend,
            seed=seed,
            force=force,
        )
        _print(summary.model_dump(mode="json"), as_json, summary.text)

    @app.command(help=message("cli.humans"))
    def humans(
        count: Annotated[int, option(..., "--report", help="humans_report", metavar="1000", min=2)],
        out: Annotated[Path | None, option(None, "--out", "-o", help="humans_plot")] = None,
        seed: Seed = 0,
        force: Force = False,
        as_json: Json = False,
        lang: Lang = None,
        debug: Debug = False,
    ) -> None:
        from fenshen.humans.report import report

        made = report(count, seed=seed, out=out, force=force)
        _print(made.model_dump(), as_json, made.text)

    @app.command(help=message("cli.train"))
    def train(
        dataset: Annotated[
            Path | None, typer.Argument(help=message("cli.dataset"), metavar="DATASET")
        ] = None,
        out: Annotated[Path | None, option(None, "--out", "-o", help="run")] = None,
        recipe: Annotated[str | None, option(None, "--recipe", "-r", help="recipe")] = None,
        settings: Annotated[list[str] | None, option(None, "--set", help="set", metavar="KEY=VALUE")] = None,
        list_: Annotated[bool, option(False, "--list", help="list")] = False,
        seed: Annotated[int | None, option(None, "--seed", help="seed", min=0, max=2**32 - 1)] = None,
        device: Device = "auto",
        devices: Annotated[int, option(1, "--devices", help="devices", min=1)] = 1,
        nodes: Annotated[int, option(1, "--nodes", help="nodes", min=1)] = 1,
        force: Force = False,
        as_json: Json = False,
        lang: Lang = None,
        debug: Debug = False,
    ) -> None:
        if list_:
            from fenshen.training.menu import describe, menu

            rows = menu(device)
            _print([vars(row) for row in rows], as_json, describe(rows))
            return
        if dataset is None or out is None:
            raise UsageError("cli.train_needs")
        from fenshen.training.train import train

        given = [*(settings or []), *([] if seed is None else [f"seed={seed}"])]
        run = train(
            dataset,
            out=out,
            recipe=recipe,
            settings=given,
            device=device,
            devices=devices,
            nodes=nodes,
            force=force,
        )
        if int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0"))) == 0:
            _print(
                json.loads((run / "report.json").read_text("utf-8")), as_json, message("train.done", run=run)
            )

    @app.command(help=message("cli.generate"))
    def generate(
        model: Annotated[Path, typer.Argument(help=message("cli.model"), metavar="MODEL")],
        out: Annotated[Path | None, option(None, "--out", "-o", help="drawn")] = None,
        seeds: Annotated[str, option("0-63", "--seeds", help="seeds")] = "0-63",
        truncation: Annotated[float, option(1.0, "--truncation", help="truncation")] = 1.0,
        scale: Annotated[int, option(1, "--scale", help="scale")] = 1,
        fps: Annotated[float, option(25.0, "--fps", help="video_fps")] = 25.0,
        seconds: Annotated[float, option(1.0, "--seconds", help="seconds")] = 1.0,
        settings: Annotated[
            list[str] | None, option(None, "--set", help="slider", metavar="WORD=VALUE")
        ] = None,
        yaw: Annotated[float | None, option(None, "--yaw", help="yaw")] = None,
        pitch: Annotated[float | None, option(None, "--pitch", help="pitch")] = None,
        roll: Annotated[float | None, option(None, "--roll", help="roll")] = None,
        walk: Annotated[bool, option(False, "--walk", help="walk")] = False,
        grid: Annotated[
            tuple[str, str] | None, option(None, "--grid", help="grid", metavar="WORD:FROM:TO WORD:FROM:TO")
        ] = None,
        timelapse: Annotated[Path | None, option(None, "--timelapse", help="timelapse")] = None,
        device: Device = "auto",
        force: Force = False,
        as_json: Json = False,
        lang: Lang = None,
        debug: Debug = False,
    ) -> None:
        if sum(map(bool, (timelapse, walk, grid))) > 1 or (timelapse and out):
            raise UsageError("cli.generate_one")
        from fenshen.sampling import generate

        turns = {"yaw": yaw, "pitch": pitch, "roll": roll}
        turned = [f"{name}={degrees:g}" for name, degrees in turns.items() if degrees is not None]
        files = generate(
            model,
            out=timelapse or out,
            seeds=seeds,
            truncation=truncation,
            scale=scale,
            fps=fps,
            seconds=seconds,
            settings=[*(settings or []), *turned],
            walk=walk,
            grid=grid,
            timelapse=timelapse is not None,
            device=device,
            force=force,
        )
        shown = str(files[0].parent if len(files) > 1 else files[0])
        _print({"files": [str(file) for file in files]}, as_json, message("cli.wrote", path=shown))

    @app.command(help=message("cli.evaluate"))
    def evaluate(
        model: Annotated[Path, typer.Argument(help=message("cli.evaluated"), metavar="MODEL|RUN")],
        dataset: Annotated[Path, typer.Argument(help=message("cli.dataset"), metavar="DATASET")],
        out: Out,
        count: Annotated[int, option(1000, "--count", help="count")] = 1000,
        inception: Annotated[Path | None, option(None, "--inception", help="inception")] = None,
        seed: Seed = 0,
        device: Device = "auto",
        force: Force = False,
        as_json: Json = False,
        lang: Lang = None,
        debug: Debug = False,
    ) -> None:
        from fenshen.metrics.evaluate import evaluate

        report = evaluate(
            model, dataset, out, count=count, seed=seed, inception=inception, device=device, force=force
        )
        _print(report.model_dump(mode="json"), as_json, report.text)

    Double = Annotated[Path, typer.Argument(help=message("cli.a_double"), metavar="DOUBLE")]
    Enlarged = Annotated[float, option(2.0, "--scale", help="enlarged", min=1, max=4)]
    Label = Annotated[bool, option(True, "--label/--no-label", help="label")]
    Transparent = Annotated[bool, option(False, "--transparent", help="transparent")]
    Rate = Annotated[float, option(25.0, "--fps", help="film_fps", min=1, max=120)]

    @app.command(help=message("cli.double"))
    def double(
        sources: Annotated[
            list[Path] | None, typer.Argument(help=message("cli.footage"), metavar="SRC...")
        ] = None,
        name: Annotated[str | None, option(None, "--name", help="name")] = None,
        consent: Annotated[str | None, option(None, "--consent", help="consent", metavar="self|FILE")] = None,
        out: Annotated[Path | None, option(None, "--out", "-o", help="double_out")] = None,
        look: Annotated[str, option("human", "--look", help="look", metavar="human|photo")] = "human",
        minutes: Annotated[float, option(8.0, "--minutes", help="double_minutes")] = 8.0,
        settings: Annotated[list[str] | None, option(None, "--set", help="set", metavar="KEY=VALUE")] = None,
        template: Annotated[bool, option(False, "--consent-template", help="consent_template")] = False,
        keep: Annotated[bool, option(False, "--keep", help="keep")] = False,
        seed: Seed = 0,
        device: Device = "auto",
        force: Force = False,
        as_json: Json = False,
        lang: Lang = None,
        debug: Debug = False,
    ) -> None:
        if template:
            from fenshen.provenance.consent import template as consent_template

            typer.echo(consent_template())
            return
        if not sources or name is None or consent is None:
            raise UsageError("cli.double_needs")
        from fenshen.doubles.double import describe, double

        made = double(
            sources,
            name=name,
            consent=consent,
            out=out,
            look=look,  # type: ignore[arg-type]
            minutes=minutes,
            settings=settings or [],
            seed=seed,
            device=device,
            keep=keep,
            force=force,
        )
        _print({"path": str(made.path), **made.card.model_dump()}, as_json, describe(made))

    @app.command(help=message("cli.edit"))
    def edit(
        double: Double,
        out: Annotated[Path | None, option(None, "--out", "-o", help="picture")] = None,
        settings: Annotated[
            list[str] | None, option(None, "--set", help="slider", metavar="WORD=VALUE")
        ] = None,
        preset: Annotated[str | None, option(None, "--preset", help="preset")] = None,
        grid: Annotated[
            tuple[str, str] | None, option(None, "--grid", help="grid", metavar="WORD:FROM:TO WORD:FROM:TO")
        ] = None,
        before_after: Annotated[bool, option(False, "--before-after", help="before_after")] = False,
        scale: Enlarged = 2.0,
        label: Label = True,
        transparent: Transparent = False,
        certificate: Certificate = None,
        key: Key = None,
        device: Device = "auto",
        force: Force = False,
        as_json: Json = False,
        lang: Lang = None,
        debug: Debug = False,
    ) -> None:
        from fenshen.doubles.edit import edit

        file = edit(
            double,
            out=out,
            settings=settings or [],
            preset=preset,
            grid=grid,
            before_after=before_after,
            scale=scale,
            label=label,
            transparent=transparent,
            signer=_signer(certificate, key),
            device=device,
            force=force,
        )
        _print({"file": str(file)}, as_json, message("cli.wrote", path=file))

    @app.command(help=message("cli.animate"))
    def animate(
        double: Double,
        out: Out,
        drive: Annotated[Path | None, option(None, "--drive", help="drive", metavar="VIDEO|TRACK")] = None,
        idle: Annotated[float | None, option(None, "--idle", help="idle", metavar="SECONDS")] = None,
        smoothing: Annotated[float, option(1.0, "--smoothing", help="smoothing")] = 1.0,
        rate: Rate = 25.0,
        scale: Enlarged = 2.0,
        label: Label = True,
        transparent: Transparent = False,
        certificate: Certificate = None,
        key: Key = None,
        seed: Seed = 0,
        device: Device = "auto",
        force: Force = False,
        as_json: Json = False,
        lang: Lang = None,
        debug: Debug = False,
    ) -> None:
        from fenshen.doubles.animate import animate

        file = animate(
            double,
            out=out,
            drive=drive,
            idle=idle,
            smoothing=smoothing,
            rate=rate,
            scale=scale,
            label=label,
            transparent=transparent,
            signer=_signer(certificate, key),
            seed=seed,
            device=device,
            force=force,
        )
        _print({"file": str(file)}, as_json, message("cli.wrote", path=file))

    @app.command("say", help=message("cli.say"))
    def say_(
        double: Annotated[Path | None, typer.Argument(help=message("cli.a_double"), metavar="DOUBLE")] = None,
        text: Annotated[str | None, typer.Argument(help=message("cli.text"), metavar="TEXT")] = None,
        out: Annotated[Path | None, option(None, "--out", "-o", help="film")] = None,
        audio: Annotated[Path | None, option(None, "--audio", help="audio")] = None,
        spoken: Annotated[str | None, option(None, "--spoken", help="spoken", metavar="zh|en")] = None,
        voice: Annotated[str | None, option(None, "--voice", help="voice")] = None,
        engine: Annotated[
            str, option("kokoro", "--engine", help="engine", metavar="kokoro|espeak|URL")
        ] = "kokoro",
        list_: Annotated[bool, option(False, "--list-voices", help="list_voices")] = False,
        stream: Annotated[bool, option(False, "--stream", help="stream")] = False,
        rate: Rate = 25.0,
        scale: Enlarged = 2.0,
        label: Label = True,
        transparent: Transparent = False,
        certificate: Certificate = None,
        key: Key = None,
        seed: Seed = 0,
        device: Device = "auto",
        force: Force = False,
        as_json: Json = False,
        lang: Lang = None,
        debug: Debug = False,
    ) -> None:
        if list_:
            from fenshen.motion.speech import describe, voices

            known = voices()
            _print([vars(voice) for voice in known], as_json, describe(known))
            return
        if double is None:
            raise UsageError("cli.say_needs")
        # Read when torch is loaded: threads that wait for one another sleep, and leave the cores to the voice.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        from fenshen.doubles.say import say as speak

        file = speak(
            double,
            text,
            out=out,
            audio=audio,
            lang=spoken,
            voice=voice,
            engine=engine,
            rate=rate,
            scale=scale,
            label=label,
            transparent=transparent,
            signer=_signer(certificate, key),
            seed=seed,
            device=device,
            stream=stream,
            force=force,
        )
        if str(file) != "-":  # there the film itself went
            _print({"file": str(file)}, as_json, message("cli.wrote", path=file))

    @app.command(help=message("cli.verify"))
    def verify(
        file: Annotated[Path, typer.Argument(help=message("cli.verified"), metavar="FILE")],
        as_json: Json = False,
        lang: Lang = None,
        debug: Debug = False,
    ) -> None:
        from fenshen.provenance.verify import verify

        verdict = verify(file)
        _print(verdict.model_dump(mode="json"), as_json, verdict.text)

    return app
