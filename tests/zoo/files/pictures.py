"""Pictures of known colours in any pixel format, made from the equations of H.273 and not by the product."""

from fractions import Fraction

import av
import numpy as np
from av.filter import Graph

from zoo.files.specimen import Specimen

GRID = (4, 3)  # patches across and down
CLOCK = (3, 0)  # the patch whose brightness tells the frames apart
MOTION = (3, 2)  # the patch in which a bar moves
PATCHES = (
    ((191, 191, 191), (191, 191, 0), (0, 191, 191), (0, 0, 0)),
    ((0, 191, 0), (191, 0, 191), (191, 0, 0), (0, 0, 191)),
    ((16, 16, 16), (235, 235, 235), (198, 134, 101), (40, 40, 40)),
)  # fmt: skip
LUMA = {1: (0.2126, 0.0722), 4: (0.30, 0.11), 5: (0.299, 0.114), 6: (0.299, 0.114), 7: (0.212, 0.087), 9: (0.2627, 0.0593)}  # fmt: skip
DEFAULT_MATRIX = 6  # of untagged Y'CbCr under 720 lines


def rgb_picture(index: int, size: tuple[int, int], bar: int | None = None) -> np.ndarray:
    """(H, W, 3) in [0, 1]: flat patches with a faint texture, a clock and a moving bar.

    bar: the bar's place, by default as far as the frame has come.
    """
    width, height = size
    x, y = np.arange(width), np.arange(height)
    column, row = x * GRID[0] // width, y * GRID[1] // height
    picture = np.array(PATCHES, float)[row[:, None], column[None, :]]
    clock = (row[:, None] == CLOCK[1]) & (column[None, :] == CLOCK[0])
    picture[clock] = 40 + index * 67 % 180
    left = CLOCK[0] * width // GRID[0]
    span = max(width - left - 8, 1)
    step = 2 * (index if bar is None else bar) % (2 * span)
    place = left + 2 + min(step, 2 * span - step)  # there and back
    moving = (row[:, None] == MOTION[1]) & (x[None, :] >= place) & (x[None, :] < place + 4)
    picture[moving] = 220
    texture = 3 * ((x[None, :] // 2 + y[:, None] // 2) % 3 - 1)
    picture += texture[:, :, None] * (picture > 8) * (picture < 240)
    return picture / 255


def alpha_picture(index: int, size: tuple[int, int]) -> np.ndarray:
    """(H, W) in [0, 1]: opaque on the left, through half to clear on the right; the clock blinks."""
    width, height = size
    column = np.arange(width) * GRID[0] // width
    levels = np.array([1.0, 0.75, 0.5, 0.25 if index % 2 else 0.0])
    return np.broadcast_to(levels[column], (height, width))


def make_frame(specimen: Specimen, index: int) -> av.VideoFrame:
    rgb = rgb_picture(index, specimen.size)
    if specimen.interlaced:
        first, second = (rgb_picture(index, specimen.size, bar=2 * index + i) for i in (0, 1))
        rgb = first.copy()
        late = 1 if specimen.interlaced == "tff" else 0
        rgb[late::2] = second[late::2]
    frame = _to_format(rgb, alpha_picture(index, specimen.size), specimen)
    color = specimen.color
    frame.colorspace, frame.color_primaries = color.matrix, color.primaries
    frame.color_trc, frame.color_range = color.transfer, color.range
    if specimen.interlaced:
        frame = _marked_interlaced(frame, specimen.interlaced)
    return frame


def _to_format(rgb: np.ndarray, alpha: np.ndarray, specimen: Specimen) -> av.VideoFrame:
    name = specimen.pixel_format
    format_ = av.VideoFormat(name)
    if name.startswith(("yuv", "gray")) and "422" not in name.replace("yuv422p", "").replace("yuvj422p", ""):
        return _planar(rgb, alpha, specimen)
    deep = max(part.bits for part in format_.components) > 8
    top = 65535 if deep else 255
    planes = np.dstack([rgb, alpha])
    codes = np.rint(np.clip(planes, 0, 1) * top).astype(np.uint16 if deep else np.uint8)
    packed = av.VideoFrame.from_ndarray(np.ascontiguousarray(codes), "rgba64le" if deep else "rgba")
    return packed.reformat(format=name)


def _planar(rgb: np.ndarray, alpha: np.ndarray, specimen: Specimen) -> av.VideoFrame:
    """Y'CbCr and grey: the equations, then the mean over each chroma sample's pixels."""
    name = specimen.pixel_format
    height, width, _ = rgb.shape
    frame = av.VideoFrame(width, height, name)
    depth = frame.format.components[0].bits
    full = name.startswith(("yuvj", "gray")) or specimen.color.range == 2
    matrix = DEFAULT_MATRIX if specimen.color.matrix == 2 else specimen.color.matrix
    red, blue = LUMA[matrix]
    luma = rgb @ np.array([red, 1 - red - blue, blue])
    planes = [luma]
    if not name.startswith("gray"):
        planes += [(rgb[..., 2] - luma) / (2 * (1 - blue)), (rgb[..., 0] - luma) / (2 * (1 - red))]
    for number, values in enumerate(planes):
        gain, offset = code_range(depth, full, number > 0)
        _fill(frame, number, values * gain + offset, depth)
    if name.startswith("yuva"):
        _fill(frame, 3, alpha * ((1 << depth) - 1), depth)
    return frame


def code_range(depth: int, full: bool, chroma: bool) -> tuple[float, float]:
    """(gain, offset) from [0, 1] or [-0.5, 0.5] to codes."""
    if full:
        return (1 << depth) - 1, (1 << depth - 1) * chroma
    unit = 1 << depth - 8
    return (224 if chroma else 219) * unit, (1 << depth - 1) if chroma else 16 * unit


def _fill(frame: av.VideoFrame, number: int, codes: np.ndarray, depth: int) -> None:
    plane = frame.planes[number]
    down, across = -(-codes.shape[0] // plane.height), -(-codes.shape[1] // plane.width)
    padded = np.pad(codes, ((0, down * plane.height - codes.shape[0]), (0, across * plane.width - codes.shape[1])), "edge")  # fmt: skip
    means = padded.reshape(plane.height, down, plane.width, across).mean((1, 3))
    samples(plane, depth)[:] = np.clip(np.rint(means), 0, (1 << depth) - 1)


def samples(plane: av.video.plane.VideoPlane, depth: int) -> np.ndarray:
    """(height, width) view of a plane of one component."""
    kind, step = (np.uint8, 1) if depth <= 8 else (np.uint16, 2)
    return np.frombuffer(memoryview(plane), kind).reshape(-1, plane.line_size // step)[: plane.height, : plane.width]  # fmt: skip


def _marked_interlaced(frame: av.VideoFrame, order: str) -> av.VideoFrame:
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 25)
    )
    field, sink = graph.add("setfield", order), graph.add("buffersink")
    source.link_to(field)
    field.link_to(sink)
    graph.configure()
    frame.time_base = Fraction(1, 25)
    graph.vpush(frame)
    return graph.vpull()
