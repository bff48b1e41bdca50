"""Workers as Ray actors: one for each GPU, or one for each machine where no machine has a GPU."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ray
from ray.autoscaler.sdk import request_resources
from ray.exceptions import GetTimeoutError, RayActorError, RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from tcnet.cluster.messages import Message, read_done, read_failure, segment_message
from tcnet.cluster.pool import Lost
from tcnet.cluster.shim import Facts
from tcnet.errors import MediaError, TcnetError, UsageError
from tcnet.inference.contract import VideoNetwork
from tcnet.inference.plan import Plan
from tcnet.inference.upscale_options import UpscaleOptions
from tcnet.upscale.executor import SegmentResult, Work
from tcnet.upscale.segment_input import SegmentInput
from tcnet.video.frame import VideoInfo

START_SECONDS = 300.0
"""How long to wait for the first worker: machines may have to be started."""
LOOK_SECONDS = 2.0
"""Interval between checks for new and lost machines."""
MOST_FAILURES = 3
"""How often a worker is restarted without having finished anything."""
STORE_SHARE = 0.3
"""Share of this machine's object store for segments; results and Ray's own copies need the rest."""


@dataclass(slots=True)
class _Place:
    """Where a worker can run: a GPU, or a machine's processors. resources: for Ray, which also derives
    torch's number of threads from them (OMP_NUM_THREADS)."""

    node: str
    host: str
    resources: dict[str, float]
    expected: bool  # present from the beginning
    actor: Any = None
    name: str = ""
    greeting: Any = None  # reference to its facts, until they arrive
    ready: bool = False
    memory: float = math.inf  # free bytes on its device
    failures: int = 0


class RayCrew:
    """A `Crew` in the Ray cluster that this process is connected to."""

    def __init__(
        self,
        *,
        device: str,
        actor: type,
        versions: dict[str, str],
        start_seconds: float = START_SECONDS,
        workers: int | None = None,
    ) -> None:
        """device: "auto" (GPUs where there are any), "cuda", "cpu" or "mps". actor: the workers' class, which
        has the methods of `actor_class`. versions: what workers must have. workers: how many an autoscaler is
        asked for.

        Raises UsageError where no machine has such a device, unless an autoscaler was asked for one.
        """
        self._device = device
        self._actor: Any = ray.remote(actor)
        self._versions = versions
        self._start_seconds = start_seconds
        self._places: dict[str, _Place] = {}
        self._tickets: dict[Any, str] = {}
        self._actors: dict[str, Any] = {}  # by the worker's name, for all threads
        self._hired = 0
        self._runs = 0
        self._looked = 0.0
        self._last_ready = time.monotonic()
        self._first_look = True
        self._workers = workers
        self._requested: dict[str, float] = {}
        self._look()
        if not self._places and workers is None:
            raise UsageError(
                f"no machine of the cluster has {'a GPU' if device == 'cuda' else 'processors'} for workers "
                "(ray status shows what there is); choose another --device, or start Ray with some"
            )
        self._first_look = False

    def most_bytes(self) -> int | None:
        here = ray.get_runtime_context().get_node_id()
        sizes = [node["Resources"].get("object_store_memory") for node in _nodes() if node["NodeID"] == here]
        return int(STORE_SHARE * sizes[0]) if sizes and sizes[0] else None

    def ready(self) -> dict[str, str]:
        now = time.monotonic()
        if now > self._looked + LOOK_SECONDS:
            self._look()
        self._greet()
        there = {place.name: place.host for place in self._places.values() if place.ready}
        if there:
            self._last_ready = now
        elif now > self._last_ready + self._start_seconds:
            raise MediaError(
                f"no worker of the cluster was there for {self._start_seconds:.0f} s (ray status shows what "
                "is); the same command continues"
            )
        return there

    def starting(self) -> int:
        return sum(place.greeting is not None for place in self._places.values())

    def planner(self) -> str | None:
        ready = [place for place in self._places.values() if place.ready]
        return min(ready, key=lambda place: place.memory).name if ready else None

    def plan(
        self, worker: str, info: VideoInfo, network: VideoNetwork, options: UpscaleOptions | None,
        model: str | None,
    ) -> Plan | Lost:  # fmt: skip
        actor = self._actors.get(worker)
        if actor is None:
            return Lost("it is gone")
        try:
            plan: Plan | Message = ray.get(actor.plan.remote(info, network, options, model))
        except RayTaskError as error:
            raise _defect(error) from error
        except RayError as error:
            return Lost(_reason(error))
        if not isinstance(plan, Plan):
            raise read_failure(plan)
        return plan

    def keep(self, segment: SegmentInput) -> Any:  # noqa: ANN401 - a reference
        return ray.put(segment_message(segment))

    def begin(self, work: Work) -> Any:  # noqa: ANN401 - a run's name, and what its workers need
        self._runs += 1
        # Inside a list a reference is passed unresolved: a worker fetches it when it lacks it.
        return f"run {self._runs}", [ray.put(work), work.network.identity()]

    def send(self, worker: str, run: Any, segment: Any) -> Any:  # noqa: ANN401
        name, shared = run
        ticket = self._actors[worker].compute.remote(name, shared, segment)
        self._tickets[ticket] = worker
        return ticket

    def wait(self, tickets: Sequence[Any], seconds: float) -> dict[Any, Callable[[], SegmentResult] | Lost]:
        some, _ = ray.wait(list(tickets), num_returns=1, timeout=seconds)
        if some:
            some, _ = ray.wait(list(tickets), num_returns=len(tickets), timeout=0)
        return {ticket: self._outcome(ticket) for ticket in some}

    def drop(self, worker: str) -> None:
        place = next((place for place in self._places.values() if place.name == worker), None)
        if place is not None:
            place.failures += 1
            self._dismiss(place)

    def close(self) -> None:
        for place in self._places.values():
            self._dismiss(place)
        self._places.clear()
        if self._requested:
            request_resources(bundles=[])  # it would outlive this process

    def _outcome(self, ticket: Any) -> Callable[[], SegmentResult] | Lost:  # noqa: ANN401
        worker = self._tickets.pop(ticket)
        try:
            message = ray.get(ticket)
        except RayTaskError as error:
            return _raising(_defect(error))
        except RayError as error:
            return Lost(_reason(error))
        for place in self._places.values():
            if place.name == worker:
                place.failures = 0
        return lambda: read_done(message)

    def _look(self) -> None:
        """Tracks the machines, and keeps a worker in each place."""
        nodes = {node["NodeID"]: node for node in _nodes() if node["Alive"]}
        for key, place in list(self._places.items()):
            if place.node not in nodes:
                self._actors.pop(place.name, None)
                del self._places[key]
        with_gpu = self._device == "cuda" or (
            self._device == "auto" and any(node["Resources"].get("GPU") for node in nodes.values())
        )
        for node in nodes.values():
            for key, place in _places_on(node, with_gpu=with_gpu, expected=self._first_look).items():
                self._places.setdefault(key, place)
        for place in self._places.values():
            if place.actor is None and place.failures < MOST_FAILURES:
                self._hire(place)
        if self._workers is not None:
            self._request(self._workers, with_gpu=with_gpu)
        self._looked = time.monotonic()

    def _request(self, workers: int, *, with_gpu: bool) -> None:
        """Has an autoscaler keep machines for so many workers; without an autoscaler nothing happens.

        A worker without a GPU takes a whole machine, whose size is known when the first one is there.
        """
        processors = max((place.resources["CPU"] for place in self._places.values()), default=1)
        needs = {"GPU": 1.0} if with_gpu else {"CPU": max(processors, 1.0)}
        if needs != self._requested:
            request_resources(bundles=[needs] * workers)
            self._requested = needs

    def _hire(self, place: _Place) -> None:
        self._hired += 1
        place.name = f"worker {self._hired}"
        place.actor = self._actors[place.name] = self._actor.options(
            num_cpus=place.resources["CPU"], num_gpus=place.resources["GPU"], max_restarts=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(place.node, soft=False),
        ).remote(self._device)  # fmt: skip
        place.greeting = place.actor.facts.remote()

    def _greet(self) -> None:
        """Workers that have started meanwhile become ready, or are refused."""
        waiting = {place.greeting: place for place in self._places.values() if place.greeting is not None}
        if not waiting:
            return
        come, _ = ray.wait(list(waiting), num_returns=len(waiting), timeout=0)
        for greeting in come:
            place = waiting[greeting]
            place.greeting = None
            try:
                facts = ray.get(greeting)
                self._check(facts)
                place.memory = math.inf if facts["memory"] is None else facts["memory"]
                place.ready = True
            except RayError as error:
                place.failures += 1
                self._dismiss(place)
                if place.failures >= MOST_FAILURES and place.expected:
                    raise MediaError(f"no worker can be started on {place.host}: {_reason(error)}") from error
            except TcnetError:
                self._dismiss(place)
                place.failures = MOST_FAILURES  # a machine that joined later is not used
                if place.expected:
                    raise

    def _check(self, facts: Facts) -> None:
        """Raises UsageError for a worker that would give other pictures, or none."""
        found = facts.get("versions", {})
        for package, version in self._versions.items():
            there = found.get(package)
            if there is None:
                raise UsageError(
                    f"the worker on {facts['host']} has no {package} that works ({facts.get('missing')}), "
                    f"this machine has {version}: install it there"
                )
            if there != version:
                raise UsageError(
                    f"the worker on {facts['host']} has {package} {there}, this machine has {version}: "
                    "install the same version on all machines"
                )
        if "missing" in facts:
            raise UsageError(f"the worker on {facts['host']} cannot work: {facts['missing']}")

    def _dismiss(self, place: _Place) -> None:
        if place.actor is not None:
            ray.kill(place.actor)
            self._actors.pop(place.name, None)
        place.actor = place.greeting = None
        place.ready = False


def _nodes() -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return nodes


def _places_on(node: dict[str, Any], *, with_gpu: bool, expected: bool) -> dict[str, _Place]:
    """One for each GPU, or where the cluster has none, one for each machine."""
    resources, name = node["Resources"], node["NodeID"]
    host = node["NodeManagerHostname"]
    if with_gpu:
        return {
            f"{name} GPU {index}": _Place(name, host, {"CPU": 0, "GPU": 1}, expected)
            for index in range(int(resources.get("GPU", 0)))
        }
    processors = int(resources.get("CPU", 0))
    if not processors:
        return {}
    return {name: _Place(name, host, {"CPU": processors, "GPU": 0}, expected)}


def _reason(error: RayError) -> str:
    """Ray's reason in one line, without its advice."""
    if isinstance(error, GetTimeoutError):
        return "no answer"
    if isinstance(error, RayActorError):
        for line in str(error).splitlines():
            if "died" in line or "unavailable" in line or "killed" in line:
                return line.strip().rstrip(".")
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"


def _defect(error: RayTaskError) -> Exception:
    """An unexpected exception of a worker."""
    cause = error.cause if isinstance(error.cause, Exception) else error
    failed = RuntimeError(f"a worker failed: {type(cause).__name__}: {cause}")
    failed.__cause__ = error
    return failed


def _raising(error: Exception) -> Callable[[], SegmentResult]:
    def result() -> SegmentResult:
        raise error

    return result
