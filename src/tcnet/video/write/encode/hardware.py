"""Encoders of graphics processors: their names, pixel formats and options, for each codec.

Options as of FFmpeg 8. The constant quality that users give (crf) is that of the software encoder; each of
these gets the one of its own that comes nearest.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tcnet.errors import UsageError

HARDWARE = ("nvenc", "videotoolbox", "qsv", "vaapi", "amf")
ENCODERS = ("auto", "software", *HARDWARE)
"""What can be asked for. "auto" is software: only its packets are the same in every run and on all machines,
so that a run that was cut off is continued exactly; and the network takes far longer than any encoder."""
_LAMBDA = 118  # FFmpeg's FF_QP2LAMBDA: what -q:v is multiplied by
_MOST_QUALITY = 51


@dataclass(frozen=True, slots=True)
class HardwareEncoder:
    """One encoder. surfaces: for each pixel format that can be asked for, the one in which it takes the same
    samples. quality: options for a quality from 1 to 51, as x264 counts."""

    name: str
    surfaces: Mapping[str, str]
    quality: Callable[[int], dict[str, str]]

    def options(self, crf: int | None, most: int) -> dict[str, str]:
        """crf: from 0 to `most`, of the codec's software encoder; None where it has none."""
        scaled = 1 if crf is None else max(1, round(crf * _MOST_QUALITY / most))
        return self.quality(scaled)


_EIGHT = {"yuv420p": "nv12"}
_TEN = {**_EIGHT, "yuv420p10le": "p010le"}


def _nvenc(quality: int) -> dict[str, str]:
    return {"rc": "vbr", "cq": str(quality), "b": "0", "preset": "p6", "tune": "hq"}


def _videotoolbox(quality: int) -> dict[str, str]:
    return {"flags": "+qscale", "global_quality": str(_LAMBDA * max(1, 100 - 2 * quality))}


def _prores(_: int) -> dict[str, str]:
    return {"profile": "hq"}


def _qsv(quality: int) -> dict[str, str]:
    return {"global_quality": str(quality), "preset": "medium"}


def _vaapi(quality: int) -> dict[str, str]:
    return {"rc_mode": "CQP", "global_quality": str(quality)}


def _amf(quality: int) -> dict[str, str]:
    return {"rc": "cqp", "qp_i": str(quality), "qp_p": str(quality), "quality": "quality"}


def _amf_av1(quality: int) -> dict[str, str]:
    return {**_amf(min(255, 5 * quality)), "qp_b": str(min(255, 5 * quality))}


_FOUND: dict[tuple[str, str], HardwareEncoder] = {
    ("nvenc", "h264"): HardwareEncoder("h264_nvenc", {"yuv420p": "yuv420p", "yuv444p": "yuv444p"}, _nvenc),
    ("nvenc", "hevc"): HardwareEncoder(
        "hevc_nvenc", {"yuv420p": "yuv420p", "yuv420p10le": "p010le", "yuv444p": "yuv444p"}, _nvenc
    ),
    ("nvenc", "av1"): HardwareEncoder("av1_nvenc", {"yuv420p": "yuv420p", "yuv420p10le": "p010le"}, _nvenc),
    ("videotoolbox", "h264"): HardwareEncoder("h264_videotoolbox", _EIGHT, _videotoolbox),
    ("videotoolbox", "hevc"): HardwareEncoder("hevc_videotoolbox", _TEN, _videotoolbox),
    ("videotoolbox", "prores"): HardwareEncoder("prores_videotoolbox", {"yuv422p10le": "p210le"}, _prores),
    ("qsv", "h264"): HardwareEncoder("h264_qsv", _EIGHT, _qsv),
    ("qsv", "hevc"): HardwareEncoder("hevc_qsv", _TEN, _qsv),
    ("qsv", "av1"): HardwareEncoder("av1_qsv", _TEN, _qsv),
    ("vaapi", "h264"): HardwareEncoder("h264_vaapi", _EIGHT, _vaapi),
    ("vaapi", "hevc"): HardwareEncoder("hevc_vaapi", _TEN, _vaapi),
    ("vaapi", "av1"): HardwareEncoder("av1_vaapi", _TEN, _vaapi),
    ("amf", "h264"): HardwareEncoder("h264_amf", _EIGHT, _amf),
    ("amf", "hevc"): HardwareEncoder("hevc_amf", _TEN, _amf),
    ("amf", "av1"): HardwareEncoder("av1_amf", _TEN, _amf_av1),
}


def hardware_encoder(kind: str, codec: str) -> HardwareEncoder | None:
    """The encoder of a kind for a codec, whether it is here or not; None for software.

    Raises UsageError for a codec that the kind does not have.
    """
    if kind not in HARDWARE:
        return None
    found = _FOUND.get((kind, codec))
    if found is None:
        raise UsageError(
            f"encoder {kind} has no {codec}: choose codec {' or '.join(codecs_of(kind))}, or encoder software"
        )
    return found


def codecs_of(kind: str) -> list[str]:
    """The codecs for which a kind has an encoder."""
    return [codec for owner, codec in _FOUND if owner == kind]
