"""AVIF and HEIC: whole pictures out of tiles, upright, with their alpha."""

import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from tcnet.errors import MediaError
from tcnet.video import open_source
from tcnet.video.still.header import read_header
from tcnet.video.still.image_file import decode_image

sys.path.insert(0, str(Path(__file__).parent))
from heif_builder import write_heif


def smooth(width=128, height=128):
    x, y = np.arange(width)[None, :, None], np.arange(height)[:, None, None]
    return (x * 160 // width + y * 60 // height + np.array([0, 15, 30])).astype(np.uint8)


def tiles(picture, side=64):
    rows, columns = picture.shape[0] // side, picture.shape[1] // side
    return [
        picture[r * side : (r + 1) * side, c * side : (c + 1) * side]
        for r in range(rows)
        for c in range(columns)
    ], columns


def furthest(one, other):
    return np.abs(one.astype(int) - other).max()


@pytest.mark.parametrize(
    ("brand", "pixel_format"), [("heic", "yuv444p"), ("heic", "yuv420p"), ("avif", "yuv420p")]
)
def test_a_grid_is_the_whole_picture_without_seams(tmp_path, brand, pixel_format):
    whole = smooth(192, 128)
    parts, columns = tiles(whole)
    path = write_heif(
        tmp_path / f"a.{brand}",
        parts,
        columns=columns,
        size=(180, 100),
        brand=brand,
        pixel_format=pixel_format,
    )
    image = decode_image(path)
    assert image.pixels.shape == (100, 180, 3)
    assert furthest(image.pixels, whole[:100, :180]) <= 3
    header = read_header(path)
    assert (header.width, header.height, header.depth, header.alpha) == (180, 100, 8, False)
    with open_source(path) as source:
        assert (source.info.width, source.info.height, len(list(source))) == (180, 100, 1)


def test_ten_bits_and_alpha_of_tiles(tmp_path):
    whole = smooth().astype(np.uint16) * 257
    parts, columns = tiles(whole)
    opacity = np.repeat(np.linspace(0, 65535, 128).astype(np.uint16)[None, :, None], 128, 0).repeat(3, 2)
    alpha, _ = tiles(opacity)
    path = write_heif(tmp_path / "a.heic", parts, columns=columns, pixel_format="yuv444p10le", alpha=alpha)
    image, header = decode_image(path), read_header(path)
    assert (image.pixels.dtype, header.depth, header.alpha) == (np.uint16, 10, True)
    assert furthest(image.pixels, whole) <= 400
    assert image.alpha is not None
    assert furthest(image.alpha, opacity[:, :, 0]) <= 400


@pytest.mark.parametrize("brand", ["heic", "avif"])
def test_the_longest_form_of_everything(tmp_path, brand):
    """32-bit numbers, grids in the box meta, a thumbnail before the picture, the general brand."""
    parts, columns = tiles(smooth(192, 128))
    path = write_heif(
        tmp_path / "a.heif", parts, columns=columns, size=(190, 126), brand=brand, pixel_format="yuv420p",
        alpha=[np.full_like(part, 200) for part in parts], turns=[(b"irot", b"\x03")], wide=True,
    )  # fmt: skip
    image, header = decode_image(path), read_header(path)
    assert furthest(image.pixels, np.rot90(smooth(192, 128)[:126, :190], 3)) <= 4
    assert (header.width, header.height, header.alpha) == (126, 190, True)
    assert image.alpha is not None
    assert furthest(image.alpha, np.full((190, 126), 200)) <= 2


TURNS = {
    "quarter": ([(b"irot", b"\x01")], lambda a: np.rot90(a)),
    "mirrored left to right": ([(b"imir", b"\x01")], lambda a: a[:, ::-1]),
    "mirrored top to bottom": ([(b"imir", b"\x00")], lambda a: a[::-1]),
    "turned, then mirrored": ([(b"irot", b"\x03"), (b"imir", b"\x01")], lambda a: np.rot90(a, 3)[:, ::-1]),
    "cut out": (
        [(b"clap", struct.pack(">IIIIiIiI", 100, 1, 60, 1, 4, 1, -2, 1))],
        lambda a: a[32:92, 18:118],
    ),
}


@pytest.mark.parametrize("name", TURNS)
def test_it_is_turned_mirrored_and_cut_as_the_file_says(tmp_path, name):
    turns, expected = TURNS[name]
    whole = smooth(128, 128)
    path = write_heif(tmp_path / "a.heic", [whole], turns=turns)
    image, header = decode_image(path), read_header(path)
    assert furthest(image.pixels, expected(whole)) <= 3
    assert (header.height, header.width) == image.pixels.shape[:2]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_orientations_as_another_program_writes_them(tmp_path, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    path = tmp_path / "a.avif"
    Image.fromarray(smooth(64, 48)).save(path, exif=exif, quality=95, subsampling="4:4:4")
    expected = np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))
    assert furthest(decode_image(path).pixels, expected) <= 1


def test_what_cannot_be_read_is_said_in_one_line(tmp_path):
    parts, columns = tiles(smooth())
    whole = write_heif(tmp_path / "a.heic", parts, columns=columns).read_bytes()
    for name, data, words in (
        ("kind.heic", whole.replace(b"grid", b"iovl"), "kind 'iovl' is not supported"),
        ("tile.heic", whole.replace(b"hvc1", b"jpeg"), "kind 'jpeg' is not supported"),
        ("none.heic", whole.replace(b"dimg", b"xxxx"), "cannot be read as an image"),
        ("cut.heic", whole[:-200], "cannot be read as an image"),
        ("head.heic", whole[:60], "cannot be read as an image"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(MediaError, match=words) as caught:
            decode_image(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_pictures_in_time_are_a_video(tmp_path):
    path = tmp_path / "a.avif"
    Image.fromarray(smooth(64, 48)).save(
        path, save_all=True, append_images=[Image.fromarray(255 - smooth(64, 48))]
    )
    with open_source(path) as source:
        assert len(list(source)) == 2
