"""Which encoder, pixel format and options an output gets; invalid options are rejected before the work."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import av
from av.codec.codec import Codec, UnknownCodecError

from tcnet.errors import UsageError
from tcnet.video.color.convert import WRITABLE_FORMATS
from tcnet.video.color.h273 import bit_depth, has_alpha, is_rgb_like
from tcnet.video.color.hdr import encoder_parameters, is_hdr
from tcnet.video.frame import ColorSpec, VideoInfo
from tcnet.video.write.encode.captions import CAPTIONED_CODECS
from tcnet.video.write.encode.hardware import ENCODERS, HardwareEncoder, hardware_encoder


@dataclass(frozen=True, slots=True)
class EncodeOptions:
    """What the user requests of the encoder; None means the default.

    Attributes:
        codec: "h264", "hevc", "av1", "ffv1" or "prores"; default by container.
        crf: constant quality, lower is better.
        pixel_format: FFmpeg's name, such as "yuv444p10le".
        encoder_options: passed to the encoder unchanged, such as {"preset": "slow"}.
        encoder: "auto" (software), "software", or a graphics processor's: "nvenc", "videotoolbox", "qsv",
            "vaapi" or "amf"; where that does not work, software encodes and a notice says so.

    Raises:
        UsageError: for an unknown codec or encoder.
    """

    codec: str | None = None
    crf: int | None = None
    pixel_format: str | None = None
    encoder_options: Mapping[str, str] = field(default_factory=dict)
    encoder: str = "auto"

    def __post_init__(self) -> None:
        if self.encoder not in ENCODERS:
            raise UsageError(f"unknown encoder {self.encoder!r}; choose {', '.join(ENCODERS)}")
        if self.codec is not None and self.codec.lower() not in CODECS:
            raise UsageError(f"unknown codec {self.codec!r}; choose {', '.join(CODECS)}")


@dataclass(frozen=True, slots=True)
class CodecChoice:
    """One codec: encoders in order of preference, default formats from shallow to deep, default options.

    with_preset: more options, which go with the default preset alone. smallest: pixels a side below which its
    encoder fails. alpha_formats: the default formats for pictures with alpha, from shallow to deep; none
    where the codec cannot hold it.
    """

    encoders: tuple[str, ...]
    formats: tuple[str, ...]
    options: Mapping[str, str]
    crf: range | None
    with_preset: Mapping[str, str] = field(default_factory=dict)
    odd_sizes: bool = False
    smallest: int = 1
    alpha_formats: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EncoderPlan:
    """A checked choice. color: what the pictures are encoded with. notices: for the user. surface: the
    pixel format in which a graphics processor takes the pictures; None for software."""

    codec: str
    encoder: str
    pixel_format: str
    options: Mapping[str, str]
    color: ColorSpec
    notices: tuple[str, ...]
    surface: str | None = None


# crf 16 of x264 is visually lossless at upscaled sizes; the others are set to about the same quality. Its
# "medium" takes three times the CPU for files of the same size (docs/experiments/2026-11-28-x264-presets.md).
CODECS: dict[str, CodecChoice] = {
    "h264": CodecChoice(
        ("libx264",),
        ("yuv420p", "yuv420p10le"),
        {"crf": "16", "preset": "faster"},
        range(52),
        with_preset={"refs": "1", "subq": "2", "motion-est": "dia"},
    ),
    "hevc": CodecChoice(
        ("libx265",),
        ("yuv420p", "yuv420p10le", "yuv420p12le"),
        {"crf": "18", "preset": "medium", "x265-params": "log-level=error"},
        range(52),
        smallest=64,  # x265 writes outside its buffers for less (seen at 36x28)
    ),
    "av1": CodecChoice(
        ("libsvtav1",), ("yuv420p", "yuv420p10le"), {"crf": "22", "preset": "6"}, range(64), smallest=64
    ),
    "ffv1": CodecChoice(
        ("ffv1",),
        ("yuv444p", "yuv444p10le", "yuv444p12le", "yuv444p16le"),
        {"level": "3", "slicecrc": "1"},
        None,
        odd_sizes=True,
        alpha_formats=("yuva444p", "yuva444p10le", "yuva444p12le", "yuva444p16le"),
    ),
    "prores": CodecChoice(
        ("prores_ks",), ("yuv422p10le",), {"profile": "3"}, None, alpha_formats=("yuva444p10le",)
    ),
}
CLIPPED = (
    "the input has super-white or sub-black, which is clipped: {} has no room for it; "
    "Y'CbCr video of limited range has"
)
_PRORES_4444 = "4"
_ALWAYS_LIMITED = ("prores",)  # neither it nor MOV states a range, and all players take it for limited
# The codec that holds alpha, by the muxer of the output.
_ALPHA_CODECS = {"matroska": "ffv1", "mov": "prores"}


def plan_encoding(
    info: VideoInfo, options: EncodeOptions, default_codec: str, *, muxer: str = ""
) -> EncoderPlan:
    """Encoder, pixel format and options for an output of `info`'s size, depth, alpha and HDR metadata.

    default_codec: what is taken unless the options or the pictures (alpha, HDR) ask for another. muxer: of
    the output. Raises UsageError, naming the choices, for a codec that this build lacks, a pixel format
    that it cannot encode, a size that the format cannot have, a crf out of range, or an unknown option.
    """
    notices: list[str] = []
    name = (options.codec or _codec_for(info, options, default_codec, muxer, notices)).lower()
    if (hardware := hardware_encoder(options.encoder, name)) is not None:
        return _plan_hardware(info, options, name, hardware, notices)
    choice = CODECS[name]
    codec = _find_encoder(name, choice)
    pixel_format = options.pixel_format or _default_format(name, choice, info, notices)
    _check_format(name, codec, pixel_format)
    if not choice.odd_sizes:
        _check_size(pixel_format, info.width, info.height)
    if min(info.width, info.height) < choice.smallest:
        raise UsageError(
            f"{name} takes no pictures under {choice.smallest}x{choice.smallest} "
            f"(got {info.width}x{info.height}); choose h264 or ffv1"
        )
    settings = {**choice.options, **_quality(name, choice, options.crf)}
    if "preset" not in options.encoder_options:
        settings.update(choice.with_preset)
    if name == "h264" and (info.width % 128 or info.height % 16):
        # x264's AVX-512 code for mbtree reads memory that was never written unless the picture is made of
        # whole macroblocks, eight in a row (seen at 480x352, not at 640x352), and decides by what it finds:
        # two runs then differ. A resumed run must not.
        settings["mbtree"] = "0"
    if name == "prores" and "444" in pixel_format:
        settings["profile"] = _PRORES_4444
    _check_options(codec, options.encoder_options)
    settings.update(options.encoder_options)
    _state_hdr(name, codec.name, info, settings, notices)
    notices += _losses(name, pixel_format, info)
    color = info.color
    if name in _ALWAYS_LIMITED:
        color = replace(color, full_range=False)
    return EncoderPlan(name, codec.name, pixel_format, settings, color, tuple(notices))


def _plan_hardware(
    info: VideoInfo, options: EncodeOptions, name: str, hardware: HardwareEncoder, notices: list[str]
) -> EncoderPlan:
    """The plan for a graphics processor; whether it works is not tried."""
    software = CODECS[name]
    crf = _quality(name, software, options.crf).get("crf", software.options.get("crf"))
    choice = replace(software, formats=tuple(hardware.surfaces), alpha_formats=())
    pixel_format = options.pixel_format or _default_format(name, choice, info, notices)
    if pixel_format not in hardware.surfaces:
        raise UsageError(
            f"pixel format {pixel_format!r} cannot be written with {hardware.name}; choose "
            f"{', '.join(hardware.surfaces)}, or encoder software"
        )
    _check_size(pixel_format, info.width, info.height)
    codec = encoder_or_none(hardware.name)
    if codec is not None:
        _check_options(codec, options.encoder_options)
    most = 0 if software.crf is None else software.crf.stop - 1
    settings = {**hardware.options(None if crf is None else int(crf), most), **options.encoder_options}
    _state_hdr(name, hardware.name, info, settings, notices)
    notices += _losses(name, pixel_format, info)
    color = replace(info.color, full_range=False) if name in _ALWAYS_LIMITED else info.color
    surface = hardware.surfaces[pixel_format]
    return EncoderPlan(name, hardware.name, pixel_format, settings, color, tuple(notices), surface)


def available_codecs() -> dict[str, str]:
    """Codec name -> encoder, of those that this build of FFmpeg can encode."""
    found = {}
    for name, choice in CODECS.items():
        for encoder in choice.encoders:
            if encoder in av.codecs_available and encoder_or_none(encoder) is not None:
                found[name] = encoder
                break
    return found


def encoder_or_none(name: str) -> Codec | None:
    """An encoder by FFmpeg's name; None where this build has none."""
    try:
        return Codec(name, "w")
    except UnknownCodecError:
        return None


def _find_encoder(name: str, choice: CodecChoice) -> Codec:
    for encoder in choice.encoders:
        codec = encoder_or_none(encoder)
        if codec is not None:
            return codec
    raise UsageError(
        f"codec {name!r} is not in this build of FFmpeg (it needs {' or '.join(choice.encoders)}); "
        f"choose {', '.join(available_codecs())}"
    )


def _codec_for(info: VideoInfo, options: EncodeOptions, default: str, muxer: str, notices: list[str]) -> str:
    """The codec where none is asked for, with a notice where it is not the usual one."""
    free = options.pixel_format is None and options.crf is None and not options.encoder_options
    free = free and options.encoder in ("auto", "software")
    if info.alpha and free and muxer in _ALPHA_CODECS:
        name = _ALPHA_CODECS[muxer]
        notices.append(
            f"written with {name}, which holds the alpha channel; --codec {default} makes it smaller"
        )
        return name
    large = min(info.width, info.height) >= CODECS["hevc"].smallest
    if is_hdr(info.color) and default == "h264" and large and "hevc" in available_codecs():
        notices.append("written with hevc: few players show HDR in H.264")
        return "hevc"
    return default


def _state_hdr(
    name: str, encoder: str, info: VideoInfo, settings: dict[str, str], notices: list[str]
) -> None:
    if info.hdr is None:
        return
    parameters = encoder_parameters(encoder, info.hdr)
    if parameters is None:
        which, can = name, "hevc and av1 can"
        if encoder not in CODECS[name].encoders:
            which, can = encoder, "hevc and av1 by software can"
        notices.append(f"{which} cannot state the mastering display and light levels of the input; {can}")
        return
    for key, value in parameters.items():
        settings[key] = ":".join(part for part in (value, settings.get(key, "")) if part)


def _losses(name: str, pixel_format: str, info: VideoInfo) -> list[str]:
    lines = []
    if info.alpha and not has_alpha(pixel_format):
        if CODECS[name].alpha_formats:
            lines.append(f"the alpha channel is dropped: {pixel_format} has none")
        else:
            lines.append(
                f"the alpha channel is dropped: {name} cannot hold it; "
                "write .mkv with ffv1, .mov with prores, or a folder of PNG"
            )
    if info.overshoot and (is_rgb_like(pixel_format) or info.color.full_range):
        lines.append(CLIPPED.format(f"{pixel_format} of this range"))
    if info.captions and name not in CAPTIONED_CODECS:
        lines.append(
            f"closed captions inside the video stream are dropped: {name} cannot hold them; h264 and hevc can"
        )
    if is_hdr(info.color) and bit_depth(pixel_format) < 10:
        lines.append(f"HDR in the 8 bits of {pixel_format} shows bands; hevc, av1, ffv1 and prores take 10")
    return lines


def _default_format(name: str, choice: CodecChoice, info: VideoInfo, notices: list[str]) -> str:
    """The shallowest default that holds the pictures' bits, else the deepest, with a notice."""
    depth = info.bit_depth
    formats = choice.alpha_formats if info.alpha and choice.alpha_formats else choice.formats
    for pixel_format in formats:
        if bit_depth(pixel_format) >= depth:
            return pixel_format
    deepest = formats[-1]
    if bit_depth(deepest) <= 8 < depth:
        raise UsageError(f"codec {name!r} cannot hold {depth} bits; choose hevc, ffv1 or prores")
    notices.append(f"{depth}-bit pictures are written with {bit_depth(deepest)} bits, all that {name} takes")
    return deepest


def _check_format(name: str, codec: Codec, pixel_format: str) -> None:
    offered = [f.name for f in codec.video_formats or [] if f.name in WRITABLE_FORMATS]
    if pixel_format not in offered:
        raise UsageError(
            f"pixel format {pixel_format!r} cannot be written with {name}; choose {', '.join(offered)}"
        )


def _check_size(pixel_format: str, width: int, height: int) -> None:
    even_width = "420" in pixel_format or "422" in pixel_format
    even_height = "420" in pixel_format
    if (even_width and width % 2) or (even_height and height % 2):
        near = f"{width + width % 2 * even_width}x{height + height % 2 * even_height}"
        raise UsageError(
            f"{width}x{height} is odd, which {pixel_format} cannot have; take {near}, "
            "or a 4:4:4 pixel format such as yuv444p"
        )


def _quality(name: str, choice: CodecChoice, crf: int | None) -> dict[str, str]:
    if crf is None:
        return {}
    if choice.crf is None:
        raise UsageError(f"codec {name!r} has no crf (got {crf}); leave it out or choose h264, hevc or av1")
    if crf not in choice.crf:
        raise UsageError(f"crf {crf} is out of range for {name}: {choice.crf.start} to {choice.crf.stop - 1}")
    return {"crf": str(crf)}


def _check_options(codec: Codec, wanted: Mapping[str, str]) -> None:
    supported = codec.create("video").supported_options
    own = sorted(option.name for option in supported.private)
    known = {option.name for option in supported.generic} | set(own)
    for key in wanted:
        if key not in known:
            raise UsageError(f"encoder {codec.name} has no option {key!r}; its own are {', '.join(own)}")
