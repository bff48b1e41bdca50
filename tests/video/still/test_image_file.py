"""Single images: upright in all eight orientations, whole, with the alpha they state."""

import io
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image, ImageOps

from tcnet.errors import MediaError
from tcnet.video import IMAGE_SUFFIXES, is_still_image, open_source
from tcnet.video.still.header import read_header
from tcnet.video.still.image_file import decode_image

X, Y = np.arange(64)[None, :, None], np.arange(48)[:, None, None]
SMOOTH = (X * 2 + Y + np.array([0, 40, 60])).astype(np.uint8)
ALPHA = (X[:, :, 0] * 4 + Y[:, :, 0] * 0).astype(np.uint8)
RGBA = np.dstack([SMOOTH, ALPHA])


def furthest(one, other):
    assert one.shape == other.shape
    return np.abs(one.astype(int) - other).max()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright_however_the_camera_was_held(tmp_path, kind, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    path = tmp_path / f"a.{kind.lower()}"
    options = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}}.get(kind, {})
    Image.fromarray(SMOOTH).save(path, kind, exif=exif, **options)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))
    image, header = decode_image(path), read_header(path)
    assert furthest(image.pixels, expected) <= 1
    assert (header.height, header.width) == expected.shape[:2]


def test_a_second_exif_block_turns_nothing_back(tmp_path):
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x05\0\0"
    Image.fromarray(SMOOTH).save(tmp_path / "a.jpg", exif=exif, quality=95)
    data, expected = (tmp_path / "a.jpg").read_bytes(), decode_image(tmp_path / "a.jpg").pixels
    at = data.index(b"\xff\xe1") + 2 + 2 + len(exif)
    (tmp_path / "b.jpg").write_bytes(data[:at] + b"\xff\xe1\0\x0aExif\0\0\0\0" + data[at:])
    assert expected.shape == (SMOOTH.shape[1], SMOOTH.shape[0], 3)
    assert (decode_image(tmp_path / "b.jpg").pixels == expected).all()


def test_exif_that_is_damaged_leaves_the_picture(tmp_path):
    Image.fromarray(SMOOTH).save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\0")
    Image.fromarray(SMOOTH).save(
        tmp_path / "b.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x63"
    )
    for name in ("a.jpg", "b.jpg"):
        assert decode_image(tmp_path / name).pixels.shape == (48, 64, 3)


@pytest.mark.parametrize("compression", [None, "tga_rle"])
@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGB", "RGBA"])
def test_targa(tmp_path, mode, compression):
    path = tmp_path / "a.tga"
    Image.fromarray(RGBA).convert(mode).save(path, compression=compression)
    expected = np.asarray(Image.open(path).convert("RGBA"))
    image, header = decode_image(path), read_header(path)
    assert furthest(image.pixels, expected[:, :, :3]) == 0
    assert header.alpha == (mode in ("LA", "RGBA"))
    if header.alpha:
        assert image.alpha is not None
        assert (image.alpha == ALPHA).all()


def targa(kind, bits, body, descriptor=0x20, palette=b""):
    head = bytes([0, int(bool(palette)), kind, 0, 0, len(palette) // 3, 0, 24 if palette else 0])
    return head + bytes(4) + bytes([2, 0, 2, 0, bits, descriptor]) + palette + body


def test_targa_of_other_programs(tmp_path):
    four = bytes([1, 2, 3, 4])
    cases = {
        # What is in the fourth byte means nothing where the header states no alpha.
        "no alpha": (targa(2, 32, bytes([9, 8, 7, 0]) * 4), [[(7, 8, 9)] * 2] * 2),
        "bottom up": (targa(3, 8, four, descriptor=0), [[(3,) * 3, (4,) * 3], [(1,) * 3, (2,) * 3]]),
        "right to left": (targa(3, 8, four, descriptor=0x30), [[(2,) * 3, (1,) * 3], [(4,) * 3, (3,) * 3]]),
        "palette": (targa(1, 8, bytes([0, 1, 1, 0]), palette=bytes([1, 2, 3, 4, 5, 6])),
                    [[(3, 2, 1), (6, 5, 4)], [(6, 5, 4), (3, 2, 1)]]),
        "15 bits": (targa(2, 16, (0x7C1F).to_bytes(2, "little") * 4), [[(255, 0, 255)] * 2] * 2),
    }  # fmt: skip
    for name, (data, expected) in cases.items():
        path = tmp_path / f"{name}.tga"
        path.write_bytes(data)
        image = decode_image(path)
        assert image.pixels.tolist() == [[list(pixel) for pixel in row] for row in expected], name
        assert image.alpha is None
    (tmp_path / "odd.tga").write_bytes(targa(3, 1, four))
    with pytest.raises(MediaError, match="Targa of type 3 with 1 bits a pixel is not supported"):
        decode_image(tmp_path / "odd.tga")
    (tmp_path / "cut.tga").write_bytes(targa(2, 24, bytes(5)))
    with pytest.raises(MediaError, match="damaged"):
        decode_image(tmp_path / "cut.tga")


@pytest.mark.parametrize("options", [{"lossless": True, "exact": True}, {"quality": 95}, {"quality": 100}])
@pytest.mark.parametrize("pixels", [SMOOTH, RGBA], ids=["opaque", "alpha"])
def test_webp(tmp_path, pixels, options):
    path = tmp_path / "a.webp"
    Image.fromarray(pixels).save(path, **options)
    expected = np.asarray(Image.open(path).convert("RGBA"))
    image, header = decode_image(path), read_header(path)
    assert furthest(image.pixels, expected[:, :, :3]) <= 2
    assert (header.width, header.height, header.alpha) == (64, 48, pixels.shape[2] == 4)
    if header.alpha:
        assert image.alpha is not None
        assert furthest(image.alpha, expected[:, :, 3]) <= 1


def test_an_animation_named_as_an_image_is_read_as_one(tmp_path):
    others = [Image.fromarray(SMOOTH // n) for n in (2, 3, 4)]
    for name, options in (
        ("a.png", {"save_all": True}),
        ("b.png", {"save_all": True, "default_image": True}),
    ):
        path = tmp_path / name
        Image.fromarray(SMOOTH).save(path, append_images=others, duration=[40, 80, 120, 40], **options)
        assert not is_still_image(path)
        with open_source(path) as source:
            frames = list(source)
        expected = others if name == "b.png" else [Image.fromarray(SMOOTH), *others]
        assert [(f.pixels == np.asarray(e)).all() for f, e in zip(frames, expected, strict=True)] == [
            True
        ] * len(expected)


def test_an_animated_webp_is_refused_by_name(tmp_path):
    path = tmp_path / "a.webp"
    Image.fromarray(SMOOTH).save(path, save_all=True, append_images=[Image.fromarray(255 - SMOOTH)])
    with pytest.raises(MediaError, match=r"a\.webp: animated WebP is not supported") as caught:
        open_source(path)
    assert "damaged" not in str(caught.value)


def test_a_jpeg_that_is_cut_short_is_shown_and_known(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    data = io.BytesIO()
    Image.fromarray(noise).save(data, "JPEG", quality=90)
    (tmp_path / "a.jpg").write_bytes(data.getvalue()[:-1500])
    assert decode_image(tmp_path / "a.jpg").damaged
    (tmp_path / "b.jpg").write_bytes(data.getvalue())
    assert not decode_image(tmp_path / "b.jpg").damaged
    with open_source(tmp_path / "a.jpg") as source:
        list(source)
        assert source.notices == ("1 images were decoded with errors, the first is a.jpg",)


def samples(folder):
    """A file for each suffix that is said to be read."""
    picture = Image.fromarray(SMOOTH)
    made = {}
    for suffix in IMAGE_SUFFIXES:
        path = folder / f"a{suffix}"
        if suffix in (".heic", ".heif", ".hif"):
            continue  # test_heif.py
        if suffix in (".exr", ".dpx"):
            encoder = av.CodecContext.create(suffix[1:], "w")
            encoder.width, encoder.height, encoder.time_base = 64, 48, Fraction(1, 25)
            encoder.pix_fmt = "gbrpf32le" if suffix == ".exr" else "rgb24"
            frame = av.VideoFrame.from_ndarray(SMOOTH, "rgb24").reformat(format=encoder.pix_fmt)
            path.write_bytes(b"".join(bytes(p) for p in [*encoder.encode(frame), *encoder.encode(None)]))
        else:
            (picture.convert("L") if suffix == ".pgm" else picture).save(path)
        made[suffix] = path
    return made


def test_what_is_listed_as_readable_is_read(tmp_path):
    picture = Image.fromarray(SMOOTH)
    for suffix, path in samples(tmp_path).items():
        image, header = decode_image(path), read_header(path)
        assert (header.width, header.height, *image.pixels.shape) == (64, 48, 48, 64, 3), suffix
        expected = np.asarray(picture.convert("L").convert("RGB") if suffix == ".pgm" else picture)
        got = image.pixels if image.pixels.dtype == np.uint8 else image.pixels / 257
        assert np.abs(got - expected.astype(float)).mean() < 12, suffix
