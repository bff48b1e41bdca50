"""A worker holds a model and computes segments with it, as a single machine computes windows."""

import platform
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import metadata

import torch

from tcnet.cluster.messages import Message, done_message, failure_message, read_segment
from tcnet.errors import MediaError, TcnetError
from tcnet.inference.compute import Compute
from tcnet.inference.contract import VideoNetwork
from tcnet.inference.memory import OUT_OF_MEMORY, available_memory, is_out_of_memory
from tcnet.inference.plan import Plan, plan_upscale
from tcnet.inference.precision import choose_device, choose_precision
from tcnet.inference.tiling import Layout, make_layout
from tcnet.inference.upscale_options import UpscaleOptions
from tcnet.inference.upscaler import Upscaler
from tcnet.upscale.executor import SegmentResult, Work
from tcnet.upscale.output.encoded_segment import encode_segment
from tcnet.upscale.segment_input import upscale_segment
from tcnet.version import __version__
from tcnet.video.frame import Frame, VideoInfo

KEPT_RUNS = 4
"""Runs whose model a worker keeps loaded; runs with the same model share it."""


def versions() -> dict[str, str]:
    """What must be equal on all machines for equal pictures and for segments that join."""
    return {
        "tcnet": __version__,
        "torch": torch.__version__.partition("+")[0],  # builds for CPU and CUDA work together
        "av": metadata.version("av"),
    }


@dataclass(slots=True)
class _Run:
    work: Work
    compute: Compute
    layout: Layout


class Worker:
    """One device of one machine. Its methods are called one at a time."""

    def __init__(self) -> None:
        self._runs: OrderedDict[str, _Run] = OrderedDict()
        self._host = platform.node()

    def available_memory(self, device: str) -> int | None:
        """Bytes on the device that "auto" and the like stand for here. Raises UsageError if there is none."""
        return available_memory(choose_device(device))

    def plan(
        self, info: VideoInfo, network: VideoNetwork, options: UpscaleOptions | None, model: str | None
    ) -> Plan | Message:
        """As `plan_upscale`, on this machine; a message instead of an error. "auto" never chooses int8, which
        other workers may lack."""
        try:
            options = options or UpscaleOptions()
            if options.precision == "auto":
                chosen = choose_precision("auto", choose_device(options.device))
                options = replace(options, precision=chosen.name)
            return plan_upscale(info, network, options, model=model)
        except TcnetError as error:
            return failure_message(error)

    def knows(self, run: str) -> bool:
        return run in self._runs

    def take_on(self, run: str, work: Work, weights: str) -> None:
        """Prepares for the segments of a run. weights: hash of the run's weights.

        Raises MediaError if those that arrived have another, UsageError for a missing device.
        """
        found = work.network.identity()
        if found != weights:
            raise MediaError(
                f"the worker on {self._host} has the weights {found}, this machine has {weights}: a damaged "
                "transfer, or another network of the same name; install the same tcnet on all machines"
            )
        for other in self._runs.values():
            if other.work.options == work.options and other.work.network.identity() == weights:
                compute = other.compute
                break
        else:
            compute = Upscaler(work.network, work.options).compute
        layout = make_layout(
            compute.network, work.options, work.height, work.width, work.options.window, work.options.tile
        )
        self._runs[run] = _Run(work, compute, layout)
        while len(self._runs) > KEPT_RUNS:
            self._runs.popitem(last=False)

    def compute(self, run: str, segment_message: Message) -> Message:
        """Computes and encodes a segment of a prepared run."""
        try:
            return done_message(self._compute(self._runs[run], segment_message))
        except TcnetError as error:
            return failure_message(error)

    def _compute(self, run: _Run, segment_message: Message) -> SegmentResult:
        segment = read_segment(segment_message)
        statistics = run.compute.statistics
        before = replace(statistics)
        newest: list[Frame] = []

        def frames() -> Iterator[Frame]:
            for frame in upscale_segment(run.compute, run.layout, segment):
                newest[:] = [frame] if run.work.wants_frames else []
                yield frame

        try:
            part = encode_segment(frames(), run.work.encoding, run.work.info)
        except OUT_OF_MEMORY as error:
            if not is_out_of_memory(error):
                raise
            raise self._shortage(run) from error
        return SegmentResult(
            encoded=part,
            windows=statistics.windows - before.windows,
            recomputed_windows=statistics.recomputed_windows - before.recomputed_windows,
            recomputed_frames=statistics.recomputed_frames - before.recomputed_frames,
            repeated_frames=statistics.repeated_frames - before.repeated_frames,
            newest=newest[0] if newest else None,
        )

    def _shortage(self, run: _Run) -> MediaError:
        layout = run.layout
        tiles = f"tiles of {layout.tile} pixels" if layout.tiled else "whole frames"
        return MediaError(
            f"the worker on {self._host} ran out of memory on {run.compute.device} with {tiles} and windows "
            f"of {layout.window} frames, which are the same for all workers; start over (--no-resume) with a "
            "smaller --tile, --window or --memory-limit"
        )
