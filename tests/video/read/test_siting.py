"""Where chroma samples sit: a ramp of colour must come back in its place, from every siting that files state."""

from fractions import Fraction

import av
import numpy as np
import pytest
from av.filter import Graph

from tcnet.video import open_source

WIDTH, HEIGHT = 96, 64
SLOPE = 2  # codes a pixel: a shift by half a pixel changes the mean by 1
MARGIN = 12


def ramp(axis):
    pixels = np.full((HEIGHT, WIDTH, 3), 100, np.uint8)
    values = 40 + SLOPE * np.arange((HEIGHT, WIDTH)[axis])
    pixels[..., 2] = values[:, None] if axis == 0 else values[None, :]
    return pixels


def write_sited(path, pixel_format, siting, codec, axis):
    full = pixel_format.startswith("yuvj")
    graph = Graph()
    node = start = graph.add_buffer(
        width=WIDTH, height=HEIGHT, format=av.VideoFormat("rgb24"), time_base=Fraction(1, 25)
    )
    arguments = (
        f"out_color_matrix=bt601:out_range={'full' if full else 'limited'}:out_chroma_loc={siting}"
        ":flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"
    )
    for name, text in (("scale", arguments), ("format", f"pix_fmts={pixel_format}"), ("buffersink", "")):
        following = graph.add(name, text or None)
        node.link_to(following)
        node = following
    graph.configure()
    assert start is not None
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options={"chroma_sample_location": siting})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixel_format
        context = stream.codec_context
        context.color_range, context.colorspace = 2 if full else 1, 6
        quality = {"libx264": {"crf": "0"}, "libx265": {"x265-params": "lossless=1:log-level=error"}}
        context.options.update(quality.get(codec, {"qmin": "1", "qmax": "1"}))
        for index in range(3):
            frame = av.VideoFrame.from_ndarray(ramp(axis), "rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            graph.vpush(frame)
            picture = graph.vpull()
            picture.pict_type = 0
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def shift(path, axis):
    """In pixels, of the blue ramp."""
    with open_source(path) as source:
        frame = list(source)[1]
    unit = 257 if frame.pixels.dtype == np.uint16 else 1
    error = (frame.pixels[..., 2] / unit - ramp(axis)[..., 2])[MARGIN:-MARGIN, MARGIN:-MARGIN]
    return float(error.mean() / SLOPE)


@pytest.mark.parametrize("siting", ["left", "center", "topleft"])
@pytest.mark.parametrize(
    ("codec", "name", "pixel_format"),
    [
        ("libx264", "a.mp4", "yuv420p"),
        ("libx264", "a.mkv", "yuv420p10le"),
        ("libx265", "a.mkv", "yuv420p"),
        ("libx265", "a.mp4", "yuv420p10le"),
    ],
)
@pytest.mark.parametrize("axis", [0, 1], ids=["down", "across"])
def test_stated_sitings_are_obeyed(tmp_path, siting, codec, name, pixel_format, axis):
    path = write_sited(tmp_path / name, pixel_format, siting, codec, axis)
    assert abs(shift(path, axis)) < 0.12


@pytest.mark.parametrize(
    ("codec", "name", "pixel_format", "siting"),
    [
        ("ffv1", "a.mkv", "yuv420p", "left"),
        ("ffv1", "a.mkv", "yuv422p", "left"),
        ("prores_ks", "a.mov", "yuv422p10le", "left"),
        ("mjpeg", "a.mkv", "yuvj420p", "center"),
        ("mpeg2video", "a.mkv", "yuv420p", "left"),
    ],
)
def test_codecs_that_state_nothing_are_taken_by_their_convention(tmp_path, codec, name, pixel_format, siting):
    path = write_sited(tmp_path / name, pixel_format, siting, codec, 1)
    # JPEG darkens the ramp by most of a code, whichever way it runs; down the picture all are centred.
    bias = shift(write_sited(tmp_path / f"down {name}", pixel_format, siting, codec, 0), 0)
    assert abs(shift(path, 1) - bias) < 0.15
    assert abs(bias) < (0.4 if codec == "mjpeg" else 0.15)


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1", "ffv1"])
@pytest.mark.parametrize("depth", [8, 10])
@pytest.mark.parametrize("axis", [0, 1], ids=["down", "across"])
def test_chroma_does_not_creep_with_the_generations(clips, tmp_path, codec, depth, axis):
    source = write_sited(tmp_path / "0.mkv", "yuv420p", "left", "libx264", axis)
    pixel_format = "yuv420p" if depth == 8 else "yuv420p10le"
    for generation in range(3):
        clips.convert(
            tmp_path / f"{generation}.mkv",
            tmp_path / f"{generation + 1}.mkv",
            codec=codec,
            pixel_format=pixel_format,
            **({} if codec == "ffv1" else {"crf": 1}),
        )
    assert source.exists()
    assert abs(shift(tmp_path / "3.mkv", axis)) < 0.2
