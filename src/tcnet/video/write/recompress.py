"""What a codec does to a clip: encode and decode in memory. For making training and test data."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Literal, cast

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext

from tcnet.errors import MediaError
from tcnet.video.color.convert import FromRgb, ToRgb
from tcnet.video.frame import ColorSpec, Pixels

SMALLEST_SIDE = 64  # x265 writes outside its buffers for less
BLOCK = 16  # whole macroblocks: x264 decides by unwritten memory otherwise
_ENCODERS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "h264": ("libx264", "h264"),
        "hevc": ("libx265", "hevc"),
        "mpeg2": ("mpeg2video", "mpeg2video"),
        "vp9": ("libvpx-vp9", "vp9"),
    }
)
_RATE = Fraction(25)


@dataclass(frozen=True, slots=True)
class Compression:
    """quality: crf of h264, hevc (0 to 51) and vp9 (0 to 63), quantiser of mpeg2 (1 to 31); lower is better.

    pixel_format: "yuv420p", "yuv422p" or "yuv444p" (mpeg2: the first two; vp9: the first). preset: speed of
    h264 and hevc.
    """

    codec: Literal["h264", "hevc", "mpeg2", "vp9"]
    quality: int
    pixel_format: str = "yuv420p"
    preset: str = "veryfast"


def recompress(frames: Pixels, compression: Compression) -> Pixels:
    """(T, H, W, 3) uint8 RGB, once through the codec as one clip; same shape, same result each time.

    The picture goes through BT.601, limited range, and the pixel format's chroma resolution. Small and odd
    sizes are continued by their edge pixels for the encoder and cut again.
    Raises ValueError for another shape or type, MediaError where this build of FFmpeg lacks the encoder.
    """
    if frames.ndim != 4 or frames.shape[3] != 3 or frames.dtype != np.uint8 or min(frames.shape) < 1:
        raise ValueError(f"frames must be (T, H, W, 3) uint8, got {frames.shape} {frames.dtype}")
    height, width = frames.shape[1:3]
    down, right = (max(SMALLEST_SIDE, -(-side // BLOCK) * BLOCK) - side for side in (height, width))
    padded = np.pad(frames, ((0, 0), (0, down), (0, right), (0, 0)), mode="edge").astype(np.uint8, copy=False)
    color = ColorSpec(matrix=6, full_range=False)
    decoded = _decode(_encode(padded, compression, color), compression, color)
    if len(decoded) != len(frames):
        raise MediaError(f"{compression.codec} gave {len(decoded)} of {len(frames)} frames")
    return np.ascontiguousarray(np.stack(decoded)[:, :height, :width])


def _encode(frames: Pixels, compression: Compression, color: ColorSpec) -> list[bytes]:
    height, width = frames.shape[1:3]
    name = _ENCODERS[compression.codec][0]
    try:
        encoder = cast(VideoCodecContext, VideoCodecContext.create(name, "w"))
    except av.codec.codec.UnknownCodecError as error:
        raise MediaError(f"this build of FFmpeg has no encoder {name}") from error
    encoder.width, encoder.height, encoder.pix_fmt = width, height, compression.pixel_format
    encoder.time_base, encoder.framerate = 1 / _RATE, _RATE
    encoder.thread_count = 1  # so that the result does not depend on the machine
    encoder.options = _options(compression)
    from_rgb = FromRgb(compression.pixel_format, color, width, height)
    packets: list[bytes] = []
    for number, pixels in enumerate(frames):
        picture = from_rgb(pixels)
        picture.pts, picture.time_base = number, 1 / _RATE
        packets += [bytes(packet) for packet in encoder.encode(picture)]
    return packets + [bytes(packet) for packet in encoder.encode(None)]


def _options(compression: Compression) -> dict[str, str]:
    quality = str(compression.quality)
    if compression.codec == "mpeg2":
        return {"qmin": quality, "qmax": quality, "g": "12", "bf": "2"}
    if compression.codec == "vp9":  # at constant quality, whatever the bit rate
        return {"crf": quality, "b": "0", "deadline": "good", "cpu-used": "5"}
    options = {"crf": quality, "preset": compression.preset}
    if compression.codec == "h264":
        return options | {"x264-params": "mbtree=0:log-level=-1"}
    # A picture of a single block of 64x64 makes x265 decide by memory it never wrote: two runs differ.
    return options | {"x265-params": "ctu=32:pools=none:frame-threads=1:log-level=none"}


def _decode(packets: list[bytes], compression: Compression, color: ColorSpec) -> list[Pixels]:
    decoder = cast(VideoCodecContext, VideoCodecContext.create(_ENCODERS[compression.codec][1], "r"))
    decoder.thread_count = 1
    to_rgb = ToRgb(color, left_sited=compression.codec == "mpeg2")
    pictures: list[Pixels] = []
    for data in [*packets, None]:
        packet = None if data is None else av.Packet(data)
        pictures += [to_rgb(picture) for picture in decoder.decode(packet)]
    return pictures
