"""A VapourSynth filter: `tcnet.vapoursynth.upscale(clip)`, between other filters of a script.

Segments, scenes and random access are those of `tcnet.random_access`; here are only formats, frame
properties and errors. docs/vapoursynth.md has scripts.
"""

import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tcnet.catalogue import DEFAULT_MODEL
from tcnet.errors import TcnetError
from tcnet.inference import UpscaleOptions, Upscaler
from tcnet.inference.contract import VideoNetwork
from tcnet.random_access import Clip, RandomAccess
from tcnet.video.frame import Frame, Pixels

try:
    import vapoursynth as vs
except ImportError as error:
    raise ImportError(
        f"tcnet.vapoursynth needs VapourSynth, on Python 3.12 or later ({error}): pip install "
        "'.[vapoursynth]' in a checkout of tcnet"
    ) from error

LARGEST = np.iinfo(np.uint16).max
TIME_BASE = Fraction(1, 25)
"""Only the order of frames matters, not their times."""


def upscale(
    clip: vs.VideoNode,
    model: str | Path | VideoNetwork = DEFAULT_MODEL,
    scale: float | None = None,
    window: int | None = None,
    device: str | None = None,
    tile: int | None = None,
    *,
    overlap: int | None = None,
    detail: float | None = None,
    denoise: float | None = None,
    precision: str | None = None,
    scene_cuts: bool | None = None,
    options: UpscaleOptions | None = None,
) -> vs.VideoNode:
    """Upscale a clip; temporal, so request its frames in order where you can.

    A scene begins with a frame whose `_SceneChangePrev` is 1 and after one whose `_SceneChangeNext` is 1;
    0 says that none does. Cuts beside frames without these properties are detected. The network computes
    windows of frames; a frame is the same in whatever order frames are requested.

    Args:
        clip: RGBS or RGBH of constant format and size, R'G'B' in [0, 1]; what lies outside is clipped, and
            values are rounded to 16 bits.
        model: a name from `tcnet.list_models`, a weight file, or a network.
        scale: 1 to 4 (default).
        window: frames computed together; None: 56, or what memory allows.
        device: "auto" (default), "cpu", "cuda" or "mps".
        tile: largest tile side in input pixels; None: whole frames, or what memory allows.
        overlap: frames computed and dropped on each side of a window (default 4); a streaming model, such as
            tcnet-lite, begins as many before each window (default 8).
        detail: 0 to 1, of models that have it.
        denoise: 0 to 1, how far noise, grain and coding artefacts are taken out first.
        precision: "auto" (default), "fp32", "bf16", "fp16" or "int8".
        scene_cuts: whether scenes are computed apart (default).
        options: all other options; the arguments above take precedence.

    Returns:
        A clip of the same format, length and frame properties.

    Raises:
        vapoursynth.Error: for a clip of another format, with the line that converts it; for options, models
            and devices that do not fit; and in place of a frame that is interlaced or cannot be computed.
    """
    given: dict[str, Any] = {
        "scale": scale,
        "window": window,
        "device": device,
        "tile": tile,
        "overlap": overlap,
        "detail": detail,
        "denoise": denoise,
        "precision": precision,
        "scene_cuts": scene_cuts,
    }
    _check(clip)
    try:
        chosen = {name: value for name, value in given.items() if value is not None}
        upscaler = Upscaler(model, options, **chosen)
        lr = Clip(clip.num_frames, clip.height, clip.width, 2, _reader(clip))
        frames = RandomAccess(upscaler, lr, in_flight=vs.core.num_threads)
    except (TcnetError, ValueError, TypeError) as error:
        raise vs.Error(f"tcnet: {error}") from error
    blank = clip.std.BlankClip(width=frames.layout.out_width, height=frames.layout.out_height, keep=True)
    filled = blank.std.ModifyFrame(blank, _selector(frames, upscaler.statistics.notices))
    return filled.std.CopyFrameProps(clip)


def _check(clip: vs.VideoNode) -> None:
    if not isinstance(clip, vs.VideoNode):
        raise vs.Error(f"tcnet: clip must be a video clip, got {type(clip).__name__}")
    if clip.format is None or not clip.width or not clip.height:
        raise vs.Error(
            "tcnet: clip changes format or size, it must be constant: "
            "clip.resize.Bicubic(width=..., height=..., format=vs.RGBS, matrix_in_s='709')"
        )
    if clip.format.id not in (vs.RGBS, vs.RGBH):
        matrix = "" if clip.format.color_family == vs.RGB else ", matrix_in_s='709'"
        raise vs.Error(
            f"tcnet: clip is {clip.format.name}, it must be RGBS or RGBH: "
            f"clip.resize.Bicubic(format=vs.RGBS{matrix})"
        )


def _reader(clip: vs.VideoNode) -> Callable[[int], Frame]:
    """Frames of a clip as 16-bit codes, each with what properties say of a cut before it."""
    after: dict[int, bool | None] = {-1: None}  # _SceneChangeNext of the frame that was read last

    def read(number: int) -> Frame:
        with clip.get_frame(number) as frame:
            _refuse_fields(frame, number)
            before = after.get(number - 1)
            marked = _flag(frame, "_SceneChangePrev")
            cut = None if marked is None and before is None else bool(marked or before)
            after.clear()
            after[number] = _flag(frame, "_SceneChangeNext")
            return Frame(_codes(frame, number), number, 1, TIME_BASE, cut=cut)

    return read


def _refuse_fields(frame: vs.VideoFrame, number: int) -> None:
    """Two woven fields are two moments: upscaled as one picture, their combs would be too."""
    order = frame.props.get("_FieldBased", 0)
    if order:
        raise vs.Error(
            f"tcnet: frame {number} is interlaced (_FieldBased is {order}): deinterlace the clip first, or, "
            "if it is progressive, say so before it is converted: clip.std.SetFieldBased(0)"
        )


def _flag(frame: vs.VideoFrame, name: str) -> bool | None:
    value = frame.props.get(name)
    return None if value is None else bool(value)


def _codes(frame: vs.VideoFrame, number: int) -> Pixels:
    """The planes R, G, B of float16 or float32 -> (H, W, 3) uint16."""
    codes: npt.NDArray[np.uint16] = np.empty((frame.height, frame.width, 3), np.uint16)
    for plane in range(3):
        values = np.asarray(frame[plane], np.float32)
        if not math.isfinite(values.sum(dtype=np.float64)):
            raise vs.Error(f"tcnet: frame {number} has values that are not finite: find the filter before")
        codes[..., plane] = np.rint(np.clip(values, 0, 1) * LARGEST)
    return codes


def _selector(frames: RandomAccess, notices: list[str]) -> Callable[[int, Any], vs.VideoFrame]:
    """The callback of ModifyFrame: f is a blank frame."""
    told: set[str] = set()

    def fill(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        try:
            pixels = frames.frame(n).pixels
        except TcnetError as error:
            raise vs.Error(f"tcnet: {error}") from None  # VapourSynth shows all that led to it, page by page
        except vs.Error as error:
            raise vs.Error(str(error)) from None
        for notice in notices:
            if notice not in told:
                told.add(notice)
                vs.core.log_message(vs.MESSAGE_TYPE_WARNING, f"tcnet: {notice}")
        filled = f.copy()
        for plane in range(3):
            values = pixels[..., plane] / np.float32(LARGEST)
            np.copyto(np.asarray(filled[plane]), values, casting="same_kind")  # to float16, for RGBH
        return filled

    return fill
