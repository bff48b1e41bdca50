"""Images that came out wrong, each after a report of users, as another program reads them."""

import numpy as np
import pytest
from PIL import Image, ImageOps

from tcnet.errors import MediaError
from tcnet.video import open_source
from tcnet.video.still.image_file import decode_image


@pytest.mark.parametrize("name", ["exif/o2.jpg", "exif/o5.jpg", "grid.avif", "jpeg_in_tiff.tif", "rgb.tga"])
def test_images(cases, name):
    with Image.open(cases / name) as other:
        expected = np.asarray(ImageOps.exif_transpose(other).convert("RGB"))
    got = decode_image(cases / name).pixels
    assert got.shape == expected.shape
    assert np.abs(got.astype(int) - expected).max() <= 4


def test_an_animation(cases):
    with open_source(cases / "anim.png") as source, Image.open(cases / "anim.png") as other:
        frames = list(source)
        assert len(frames) == other.n_frames
        for index, frame in enumerate(frames):
            other.seek(index)
            assert (frame.pixels == np.asarray(other.convert("RGB"))).all()


def test_sizes_that_differ(cases):
    with pytest.raises(MediaError, match=r"f006\.png: is 66x48, but f000\.png is 64x48"):
        open_source(cases / "mixed_sizes")
