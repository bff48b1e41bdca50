"""TIFF of all kinds: read as other programs read it, or refused by name. Never black, never noise."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from tcnet.errors import MediaError
from tcnet.video.still.header import read_header
from tcnet.video.still.image_file import decode_image

X, Y = np.arange(72)[None, :, None], np.arange(56)[:, None, None]
SMOOTH = (X * 2 + Y + np.array([0, 40, 60])).astype(np.uint8)
GRAY = SMOOTH[:, :, 0]
ALPHA = (X[:, :, 0] * 3 + Y[:, :, 0] * 0).astype(np.uint8)
DEEP = SMOOTH.astype(np.uint16) * 257


def furthest(one, other):
    assert one.shape == other.shape
    return np.abs(one.astype(int) - other).max()


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("RGB", {}),
        ("RGB", {"quality": 95}),
        ("RGB", {"strip_size": 72 * 3 * 16}),
        ("L", {}),
        ("L", {"strip_size": 72 * 16}),
    ],
)
def test_jpeg_inside(tmp_path, mode, options):
    path = tmp_path / "a.tif"
    Image.fromarray(SMOOTH).convert(mode).save(path, compression="jpeg", **options)
    expected = np.asarray(Image.open(path).convert("RGB"))
    assert expected.max() > 200
    assert furthest(decode_image(path).pixels, expected) <= 2


def test_jpeg_inside_as_y_cb_cr(tmp_path):
    path = tmp_path / "a.tif"
    Image.fromarray(SMOOTH).convert("YCbCr").save(path, compression="jpeg", quality=95)
    assert furthest(decode_image(path).pixels, np.asarray(Image.open(path).convert("RGB"))) <= 4


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("pixels", "options"),
    [
        (SMOOTH, {}),
        (SMOOTH, {"compression": "zlib", "predictor": True}),
        (DEEP, {}),
        (DEEP, {"compression": "zlib", "predictor": True}),
        (np.dstack([SMOOTH, ALPHA]), {"extrasamples": ["unassalpha"]}),
    ],
)
def test_tiles(tmp_path, pixels, options, order):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, tile=(16, 32), photometric="rgb", byteorder=order, **options)
    image, header = decode_image(path), read_header(path)
    assert (image.pixels == pixels[:, :, :3]).all()
    assert header.alpha == (pixels.shape[2] == 4)
    if header.alpha:
        assert image.alpha is not None
        assert (image.alpha == ALPHA).all()


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("RGB", {"compression": "tiff_lzw"}),
        ("RGB", {"compression": "packbits"}),
        ("RGB", {"compression": "tiff_adobe_deflate"}),
        ("1", {"compression": "group4"}),
        ("P", {}),
        ("CMYK", {}),
        ("YCbCr", {}),
    ],
)
def test_other_kinds(tmp_path, mode, options):
    path = tmp_path / "a.tif"
    Image.fromarray(SMOOTH).convert(mode).save(path, **options)
    assert furthest(decode_image(path).pixels, np.asarray(Image.open(path).convert("RGB"))) <= 1


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("options", [{}, {"tile": (16, 32)}, {"tile": (16, 32), "compression": "zlib"}])
def test_palettes(tmp_path, options, order):
    path = tmp_path / "a.tif"
    colors = np.stack([np.arange(256) * 257, np.arange(256)[::-1] * 257, np.full(256, 5 * 257)]).astype(
        np.uint16
    )
    tifffile.imwrite(path, GRAY, photometric="palette", colormap=colors, byteorder=order, **options)
    assert (decode_image(path).pixels == (colors.T // 257)[GRAY]).all()


@pytest.mark.parametrize("options", [{}, {"tile": (16, 32)}])
def test_a_fourth_sample_that_is_no_alpha(tmp_path, options):
    path = tmp_path / "a.tif"
    samples = np.dstack([SMOOTH, ALPHA])
    tifffile.imwrite(path, samples, photometric="rgb", extrasamples=["unspecified"], **options)
    image, header = decode_image(path), read_header(path)
    assert (image.pixels == SMOOTH).all()
    assert (image.alpha, header.alpha) == (None, False)


def test_white_that_is_zero_and_planes_apart(tmp_path):
    tifffile.imwrite(tmp_path / "white.tif", GRAY, photometric="miniswhite")
    assert (decode_image(tmp_path / "white.tif").pixels[:, :, 1] == 255 - GRAY).all()
    planes = np.moveaxis(SMOOTH, 2, 0)
    tifffile.imwrite(tmp_path / "planes.tif", planes, planarconfig="separate", photometric="rgb")
    assert (decode_image(tmp_path / "planes.tif").pixels == SMOOTH).all()


def test_float_samples_are_read_and_what_they_lose_is_known(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", (SMOOTH / 255).astype(np.float32), photometric="rgb")
    image = decode_image(tmp_path / "a.tif")
    assert (furthest(image.pixels, DEEP) <= 64, image.clipped) == (True, False)
    tifffile.imwrite(tmp_path / "b.tif", (SMOOTH / 100).astype(np.float32), photometric="rgb")
    assert decode_image(tmp_path / "b.tif").clipped


def test_several_pages_are_counted_and_thumbnails_are_not(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.stack([SMOOTH, SMOOTH]), photometric="rgb")
    assert read_header(tmp_path / "a.tif").pictures == 2
    with tifffile.TiffWriter(tmp_path / "b.tif") as writer:
        writer.write(SMOOTH[::4, ::4], photometric="rgb", subfiletype=1)
        writer.write(SMOOTH, photometric="rgb")
    assert read_header(tmp_path / "b.tif").pictures == 1


REFUSED = {
    "BigTIFF": (SMOOTH, {"bigtiff": True}),
    "16-bit signed": (SMOOTH.astype(np.int16), {}),
    "32-bit samples": (SMOOTH.astype(np.uint32), {}),
    "32-bit floating-point samples, 1": (GRAY.astype(np.float32), {"photometric": "minisblack"}),
    "64-bit floating-point": (SMOOTH.astype(np.float64), {}),
    "5 samples a pixel": (np.dstack([SMOOTH, SMOOTH[:, :, :2]]), {"extrasamples": ["unspecified"] * 2}),
    "separate planes": (
        np.moveaxis(SMOOTH, 2, 0),
        {"planarconfig": "separate", "tile": (16, 16)},
    ),
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_is_not_supported_is_said_so(tmp_path, words):
    pixels, options = REFUSED[words]
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, **{"photometric": "rgb"} | options)
    with pytest.raises(MediaError, match=f"{words}.* is not supported") as caught:
        decode_image(path)
    assert "damaged" not in str(caught.value)


@pytest.mark.parametrize(("bits", "color"), [(10, 1), (14, 1), (12, 0), (12, 2)])
def test_depths_that_are_not_supported_are_said_so(tmp_path, bits, color):
    """FFmpeg reads 12 bits of grey where black is zero, and no other such depth."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GRAY, photometric="minisblack")
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages[0].tags["BitsPerSample"].overwrite(bits)
        file.pages[0].tags["PhotometricInterpretation"].overwrite(color)
    with pytest.raises(MediaError, match=f"{bits}-bit samples, colour kind {color}, is not supported"):
        decode_image(path)


def test_damage_inside_is_no_picture(tmp_path):
    path = tmp_path / "a.tif"
    Image.fromarray(SMOOTH).save(path, compression="jpeg", strip_size=72 * 3 * 16)
    data = path.read_bytes()
    # Pillow writes the strips first, then the directory.
    path.write_bytes(data[:60] + bytes(80) + data[140:])
    with pytest.raises(MediaError, match="cannot be read as an image"):
        decode_image(path)
