"""A run that is computed by others: what this package asks of a cluster. `tcnet.cluster` is one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

from tcnet.errors import UsageError
from tcnet.inference.backends import engine_of
from tcnet.inference.compute import Statistics
from tcnet.inference.contract import VideoNetwork
from tcnet.inference.plan import Plan
from tcnet.inference.upscale_options import UpscaleOptions
from tcnet.inference.upscaler import of_one_size, split_scenes
from tcnet.upscale.output.encoded_segment import EncodedSegment
from tcnet.upscale.output.run_output import RunSink
from tcnet.upscale.progress import RECENT_WINDOWS, Activity
from tcnet.upscale.segment_input import SegmentInput, iter_segment_inputs
from tcnet.video.frame import Frame, VideoInfo
from tcnet.video.write.segments import VideoEncoding


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """What all segments of one run have in common. options: the plan's. height, width: of LR frames. info: of
    the output; encoding: None for images. wants_frames: whether each segment's newest frame is asked for."""

    network: VideoNetwork
    options: UpscaleOptions
    height: int
    width: int
    encoding: VideoEncoding | None
    info: VideoInfo
    wants_frames: bool


@dataclass(frozen=True, slots=True, eq=False)
class SegmentResult:
    """A segment, computed and encoded."""

    encoded: EncodedSegment
    windows: int
    recomputed_windows: int
    recomputed_frames: int
    repeated_frames: int
    newest: Frame | None


class Cluster(Protocol):
    """Computes segments somewhere. Several threads may use it at once, one for each run."""

    def plan(
        self, info: VideoInfo, network: VideoNetwork, options: UpscaleOptions | None, *, model: str | None
    ) -> Plan:
        """As `plan_upscale`, for the machines of the cluster."""

    def compute(
        self, work: Work, segments: Iterator[SegmentInput], waiting: Callable[[], None]
    ) -> Iterator[SegmentResult]:
        """All segments in their order; `waiting` is called now and then. Raises what they raise."""

    def activity(self) -> Activity: ...

    def notices(self) -> list[str]:
        """Lines for people on what happened so far."""


class SegmentSink:
    """What is done elsewhere, written as it comes."""

    def __init__(self, sink: RunSink) -> None:
        self._sink = sink

    def write(self, part: EncodedSegment) -> None:
        self._sink.add(part)

    def finish(self) -> None:
        self._sink.finish()

    def abort(self) -> None:
        self._sink.abort()


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A cluster, and what it has to know of one output."""

    cluster: Cluster
    encoding: VideoEncoding | None
    info: VideoInfo
    wants_frames: bool

    def recent_segments(self) -> int:
        """Finished parts to take the rate over: workers finish about together."""
        return max(RECENT_WINDOWS, 4 * self.cluster.activity().workers)

    def compute(
        self,
        network: VideoNetwork,
        plan: Plan,
        frames: Iterator[Frame],
        statistics: Statistics,
        waiting: Callable[[], None],
        align: int,
        skip: int,
    ) -> Iterator[SegmentResult]:
        """The frames of a source in parts of `align`, without the first `skip`. The statistics follow."""
        checked = of_one_size(frames)
        first = next(checked, None)
        if first is None:
            return
        height, width, _ = first.pixels.shape
        work = Work(
            network, plan.options, height, width, self.encoding, self.info, wants_frames=self.wants_frames
        )
        scenes = split_scenes(chain([first], checked), plan.options, statistics)
        del first  # or it would live as long as the run
        assert plan.window is not None
        segments = iter_segment_inputs(
            scenes, plan.window, plan.overlap, network.config.group_size, align, skip
        )
        for done in self.cluster.compute(work, segments, waiting):
            statistics.frames += done.encoded.frames
            statistics.windows += done.windows
            statistics.recomputed_windows += done.recomputed_windows
            statistics.recomputed_frames += done.recomputed_frames
            statistics.repeated_frames += done.repeated_frames
            yield done
        statistics.notices.extend(self.cluster.notices())


def refuse_unshareable(network: VideoNetwork) -> None:
    """Raises UsageError for a network whose frames depend on all before them, or that cannot be sent."""
    if (engine := engine_of(network)) != "torch":
        raise UsageError(f"engine {engine} computes on this machine alone: leave it out, or --cluster")
    if network.config.propagation == "forward":
        raise UsageError(
            "this model streams: each frame needs all before it, so there is nothing to share out; leave out "
            "--cluster, or choose a bidirectional model"
        )
