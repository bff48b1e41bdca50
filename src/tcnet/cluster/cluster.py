"""A Ray cluster as runs see it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from tcnet.cluster.connection import AUTO, connected
from tcnet.cluster.pool import Pool
from tcnet.inference.contract import VideoNetwork
from tcnet.inference.plan import Plan
from tcnet.inference.upscale_options import UpscaleOptions
from tcnet.upscale.executor import SegmentResult, Work
from tcnet.upscale.progress import Activity
from tcnet.upscale.segment_input import SegmentInput
from tcnet.video.frame import VideoInfo

if TYPE_CHECKING:
    from tcnet.cluster.ray_crew import RayCrew


class RayCluster:
    """Give it to `upscale_video`; several threads may do so at once, and share the workers evenly."""

    def __init__(self, crew: "RayCrew") -> None:
        self._pool = Pool(crew)

    def plan(
        self,
        info: VideoInfo,
        network: VideoNetwork,
        options: UpscaleOptions | None = None,
        *,
        model: str | None = None,
    ) -> Plan:
        """As `plan_upscale`, by the worker that has the least memory; it holds for all.

        The plan's time is for the workers that are there now.
        """
        plan = self._pool.plan(info, network, options, model)
        workers = max(1, self.activity().workers)
        times = [None if time is None else time / workers for time in (plan.seconds_per_frame, plan.seconds)]
        return replace(plan, seconds_per_frame=times[0], seconds=times[1])

    def compute(
        self, work: Work, segments: Iterator[SegmentInput], waiting: Callable[[], None]
    ) -> Iterator[SegmentResult]:
        """All segments in their order; `waiting` is called now and then. Raises what they raise."""
        return self._pool.compute(work, segments, waiting)

    def activity(self) -> Activity:
        """What the cluster does just now."""
        return self._pool.activity()

    def notices(self) -> list[str]:
        """Lines for people on workers that were lost."""
        return self._pool.notices()

    @property
    def closed(self) -> bool:
        return self._pool.closed

    def close(self) -> None:
        """Dismisses the workers; runs that are at it fail. Harmless when called again."""
        self._pool.close()


@contextmanager
def open_cluster(address: str = AUTO, *, device: str = "auto") -> Iterator[RayCluster]:
    """The workers of a Ray cluster, for as long as this lasts.

    address: "local" (every GPU of this machine, or its processors), "auto" (the cluster that RAY_ADDRESS
    names or that runs here, else like "local"), or HOST:PORT of a cluster's head. device: where to compute,
    as in UpscaleOptions; "auto" takes GPUs if any machine has one.

    Raises UsageError without the extra `cluster`, for an address that is none, and where no machine has such
    a device; MediaError for a cluster that does not answer. A worker with other versions of what pictures
    depend on is refused with an UsageError where the cluster is used.
    """
    with connected(address):
        from tcnet.cluster.ray_crew import RayCrew
        from tcnet.cluster.shim import actor_class
        from tcnet.cluster.worker import versions

        cluster = RayCluster(RayCrew(device=device, actor=actor_class(), versions=versions()))
        try:
            yield cluster
        finally:
            cluster.close()
