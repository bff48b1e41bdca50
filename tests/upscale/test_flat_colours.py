"""Flat patches of the usual test colours go through the whole program and come back as the same codes.

The codes are computed here from H.273, independently of the program, and read from the output's planes.
"""

from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from fake_networks import Nearest
from tcnet.inference import UpscaleOptions
from tcnet.upscale import upscale_video
from tcnet.video import EncodeOptions, open_source

OPTIONS = UpscaleOptions(device="cpu", precision="fp32", window=24, overlap=4)
MATRICES = {"BT.601": 6, "BT.709": 1, "BT.2020": 9}
WEIGHTS = {6: (0.299, 0.114), 1: (0.2126, 0.0722), 9: (0.2627, 0.0593)}
COLOURS = [
    *[(0, 0, 0), (1, 1, 1), (0.18, 0.18, 0.18), (0.5, 0.5, 0.5), (0.75, 0.75, 0.75)],
    *[(1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 1), (1, 0, 1), (1, 1, 0)],
    *[(0.75, 0, 0), (0, 0.75, 0), (0, 0, 0.75), (0, 0.75, 0.75), (0.75, 0, 0.75), (0.75, 0.75, 0)],
    *[(0.55, 0.33, 0.14), (0.78, 0.53, 0.26), (0.95, 0.76, 0.49)],  # skin
]
SIZE = 16


def codes_of(colour, matrix, full, depth):
    """The three codes of a colour, rounded; RGB order for matrix 0."""
    if matrix == 0:
        return [round(part * (2**depth - 1)) for part in colour]
    kr, kb = WEIGHTS[matrix]
    red, green, blue = colour
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    parts = luma, (blue - luma) / (2 - 2 * kb), (red - luma) / (2 - 2 * kr)
    top, middle, unit = 2**depth - 1, 2 ** (depth - 1), 2 ** (depth - 8)
    if full:
        codes = parts[0] * top, parts[1] * top + middle, parts[2] * top + middle
    else:
        codes = (219 * parts[0] + 16) * unit, (224 * parts[1] + 128) * unit, (224 * parts[2] + 128) * unit
    return [min(max(round(code), 0), top) for code in codes]


def samples(picture, index):
    plane = picture.planes[index]
    kind = (
        np.uint8 if plane.line_size < 2 * plane.width or picture.format.components[0].bits == 8 else np.uint16
    )
    return np.frombuffer(memoryview(plane), kind).reshape(plane.height, -1)[:, : plane.width]


def planes_of(pixel_format):
    """Which plane holds which of the codes: planar RGB is stored as G, B, R; grey has one."""
    if pixel_format.startswith("gray"):
        return {0: 0}
    return {2: 0, 0: 1, 1: 2} if pixel_format.startswith("gbr") else {0: 0, 1: 1, 2: 2}


def write_patches(path, pixel_format, depth, *, matrix, full, tagged=True, size=SIZE, wide=None):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = wide or size, size, pixel_format
        context = stream.codec_context
        if tagged:
            context.color_range = 2 if full else 1
            context.colorspace, context.color_primaries, context.color_trc = matrix, 1, 1
        for index, colour in enumerate(COLOURS):
            picture = av.VideoFrame(wide or size, size, pixel_format)
            for plane, part in planes_of(pixel_format).items():
                samples(picture, plane)[:] = codes_of(colour, matrix, full, depth)[part]
            if tagged:
                picture.color_range, picture.colorspace = 2 if full else 1, matrix
            picture.pts, picture.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def upscale(path, target, pixel_format, codec="ffv1"):
    encode = EncodeOptions(codec=codec, pixel_format=pixel_format)
    return upscale_video(path, target, model=Nearest(), options=OPTIONS, encode=encode)


def worst(path, pixel_format, depth, *, matrix, full):
    """The largest difference of any sample from its patch, in 8-bit codes."""
    errors = []
    with av.open(str(path)) as container:
        for picture, colour in zip(container.decode(video=0), COLOURS, strict=True):
            assert picture.format.name == pixel_format
            for plane, part in planes_of(pixel_format).items():
                wanted = codes_of(colour, matrix, full, depth)[part]
                errors.append(np.abs(samples(picture, plane).astype(int) - wanted).max() / 2 ** (depth - 8))
    return max(errors)


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("depth", [8, 10, 12])
@pytest.mark.parametrize("chroma", ["420", "422", "444"])
def test_every_combination_of_matrix_range_depth_and_chroma(tmp_path, matrix, full, depth, chroma):
    pixel_format = f"yuv{chroma}p" + ("" if depth == 8 else f"{depth}le")
    color = {"matrix": MATRICES[matrix], "full": full}
    source = write_patches(tmp_path / "in.mkv", pixel_format, depth, **color)
    upscale(source, tmp_path / "out.mkv", pixel_format)
    assert worst(tmp_path / "out.mkv", pixel_format, depth, **color) <= (1 if depth == 8 else 0.25)
    with open_source(tmp_path / "out.mkv") as reader:
        color = reader.info.color
    assert (color.matrix, color.full_range, color.primaries, color.transfer) == (MATRICES[matrix], full, 1, 1)


@pytest.mark.parametrize("depth", [10, 12, 16])  # 8 bits: tests/upscale/test_run.py
def test_rgb_is_exact(tmp_path, depth):
    pixel_format = f"gbrp{depth}le"
    source = write_patches(tmp_path / "in.mkv", pixel_format, depth, matrix=0, full=True)
    upscale(source, tmp_path / "out.mkv", pixel_format)
    assert worst(tmp_path / "out.mkv", pixel_format, depth, matrix=0, full=True) == 0


@pytest.mark.parametrize(("pixel_format", "depth"), [("gray", 8), ("gray10le", 10), ("gray12le", 12)])
@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
def test_grey_becomes_neutral(tmp_path, pixel_format, depth, full):
    source = write_patches(tmp_path / "in.mkv", pixel_format, depth, matrix=1, full=full)
    target = "yuv444p" if depth == 8 else f"yuv444p{depth}le"
    upscale(source, tmp_path / "out.mkv", target)
    with open_source(tmp_path / "out.mkv") as reader:
        for frame, colour in zip(reader, COLOURS, strict=True):
            luma = codes_of(colour, 1, full, depth)[0]
            unit = 2 ** (depth - 8)
            level = luma / (2**depth - 1) if full else (luma / unit - 16) / 219
            gain = 257 if frame.pixels.dtype == np.uint16 else 1
            assert np.abs(frame.pixels / gain - 255 * level).max() <= 1


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize(
    ("codec", "suffix"), [("h264", ".mp4"), ("hevc", ".mov"), ("av1", ".mkv"), ("prores", ".mov")]
)
def test_lossy_codecs_keep_the_colours_too(tmp_path, matrix, full, codec, suffix):
    """Default settings; a code more for what the encoder itself does to a flat picture."""
    source = write_patches(tmp_path / "in.mkv", "yuv420p", 8, matrix=MATRICES[matrix], full=full)
    upscale(source, tmp_path / f"out{suffix}", None, codec)
    before = open_source(source)
    with open_source(tmp_path / f"out{suffix}") as reader:
        assert reader.info.color.matrix == MATRICES[matrix]
        for old, new in zip(before, reader, strict=True):
            gain = 257 if new.pixels.dtype == np.uint16 else 1
            assert np.abs(new.pixels / gain - old.pixels[0, 0]).max() <= 3


@pytest.mark.parametrize(("height", "matrix"), [(64, 6), (720, 1)])
def test_untagged_video_is_taken_by_its_height_and_tagged(tmp_path, height, matrix):
    """The smaller one passes 720 lines only in the output, and keeps the matrix that it was read with."""
    source = write_patches(
        tmp_path / "in.mkv", "yuv420p", 8, matrix=matrix, full=False, tagged=False, size=height, wide=SIZE
    )
    options = replace(OPTIONS, scale=None, width=2 * SIZE) if height == 720 else OPTIONS
    encode = EncodeOptions(codec="ffv1", pixel_format="yuv420p")
    upscale_video(source, tmp_path / "out.mkv", model=Nearest(), options=options, encode=encode)
    assert worst(tmp_path / "out.mkv", "yuv420p", 8, matrix=matrix, full=False) <= 1
    with open_source(tmp_path / "out.mkv") as reader:
        assert reader.info.color.matrix == matrix
