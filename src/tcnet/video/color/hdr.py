"""HDR metadata: from decoded pictures, and into the spelling of the encoders that can state it."""

import struct
from fractions import Fraction

import av
from av.sidedata.sidedata import Type as SideDataType

from tcnet.video.frame import ColorSpec, HdrMetadata
from tcnet.video.pyav import side_data

TRANSFER_PQ = 16
TRANSFER_HLG = 18
# AVMasteringDisplayMetadata: x, y of red, green, blue and white, least and most luminance as fractions of two
# 32-bit integers; then whether the first eight and the last two are stated.
_MASTERING = struct.Struct("=22i")
_LIGHT = struct.Struct("=2I")  # AVContentLightMetadata: MaxCLL, MaxFALL
_CHROMATICITY_STEPS = 50000  # of the units of ST 2086, in which HEVC and H.264 state it
_LUMINANCE_STEPS = 10000


def is_hdr(color: ColorSpec) -> bool:
    return color.transfer in (TRANSFER_PQ, TRANSFER_HLG)


def side_data_of(picture: av.VideoFrame) -> dict[SideDataType, bytes]:
    """What is attached to a decoded picture, by kind."""
    try:
        return side_data(picture)
    except ValueError:
        return _rotation_only(picture)


def _rotation_only(picture: av.VideoFrame) -> dict[SideDataType, bytes]:
    quarters = round(picture.rotation / 90) % 4
    if not quarters:
        return {}
    cosine, sine = ((1, 0), (0, 1), (-1, 0), (0, -1))[quarters]
    turn = [cosine << 16, -sine << 16, 0, sine << 16, cosine << 16, 0, 0, 0, 1 << 30]
    return {SideDataType.DISPLAYMATRIX: struct.pack("=9i", *turn)}


def read_hdr(attached: dict[SideDataType, bytes]) -> HdrMetadata | None:
    """The metadata among a picture's side data; None without any."""
    mastering = attached.get(SideDataType.MASTERING_DISPLAY_METADATA, b"")
    light = attached.get(SideDataType.CONTENT_LIGHT_LEVEL, b"")
    pairs: list[Fraction] = []
    has_colors = has_luminance = 0
    if len(mastering) >= _MASTERING.size:
        *numbers, has_colors, has_luminance = _MASTERING.unpack_from(mastering)
        over, under = numbers[0::2], numbers[1::2]
        pairs = [Fraction(a, b) if b else Fraction(0) for a, b in zip(over, under, strict=True)]
    most, average = _LIGHT.unpack_from(light) if len(light) >= _LIGHT.size else (0, 0)
    if not (has_colors or has_luminance or most or average):
        return None
    return HdrMetadata(
        primaries=tuple((pairs[i], pairs[i + 1]) for i in (0, 2, 4)) if has_colors else None,
        white_point=(pairs[6], pairs[7]) if has_colors else None,
        luminance=(pairs[8], pairs[9]) if has_luminance else None,
        max_content=most,
        max_average=average,
    )


def encoder_parameters(encoder: str, hdr: HdrMetadata) -> dict[str, str] | None:
    """The options by which an encoder states the metadata; None for one that cannot."""
    if encoder == "libx265":
        return {"x265-params": _joined(hdr, "master-display", "max-cll", whole=True)}
    if encoder == "libx264":
        return {"x264-params": _joined(hdr, "mastering-display", "cll", whole=True)}
    if encoder == "libsvtav1":
        return {"svtav1-params": _joined(hdr, "mastering-display", "content-light", whole=False)}
    return None


def _joined(hdr: HdrMetadata, display: str, light: str, *, whole: bool) -> str:
    """whole: in steps of ST 2086, else in units of 1 (chromaticity) and cd/m2."""
    parts = []
    if hdr.primaries is not None and hdr.white_point is not None:
        red, green, blue = hdr.primaries
        steps = _CHROMATICITY_STEPS if whole else 1
        points = (("G", green), ("B", blue), ("R", red), ("WP", hdr.white_point))
        least, most = hdr.luminance or (Fraction(0), Fraction(0))
        gain = _LUMINANCE_STEPS if whole else 1
        text = "".join(
            f"{name}({_number(x * steps, whole)},{_number(y * steps, whole)})" for name, (x, y) in points
        )
        parts.append(f"{display}={text}L({_number(most * gain, whole)},{_number(least * gain, whole)})")
    if hdr.max_content or hdr.max_average:
        parts.append(f"{light}={hdr.max_content},{hdr.max_average}")
    return ":".join(parts)


def _number(value: Fraction, whole: bool) -> str:
    return str(round(value)) if whole else f"{float(value):.6f}"
