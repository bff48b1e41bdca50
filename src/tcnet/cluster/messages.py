"""Messages between machines as plain data (numbers, text, bytes, arrays): packed and unpacked.

Ray moves arrays without copying them, and a process that only forwards messages need not import this package.
"""

from collections.abc import Mapping
from dataclasses import asdict
from fractions import Fraction
from typing import Any

import numpy as np

from tcnet.errors import MediaError, TcnetError, UsageError
from tcnet.inference.windows import Span
from tcnet.upscale.executor import SegmentResult
from tcnet.upscale.output.encoded_segment import EncodedSegment
from tcnet.upscale.segment_input import SegmentInput
from tcnet.video.frame import Frame
from tcnet.video.write.segments import Segment

Message = Mapping[str, Any]


def segment_message(segment: SegmentInput) -> Message:
    return {
        "number": segment.number,
        "first": segment.first,
        "skip": segment.skip,
        "windows": [(span.start, span.stop, span.keep_start, span.keep_stop) for span in segment.windows],
        # Contiguous, or Ray would copy them twice.
        "pixels": [np.ascontiguousarray(frame.pixels) for frame in segment.frames],
        "alphas": [frame.alpha for frame in segment.frames],
        "captions": [frame.captions for frame in segment.frames],
        "overshoots": [frame.overshoot for frame in segment.frames],
        "times": [_time(frame) for frame in segment.frames],
    }


def read_segment(message: Message) -> SegmentInput:
    frames = [
        Frame(pixels, *_read_time(time), alpha, captions, overshoot)
        for pixels, time, alpha, captions, overshoot in zip(
            *(message[key] for key in ("pixels", "times", "alphas", "captions", "overshoots")), strict=True
        )  # the pixels are read-only views of what Ray holds
    ]
    windows = tuple(Span(*numbers) for numbers in message["windows"])
    return SegmentInput(message["number"], message["first"], frames, windows, message["skip"])


def done_message(done: SegmentResult) -> Message:
    newest = done.newest
    return {
        "frames": done.encoded.frames,
        "segment": None if done.encoded.segment is None else asdict(done.encoded.segment),
        "files": list(done.encoded.files),
        "windows": done.windows,
        "recomputed_windows": done.recomputed_windows,
        "recomputed_frames": done.recomputed_frames,
        "repeated_frames": done.repeated_frames,
        "newest": None if newest is None else (newest.pixels, _time(newest), newest.alpha),
    }


def failure_message(error: TcnetError) -> Message:
    return {"error": str(error), "usage": isinstance(error, UsageError)}


def read_failure(message: Message) -> TcnetError:
    return (UsageError if message["usage"] else MediaError)(message["error"])


def read_done(message: Message) -> SegmentResult:
    """Raises what a `failure_message` says."""
    if "error" in message:
        raise read_failure(message)
    segment = message["segment"]
    newest = None
    if message["newest"] is not None:
        pixels, time, alpha = message["newest"]
        newest = Frame(pixels, *_read_time(time), alpha)
    return SegmentResult(
        encoded=EncodedSegment(
            message["frames"], None if segment is None else Segment(**segment), tuple(message["files"])
        ),
        windows=message["windows"],
        recomputed_windows=message["recomputed_windows"],
        recomputed_frames=message["recomputed_frames"],
        repeated_frames=message["repeated_frames"],
        newest=newest,
    )


def _time(frame: Frame) -> tuple[int, int, int, int]:
    return frame.pts, frame.duration, frame.time_base.numerator, frame.time_base.denominator


def _read_time(time: tuple[int, int, int, int]) -> tuple[int, int, Fraction]:
    return time[0], time[1], Fraction(time[2], time[3])
