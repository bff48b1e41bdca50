"""Where a run is computed, on this machine or by a cluster: who decides the plan and carries it out."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Protocol

from tcnet.catalogue import DEFAULT_MODEL
from tcnet.errors import MediaError, UsageError
from tcnet.inference.compute import Statistics
from tcnet.inference.contract import VideoNetwork
from tcnet.inference.pixels import shrink_frames
from tcnet.inference.plan import Plan, plan_with
from tcnet.inference.upscale_options import UpscaleOptions, lr_size
from tcnet.inference.upscaler import Upscaler, of_one_size, split_scenes
from tcnet.upscale.output.encoded_segment import EncodedSegment
from tcnet.upscale.output.run_output import RunSink
from tcnet.upscale.pipeline import run_pipeline
from tcnet.upscale.progress import RECENT_WINDOWS, Activity, Progress, RateMeter
from tcnet.upscale.segment_input import SegmentInput, iter_segment_inputs
from tcnet.upscale.segment_length import with_segments
from tcnet.video.frame import Frame, FrameSource, VideoInfo
from tcnet.video.write.segments import VideoEncoding


@dataclass(frozen=True, slots=True)
class Observers:
    """Who follows a run. on_frame: gets frames that are computed; progress: how far the run is."""

    on_frame: Callable[[Frame], None] | None = None
    progress: Callable[[Progress], None] | None = None


class Executor(Protocol):
    """Computes one run. The plan is decided when it is made; the statistics follow the work."""

    plan: Plan
    statistics: Statistics

    def execute(self, source: FrameSource, sink: RunSink, align: int, observers: Observers) -> None:
        """Upscale `source` into `sink`, after the frames that it holds already; finishes it, or aborts it on
        any error.

        align: as for `Upscaler.stream`. Raises MediaError when the source has no frame.
        """


class LocalExecutor:
    """This machine: one Upscaler, on whose network the plan is measured and the run computed."""

    def __init__(
        self,
        info: VideoInfo,
        network: VideoNetwork,
        options: UpscaleOptions,
        *,
        model: str | None = None,
        segment_frames: int | None = None,
    ) -> None:
        """segment_frames: as for `with_segments`. Raises like `plan_upscale`."""
        upscaler = Upscaler(network, options)
        plan = plan_with(upscaler, info, model=model or type(network).__name__)
        self.plan = with_segments(plan, network, segment_frames)
        self._upscaler = upscaler.with_options(self.plan.options)
        self.statistics = upscaler.statistics

    def execute(self, source: FrameSource, sink: RunSink, align: int, observers: Observers) -> None:
        skip = sink.done
        meter = RateMeter(
            source.info.frame_count, self.plan.seconds_per_frame, time.perf_counter(), frames_done=skip
        )
        counter = _Counter(self.statistics, meter, observers.progress, skip)
        self._upscaler.compute.on_step = counter.report

        def compute(frames: Iterator[Frame]) -> Iterator[Frame]:
            counter.report()
            for frame in self._upscaler.stream(frames, skip=skip, align=align):
                if observers.on_frame is not None:
                    observers.on_frame(frame)
                yield frame
                del frame  # the encoder's now
            _refuse_nothing(skip, self.statistics)

        run_pipeline(source, compute, sink, on_frame=counter.count)


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """What all segments of one run have in common. options: the plan's. height, width: of the input's
    frames. info: of the output; encoding: None for images. wants_frames: whether each segment's newest frame
    is asked for."""

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
    """Computes segments somewhere: `tcnet.cluster` is one. Several threads may use it, one for each run."""

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
        """What happened so far that the user should know, one line each."""


class ClusterExecutor:
    """A cluster: windows end where segments end, so that each segment is computed and encoded anywhere."""

    def __init__(
        self,
        cluster: Cluster,
        info: VideoInfo,
        network: VideoNetwork,
        options: UpscaleOptions,
        *,
        output_info: VideoInfo,
        encoding: VideoEncoding | None,
        model: str | None = None,
        segment_frames: int | None = None,
    ) -> None:
        """output_info: of the output; encoding: None for images. segment_frames: as for `with_segments`.

        Raises like `plan_upscale`, and UsageError for a network whose frames depend on all before them, or
        that cannot be sent.
        """
        if (engine := network.engine) != "torch":
            raise UsageError(
                f"engine {engine} computes on this machine alone: leave out the engine or the cluster"
            )
        if network.config.propagation == "forward":
            raise UsageError(
                f"{model or 'this model'} streams: each frame needs all before it, so there is nothing to "
                f"share out; leave out the cluster, or choose a bidirectional model, such as {DEFAULT_MODEL}"
            )
        plan = cluster.plan(info, network, options, model=model)
        self.plan = with_segments(plan, network, segment_frames)
        self.statistics = Statistics()
        self._cluster = cluster
        self._network = network
        self._output_info = output_info
        # What is copied from the input is joined here.
        self._encoding = None if encoding is None else replace(encoding, copy_from=None)

    def execute(self, source: FrameSource, sink: RunSink, align: int, observers: Observers) -> None:
        skip = sink.done
        # Workers finish about together, so the rate is taken over several rounds of them.
        recent = max(RECENT_WINDOWS, 4 * self._cluster.activity().workers)
        meter = RateMeter(
            source.info.frame_count, self.plan.seconds_per_frame, time.perf_counter(), frames_done=skip,
            recent=recent,
        )  # fmt: skip
        counter = _Counter(self.statistics, meter, observers.progress, skip, self._cluster)
        wants_frames = observers.on_frame is not None

        def compute(frames: Iterator[Frame]) -> Iterator[EncodedSegment]:
            counter.report()
            for result in self._compute(frames, align, skip, counter.report, wants_frames=wants_frames):
                if observers.on_frame is not None and result.newest is not None:
                    observers.on_frame(result.newest)
                counter.count(result.encoded.frames)
                yield result.encoded
            _refuse_nothing(skip, self.statistics)

        run_pipeline(source, compute, _SegmentSink(sink))

    def _compute(
        self,
        frames: Iterator[Frame],
        align: int,
        skip: int,
        waiting: Callable[[], None],
        *,
        wants_frames: bool,
    ) -> Iterator[SegmentResult]:
        """The frames of a source in segments of `align`, without the first `skip`."""
        checked = of_one_size(frames)
        first = next(checked, None)
        if first is None:
            return
        height, width, _ = first.pixels.shape
        plan, statistics = self.plan, self.statistics
        work = Work(
            self._network, plan.options, height, width, self._encoding, self._output_info, wants_frames
        )
        shrunk = shrink_frames(chain([first], checked), lr_size(height, width, plan.options))
        scenes = split_scenes(shrunk, plan.options, statistics)
        del first  # or it would live as long as the run
        assert plan.window is not None
        group = self._network.config.group_size
        segments = iter_segment_inputs(scenes, plan.window, plan.overlap, group, align, skip)
        for result in self._cluster.compute(work, segments, waiting):
            statistics.frames += result.encoded.frames
            statistics.windows += result.windows
            statistics.recomputed_windows += result.recomputed_windows
            statistics.recomputed_frames += result.recomputed_frames
            statistics.repeated_frames += result.repeated_frames
            yield result
        statistics.notices.extend(self._cluster.notices())


class _SegmentSink:
    """Segments that were encoded elsewhere, written as they come."""

    def __init__(self, sink: RunSink) -> None:
        self._sink = sink

    def write(self, segment: EncodedSegment) -> None:
        self._sink.add(segment)

    def finish(self) -> None:
        self._sink.finish()

    def abort(self) -> None:
        self._sink.abort()


class _Counter:
    """Counts frames as they leave the computation and reports them."""

    def __init__(
        self,
        statistics: Statistics,
        meter: RateMeter,
        progress: Callable[[Progress], None] | None,
        done: int,
        cluster: Cluster | None = None,
    ) -> None:
        self._statistics = statistics
        self._meter = meter
        self._progress = progress
        self._done = done
        self._windows = 0
        self._cluster = cluster

    def count(self, frames: int = 1) -> None:
        self._done += frames
        if self._statistics.windows > self._windows:
            self._windows = self._statistics.windows
            self._meter.window_done(self._done, time.perf_counter())
        self.report()

    def report(self) -> None:
        if self._progress is not None:
            now = self._meter.progress(self._done, time.perf_counter(), self._statistics.computed)
            if self._cluster is not None:
                now = replace(now, activity=self._cluster.activity())
            self._progress(now)


def _refuse_nothing(skip: int, statistics: Statistics) -> None:
    if not skip and not statistics.frames:
        raise MediaError(
            "the input has no frame that can be decoded: check that it plays, or get the file again"
        )
