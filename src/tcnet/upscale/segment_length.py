"""How many frames a segment has: fewer where frames are slow, so that an interruption costs little.

What is lost is at most the work on one segment. Shorter segments mean shorter windows, and so more context
that is computed and dropped: with 24 frames a frame takes 1.08 times as long as with 48, with 16 frames 1.17
times, with 8 frames 1.42 times (docs/experiments/2026-11-29-segment-length.md).
"""

import math
from dataclasses import replace

from tcnet.durations import describe_estimate
from tcnet.inference.contract import VideoNetwork
from tcnet.inference.plan import Plan
from tcnet.inference.tiling import CONTEXT_WORK, make_layout
from tcnet.inference.windows import plan_windows

SEGMENT_FRAMES = 48
"""The most. Each segment begins with a keyframe; with fewer frames, files grow."""
_LENGTHS = ((SEGMENT_FRAMES, 1800.0), (24, 1800.0), (16, 3600.0), (8, math.inf))
"""Frames of a segment, each with the seconds of work that it may take; the first that fits is taken.

Few lengths, so that the same command rarely chooses another. None below 8: windows compute 16 frames anyway.
"""


def with_segments(plan: Plan, network: VideoNetwork, asked: int | None = None) -> Plan:
    """A plan with the segments that its frames are written in; its times include their context.

    plan: of one machine, or of a cluster, where one machine computes a whole segment. asked: frames of a
    segment; None: chosen by the time that a frame takes.
    """
    frames = segment_length(plan, network) if asked is None else asked
    length = plan.source.frame_count or 100 * SEGMENT_FRAMES
    more = sum(_work(plan, network, length, frames)) / sum(_work(plan, network, length, length))
    per_frame, seconds = plan.seconds_per_frame, plan.seconds
    notices = plan.notices
    if asked is None and frames < SEGMENT_FRAMES:
        lost = describe_estimate(segment_seconds(plan, network, frames))
        notices = (
            *notices,
            f"frames are slow: segments have {frames} of them instead of {SEGMENT_FRAMES}, so that an "
            f"interruption costs {lost} of work at most",
        )
    return replace(
        plan,
        segment_frames=frames,
        seconds_per_frame=None if per_frame is None else per_frame * more,
        seconds=None if seconds is None else seconds * more,
        notices=notices,
    )


def segment_length(plan: Plan, network: VideoNetwork) -> int:
    """Frames of a segment, at least a group of the network's, by the speed that was measured for the plan."""
    chosen = next(frames for frames, most in _LENGTHS if segment_seconds(plan, network, frames) <= most)
    return max(chosen, min(network.config.group_size, SEGMENT_FRAMES))


def segment_seconds(plan: Plan, network: VideoNetwork, frames: int) -> float:
    """Work on the longest segment, on one machine; 0 where no speed was measured."""
    if plan.seconds_per_pixel is None:
        return 0.0
    source = plan.source
    layout = make_layout(network, plan.options, source.height, source.width, plan.window, plan.options.tile)
    length = 3 * frames  # a segment with neighbours on both sides
    if source.frame_count:
        length = min(length, source.frame_count)
    return plan.seconds_per_pixel * layout.computed_area * max(_work(plan, network, length, frames))


def _work(plan: Plan, network: VideoNetwork, length: int, frames: int) -> list[float]:
    """The work on each segment of a scene of `length` frames, context included; that on a kept frame is 1."""
    works = [0.0] * -(-length // frames)
    if plan.window is None:
        return [float(min(frames, length - begin)) for begin in range(0, length, frames)]
    for span in plan_windows(0, length, plan.window, plan.overlap, network.config.group_size, frames):
        kept = span.keep_stop - span.keep_start
        works[span.keep_start // frames] += kept + CONTEXT_WORK * (span.stop - span.start - kept)
    return works
