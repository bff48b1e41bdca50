"""Upscaling a whole video: resolve the request once, show its plan, execute it; resume where it stopped."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

import torch

from tcnet.catalogue import DEFAULT_MODEL
from tcnet.errors import UsageError
from tcnet.inference.backends import check_model, load_network
from tcnet.inference.contract import VideoNetwork
from tcnet.inference.memory import peak_memory
from tcnet.inference.plan import Plan
from tcnet.inference.upscale_options import UpscaleOptions, output_size, size_name
from tcnet.upscale.executor import Cluster, ClusterExecutor, Executor, LocalExecutor, Observers
from tcnet.upscale.named_options import RUN_ARGUMENTS, RunArguments, run_options
from tcnet.upscale.output.fingerprint import run_identity
from tcnet.upscale.output.run_output import Output, RunSink, prepare_output
from tcnet.upscale.progress import Progress
from tcnet.upscale.shrinking import resolve_shrinking
from tcnet.video import EncodeOptions, ImageReader, ReadOptions, VideoReader, default_output, open_source
from tcnet.video.frame import Frame, FrameSource
from tcnet.video.write.encode.hardware import HARDWARE


@dataclass(frozen=True, slots=True)
class UpscaleResult:
    """What a run wrote.

    Attributes:
        output: the file, folder or pattern.
        frames: written, as many as were read.
        seconds: wall clock, loading included.
        recomputed_frames: those that were NaN or infinite in reduced precision.
        repeated_frames: those that repeat the previous one and were copied.
        cuts: scene cuts found, where windows ended.
        notices: what the user should know, a line each.
        peak_memory: bytes of the process' largest resident set (on CUDA: allocated there by torch); None
            where the system does not tell.
        plan: the plan that was executed.
    """

    output: Path
    frames: int
    seconds: float
    recomputed_frames: int
    repeated_frames: int
    cuts: int
    notices: tuple[str, ...]
    peak_memory: int | None
    plan: Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What the user asked for; `upscale_video` says what the fields mean."""

    input: Path
    output: Path
    options: UpscaleOptions
    encode: EncodeOptions
    read: ReadOptions
    model: str | Path | VideoNetwork = DEFAULT_MODEL
    overwrite: bool = False
    resume: bool = True
    segment_frames: int | None = None
    cluster: Cluster | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ResolvedRun:
    """A run decided, made once by `resolve_run`: its source open, its output checked, its plan measured.

    plan: the executor's, with what source and output have to say among its notices.
    """

    source: ImageReader | VideoReader
    output: Output
    executor: Executor
    plan: Plan
    identity: dict[str, object]

    def execute(self, observers: Observers) -> tuple[int, tuple[str, ...]]:
        """Carries out the plan. Returns the number of frames in the output and all notices."""
        segment_frames = self.plan.segment_frames
        assert segment_frames is not None
        sink = self.output.open(self.identity, self.plan.options, segment_frames)
        frames = execute(self.executor, self.source, sink, segment_frames, observers)
        notices = (*self.plan.notices, *self.executor.statistics.notices, *sink.notices, *self.source.notices)
        return frames, tuple(dict.fromkeys(notices))


@contextmanager
def resolve_run(request: RunRequest) -> Iterator[ResolvedRun]:
    """Decides all that a run needs; nothing is written. The source is closed at the end.

    Raises UsageError for invalid options and for an unfinished run with others, MediaError for files.
    """
    options = request.options
    check_model(request.model, options.engine, options.detail, options.denoise)
    if request.cluster is not None and request.encode.encoder in HARDWARE:
        raise UsageError(
            f"encoder {request.encode.encoder} encodes on this machine alone: leave out the encoder or "
            "the cluster"
        )
    with open_source(request.input, request.read) as source:
        # Before the model is loaded and the machine's speed probed: nobody should wait for a refusal.
        options, shrinking = resolve_shrinking(source.info, options)
        height, width = output_size(source.info.height, source.info.width, options)
        output = prepare_output(
            request.output, info=replace(source.info, height=height, width=width), encode=request.encode,
            source=source, overwrite=request.overwrite, resume=request.resume,
        )  # fmt: skip
        name, network = load_network(
            request.model, options.engine, options.detail, options.denoise, place=options.place
        )
        # What is left open is chosen by the speed measured now, or was by an earlier run's.
        asked = request.segment_frames
        segment_frames = output.segment_frames if asked is None else asked
        identity = run_identity(source.identity(), request.read, network, options, segment_frames)
        options = output.continued(identity, options)
        executor: Executor
        if request.cluster is None:
            executor = LocalExecutor(source.info, network, options, model=name, segment_frames=segment_frames)
        else:
            executor = ClusterExecutor(
                request.cluster, source.info, network, options, model=name, output_info=output.info,
                encoding=output.encoding, segment_frames=segment_frames,
            )  # fmt: skip
        plan = output.described(executor.plan)
        plan = replace(plan, notices=(*plan.notices, *source.notices, *shrinking, *output.notices))
        yield ResolvedRun(source, output, executor, plan, identity)


def upscale_video(
    input: Path | str,
    output: Path | str | None = None,
    *,
    on_plan: Callable[[Plan], None] | None = None,
    on_frame: Callable[[Frame], None] | None = None,
    progress: Callable[[Progress], None] | None = None,
    **arguments: Unpack[RunArguments],
) -> UpscaleResult:
    """Upscale a video file or images; sound and everything else in the file is copied.

    The output appears only when complete. What is finished lies in a hidden folder beside it, in segments of
    some frames (windows end where they do), and stays there after an error, KeyboardInterrupt or a crash: the
    same call continues, and gives the same frames as one run.

    Args:
        input: a file, a folder of images or a pattern.
        output: a file, a folder or a pattern; by default beside the input.
        on_plan: called in this thread before anything is written.
        on_frame: called with every frame that is computed; from a cluster with the last of each segment.
        progress: called once at the start and after every frame; with a cluster after every segment.
        arguments: all others, by name, as `plan_video` takes them too.

            - model: a name from `list_models`, a weight file, an exported folder, or a network.
            - options: size, device, precision, windows and tiles.
            - encode: codec and quality of the output.
            - read: which part of the input, and how.
            - the fields of these three (UpscaleOptions, EncodeOptions, ReadOptions), in place of those of the
              objects: scale=2, crf=20, start=65.
            - overwrite: whether an output that exists may be replaced; by default not.
            - resume: False starts over where an unfinished run is there.
            - segment_frames: frames of a segment; by default as an unfinished run has it, else 48, or fewer
              where frames are slow.
            - cluster: where to compute, in place of this machine.

    Returns:
        What was written, and what the user should know of it.

    Raises:
        UsageError: for invalid options, and for an unfinished run with others.
        MediaError: for files that cannot be read or written.
    """
    begin = time.perf_counter()
    request = _request(upscale_video, input, output, arguments)
    with resolve_run(request) as run:
        if on_plan is not None:
            on_plan(run.plan)
        frames, notices = run.execute(Observers(on_frame, progress))
    statistics = run.executor.statistics
    return UpscaleResult(
        output=request.output,
        frames=frames,
        seconds=time.perf_counter() - begin,
        recomputed_frames=statistics.recomputed_frames,
        repeated_frames=statistics.repeated_frames,
        cuts=statistics.cuts,
        notices=notices,
        peak_memory=peak_memory(torch.device("cpu" if request.cluster is not None else run.plan.device)),
        plan=run.plan,
    )


def plan_video(
    input: Path | str, output: Path | str | None = None, **arguments: Unpack[RunArguments]
) -> Plan:
    """What `upscale_video` would do with the same arguments; nothing is written.

    Returns:
        The plan, its time measured on a probe. Its notices also say what the output will lack of the input.

    Raises:
        UsageError, MediaError: as `upscale_video` would.
    """
    with resolve_run(_request(plan_video, input, output, arguments)) as run:
        return run.plan


def execute(
    executor: Executor, source: FrameSource, sink: RunSink, align: int, observers: Observers | None = None
) -> int:
    """Upscale `source` into `sink`; finishes the sink or aborts it. Returns the number of frames it has.

    Frames that the sink holds already are not computed again. align: as for `Upscaler.stream`. Raises
    MediaError when the source has no frame.
    """
    observers = observers or Observers()
    done = sink.done
    if not sink.complete:
        executor.execute(source, sink, align, observers)
        return done + executor.statistics.frames
    try:
        if observers.progress is not None:
            observers.progress(Progress(done, done, fps=None, eta_seconds=0.0))
        sink.finish()
    except BaseException:
        sink.abort()
        raise
    return done


def _request(
    function: Callable[..., Any], input: Path | str, output: Path | str | None, arguments: RunArguments
) -> RunRequest:
    """The request that `function` was called with. Raises UsageError for what it does not take."""
    given: dict[str, Any] = dict(arguments)
    fields = {name: given.pop(name) for name in RUN_ARGUMENTS & given.keys()}
    chosen = run_options(
        function, fields.pop("options", None), fields.pop("encode", None), fields.pop("read", None), given
    )
    if output is None:
        output = default_output(Path(input), size_name(chosen.upscale))
    return RunRequest(
        input=Path(input), output=Path(output), options=chosen.upscale, encode=chosen.encode,
        read=chosen.read, **fields,
    )  # fmt: skip
