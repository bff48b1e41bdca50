"""What the colour tags of a stream mean: resolving them, and the equations of ITU-T H.273 behind them."""

import av
import numpy as np
import numpy.typing as npt

from tcnet.errors import MediaError
from tcnet.video.frame import ColorSpec

MATRIX_RGB = 0
MATRIX_BT709 = 1
MATRIX_BT601 = 6
MATRIX_YCGCO = 8
MATRIX_BT2020 = 9
UNSPECIFIED = 2
RANGE_LIMITED = 1
RANGE_FULL = 2

# Kr and Kb of H.273 table 4.
_LUMA_WEIGHTS: dict[int, tuple[float, float]] = {
    MATRIX_BT709: (0.2126, 0.0722),
    4: (0.30, 0.11),  # FCC
    5: (0.299, 0.114),  # BT.470 System B, G
    MATRIX_BT601: (0.299, 0.114),
    7: (0.212, 0.087),  # SMPTE 240M
    MATRIX_BT2020: (0.2627, 0.0593),
}


def default_matrix(height: int, primaries: int = UNSPECIFIED) -> int:
    """The matrix of an untagged Y'CbCr picture: as its primaries say, else BT.709 from 720 lines on."""
    by_primaries = {1: MATRIX_BT709, 5: MATRIX_BT601, 6: MATRIX_BT601, 7: 7, 9: MATRIX_BT2020}
    if primaries in by_primaries:
        return by_primaries[primaries]
    return MATRIX_BT709 if height >= 720 else MATRIX_BT601


def is_gray(pixel_format: str) -> bool:
    """True for formats with a grey channel only, with or without alpha."""
    return pixel_format.startswith(("gray", "ya8", "ya16"))


def is_rgb_like(pixel_format: str) -> bool:
    """True for formats without a matrix: RGB, palettes, grey, Bayer, XYZ."""
    format_ = av.VideoFormat(pixel_format)
    if format_.is_rgb or format_.has_palette or format_.is_bayer or pixel_format.startswith(("xyz", "mono")):
        return True
    return is_gray(pixel_format)


def bit_depth(pixel_format: str) -> int:
    """Bits of the deepest colour component (alpha does not count; floats count as 32)."""
    components = av.VideoFormat(pixel_format).components
    return max((part.bits for part in components if not part.is_alpha), default=8)


def has_alpha(pixel_format: str) -> bool:
    """True for formats with an alpha channel; palettes count, whose entries may be transparent."""
    format_ = av.VideoFormat(pixel_format)
    return format_.has_palette or any(part.is_alpha for part in format_.components)


def resolve_color(
    pixel_format: str, height: int, *, matrix: int, color_range: int, primaries: int, transfer: int
) -> ColorSpec:
    """The colour of a stream from its tags (H.273 numbers; range 0 unknown, 1 limited, 2 full).

    Untagged Y'CbCr is limited range (full for yuvj*) with `default_matrix`. RGB, palette and grey get
    matrix 0 and full range.
    Raises MediaError for a matrix that cannot be undone (ICtCp, constant luminance).
    """
    if is_rgb_like(pixel_format):
        return ColorSpec(MATRIX_RGB, full_range=True, primaries=primaries, transfer=transfer)
    if matrix in (MATRIX_RGB, UNSPECIFIED, 3):  # 0 on Y'CbCr samples is a wrong tag, 3 is reserved
        matrix = default_matrix(height, primaries)
    if matrix not in _LUMA_WEIGHTS and matrix != MATRIX_YCGCO:
        raise MediaError(
            f"colour matrix {matrix} (H.273) is not supported; convert the video to BT.709 or BT.2020 first"
        )
    full = color_range == RANGE_FULL or pixel_format.startswith("yuvj")
    return ColorSpec(matrix, full_range=full, primaries=primaries, transfer=transfer)


def output_color(color: ColorSpec, pixel_format: str, height: int) -> ColorSpec:
    """The colour to encode with: RGB input gets the default matrix and limited range in a Y'CbCr format."""
    if is_rgb_like(pixel_format):
        return ColorSpec(MATRIX_RGB, full_range=True, primaries=color.primaries, transfer=color.transfer)
    full = pixel_format.startswith("yuvj") or (color.full_range and color.matrix != MATRIX_RGB)
    matrix = color.matrix
    if matrix == MATRIX_RGB:
        matrix = default_matrix(height, color.primaries)
    return ColorSpec(matrix, full_range=full, primaries=color.primaries, transfer=color.transfer)


def rgb_to_ycc_matrix(matrix: int) -> npt.NDArray[np.float64]:
    """(3, 3): R'G'B' in [0, 1] to Y' in [0, 1], Cb and Cr in [-0.5, 0.5] (H.273, equations 38-49)."""
    if matrix == MATRIX_YCGCO:
        return np.array([[0.25, 0.5, 0.25], [-0.25, 0.5, -0.25], [0.5, 0.0, -0.5]])
    if matrix not in _LUMA_WEIGHTS:
        raise ValueError(f"no Y'CbCr matrix {matrix}, known: {sorted([*_LUMA_WEIGHTS, MATRIX_YCGCO])}")
    red, blue = _LUMA_WEIGHTS[matrix]
    luma = np.array([red, 1 - red - blue, blue])
    cb = (np.array([0.0, 0.0, 1.0]) - luma) / (2 * (1 - blue))
    cr = (np.array([1.0, 0.0, 0.0]) - luma) / (2 * (1 - red))
    return np.stack([luma, cb, cr])


def code_scale(depth: int, full_range: bool) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(gain (3,), offset (3,)): code = gain * [Y', Cb, Cr] + offset, for `depth` bits (H.273, 8.3)."""
    middle = float(1 << (depth - 1))
    if full_range:
        return np.full(3, float((1 << depth) - 1)), np.array([0.0, middle, middle])
    unit = float(1 << (depth - 8))
    return np.array([219.0, 224.0, 224.0]) * unit, np.array([16 * unit, middle, middle])
