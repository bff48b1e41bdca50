"""Which encoder an output gets: the one that was asked for, if it works on this machine.

Whether a graphics processor can encode depends on the machine, its driver, the codec and the size of the
picture: a few pictures are encoded to find out.
"""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from tcnet.errors import MediaError, UsageError
from tcnet.video.frame import ColorSpec, Frame, VideoInfo
from tcnet.video.write.encode.codecs import EncodeOptions, EncoderPlan, encoder_or_none, plan_encoding
from tcnet.video.write.encode.encoder import SeparateEncoder, reason
from tcnet.video.write.encode.hardware import HARDWARE, codecs_of

TRIAL_FRAMES = 3


def choose_encoder(
    path: Path, info: VideoInfo, options: EncodeOptions, default_codec: str, *, muxer: str
) -> EncoderPlan:
    """As `plan_encoding`; where hardware does not work here, software takes its place, with a notice.

    path: of the output, for messages. Raises UsageError like `plan_encoding`, and for encoder options that
    were meant for hardware that does not work here.
    """
    plan = plan_encoding(info, options, default_codec, muxer=muxer)
    if plan.surface is None:
        return plan
    why = refusal(plan, info, muxer, path)
    if why is None:
        notice = (
            f"{plan.encoder} encodes: it may give other packets each time, so a run that is continued gives "
            "pictures as good as those of one run, not the same"
        )
        return replace(plan, notices=(*plan.notices, notice))
    if options.encoder_options:
        raise UsageError(
            f"encoder {options.encoder} does not work here ({why}), and its options may mean something else "
            "to others: leave out --encoder-option, or choose --encoder software"
        )
    plan = plan_encoding(info, replace(options, encoder="software"), default_codec, muxer=muxer)
    notice = f"encoder {options.encoder} does not work here ({why}): {plan.encoder} encodes instead"
    return replace(plan, notices=(*plan.notices, notice))


def refusal(plan: EncoderPlan, info: VideoInfo, muxer: str, path: Path) -> str | None:
    """Why a plan's encoder cannot encode pictures of `info`'s size here; None if it can."""
    codec = encoder_or_none(plan.encoder)
    if codec is None:
        return f"this build of FFmpeg has no {plan.encoder}"
    if plan.surface not in [offered.name for offered in codec.video_formats or []]:
        return f"{plan.encoder} takes no {plan.surface} from memory"
    try:
        encoder = SeparateEncoder(muxer, plan, info, path)
    except UsageError as error:
        return reason(error.__cause__ if isinstance(error.__cause__, Exception) else error)
    grey = np.full((info.height, info.width, 3), 128, np.uint8)
    try:
        packets = []
        for number in range(TRIAL_FRAMES):
            packets += encoder.encode(Frame(grey, number, 1, Fraction(1, 25)))
        packets += encoder.flush()
    except MediaError as error:
        return reason(error.__cause__ if isinstance(error.__cause__, Exception) else error)
    finally:
        encoder.close()
    return None if len(packets) == TRIAL_FRAMES else f"{len(packets)} of {TRIAL_FRAMES} pictures came out"


def available_hardware() -> dict[str, list[str]]:
    """The codecs that each kind of hardware encodes here, tried at 640x368; without kinds that have none."""
    info = VideoInfo(
        width=640, height=368, time_base=Fraction(1, 25), frame_rate=Fraction(25), frame_count=None,
        duration=None, bit_depth=8, pixel_format="yuv420p", color=ColorSpec(matrix=1, full_range=False),
        sample_aspect_ratio=Fraction(1), codec="h264",
    )  # fmt: skip
    found: dict[str, list[str]] = {}
    for kind in HARDWARE:
        for codec in codecs_of(kind):
            plan = plan_encoding(info, EncodeOptions(codec=codec, encoder=kind), codec)
            muxer = "mov" if codec == "prores" else "matroska"
            if refusal(plan, info, muxer, Path(f"trial of {kind}")) is None:
                found.setdefault(kind, []).append(codec)
    return found
