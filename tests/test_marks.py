"""Every output of every command, read back: by us, and with tools that are not ours."""

from __future__ import annotations

import base64
import html
import json
import re
import shutil
import subprocess
import sys
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import c2pa
import numpy as np
import people
import pytest
from PIL import Image

import fenshen
from fenshen import OutputOptions, messages, portraits, video
from fenshen.errors import FenshenError, UsageError
from fenshen.provenance import Mark, containers, implicit, inputs, label, rhythm, watermark
from fenshen.provenance.consent import self_consent
from fenshen.provenance.options import MarkOptions

ROOT = Path(__file__).parents[1]
DIGEST = "ab12cd34" * 8
FIELDS = [
    "Label", "ContentProducer", "ProduceID", "ReservedCode1", "ContentPropagator", "PropagateID", "ReservedCode2",
]  # fmt: skip
MARKS = ("label", "watermark", "aigc", "source", "credentials")
# What the pages say of a command's outputs: its files, and which marks they have.
YES, NO = "✓", "–"


@pytest.fixture(autouse=True)
def config(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FENSHEN_CONFIG", str(tmp_path_factory.getbasetemp() / "config"))


@pytest.fixture(scope="module")
def made(someone: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Path]:
    """One file of each kind that each command writes."""
    if people.NO_ESPEAK:
        pytest.skip(people.NO_ESPEAK)
    folder = tmp_path_factory.mktemp("made")
    files: dict[tuple[str, str], Path] = {}

    def add(command: str, kind: str, write: Callable[[Path], Any], inside: str = "") -> None:
        path = folder / command / ("frames" if kind == "folder" else f"made{kind}")
        path.parent.mkdir(exist_ok=True)
        write(path)
        files[command, kind] = path / inside

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FENSHEN_CONFIG", str(folder / "config"))
        small = OutputOptions(scale=1)
        for kind in (".png", ".jpg", ".webp"):
            add("generate", kind, lambda path: fenshen.generate("humans", out=path, seeds=[3]))
            add("edit", kind, lambda path: fenshen.edit(someone, out=path, output=small))
        add(
            "generate",
            "folder",
            lambda path: fenshen.generate("humans", out=path, seeds=[3]),
            "seed-000003.png",
        )
        for kind in (".mp4", ".webm", ".gif"):
            add("generate", kind, lambda path: fenshen.generate("humans", out=path, seeds=[3], seconds=0.4))
        for kind in (".mp4", ".mov", ".mkv", ".webm", ".gif", ".webp"):
            add("animate", kind, lambda path: fenshen.animate(someone, out=path, idle=0.4, output=small))
        add(
            "animate", "folder", lambda path: fenshen.animate(someone, out=path, idle=0.1), "frame-000001.png"
        )
        for kind in (".mp4", ".mov", ".mkv", ".webm", ".wav"):
            add(
                "say",
                kind,
                lambda path: fenshen.say(someone, "Yes.", out=path, engine="espeak", output=small),
            )
        run = folder / "run"
        large = folder / "data"
        fenshen.prepare(["avatars:lorelei:64"], large, size=64, progress=False)
        words = ["steps=1", "width=8", "max_width=16", "batch_size=8", "evaluate_every=0"]
        fenshen.train(large, out=run, recipe="fast-64", settings=words, progress=False)
        files["train", "samples/*.png"] = run / "samples" / "step-00000001.png"
        fenshen.evaluate(run, large, folder / "report", count=64, progress=False)
        files["evaluate", ".html"] = folder / "report" / "report.html"
    return files


def label_is_there(path: Path) -> bool:
    """Whether white words on a dark plate stand in the lower right corner of the first picture."""
    still = path.suffix in (".png", ".jpg", ".webp")
    picture = portraits.read(path) if still else next(iter(video.frames(path))).picture
    height, width = picture.shape[:2]
    sheet = height > width  # its strip is lower, and its words are those of a small picture
    rows, columns = label.box(height, width, "en", 64 if sheet else None)
    inside = picture[rows, columns].astype(float).mean(2)
    return bool(np.quantile(inside, 0.97) > 180 and np.median(inside) < 0.7 * np.quantile(inside, 0.97))


def carried(path: Path) -> dict[str, str]:
    """Which marks a file has, by its content."""
    if path.suffix == ".html":
        return of_page(path)
    said, verdict = implicit.read(path), fenshen.verify(path)
    beside = path.with_name(path.name + ".c2pa").exists()
    return {
        "label": yes(heard(path) if path.suffix == ".wav" else label_is_there(path)),
        "watermark": yes(verdict.watermark),
        "aigc": yes(said.aigc and said.aigc.Label == "1"),
        "source": yes(said.source_type == implicit.TRAINED),
        "credentials": ("`.c2pa`" if beside else YES) if verdict.status == "valid" else NO,
    }


def of_page(path: Path) -> dict[str, str]:
    """Of a page: its words, its head, and the generated pictures in it."""
    page = html.unescape(path.read_text(encoding="utf-8"))
    told = re.search(r'<meta name="AIGC" content="([^>]*)">', page)
    assert told
    first = page[page.index('<div class="sheet">') :].split("</div>")[0]
    contents = [base64.b64decode(word) for word in re.findall(r"data:image/webp;base64,([^\"]+)", first)]
    pictures = [portraits.read(content) for content in contents]
    picture = path.with_name("first.webp")
    picture.write_bytes(contents[0])
    said = implicit.read(picture)
    return {
        "label": yes("AI-generated" in page),
        "watermark": yes(watermark.detect(pictures)),
        "aigc": yes(implicit.parse(told[1]) and said.aigc),
        "source": yes(said.source_type == implicit.TRAINED),
        "credentials": NO,
    }


def yes(there: object) -> str:
    return YES if there else NO


def heard(path: Path) -> bool:
    """Whether a sound begins with the rhythm."""
    with wave.open(str(path)) as file:
        expected = rhythm.sounded(file.getframerate())
        begin = np.frombuffer(file.readframes(len(expected)), "<i2") / 32767
    return np.allclose(begin, expected, atol=1e-3)


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_the_pages_table_is_what_files_carry(
    made: dict[tuple[str, str], Path], language: messages.Language
) -> None:
    rows: dict[tuple[str, ...], list[str]] = {}
    for (command, kind), path in made.items():
        marks = carried(path)
        rows.setdefault((command, *(marks[name] for name in MARKS)), []).append(f"`{kind}`")
    lines = [
        f"| `{command}` | {' '.join(kinds)} | {' | '.join(marks)} |"
        for (command, *marks), kinds in rows.items()
    ]
    page = (ROOT / "docs" / language / "files.md").read_text(encoding="utf-8")
    table = [line for line in page.splitlines() if line.startswith("| `") and line.count("|") == 8]
    assert table == lines, "\n".join(lines)


def test_strangers_read_the_same(made: dict[tuple[str, str], Path]) -> None:
    for (command, kind), path in made.items():
        if path.suffix == ".html":
            continue
        ours = implicit.read(path).aigc
        assert ours, path
        own = path.suffix in CONTAINERS
        # One label a file. Debian's ExifTool does not look into ID3 inside of WAV.
        if not NO_EXIFTOOL and path.suffix != ".wav":
            assert exiftool(path) == [ours.json], (command, kind)
        if own and not NO_FFPROBE:
            assert ffprobe(path) == [ours.json], (command, kind)
        assert list(json.loads(ours.json)) == FIELDS
        assert ours.json.isascii()
        sealed = path.with_name(path.name + ".c2pa")
        if sealed.exists():
            continue  # read by verify, which the table is made with
        with c2pa.Reader(path) as reader:
            store = json.loads(reader.json())
        manifest = store["manifests"][store["active_manifest"]]
        actions = next(a for a in manifest["assertions"] if a["label"].startswith("c2pa.actions"))
        first = actions["data"]["actions"][0]
        assert first["action"] == "c2pa.created"
        assert first["digitalSourceType"] == implicit.SOURCE_TYPES + implicit.TRAINED


CONTAINERS = (".mp4", ".mov", ".mkv", ".webm", ".wav")
NO_EXIFTOOL, NO_FFPROBE = not shutil.which("exiftool"), not shutil.which("ffprobe")


def exiftool(path: Path) -> list[str]:
    """What it calls AIGC anywhere in a file."""
    said = subprocess.run(["exiftool", "-j", "-G1", "-a", path], capture_output=True, check=True).stdout
    tags = json.loads(said)[0]
    assert "Warning" not in " ".join(tags), tags
    return [str(text) for name, text in tags.items() if name.split(":")[-1].upper() == "AIGC"]


def ffprobe(path: Path) -> list[str]:
    words = ["ffprobe", "-v", "error", "-show_format", "-of", "json", path]
    tags = json.loads(subprocess.run(words, capture_output=True, check=True).stdout)["format"]["tags"]
    return [text for name, text in tags.items() if name.upper() == "AIGC"]


def test_a_streamed_film_is_marked_too(someone: Path, tmp_path: Path) -> None:
    if people.NO_ESPEAK:
        pytest.skip(people.NO_ESPEAK)
    file = tmp_path / "live.mp4"
    fenshen.say(someone, "Yes.", out=file, stream=True, engine="espeak")
    assert set(carried(file).values()) == {YES}
    # What went through a pipe has no credentials, and all other marks but the packet at its end.
    words = [
        sys.executable,
        "-m",
        "fenshen",
        "say",
        someone,
        "Yes.",
        "--stream",
        "--out",
        "-",
        "--engine",
        "espeak",
    ]
    piped = subprocess.run(words, capture_output=True, check=True, timeout=300).stdout
    (tmp_path / "piped.mp4").write_bytes(piped)
    assert carried(tmp_path / "piped.mp4") == {**dict.fromkeys(MARKS, YES), "credentials": NO}


def test_a_moved_person_is_a_composite_of_consented_footage(tmp_path: Path, pictures: np.ndarray) -> None:
    source, plain = tmp_path / "source.png", tmp_path / "plain.png"
    Mark.of_model(DIGEST, MarkOptions(producer="Somebody 工作室")).picture(source, pictures[0])
    portraits.write(plain, pictures[1])
    made_of = inputs.of_files([source, plain])
    kept = json.dumps([one.model_dump(mode="json") for one in made_of])
    again = [inputs.Input.model_validate_json(json.dumps(one)) for one in json.loads(kept)]
    assert again == made_of
    mark = Mark.of_double("me", DIGEST, self_consent("Ming"), inputs=again, composite=True)
    for path in (tmp_path / "a.png", tmp_path / "a.mp4"):
        if path.suffix == ".png":
            mark.picture(path, pictures[0])
        else:
            mark.film(path, pictures[:5], 25)
        verdict = fenshen.verify(path)
        assert (verdict.status, verdict.source_type) == ("valid", implicit.COMPOSITE)
        assert (verdict.ingredients, verdict.inputs_generated) == (2, 1)
        with c2pa.Reader(path) as reader:
            store = json.loads(reader.json())
        manifest = store["manifests"][store["active_manifest"]]
        assert [one["relationship"] for one in manifest["ingredients"]] == ["componentOf"] * 2
        assert (
            manifest["ingredients"][0]["active_manifest"] in store["manifests"]
        )  # the source's own credentials
        actions = next(a for a in manifest["assertions"] if a["label"].startswith("c2pa.actions"))
        assert len(actions["data"]["actions"][1]["parameters"]["ingredients"]) == 2
        assert "工作室" in json.dumps(manifest, ensure_ascii=False)
        assert "source.png" not in json.dumps(manifest)  # names of files stay on this machine


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    """Portraits of 128 px by the base model."""
    from fenshen import drawing
    from fenshen.model import Model

    model = Model.load("humans")
    return drawing.draw(model, [drawing.request_of_seed(model, seed) for seed in range(25)])


@pytest.mark.parametrize("columns", [2, 5])
def test_a_sheet_has_one_label_in_proportion_and_a_mark_in_each_picture(
    tmp_path: Path, pictures: np.ndarray, columns: int
) -> None:
    path = tmp_path / "sheet.png"
    Mark.of_model(DIGEST).sheet(path, pictures[: columns**2], columns)
    sheet = portraits.read(path)
    strip = sheet.shape[0] - 128 * columns
    assert 0.05 * 128 <= strip <= 0.3 * 128
    assert label_is_there(path)
    small = Image.fromarray(sheet).resize((sheet.shape[1] * 3 // 4, sheet.shape[0] * 3 // 4))
    small.save(tmp_path / "worn.jpg", quality=80)
    cut = sheet[128:256, :128]
    Image.fromarray(cut).save(tmp_path / "cut.jpg", quality=80)
    for name in ("worn.jpg", "cut.jpg"):
        assert fenshen.verify(tmp_path / name).watermark == DIGEST[:8], name


FOREIGN = (
    '{"Label":"%s","ContentProducer":"001191110102MAD55U9H0F10002","ProduceID":"7","ReservedCode1":"",'
    '"ContentPropagator":"x","PropagateID":"7","ReservedCode2":""}'
)


def test_labels_of_others_are_read(tmp_path: Path, pictures: np.ndarray) -> None:
    def xmp(inside: str, attribute: str = "") -> bytes:
        return (
            '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
            '<rdf:Description rdf:about="" xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/"'
            f"{attribute}>{inside}</rdf:Description></rdf:RDF></x:xmpmeta>"
        ).encode()

    text = FOREIGN % "1"
    escaped = text.replace('"', "&quot;")
    for name, more in {
        "element.jpg": {"xmp": xmp(f"<TC260:AIGC>{text}</TC260:AIGC>")},
        "attribute.png": {"xmp": xmp("", f' TC260:AIGC="{escaped}"')},
        "chunk.png": {"text": {"AIGC": text}},
        "wrapped.png": {"text": {"AIGC": f'{{"AIGC":{text}}}'}},
    }.items():
        portraits.write(tmp_path / name, pictures[0], **more)  # type: ignore[arg-type]
        verdict = fenshen.verify(tmp_path / name)
        assert (verdict.status, verdict.generated, verdict.ok) == ("labelled", True, False), name
        assert verdict.aigc
        assert verdict.aigc["ContentProducer"].startswith("0011911")
        assert "China" in verdict.text
    video.write(tmp_path / "a.mp4", pictures[:3], 25, tags={"AIGC": FOREIGN % "2"})
    verdict = fenshen.verify(tmp_path / "a.mp4")
    assert (verdict.status, verdict.generated) == ("nothing", False)
    assert "may be" in verdict.text


@pytest.mark.parametrize(
    "packet",
    [
        b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>",
        b"<x",
        b"\xff\xfe\x00",
        b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" * 5000,
        b"A" * (1 << 21),
    ],
)
def test_hostile_metadata_say_nothing(packet: bytes, tmp_path: Path, pictures: np.ndarray) -> None:
    path = tmp_path / "a.webp"
    portraits.write(path, pictures[0], xmp=packet)
    assert implicit.read(path) == implicit.Said()
    assert implicit.parse('{"Label":' + "[" * 100_000) is None
    assert implicit.parse('["Label"]') is None


@pytest.mark.parametrize("kind", [".gif", ".wav", ".mp4"])
def test_broken_files_are_described_or_refused(kind: str, tmp_path: Path, pictures: np.ndarray) -> None:
    path = tmp_path / f"a{kind}"
    mark = Mark.of_model(DIGEST)
    if kind == ".wav":
        mark.sound(path, [np.zeros(2401, np.float32)], 24000)
    else:
        mark.film(path, pictures[:3], 25)
    whole = path.read_bytes()
    for count in (0, 1, 11, 60, len(whole) // 2, len(whole) - 3):
        path.write_bytes(whole[:count])
        implicit.read(path)
        try:
            containers.describe(path, implicit.Said())
        except (ValueError, OSError):
            continue


def test_a_time_stamp_authority_is_asked_where_one_is_named(tmp_path: Path, pictures: np.ndarray) -> None:
    with pytest.raises(UsageError, match="web address"):
        Mark.of_model(DIGEST, MarkOptions(time_stamps="ftp://x"))
    with pytest.raises(UsageError, match="200 characters"):
        Mark.of_model(DIGEST, MarkOptions(producer=" "))
    if not shutil.which("openssl"):
        pytest.skip("openssl answers as the authority")
    path = tmp_path / "a.png"
    with authority(tmp_path) as address:
        Mark.of_model(DIGEST, MarkOptions(time_stamps=address)).picture(path, pictures[0])
    verdict = fenshen.verify(path)
    assert verdict.status == "valid", verdict.failures
    assert verdict.signed_at
    assert "time stamp authority" in verdict.text
    with pytest.raises(FenshenError, match="Cannot sign"):  # nobody answers any more
        Mark.of_model(DIGEST, MarkOptions(time_stamps=address)).picture(tmp_path / "b.png", pictures[0])
    assert not (tmp_path / "b.png").exists()


@contextmanager
def authority(folder: Path) -> Iterator[str]:
    """A time stamp authority on this machine (RFC 3161), whose certificate is made on the spot."""
    (folder / "serial").write_text("01")
    (folder / "ext.cnf").write_text(
        "basicConstraints=critical,CA:false\nextendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n"
    )
    (folder / "tsa.cnf").write_text(
        f"[tsa]\ndefault_tsa=t\n[t]\nserial={folder}/serial\nsigner_cert={folder}/tsa.pem\ncerts={folder}/ca.pem\n"
        f"signer_key={folder}/tsa.key\nsigner_digest=sha256\ndefault_policy=1.2.3.4\ndigests=sha256,sha384,sha512\n"
        "accuracy=secs:1\ness_cert_id_chain=no\ness_cert_id_alg=sha256\n"
    )
    new = ["req", "-newkey", "rsa:2048", "-nodes", "-subj"]
    for words in (
        [*new, "/O=Test/CN=Authority", "-x509", "-days", "9", "-keyout", "ca.key", "-out", "ca.pem"],
        [*new, "/O=Test/CN=Clock", "-keyout", "tsa.key", "-out", "tsa.csr"],
        ["x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "9",
         "-extfile", "ext.cnf", "-out", "tsa.pem"],
    ):  # fmt: skip
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = folder / "query.tsq"
            query.write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
            words = ["openssl", "ts", "-reply", "-config", folder / "tsa.cnf", "-queryfile", query]
            reply = subprocess.run(words, check=True, capture_output=True).stdout
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Answer)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
