import struct
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tcnet.video import open_source
from tcnet.video.read.crop import Crop, matroska_crop

SIDES = {0x54CC: 4, 0x54BB: 2, 0x54DD: 6, 0x54AA: 8}  # left, top, right, bottom


def element_at(data, start, end, kind):
    """(place of the size, its length, content, end) of the first element of a kind."""
    while start < end:
        size_at = start + 9 - data[start].bit_length()
        length = 9 - data[size_at].bit_length()
        size = int.from_bytes(data[size_at : size_at + length], "big") - (1 << 7 * length)
        content = size_at + length
        if int.from_bytes(data[start:size_at], "big") == kind:
            return size_at, length, content, content + size
        start = content + size
    raise AssertionError(f"no element {kind:x}")


def add_crop(path, sides):
    """Inserts the four elements into the first video track and makes everything around it longer."""
    data = path.read_bytes()
    added = b"".join(struct.pack(">HBB", kind, 0x81, value) for kind, value in sides.items())
    start, end, sizes = 0, len(data), []
    for kind in (0x18538067, 0x1654AE6B, 0xAE, 0xE0):
        at, length, start, end = element_at(data, start, end, kind)
        sizes.append((at, length))
    data = bytearray(data[:end] + added + data[end:])
    for at, length in sizes:
        size = int.from_bytes(data[at : at + length], "big") + len(added)
        data[at : at + length] = size.to_bytes(length, "big")
    path.write_bytes(bytes(data))


@pytest.fixture
def source(clips, tmp_path):
    clip = clips.clip(codec="ffv1", pixel_format="bgr0", container_options=(("write_crc32", "0"),))
    return clips.write(tmp_path / "a.mkv", clip)


def test_matroska_pictures_are_cropped_as_the_file_says(clips, source, tmp_path):
    whole = clips.read(source)
    add_crop(source, SIDES)
    with open_source(source) as reader:
        frames = list(reader)
        assert (reader.info.width, reader.info.height) == (22, 14)
        assert reader.info.sample_aspect_ratio == 1
        assert reader.notices == ()
    for old, new in zip(whole, frames, strict=True):
        np.testing.assert_array_equal(new.pixels, old.pixels[2:-8, 4:-6])
        assert new.seconds == old.seconds
    clips.convert(source, tmp_path / "b.mkv", codec="ffv1", pixel_format="bgr0")
    with open_source(tmp_path / "b.mkv") as reader:
        assert (reader.info.width, reader.info.height) == (22, 14)
        assert reader.info.sample_aspect_ratio == Fraction(1)


def test_a_crop_that_leaves_nothing_is_not_obeyed(source):
    add_crop(source, SIDES)
    assert matroska_crop(source.read_bytes(), 32, 24) == Crop(4, 2, 6, 8)
    assert matroska_crop(source.read_bytes(), 10, 24) == Crop()
    assert matroska_crop(source.read_bytes(), 32, 10) == Crop()


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_to_their_end(data):
    assert isinstance(matroska_crop(data, 100, 100), Crop)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_damage_is_survived(data):
    """A head with every element on the way, some of its bytes changed."""
    video = bytes.fromhex("e0 8c b0 81 20 ba 81 18 54bb 81 02 54cc")
    head = bytes.fromhex("1a45dfa3 80 18538067 9c 1654ae6b 97 ae 95") + video + bytes(12)
    changed = bytearray(head)
    for place in data.draw(st.lists(st.integers(0, len(head) - 1), max_size=6)):
        changed[place] = data.draw(st.integers(0, 255))
    crop = matroska_crop(bytes(changed), 100, 100)
    assert crop.left + crop.right < 100
    assert crop.top + crop.bottom < 100
