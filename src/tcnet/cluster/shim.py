"""What Ray starts on a worker's machine, sent by value: it does not depend on what is installed there."""

from typing import Any

Facts = dict[str, Any]


def actor_class() -> type:
    """The class of the actors. Defined in a function so that Ray sends it by value, it imports tcnet only on
    arrival: whatever version is there, or none, can be reported."""

    class Actor:
        def __init__(self, device: str) -> None:
            self._device = device
            self._worker: Any = None

        def facts(self) -> Facts:
            """Where it runs, what is installed there (versions, or why they are not known), and memory: bytes
            on the device, None if not known."""
            import os
            import platform

            facts: Facts = {"host": platform.node(), "pid": os.getpid()}
            try:
                from tcnet.version import __version__

                facts["versions"] = {"tcnet": __version__}
                from tcnet.cluster.worker import Worker, versions
                from tcnet.system.process import keep_freed_memory

                facts["versions"] = versions()
                keep_freed_memory()
                self._worker = Worker()
                facts["memory"] = self._worker.available_memory(self._device)
            except (ImportError, ValueError) as error:  # such as: there is no such device
                facts["missing"] = str(error)
            return facts

        def plan(self, info: Any, network: Any, options: Any, model: Any) -> Any:  # noqa: ANN401 - a message
            return self._worker.plan(info, network, options, model)

        def compute(self, run: str, shared: list[Any], segment: Any) -> Any:  # noqa: ANN401 - a message
            """shared: a reference to the Work, which is fetched once, and the hash of its weights."""
            worker = self._worker
            if not worker.knows(run):
                import ray

                from tcnet.cluster.messages import failure_message
                from tcnet.errors import TcnetError

                reference, weights = shared
                try:
                    worker.take_on(run, ray.get(reference), weights)
                except TcnetError as error:
                    return failure_message(error)
            return worker.compute(run, segment)

    return Actor
