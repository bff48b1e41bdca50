"""Decoded pictures of any pixel format to R'G'B' and back, by the equations of ITU-T H.273.

Two engines, chosen by measurement (tests/video/color/test_convert.py holds both to the equations):

- libswscale, where it is exact to half a code: 8-bit Y'CbCr to RGB, RGB to 8-bit limited-range Y'CbCr, packed
  and planar RGB of any depth, and the resampling of chroma planes. It must be told matrix and range; left
  alone it takes what is untagged for BT.601.
- numpy, for everything that swscale rounds badly: above 8 bits it scales full range by shifting (white is
  65280 instead of 65535, up to 4 codes at 10 bits), and it truncates when it writes full-range Y'CbCr.

Chroma siting: swscale takes an unspecified position as centred. Most decoders report the position that their
standard prescribes; for those that do not, `ToRgb(left_sited=True)` supplies it. What is written is always
left-sited (the default of H.264, HEVC and MPEG-2), so that chroma does not creep with each generation.
"""

from typing import cast

import av
import numpy as np
import numpy.typing as npt
from av.filter import Graph
from av.video.reformatter import Interpolation, VideoReformatter

from tcnet.errors import MediaError
from tcnet.video.color.h273 import (
    MATRIX_RGB,
    RANGE_FULL,
    RANGE_LIMITED,
    UNSPECIFIED,
    bit_depth,
    code_scale,
    has_alpha,
    is_gray,
    is_rgb_like,
    output_color,
    resolve_color,
    rgb_to_ycc_matrix,
)
from tcnet.video.color.overshoot import add_overshoot
from tcnet.video.color.planes import fill_plane, plane_samples
from tcnet.video.filter_graph import TICK, filter_graph
from tcnet.video.frame import ColorSpec, Overshoot, Pixels

# Names of the same matrices for libavfilter's `scale`; those absent go through numpy.
_SCALE_MATRIX = {1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020"}
# SWS_CS_* numbers are the H.273 ones, but for BT.601, which is 5 whichever of 5 and 6 was written.
_SWS_COLORSPACE = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9}

_FLAGS = (
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
)
_FLAG_NAMES = "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"
_BAND_ROWS = 256  # rows that the numpy engine converts at a time: bounds its float copies at 8K to ~100 MB


class ToRgb:
    """Decoded frames to (H, W, 3) R'G'B', full range: uint8 from sources of up to 8 bits, else uint16.

    color: what holds where the frame itself carries no tag. left_sited: set the chroma position that the
    decoder does not report (see the module's text). Alpha is left to `read_alpha`.
    """

    def __init__(self, color: ColorSpec, *, left_sited: bool = False) -> None:
        self._color = color
        self._left_sited = left_sited
        self._reformatter = VideoReformatter()
        self._siting: dict[tuple[int, int, str], Graph] = {}

    def __call__(self, frame: av.VideoFrame) -> Pixels:
        name = frame.format.name
        deep = bit_depth(name) > 8
        if is_gray(name):
            return self._from_gray(frame)
        if is_rgb_like(name):
            # An RGB frame may carry the matrix tag of its stream; swscale would refuse an exotic one.
            frame.colorspace = UNSPECIFIED
            return _array(self._reformat(frame, "rgb48le" if deep else "rgb24"))
        color = self.color_of(frame)
        if self._left_sited and ("420" in name or "422" in name or "411" in name):
            frame = self._set_left_siting(frame)
        if not deep and color.matrix in _SWS_COLORSPACE:
            space = _SWS_COLORSPACE[color.matrix]
            range_ = RANGE_FULL if color.full_range else RANGE_LIMITED
            return _array(self._reformat(frame, "rgb24", space=space, source_range=range_, range_=RANGE_FULL))
        return self._by_equations(frame, color)

    def color_of(self, frame: av.VideoFrame) -> ColorSpec:
        """By which a Y'CbCr frame is converted."""
        if frame.colorspace in (MATRIX_RGB, UNSPECIFIED, 3) and frame.color_range == 0:
            return self._color
        return resolve_color(
            frame.format.name,
            frame.height,
            matrix=self._color.matrix
            if frame.colorspace in (MATRIX_RGB, UNSPECIFIED, 3)
            else frame.colorspace,
            color_range=frame.color_range or (RANGE_FULL if self._color.full_range else RANGE_LIMITED),
            primaries=frame.color_primaries,
            transfer=frame.color_trc,
        )

    def _by_equations(self, frame: av.VideoFrame, color: ColorSpec) -> Pixels:
        depth = bit_depth(frame.format.name)
        # Same matrix and range on both sides: swscale then only shifts the codes up and interpolates chroma.
        # Above 8 bits the range is called limited whatever it is: told "full", swscale would sometimes repeat
        # bits instead of shifting.
        range_ = RANGE_FULL if depth <= 8 and color.full_range else RANGE_LIMITED
        target = "yuv444p" if depth <= 8 else "yuv444p16le"
        wide = self._reformat(frame, target, space=1, source_range=range_, range_=range_)
        codes = [plane_samples(wide, index) for index in range(3)]
        shift = 0 if depth <= 8 else 16 - depth
        gain, offset = code_scale(depth, color.full_range)
        peak = 255 if depth <= 8 else 65535
        to_rgb = np.linalg.inv(rgb_to_ycc_matrix(color.matrix)) * (peak / (gain * (1 << shift)))
        base = -(to_rgb @ (offset * (1 << shift)))
        return _apply_rows(codes, to_rgb, base, peak)

    def _from_gray(self, frame: av.VideoFrame) -> Pixels:
        depth = bit_depth(frame.format.name)
        if frame.format.name.startswith("ya"):
            frame = self._reformat(frame, "gray" if depth <= 8 else "gray16le")
        codes: npt.NDArray[np.floating] | Pixels = frame.to_ndarray()
        if codes.dtype.kind == "f":  # EXR and the like: 1.0 is white
            levels = np.clip(np.nan_to_num(codes, nan=0.0), 0, 1)
        elif frame.color_range == RANGE_LIMITED:
            gain, offset = code_scale(depth, full_range=False)
            levels = np.clip((codes - offset[0]) / gain[0], 0, 1)
        else:
            levels = codes / ((1 << depth) - 1)
        peak, kind = (255, np.uint8) if depth <= 8 else (65535, np.uint16)
        gray = np.rint(levels * peak).astype(kind)
        return np.ascontiguousarray(np.repeat(gray[:, :, None], 3, axis=2))

    def _set_left_siting(self, frame: av.VideoFrame) -> av.VideoFrame:
        key = (frame.width, frame.height, frame.format.name)
        if key not in self._siting:
            self._siting[key] = filter_graph(*key, [("setparams", "chroma_location=left")])
        frame.time_base = TICK  # the graph's; times were read from the frame before
        graph = self._siting[key]
        graph.vpush(frame)
        return graph.vpull()

    def _reformat(
        self,
        frame: av.VideoFrame,
        pixel_format: str,
        *,
        space: int = 0,
        source_range: int = 0,
        range_: int = 0,
    ) -> av.VideoFrame:
        try:
            return self._reformatter.reformat(
                frame,
                format=pixel_format,
                src_colorspace=space or None,
                dst_colorspace=space or None,
                src_color_range=source_range or None,
                dst_color_range=range_ or None,
                interpolation=_FLAGS,
            )
        except (av.FFmpegError, ValueError) as error:
            raise MediaError(
                f"a {frame.width}x{frame.height} {frame.format.name} picture cannot be converted: {error}"
            ) from error


class FromRgb:
    """(H, W, 3) uint8 or uint16 R'G'B', full range, to frames of one pixel format, tagged with `color`.

    Formats with alpha take it as (H, W) of the same type, and are opaque without.
    """

    def __init__(self, pixel_format: str, color: ColorSpec, width: int, height: int) -> None:
        if pixel_format not in WRITABLE_FORMATS:
            raise ValueError(f"cannot write pixel format {pixel_format!r}, known: {sorted(WRITABLE_FORMATS)}")
        self._format = pixel_format
        self._depth = bit_depth(pixel_format)
        self._has_alpha = has_alpha(pixel_format)
        self._color = output_color(color, pixel_format, height)
        self._size = (width, height)
        self._reformatter = VideoReformatter()
        self._scale: Graph | None = None
        if not is_rgb_like(pixel_format) and self._depth == 8 and not self._color.full_range:
            name = _SCALE_MATRIX.get(self._color.matrix)
            if name is not None:
                arguments = (
                    f"out_color_matrix={name}:out_range=limited:out_chroma_loc=left:flags={_FLAG_NAMES}"
                )
                steps = [("scale", arguments), ("format", f"pix_fmts={pixel_format}")]
                self._scale = filter_graph(width, height, "rgb24", steps)

    @property
    def color(self) -> ColorSpec:
        return self._color

    @property
    def keeps_overshoot(self) -> bool:
        """Whether luma has room beyond its nominal range."""
        return not is_rgb_like(self._format) and not self._color.full_range

    def __call__(
        self, pixels: Pixels, alpha: Pixels | None = None, overshoot: Overshoot | None = None
    ) -> av.VideoFrame:
        width, height = self._size
        if pixels.shape != (height, width, 3) or pixels.dtype not in (np.uint8, np.uint16):
            raise ValueError(
                f"pixels must be ({height}, {width}, 3) uint8 or uint16, got {pixels.shape} {pixels.dtype}"
            )
        if alpha is not None and (alpha.shape != (height, width) or alpha.dtype != pixels.dtype):
            raise ValueError(
                f"alpha must be ({height}, {width}) {pixels.dtype}, got {alpha.shape} {alpha.dtype}"
            )
        frame = self._convert(pixels, alpha)
        if overshoot is not None and self.keeps_overshoot:
            add_overshoot(frame, overshoot)
        frame.colorspace = self._color.matrix
        frame.color_range = RANGE_FULL if self._color.full_range else RANGE_LIMITED
        frame.color_primaries = self._color.primaries
        frame.color_trc = self._color.transfer
        return frame

    def _convert(self, pixels: Pixels, alpha: Pixels | None) -> av.VideoFrame:
        peak = 255 if pixels.dtype == np.uint8 else 65535
        opacity = self._opacity(alpha, peak) if self._has_alpha else None
        if is_rgb_like(self._format):
            return self._to_rgb(pixels, peak, opacity)
        if self._scale is not None and peak == 255:
            frame = av.VideoFrame.from_ndarray(_contiguous(pixels), "rgb24")
            frame.time_base = TICK
            self._scale.vpush(frame)
            frame = self._scale.vpull()
        else:
            frame = self._to_ycc(pixels, peak)
        if opacity is not None:
            fill_plane(frame, 3, opacity)
        return frame

    def _opacity(self, alpha: Pixels | None, peak: int) -> npt.NDArray[np.uint32]:
        """(H, W) codes of the format's depth."""
        width, height = self._size
        if alpha is None:
            return np.full((height, width), (1 << self._depth) - 1, np.uint32)
        return self._codes(alpha, peak)

    def _codes(self, values: Pixels, peak: int) -> npt.NDArray[np.uint32]:
        top = (1 << self._depth) - 1
        codes: npt.NDArray[np.uint32] = values.astype(np.uint32)
        # At most 65535 * 65535, which uint32 holds.
        return codes if top == peak else (codes * top + peak // 2) // peak

    def _to_rgb(self, pixels: Pixels, peak: int, opacity: npt.NDArray[np.uint32] | None) -> av.VideoFrame:
        codes = self._codes(pixels, peak)
        if not self._format.startswith("gbr"):
            if opacity is not None:
                codes = np.concatenate([codes, opacity[:, :, None]], axis=2)
            if self._depth == 8:
                name = "rgb24" if opacity is None else "rgba"
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(codes, np.uint8), name)
            else:
                name = "rgb48le" if opacity is None else "rgba64le"
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(codes, np.uint16), name)
            return self._reformatter.reformat(frame, format=self._format, interpolation=_FLAGS)
        frame = av.VideoFrame(self._size[0], self._size[1], self._format)
        for index, channel in enumerate((1, 2, 0)):  # planes are G, B, R
            fill_plane(frame, index, codes[:, :, channel])
        if opacity is not None:
            fill_plane(frame, 3, opacity)
        return frame

    def _to_ycc(self, pixels: Pixels, peak: int) -> av.VideoFrame:
        width, height = self._size
        frame = av.VideoFrame(width, height, self._format)
        gain, offset = code_scale(self._depth, self._color.full_range)
        to_ycc = ((gain[:, None] / peak) * rgb_to_ycc_matrix(self._color.matrix)).astype(np.float32)
        base = offset.astype(np.float32)
        top = float((1 << self._depth) - 1)
        halved_rows = "420" in self._format
        halved_columns = halved_rows or "422" in self._format
        for start in range(0, height, _BAND_ROWS):  # an even number of rows, so that pairs stay together
            rows = pixels[start : start + _BAND_ROWS]
            count = rows.shape[0]
            codes = to_ycc @ rows.reshape(-1, 3).T.astype(np.float32) + base[:, None]  # (3, rows * W)
            planes = codes.reshape(3, count, width)
            for index in range(3):
                plane = planes[index]
                if index and halved_columns:
                    plane = _halve_columns(plane)
                if index and halved_rows:
                    plane = _halve_rows(plane)
                at = start // 2 if index and halved_rows else start
                fill_plane(frame, index, np.clip(np.rint(plane), 0, top), at)
        return frame


# What FromRgb writes; encoders may offer more (semi-planar, big-endian, grey).
WRITABLE_FORMATS: frozenset[str] = frozenset(
    [f"yuv{chroma}p{depth}" for chroma in (420, 422, 444) for depth in ("", "10le", "12le", "16le")]
    + [f"yuvj{chroma}p" for chroma in (420, 422, 444)]
    + [f"gbrp{depth}" for depth in ("", "10le", "12le", "16le")]
    + ["rgb24", "bgr0", "rgb48le"]
    + [f"yuva{chroma}p{depth}" for chroma in (420, 422, 444) for depth in ("", "10le", "16le")]
    + ["yuva422p12le", "yuva444p12le"]
    + [f"gbrap{depth}" for depth in ("", "10le", "12le", "16le")]
    + ["rgba", "bgra", "rgba64le"]
)


def _contiguous(pixels: Pixels) -> Pixels:
    """from_ndarray copies row by row and wants whole rows."""
    if pixels.dtype == np.uint8:
        return np.ascontiguousarray(pixels, np.uint8)
    return np.ascontiguousarray(pixels, np.uint16)


def _array(frame: av.VideoFrame) -> Pixels:
    return _contiguous(cast(Pixels, frame.to_ndarray()))


def _apply_rows(
    planes: list[npt.NDArray[np.uint8] | npt.NDArray[np.uint16]],
    matrix: npt.NDArray[np.float64],
    base: npt.NDArray[np.float64],
    peak: int,
) -> Pixels:
    """matrix (3, 3) @ codes + base for each pixel, rounded and clipped to [0, peak]: (H, W, 3)."""
    height, width = planes[0].shape
    pixels: Pixels = (
        np.empty((height, width, 3), np.uint8) if peak == 255 else np.empty((height, width, 3), np.uint16)
    )
    for start in range(0, height, _BAND_ROWS):
        rows = [plane[start : start + _BAND_ROWS] for plane in planes]
        codes = np.stack(rows).reshape(3, -1).astype(np.float32)
        values = matrix.astype(np.float32) @ codes + base.astype(np.float32)[:, None]  # (3, rows * W)
        np.rint(values, out=values)
        np.clip(values, 0, peak, out=values)
        pixels[start : start + _BAND_ROWS] = values.T.reshape(-1, width, 3)
    return pixels


def _halve_columns(plane: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Chroma at the position of the left luma sample: weights 1 2 1 around it, edges repeated."""
    padded = np.pad(plane, ((0, 0), (1, 1)), mode="edge")
    middle = padded[:, 1:-1:2]
    count = middle.shape[1]
    return np.asarray(0.25 * (padded[:, 0::2][:, :count] + padded[:, 2::2][:, :count]) + 0.5 * middle)


def _halve_rows(plane: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Chroma midway between two rows: their mean; a last odd row stands alone."""
    if plane.shape[0] % 2:
        plane = np.pad(plane, ((0, 1), (0, 0)), mode="edge")
    return np.asarray(0.5 * (plane[0::2] + plane[1::2]))
