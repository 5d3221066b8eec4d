"""Where pictures come from: what is signed is verified, what is stripped is recognised, and consent is kept."""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import fenshen
from fenshen import messages, portraits, video
from fenshen.errors import FenshenError, UsageError
from fenshen.provenance import (
    Consent,
    Mark,
    certificates,
    consent,
    credentials,
    label,
    verify,
    watermark,
)
from fenshen.provenance.options import MarkOptions

DIGEST = "ab12cd34" * 8
TODAY = date(2026, 5, 17)


@pytest.fixture(autouse=True)
def config(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.getbasetemp() / "config"
    monkeypatch.setenv("FENSHEN_CONFIG", str(folder))
    return folder


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    """Portraits of 128 px by the base model."""
    from fenshen import drawing
    from fenshen.model import Model

    model = Model.load("humans")
    return drawing.draw(model, [drawing.request_of_seed(model, seed) for seed in range(8)])


@pytest.fixture(scope="module")
def walk(faces: np.ndarray) -> np.ndarray:
    """A second of one person who turns into another."""
    way = np.linspace(0, 1, 25)[:, None, None, None]
    return np.rint(faces[4] * (1 - way) + faces[5] * way).astype(np.uint8)


def mark(**more: object) -> Mark:
    return Mark.of_double("me", DIGEST, consent.self_consent("Ming"), MarkOptions(**more))  # type: ignore[arg-type]


def enlarged(picture: np.ndarray, scale: float) -> np.ndarray:
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))


def jpeg(picture: np.ndarray, quality: int = 50) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def noise(picture: np.ndarray, marked: np.ndarray) -> float:
    """In decibels below white."""
    return float(20 * np.log10(255 / np.sqrt(np.mean((marked.astype(float) - picture) ** 2))))


def agreed(**changes: object) -> Consent:
    record = {
        "face": "Ming",
        "given_by": "Ming",
        "given_to": "Studio",
        "purposes": ["a film"],
        "given_on": TODAY,
    }
    typed = consent.TypedName(name="Ming")
    return Consent.model_validate({**record, "signature": typed, **changes})


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".gif", ".mp4", ".mov", ".webm", ".mkv"])
def test_what_is_sealed_is_valid_and_tells_its_story(
    tmp_path: Path, faces: np.ndarray, walk: np.ndarray, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, ours = tmp_path / f"made{suffix}", mark()
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("the network was asked"))
    if suffix in video.WRITABLE and suffix != ".webp":
        ours.film(path, walk, 25)
    else:
        ours.picture(path, faces[0])
    assert set(tmp_path.iterdir()) == {path, credentials.holder(path)}
    verdict = verify.verify(path)
    assert (verdict.status, verdict.made_by, verdict.generated) == ("valid", "Fenshen", True)
    assert (verdict.double, verdict.model, verdict.own_face) == ("me", DIGEST, True)
    assert (verdict.signer_is, verdict.watermark, verdict.failures) == ("yours", DIGEST[:8], [])
    assert json.loads(verdict.model_dump_json())["consent"] == ours.about.consent
    assert "Ming" not in verdict.text + str(path.read_bytes())


def test_a_change_of_one_pixel_of_the_file_is_seen(
    tmp_path: Path, faces: np.ndarray, walk: np.ndarray
) -> None:
    ours = mark()
    for path in (tmp_path / "a.jpg", tmp_path / "a.mp4", tmp_path / "a.gif"):
        if path.suffix == ".jpg":
            ours.picture(path, faces[0])
        else:
            ours.film(path, walk, 25)
        changed = bytearray(path.read_bytes())
        changed[-400] ^= 1
        path.write_bytes(changed)
        verdict = verify.verify(path)
        assert verdict.status == "changed", path
        assert verdict.failures
        assert "changed since" in verdict.text


def test_tampered_credentials_are_not_believed(tmp_path: Path, faces: np.ndarray) -> None:
    path, ours = tmp_path / "a.jpg", mark()
    ours.picture(path, faces[0])
    signed = path.read_bytes()
    assert signed.count(b"any use of my own") == 1
    path.write_bytes(signed.replace(b"any use of my own", b"any use of anyone"))
    verdict = verify.verify(path)
    assert verdict.status == "changed"
    assert "do not rely" in verdict.text


@pytest.mark.skipif(os.name == "nt", reason="names have other limits there")
def test_a_name_too_long_for_credentials_beside_the_film(
    tmp_path: Path, walk: np.ndarray, someone: Path
) -> None:
    film = tmp_path / f"{'分' * 83}.webm"  # 254 bytes
    with pytest.raises(UsageError, match="too long"):  # before the film is drawn
        fenshen.animate(someone, out=film, idle=0.2)
    with pytest.raises(UsageError, match="too long"):
        fenshen.generate("humans", out=film, seeds=[1, 2])
    video.write(film, map(mark().frame, walk), 25)
    assert verify.verify(film).status == "stripped"


def test_credentials_of_one_file_do_not_serve_another(
    tmp_path: Path, faces: np.ndarray, walk: np.ndarray
) -> None:
    ours = mark()
    for name, count in (("a.webm", 25), ("b.webm", 12)):
        ours.film(tmp_path / name, walk[:count], 25)
    shutil.copy(tmp_path / "a.webm.c2pa", tmp_path / "b.webm.c2pa")
    assert verify.verify(tmp_path / "a.webm").status == "valid"
    assert verify.verify(tmp_path / "b.webm").status == "changed"


def test_stripped_pictures_are_recognised(tmp_path: Path, faces: np.ndarray) -> None:
    ours = mark()
    for index, face in enumerate(faces):
        path = tmp_path / "a.png"
        ours.picture(path, face)
        Image.open(path).convert("RGB").save(tmp_path / f"{index}.jpg", quality=50)
        verdict = verify.verify(tmp_path / f"{index}.jpg")
        assert (verdict.status, verdict.watermark) == ("stripped", DIGEST[:8]), index
        assert "AI" in verdict.text


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_a_recompressed_video_is_recognised(tmp_path: Path, walk: np.ndarray, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    video.write(path, map(mark().frame, walk), 25, crf=23)
    verdict = verify.verify(path)
    assert (verdict.status, verdict.watermark) == ("stripped", DIGEST[:8])


@pytest.mark.parametrize("size", [128, 256, 512])
def test_the_mark_outlives_what_pictures_go_through(faces: np.ndarray, size: int) -> None:
    for index, face in enumerate(faces[:6]):
        picture = enlarged(face, size / 128)
        digest = f"{index * 0x01234567 + 0x89ABCDEF & 0xFFFFFFFF:08x}{DIGEST}"
        marked = watermark.Watermark(digest).on(picture)
        trim = size // 25
        for name, worn in {
            "jpeg": jpeg(marked),
            "smaller": jpeg(enlarged(marked, 0.75), 80),
            "larger": jpeg(enlarged(marked, 1.5)),
            "mirrored": marked[:, ::-1],
            "trimmed": jpeg(marked[trim:, trim // 2 : -trim], 80),
        }.items():
            found = watermark.detect(np.ascontiguousarray(worn))
            assert found is not None, (index, name)
            assert found.identity == digest[:8], (index, name)


def test_the_mark_is_hard_to_see(faces: np.ndarray) -> None:
    for size in (128, 256, 512):
        for face in faces[:6]:
            picture = enlarged(face, size / 128)
            assert noise(picture, watermark.Watermark(DIGEST).on(picture)) > 39


def test_pictures_without_a_mark_have_none(faces: np.ndarray) -> None:
    random = np.random.default_rng(0)
    others = [
        np.full((200, 300, 3), 255, dtype=np.uint8),
        np.zeros((64, 64, 3), dtype=np.uint8),
        random.integers(0, 256, (256, 256, 3), dtype=np.uint8),
        np.kron(np.indices((16, 16)).sum(0) % 2 * 255, np.ones((16, 16)))[..., None]
        .repeat(3, 2)
        .astype(np.uint8),
    ]
    for picture in [*faces[:4], *others]:
        assert watermark.detect(picture) is None
    assert watermark.detect(list(faces)) is None


def test_noise_is_taken_for_a_mark_less_than_once_in_a_million() -> None:
    """Readings of noise, counted before the checksum, which lets one in 2^18 pass."""
    random, band = np.random.default_rng(0), watermark._pattern().where
    rounds = [random.standard_normal((2000, len(band)), dtype=np.float32) for _ in range(10)]
    agreement = np.concatenate([watermark._decode(noise)[2] for noise in rounds])
    plain = 2 * np.mean(agreement > watermark._SURE)
    # The tail of the mean of ten maxima is steeper than a Gaussian's of 1.1 times their deviation.
    height = (watermark._SURE_OF_CROP - agreement.mean()) / (1.1 * agreement.std())
    readings = 2 * (len(watermark._CROPS) ** 4 + watermark._MOST_COLUMNS)
    trimmed = readings * np.exp(-(height**2) / 2) / (height * np.sqrt(2 * np.pi))
    assert (plain + trimmed) / 2**18 < 1e-6


def test_transparent_pictures_keep_their_transparency(tmp_path: Path, faces: np.ndarray) -> None:
    alpha = np.zeros((256, 256), dtype=np.uint8)
    alpha[40:, 40:216] = 255
    picture = np.dstack([enlarged(faces[0], 2), alpha])
    made = watermark.Watermark(DIGEST).on(picture)
    assert np.array_equal(made[..., 3], alpha)
    path = tmp_path / "a.png"
    ours = mark()
    ours.picture(path, picture)
    verdict = verify.verify(path)
    assert (verdict.status, verdict.watermark) == ("valid", DIGEST[:8])
    assert Image.open(path).mode == "RGBA"


@pytest.mark.parametrize("language", messages.LANGUAGES)
@pytest.mark.parametrize("size", [(64, 64), (128, 128), (96, 160), (720, 1280), (1024, 1024)])
def test_the_label_is_there_and_can_be_read(size: tuple[int, int], language: messages.Language) -> None:
    for ground in (0, 128, 255):
        picture = np.full((*size, 3), ground, dtype=np.uint8)
        labelled = label.put(picture, language)
        rows, columns = label.box(*size, language)
        outside = labelled.copy()
        outside[rows, columns] = ground
        assert np.array_equal(outside, picture)
        plate = labelled[rows, columns, 0].astype(int)
        assert plate.max() > 200
        assert plate.max() - np.median(plate) > 100  # white words on something darker
        assert 0.05 * min(size) <= rows.stop - rows.start <= 0.3 * size[0]
        assert columns.start >= 0
        assert rows.stop < size[0]
        assert columns.stop < size[1]


def test_the_label_can_be_left_out(faces: np.ndarray) -> None:
    rows, columns = label.box(128, 128)
    plain = mark(label=False).frame(faces[0])
    assert noise(faces[0][rows, columns], plain[rows, columns]) > 30
    assert noise(faces[0][rows, columns], mark().frame(faces[0])[rows, columns]) < 15


def test_too_small_pictures_stay_as_they_are() -> None:
    picture = np.full((48, 200, 3), 90, dtype=np.uint8)
    assert np.array_equal(mark().frame(picture), picture)
    assert watermark.detect(picture) is None


def test_one_s_own_certificate_signs(tmp_path: Path, faces: np.ndarray) -> None:
    signer = certificates.own()
    files = [tmp_path / "chain.pem", tmp_path / "key.pem"]
    for file, text in zip(files, (signer.certificates, signer.key), strict=True):
        file.write_bytes(text)
    shutil.rmtree(certificates.folder())
    path, ours = tmp_path / "a.png", mark(certificate=files[0], key=files[1])
    ours.picture(path, faces[0])
    assert not certificates.folder().exists()
    verdict = verify.verify(path)
    assert (verdict.status, verdict.signer_is) == ("valid", "self-made")
    assert "not who signed" in verdict.text
    certificates.own()
    with pytest.raises(UsageError, match="does not belong"):
        certificates.load(files[0], certificates.folder() / "credentials" / "key.pem")
    with pytest.raises(UsageError, match="PEM"):
        certificates.load(files[1], files[0])
    with pytest.raises(UsageError, match="Cannot read"):
        certificates.load(tmp_path / "none.pem", files[1])


def test_the_key_is_for_its_owner_alone() -> None:
    shutil.rmtree(certificates.folder(), ignore_errors=True)
    first = certificates.own()
    assert certificates.own() == first
    place = certificates.folder() / "credentials"
    assert (place / "key.pem").stat().st_mode & 0o777 == 0o600
    assert place.stat().st_mode & 0o777 == 0o700


def test_what_cannot_be_signed_says_so(tmp_path: Path) -> None:
    about = mark().about
    with pytest.raises(UsageError, match="cannot carry credentials"):
        credentials.sign(tmp_path / "a.txt", about)
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(FenshenError, match="Cannot sign"):
        credentials.sign(tmp_path / "a.png", about)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == b"no picture"


def test_consent_holds_between_its_days() -> None:
    record = agreed(until=TODAY + timedelta(days=10))
    consent.check(record, TODAY)
    consent.check(record, TODAY + timedelta(days=10))
    for day, words in ((TODAY - timedelta(days=1), "starts on"), (TODAY + timedelta(days=11), "ended on")):
        with pytest.raises(FenshenError, match=words):
            consent.check(record, day)
    with pytest.raises(FenshenError, match="withdrawn on 2026-05-20"):
        consent.check(agreed(withdrawn_on=date(2026, 5, 20)), TODAY)
    with pytest.raises(FenshenError, match="not signed"):
        consent.check(agreed(signature=None), TODAY)
    with pytest.raises(FenshenError, match="withdrawn"):
        Mark.of_double("me", DIGEST, agreed(withdrawn_on=TODAY))


def test_one_s_own_word_is_for_one_s_own_face_only() -> None:
    consent.check(consent.self_consent("Ming"))
    with pytest.raises(FenshenError, match="needs a signed consent"):
        consent.check(agreed(signature=consent.OwnWord()), TODAY)


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_the_template_wants_to_be_filled_in(tmp_path: Path, language: messages.Language) -> None:
    messages.use(language)
    try:
        text = consent.template()
    finally:
        messages.use(None)
    path = tmp_path / "consent.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FenshenError, match="face, given_by, given_to, purposes, given_on, signature"):
        consent.read(path)
    path.write_text(
        text.replace('"given_on": "____"', f'"given_on": "{TODAY}"').replace("____", "Ming"), "utf-8"
    )
    record = consent.read(path)
    consent.check(record, TODAY)
    assert "proves nothing" in record.signed
    blank = record.model_copy(update={"given_to": "____"})
    with pytest.raises(FenshenError, match="given_to"):
        consent.check(blank, TODAY)


def test_a_signed_consent_cannot_be_changed_but_withdrawn(tmp_path: Path) -> None:
    key, path = tmp_path / "key.pem", tmp_path / "consent.json"
    signed = consent.sign_consent(agreed(), key)
    assert key.stat().st_mode & 0o777 == 0o600
    assert consent.sign_consent(agreed(id=signed.id), key) == signed
    consent.write(path, signed)
    assert consent.read(path) == signed
    consent.check(signed, TODAY)
    for name, value in (
        ("purposes", ["anything"]),
        ("face", "Li"),
        ("until", date(2099, 1, 1)),
        ("id", "0" * 32),
    ):
        with pytest.raises(FenshenError, match="changed after signing"):
            consent.check(signed.model_copy(update={name: value}), TODAY)
    with pytest.raises(FenshenError, match="withdrawn"):
        consent.check(signed.model_copy(update={"withdrawn_on": TODAY}), TODAY)
    path.write_text("no key", "utf-8")
    with pytest.raises(FenshenError, match="not an Ed25519 private key"):
        consent.sign_consent(agreed(), path)


@given(
    st.binary(max_size=200) | st.recursive(st.none() | st.text(), st.lists).map(json.dumps).map(str.encode)
)
@settings(max_examples=30)
def test_a_file_that_is_no_consent_is_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "broken.json"
    path.write_bytes(content)
    with pytest.raises(FenshenError, match="not a consent record"):
        consent.read(path)


def test_consents_of_other_makes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    record = agreed().model_dump(mode="json")
    for changes, words in (
        ({"schema_version": 2}, "newer Fenshen"),
        ({"more": 1}, "more"),
        ({"purposes": []}, "purposes"),
    ):
        path.write_text(json.dumps({**record, **changes}), "utf-8")
        with pytest.raises(FenshenError, match=words):
            consent.read(path)
    with pytest.raises(FenshenError, match="no consent file"):
        consent.read(tmp_path / "none.json")
    schema = Consent.model_json_schema()
    assert schema["additionalProperties"] is False
    assert {"face", "purposes", "given_on"} <= set(schema["required"])


def broken(whole: bytes) -> Iterator[bytes]:
    """A file cut short, and with bytes changed, several times."""
    random = np.random.default_rng(1)
    for _ in range(4):
        yield whole[: random.integers(len(whole))]
        changed = bytearray(whole)
        for place in random.integers(len(whole), size=40):
            changed[place] = random.integers(256)
        yield bytes(changed)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".mp4"])
def test_hostile_files_are_answered_in_a_sentence(
    tmp_path: Path, faces: np.ndarray, walk: np.ndarray, suffix: str
) -> None:
    path, ours = tmp_path / f"a{suffix}", mark()
    if suffix == ".mp4":
        video.write(path, map(ours.frame, walk[:5]), 25)
    else:
        ours.picture(path, faces[0])
    for content in [b"", b"hello", *broken(path.read_bytes())]:
        path.write_bytes(content)
        with suppress(FenshenError):
            assert verify.verify(path).status in ("changed", "nothing", "stripped", "labelled")


def test_what_is_no_media_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("hello", "utf-8")
    with pytest.raises(FenshenError, match="no picture, video or sound"):
        verify.verify(tmp_path / "a.csv")
    with pytest.raises(FenshenError, match="is a folder"):
        verify.verify(tmp_path)
    with pytest.raises(FenshenError, match="There is no picture"):
        verify.verify(tmp_path / "nothing.png")


def test_names_from_strangers_do_not_steer_the_terminal(tmp_path: Path, faces: np.ndarray) -> None:
    path = tmp_path / "a.png"
    portraits.write(path, faces[0])
    about = {
        "double": "x",
        "model": DIGEST,
        "consent": DIGEST,
        "purposes": ["\x1b[2J\u202eevil"],
        "own_face": False,
    }
    credentials.sign(path, credentials.About.model_validate(about))
    verdict = verify.verify(path)
    assert (verdict.status, verdict.watermark) == ("valid", None)
    assert verdict.text.replace("\n", "").isprintable()
