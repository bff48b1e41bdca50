"""A Ray cluster as runs see it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from tcnet.cluster.connection import AUTO, connected
from tcnet.cluster.pool import Pool
from tcnet.errors import UsageError
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
    """For `upscale_video`; several threads may use it at once, and share the workers evenly."""

    def __init__(self, crew: "RayCrew", dashboard: str | None = None) -> None:
        """See `open_cluster`.

        Args:
            crew: access to the workers.
            dashboard: the address of Ray's, which shows machines and workers; None where there is none.
        """
        self._pool = Pool(crew)
        self.dashboard = dashboard

    def plan(
        self,
        info: VideoInfo,
        network: VideoNetwork,
        options: UpscaleOptions | None = None,
        *,
        model: str | None = None,
    ) -> Plan:
        """As `plan_upscale`, by the worker with the least memory; it holds for all.

        Args:
            info: of the video.
            network: that will compute.
            options: as for `upscale_video`.
            model: the network's name, if it has one.

        Returns:
            A plan, whose time is for the workers that are present now.

        Raises:
            UsageError: for options that cannot be.
            MediaError: where memory does not do, or no worker answers.
        """
        plan = self._pool.plan(info, network, options, model)
        workers = max(1, self.activity().workers)
        times = [None if time is None else time / workers for time in (plan.seconds_per_frame, plan.seconds)]
        return replace(plan, seconds_per_frame=times[0], seconds=times[1])

    def compute(
        self, work: Work, segments: Iterator[SegmentInput], waiting: Callable[[], None]
    ) -> Iterator[SegmentResult]:
        """Compute the segments of a run; called by `upscale_video`.

        Args:
            work: what its segments have in common.
            segments: read as workers have room; what it raises is raised here.
            waiting: called twice a second, for progress.

        Yields:
            All results, in the order of the segments.

        Raises:
            MediaError: for a segment over which several workers were lost, and when the cluster is closed.
        """
        return self._pool.compute(work, segments, waiting)

    def activity(self) -> Activity:
        """What the cluster is doing: its workers, and the windows that they have."""
        return self._pool.activity()

    def notices(self) -> list[str]:
        """Notices of workers that were lost."""
        return self._pool.notices()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._pool.closed

    def close(self) -> None:
        """Releases the workers; runs in progress fail. Idempotent."""
        self._pool.close()


@contextmanager
def open_cluster(
    address: str = AUTO, *, device: str = "auto", workers: int | None = None
) -> Iterator[RayCluster]:
    """Connect to the workers of a Ray cluster; a context manager.

    A worker with other versions of what pictures depend on is refused with a UsageError when the cluster is
    used.

    Args:
        address: "local" (every GPU of this machine, or its processors), "auto" (the cluster that RAY_ADDRESS
            names or that runs here, else like "local"), or HOST:PORT of a cluster's head.
        device: where to compute, as in UpscaleOptions; "auto" uses GPUs if any machine has one.
        workers: for how many of them a cluster that scales itself is asked to have machines while this is
            open, 1 or more. There may be none yet, so name the device. Fewer may come, and all that are there
            are used.

    Yields:
        A cluster for `upscale_video` and `plan_video`.

    Raises:
        UsageError: without the extra `cluster`, for an invalid address or number of workers, and where no
            machine has such a device.
        MediaError: for a cluster that does not answer.
    """
    if workers is not None and workers < 1:
        raise UsageError(f"{workers} workers of a cluster: ask for 1 or more")
    with connected(address) as dashboard:
        from tcnet.cluster.ray_crew import RayCrew
        from tcnet.cluster.shim import actor_class
        from tcnet.cluster.worker import versions

        crew = RayCrew(device=device, actor=actor_class(), versions=versions(), workers=workers)
        cluster = RayCluster(crew, dashboard)
        try:
            yield cluster
        finally:
            cluster.close()
