"""Reading what cameras, phones and strangers send; writing so that nothing half-done is ever seen."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageCms
from preparing import png_header

from fenshen import portraits
from fenshen.errors import FenshenError, UsageError
from fenshen.portraits import PictureError

pictures = arrays(np.uint8, st.tuples(st.integers(1, 24), st.integers(1, 24), st.just(3)))


def gradient(height: int = 48, width: int = 64) -> np.ndarray:
    """Smooth colours with a bright corner, so that every turn and flip looks different."""
    y, x = np.mgrid[:height, :width]
    picture = np.stack([x * 255 // width, y * 255 // height, (x + y) * 255 // (height + width)], axis=2)
    picture[: height // 4, : width // 4] = 255
    return picture.astype(np.uint8)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
@settings(deadline=None)
@given(picture=pictures)
def test_a_lossless_picture_comes_back_exactly(kind, picture):
    assert np.array_equal(portraits.read(encoded(Image.fromarray(picture), kind)), picture)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "GIF", "AVIF"])
def test_a_lossy_picture_comes_back_nearly(kind):
    picture = gradient()
    read = portraits.read(encoded(Image.fromarray(picture), kind, quality=98))
    assert np.abs(read.astype(int) - picture).mean() < 6


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_every_exif_turn_ends_upright(kind, orientation):
    upright = gradient()
    # What a camera stores so that this turn makes it upright: the inverse of each turn.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(np.ascontiguousarray(stored))
    read = portraits.read(encoded(image, kind, exif=exif, **({"quality": 98} if kind == "JPEG" else {})))
    assert read.shape == upright.shape
    assert np.abs(read.astype(int) - upright).mean() < 3


def test_sixteen_bit_grey_is_scaled_not_clipped():
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    read = portraits.read(encoded(Image.fromarray(ramp), "PNG"))
    assert np.abs(read[..., 0].astype(float) - ramp / 257).max() <= 1


def test_cmyk_jpeg_becomes_rgb():
    picture = gradient()
    read = portraits.read(encoded(Image.fromarray(picture).convert("CMYK"), "JPEG", quality=98))
    assert np.abs(read.astype(int) - picture).mean() < 6


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_shows_the_ground(mode):
    if mode == "P":
        image = Image.new("P", (8, 8), 0)
        image.putpalette([255, 0, 0, 0, 255, 0])
        image.putpixel((7, 7), 1)
        data = encoded(image, "PNG", transparency=0)
    else:
        data = encoded(Image.new(mode, (8, 8), (255, 0) if mode == "LA" else (255, 0, 0, 0)), "PNG")
    assert portraits.read(data, ground=(10, 200, 30))[0, 0].tolist() == [10, 200, 30]


def test_half_transparency_mixes():
    data = encoded(Image.new("RGBA", (4, 4), (255, 255, 255, 128)), "PNG")
    assert abs(int(portraits.read(data, ground=(0, 0, 0))[0, 0, 0]) - 128) <= 1


def test_an_embedded_profile_is_turned_to_srgb():
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = srgb.replace(b"rXYZ", b"?XYZ").replace(b"gXYZ", b"rXYZ").replace(b"?XYZ", b"gXYZ")
    picture = gradient()

    def through(profile: bytes) -> np.ndarray:
        return portraits.read(encoded(Image.fromarray(picture), "PNG", icc_profile=profile))

    assert np.array_equal(through(srgb), picture)
    assert np.abs(through(swapped).astype(int) - picture[..., [1, 0, 2]]).max() <= 2
    assert np.array_equal(through(b"not a profile at all" * 10), picture)


def test_the_first_frame_of_a_moving_gif():
    still, moved = (Image.new("RGB", (8, 8), colour) for colour in ("red", "blue"))
    data = encoded(still, "GIF", save_all=True, append_images=[moved])
    assert portraits.read(data)[0, 0].tolist() == [255, 0, 0]


def test_hostile_bytes_are_refused_with_a_reason():
    jpeg = encoded(Image.fromarray(gradient(512, 512)), "JPEG")
    cases = {
        png_header(60_000, 60_000): "portraits.too_large",
        png_header(64, 64): "portraits.damaged",
        jpeg[: len(jpeg) // 2]: "portraits.damaged",
        jpeg[:20]: "portraits.not_a_picture",
        b"": "portraits.not_a_picture",
        b"my holiday in words": "portraits.not_a_picture",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n": "portraits.not_a_picture",
    }
    for data, key in cases.items():
        with pytest.raises(PictureError) as caught:
            portraits.read(data, name="them.jpg")
        assert caught.value.key == key
        assert "them.jpg" in str(caught.value)
        if key != "portraits.damaged":
            with pytest.raises(PictureError) as caught:
                portraits.dimensions(data)
            assert caught.value.key == key


@settings(deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["JPEG", "PNG", "GIF", "TIFF", "WEBP", "BMP"]), st.data())
def test_no_damage_raises_anything_else(noise, kind, data):
    whole = bytearray(encoded(Image.fromarray(gradient(24, 24)), kind))
    at = data.draw(st.integers(0, len(whole)))
    whole[at : at + len(noise)] = noise
    try:
        picture = portraits.read(bytes(whole))
    except PictureError:
        return
    assert picture.dtype == np.uint8
    assert picture.ndim == 3


def test_a_large_jpeg_may_be_read_small():
    data = encoded(Image.fromarray(gradient(1024, 1536)), "JPEG", quality=95)
    small = portraits.read(data, at_least=300)
    assert small.shape == (512, 768, 3)
    whole = np.asarray(Image.fromarray(portraits.read(data)).resize((768, 512), Image.Resampling.BOX))
    assert np.abs(small.astype(int) - whole).mean() < 2


@settings(deadline=None)
@given(pictures, st.sampled_from(["crop", "pad", "stretch"]), st.integers(1, 40))
def test_every_fit_gives_the_asked_square(picture, fit, size):
    assert portraits.resize(picture, size, fit).shape == (size, size, 3)


def test_fits_do_what_they_say():
    wide = np.zeros((10, 30, 3), dtype=np.uint8)
    wide[:, 10:20] = 255
    assert portraits.resize(wide, 10, "crop").min() == 255
    padded = portraits.resize(wide, 30, "pad", ground=(9, 9, 9))
    assert padded[0, 0].tolist() == [9, 9, 9]
    assert padded[15, 15].tolist() == [255, 255, 255]
    assert portraits.resize(wide, 30, "stretch")[15].mean() == pytest.approx(85, abs=3)


def test_resizing_does_not_alias():
    stripes = np.zeros((256, 256, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    small = portraits.resize(stripes, 32)
    assert small.std() < 8


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_what_is_written_says_where_it_came_from(tmp_path, suffix):
    path = tmp_path / f"portrait{suffix}"
    said = {"seed": "7", "licence": "CC0-1.0, 画"}
    portraits.write(path, gradient(), said)
    assert portraits.read_text(path) == said
    assert np.abs(portraits.read(path).astype(int) - gradient()).mean() < 6
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_name_without_a_format_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError):
        portraits.write(tmp_path / "portrait.txt", gradient())


def test_a_folder_that_cannot_be_is_a_plain_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FenshenError, match=r"Cannot write .*file"):
        portraits.write(tmp_path / "file" / "portrait.png", gradient())


@settings(deadline=None)
@given(st.integers(1, 9), st.integers(1, 4), st.integers(0, 3))
def test_a_sheet_holds_every_picture_in_its_place(count, columns, gap):
    some = np.arange(count, dtype=np.uint8)[:, None, None, None] * np.ones((1, 5, 4, 3), dtype=np.uint8)
    sheet = portraits.sheet(some, columns, gap)
    columns = min(columns, count)
    assert sheet.shape[1] == columns * (4 + gap) - gap
    for i in range(count):
        assert (sheet[i // columns * (5 + gap), i % columns * (4 + gap)] == i).all()
