"""Upscaling a whole video: open, plan, run, finish; or stop, and continue another time."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from tcnet.catalogue import DEFAULT_MODEL
from tcnet.errors import MediaError
from tcnet.inference.backends import check_model, load_network
from tcnet.inference.compute import Statistics
from tcnet.inference.contract import VideoNetwork
from tcnet.inference.plan import Plan, plan_upscale
from tcnet.inference.upscale_options import UpscaleOptions, output_size, size_name
from tcnet.inference.upscaler import Upscaler
from tcnet.upscale.executor import Cluster, Elsewhere, SegmentSink, refuse_unshareable
from tcnet.upscale.output.encoded_segment import EncodedSegment
from tcnet.upscale.output.fingerprint import run_identity
from tcnet.upscale.output.run_output import RunSink, prepare_output
from tcnet.upscale.output.segmented_video import SEGMENT_FRAMES
from tcnet.upscale.pipeline import run_pipeline
from tcnet.upscale.progress import RECENT_WINDOWS, Progress, RateMeter
from tcnet.video import EncodeOptions, ReadOptions, default_output, open_source
from tcnet.video.frame import Frame, FrameSource


@dataclass(frozen=True, slots=True)
class UpscaleResult:
    """frames: written, as many as were read. seconds: wall clock, loading included. recomputed_frames: those
    that were NaN or infinite in reduced precision. repeated_frames: those that repeat the one before and were
    copied. cuts: scene cuts found, where windows ended. peak_memory: bytes of the process' largest resident
    set (on CUDA: of what torch allocated there); None where the system does not tell."""

    output: Path
    frames: int
    seconds: float
    recomputed_frames: int
    repeated_frames: int
    cuts: int
    notices: tuple[str, ...]
    peak_memory: int | None
    plan: Plan


def upscale_video(
    input: Path | str,
    output: Path | str | None = None,
    *,
    model: str | Path | VideoNetwork = DEFAULT_MODEL,
    options: UpscaleOptions | None = None,
    encode: EncodeOptions | None = None,
    read: ReadOptions | None = None,
    overwrite: bool = False,
    resume: bool = True,
    segment_frames: int = SEGMENT_FRAMES,
    cluster: Cluster | None = None,
    on_plan: Callable[[Plan], None] | None = None,
    on_frame: Callable[[Frame], None] | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> UpscaleResult:
    """Upscale a video file or images; sound and everything else in the file is copied.

    input: a file, a folder of images or a pattern; output: by default beside it. model: a name from
    `list_models`, a weight file, an exported folder, or a network. read: which part of the input, and how.
    on_plan: called in this thread before anything is written; progress: then once, and again after every
    frame; on_frame: with every frame that is computed. cluster: where to compute, in place of this machine;
    progress comes with each segment then, and on_frame gets the last frame of each.

    Nothing stands under the output's name before all is done. What is finished lies in a hidden folder beside
    it, in segments of `segment_frames` frames (windows end where they do), and stays there after an error,
    KeyboardInterrupt or a crash: the same call continues, and gives the same frames as one run. resume=False
    starts over instead.

    Raises UsageError for options that cannot be and for an unfinished run with others, MediaError for files.
    """
    begin = time.perf_counter()
    path_in = Path(input)
    options = options or UpscaleOptions()
    path_out = default_output(path_in, size_name(options)) if output is None else Path(output)
    notices: list[str] = []
    check_model(model, options.engine)
    with open_source(path_in, read) as source:
        # Before the model is loaded and the machine's speed probed: nobody should wait for a refusal.
        height, width = output_size(source.info.height, source.info.width, options)
        target = prepare_output(
            path_out, info=replace(source.info, height=height, width=width), encode=encode, copy_from=path_in,
            overwrite=overwrite, resume=resume, allow_network=(read or ReadOptions()).allow_network,
            segment_frames=segment_frames,
        )  # fmt: skip
        name, network = load_network(model, options.engine)
        if cluster is not None:
            refuse_unshareable(network)
        identity = run_identity(path_in, read or ReadOptions(), network, options, segment_frames)
        sinks: list[RunSink] = []

        def make_sink(plan: Plan) -> RunSink:
            sinks.append(target.open(identity, plan.options))
            return sinks[0]

        elsewhere = None
        if cluster is not None:
            elsewhere = Elsewhere(cluster, target.encoding, target.info, wants_frames=on_frame is not None)
        plan, frames, statistics = upscale_source(
            source, make_sink, network, target.continued(identity, options), align=segment_frames,
            elsewhere=elsewhere, model=name, notices=(*source.notices, *target.notices), on_plan=on_plan,
            on_frame=on_frame, progress=progress,
        )  # fmt: skip
        notices += [*sinks[0].notices, *source.notices]
    return UpscaleResult(
        output=path_out,
        frames=frames,
        seconds=time.perf_counter() - begin,
        recomputed_frames=statistics.recomputed_frames,
        repeated_frames=statistics.repeated_frames,
        cuts=statistics.cuts,
        notices=tuple(dict.fromkeys([*plan.notices, *statistics.notices, *notices])),
        peak_memory=peak_memory(torch.device("cpu" if cluster is not None else plan.device)),
        plan=plan,
    )


def plan_video(
    input: Path | str,
    output: Path | str | None = None,
    *,
    model: str | Path | VideoNetwork = DEFAULT_MODEL,
    options: UpscaleOptions | None = None,
    encode: EncodeOptions | None = None,
    read: ReadOptions | None = None,
    overwrite: bool = False,
    resume: bool = True,
    segment_frames: int = SEGMENT_FRAMES,
    cluster: Cluster | None = None,
) -> Plan:
    """What `upscale_video` would do, with its time measured on a probe; writes nothing, raises like it.

    The plan's notices also say what the output will not have of the input.
    """
    path_in = Path(input)
    options = options or UpscaleOptions()
    path_out = default_output(path_in, size_name(options)) if output is None else Path(output)
    check_model(model, options.engine)
    with open_source(path_in, read) as source:
        height, width = output_size(source.info.height, source.info.width, options)
        target = prepare_output(
            path_out, info=replace(source.info, height=height, width=width), encode=encode, copy_from=path_in,
            overwrite=overwrite, resume=resume, allow_network=(read or ReadOptions()).allow_network,
            segment_frames=segment_frames,
        )  # fmt: skip
        name, network = load_network(model, options.engine)
        identity = run_identity(path_in, read or ReadOptions(), network, options, segment_frames)
        if cluster is not None:
            refuse_unshareable(network)
        plan_run = plan_upscale if cluster is None else cluster.plan
        plan = plan_run(source.info, network, target.continued(identity, options), model=name)
        return replace(plan, notices=(*plan.notices, *source.notices, *target.notices))


def upscale_source(
    source: FrameSource,
    make_sink: Callable[[Plan], RunSink],
    network: VideoNetwork,
    options: UpscaleOptions | None = None,
    *,
    align: int = SEGMENT_FRAMES,
    elsewhere: Elsewhere | None = None,
    model: str | None = None,
    notices: Sequence[str] = (),
    on_plan: Callable[[Plan], None] | None = None,
    on_frame: Callable[[Frame], None] | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> tuple[Plan, int, Statistics]:
    """Upscale `source` into the sink made for the plan; finishes the sink or aborts it.

    Frames that the sink holds already are not computed again. align: as for `Upscaler.stream`. elsewhere:
    where to compute, in place of this machine. notices: lines for people to add to the plan's.
    Returns the plan, the number of frames and statistics. Raises MediaError when the source has no frame.
    """
    plan_run = plan_upscale if elsewhere is None else elsewhere.cluster.plan
    plan = plan_run(source.info, network, options, model=model)
    plan = replace(plan, notices=(*plan.notices, *notices))
    if on_plan is not None:
        on_plan(plan)
    upscaler = Upscaler(network, plan.options) if elsewhere is None else None
    statistics = Statistics() if upscaler is None else upscaler.statistics
    sink = make_sink(plan)  # whatever fails from here on has to abort it
    skip = sink.done
    try:
        meter = RateMeter(
            source.info.frame_count, plan.seconds_per_frame, time.perf_counter(), frames_done=skip,
            recent=RECENT_WINDOWS if elsewhere is None else elsewhere.recent_segments(),
        )  # fmt: skip
        counter = _Counter(statistics, meter, progress, skip, elsewhere)
        counter.report()
        if sink.complete:
            sink.finish()
            return plan, skip, statistics
    except BaseException:
        sink.abort()
        raise

    def compute(frames: Iterator[Frame]) -> Iterator[Frame]:
        assert upscaler is not None
        for frame in upscaler.stream(frames, skip=skip, align=align):
            if on_frame is not None:
                on_frame(frame)
            yield frame
            del frame  # the encoder's now
        _refuse_nothing(skip, statistics)

    def compute_elsewhere(frames: Iterator[Frame]) -> Iterator[EncodedSegment]:
        assert elsewhere is not None
        for done in elsewhere.compute(network, plan, frames, statistics, counter.report, align, skip):
            if on_frame is not None and done.newest is not None:
                on_frame(done.newest)
            counter.count(done.encoded.frames)
            yield done.encoded
        _refuse_nothing(skip, statistics)

    if elsewhere is None:
        run_pipeline(source, compute, sink, on_frame=counter.count)
    else:
        run_pipeline(source, compute_elsewhere, SegmentSink(sink))
    return plan, skip + statistics.frames, statistics


def _refuse_nothing(skip: int, statistics: Statistics) -> None:
    if not skip and not statistics.frames:
        raise MediaError("the input has no frame that can be decoded: nothing to upscale")


def peak_memory(device: torch.device) -> int | None:
    """Peak bytes so far: allocated by torch on CUDA, else the process' resident set; None on Windows."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "win32":
        return None
    import resource  # not there on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts bytes, Linux KiB


class _Counter:
    """Counts frames as they leave the computation and reports them."""

    def __init__(
        self,
        statistics: Statistics,
        meter: RateMeter,
        progress: Callable[[Progress], None] | None,
        done: int,
        elsewhere: Elsewhere | None,
    ) -> None:
        self._statistics = statistics
        self._meter = meter
        self._progress = progress
        self._done = done
        self._windows = 0
        self._elsewhere = elsewhere

    def count(self, frames: int = 1) -> None:
        self._done += frames
        if self._statistics.windows > self._windows:
            self._windows = self._statistics.windows
            self._meter.window_done(self._done, time.perf_counter())
        self.report()

    def report(self) -> None:
        if self._progress is not None:
            now = self._meter.progress(self._done, time.perf_counter())
            if self._elsewhere is not None:
                now = replace(now, activity=self._elsewhere.cluster.activity())
            self._progress(now)
