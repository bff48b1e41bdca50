"""Running the graphs of an export with onnxruntime or with OpenVINO."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt
import torch

from tcnet.errors import MediaError, UsageError
from tcnet.export.graphs import GraphName
from tcnet.export.manifest import Manifest
from tcnet.export.openvino_files import openvino_core, require_openvino
from tcnet.export.places import CPU, ENGINES, choose_openvino_device, choose_provider, require_onnxruntime

Array = npt.NDArray[np.float32]


class StepRuntime(Protocol):
    """The graphs of one export, ready to run on as many threads as torch has."""

    manifest: Manifest
    file_bytes: int
    """Of all graphs."""

    @property
    def engine(self) -> str:
        """One of ENGINES."""

    @property
    def place(self) -> str:
        """One of PROVIDERS or OPENVINO_DEVICES."""

    @property
    def version(self) -> str: ...

    @property
    def precisions(self) -> tuple[str, ...]:
        """What it computes in here: "fp32" and perhaps "bf16"."""

    def run(self, graph: GraphName, *inputs: Array) -> Sequence[Array]:
        """The outputs, which are the caller's. Raises MediaError for a graph that fails."""

    def in_precision(self, precision: str) -> Self:
        """Itself or a copy that computes in `precision`, one of `precisions`; float32 graphs stay so."""


def open_runtime(folder: Path, manifest: Manifest, engine: str, place: str = CPU) -> StepRuntime:
    """The graphs in `folder`, which may have no manifest yet, run by `engine`.

    place: one of PROVIDERS for onnxruntime, of OPENVINO_DEVICES for OpenVINO. Raises UsageError for an
    unknown engine or place, one that is not there, and one that does not read the files; MediaError for
    damaged files.
    """
    if engine not in ENGINES:
        raise UsageError(f"unknown engine {engine!r}: choose one of torch, {', '.join(ENGINES)}")
    if engine == "openvino":
        return OpenVino.open(folder, manifest, place)
    if manifest.kind != "onnx":
        raise UsageError(f"{folder}: is an export for OpenVINO; add --engine openvino, or export it as onnx")
    return OnnxRuntime(folder, manifest, place)


class OnnxRuntime:
    """onnxruntime, float32. What a provider cannot compute, the CPU does."""

    engine = "onnxruntime"
    precisions: tuple[str, ...] = ("fp32",)

    def __init__(self, folder: Path, manifest: Manifest, place: str = CPU) -> None:
        onnxruntime = require_onnxruntime()
        provider = choose_provider(place, onnxruntime)
        self.place = place
        self.version: str = onnxruntime.__version__
        self.file_bytes = _graph_bytes(folder, manifest)
        self.manifest = manifest
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3  # errors; users need no warnings about its optimisations
        if place == "directml":  # which knows neither
            options.enable_mem_pattern = False
            options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        providers: list[Any] = [(provider.name, dict(provider.options))]
        if place != CPU:
            providers.append("CPUExecutionProvider")
        self._sessions: dict[str, Any] = {}
        for name, step in manifest.graphs.items():
            path = folder / step.file
            try:
                session = onnxruntime.InferenceSession(
                    str(path), options, providers=providers, enable_fallback=0
                )
            except Exception as error:
                raise MediaError(f"{path}: not a readable ONNX model ({_reason(error)})") from error
            if provider.name not in session.get_providers():  # onnxruntime goes on without it
                raise UsageError(
                    f"the provider {place} of onnxruntime does not start here, as where its driver or its "
                    "libraries are missing: choose another, or leave out --provider"
                )
            self._sessions[name] = session
            found = [{entry.name} for entry in self._sessions[name].get_inputs()]
            _check_inputs(path, manifest, name, found)

    def run(self, graph: GraphName, *inputs: Array) -> Sequence[Array]:
        names = [spec.name for spec in self.manifest.graphs[graph].inputs]
        try:
            found: list[Array] = self._sessions[graph].run(None, dict(zip(names, inputs, strict=True)))
        except Exception as error:
            raise _failed(self, graph, inputs, error) from error
        return found

    def in_precision(self, precision: str) -> Self:
        if precision not in self.precisions:
            raise UsageError(f"onnxruntime computes in fp32 here, not {precision}: use auto or fp32")
        return self


class OpenVino:
    """OpenVINO on one of its devices; reads its own files and ONNX."""

    engine = "openvino"

    def __init__(
        self,
        models: Mapping[str, Any],
        manifest: Manifest,
        file_bytes: int,
        place: str = CPU,
        precision: str = "fp32",
    ) -> None:
        """models: openvino.Model by graph."""
        core = openvino_core()
        self.place = place
        self.manifest = manifest
        self.file_bytes = file_bytes
        self.version: str = require_openvino().__version__.split("-")[0]
        self._device = choose_openvino_device(place, core)
        self.precisions = _openvino_precisions(core, self._device)
        self._core, self._models, self._precision = core, models, precision
        # Of graphs that have been run, and their sizes: compiling takes time and memory.
        self._requests: dict[tuple[Any, ...], Any] = {}

    @classmethod
    def open(cls, folder: Path, manifest: Manifest, place: str = CPU) -> Self:
        core = openvino_core()
        choose_openvino_device(place, core)
        core.set_property({"ENABLE_MMAP": False})  # the folder may be removed while the models are in use
        models = {}
        for name, step in manifest.graphs.items():
            path = folder / step.file
            try:
                models[name] = core.read_model(path)
            except Exception as error:
                raise MediaError(f"{path}: OpenVINO cannot read it ({_reason(error)})") from error
            _check_inputs(path, manifest, name, [entry.names for entry in models[name].inputs])
        return cls(models, manifest, _graph_bytes(folder, manifest), place)

    def run(self, graph: GraphName, *inputs: Array) -> Sequence[Array]:
        step = self.manifest.graphs[graph]
        feed = {spec.name: value for spec, value in zip(step.inputs, inputs, strict=True)}
        try:
            request = self._request(graph, feed, step.float32)
            request.infer(feed, share_inputs=True)
        except Exception as error:
            raise _failed(self, graph, inputs, error) from error
        # Its buffers serve the next call too.
        return [request.get_tensor(spec.name).data.copy() for spec in step.outputs]

    def _request(self, graph: GraphName, feed: Mapping[str, Array], float32: bool) -> Any:  # noqa: ANN401
        """The compiled graph; an NPU knows fixed sizes only, so there each has a graph of its own."""
        sizes = {name: list(value.shape) for name, value in feed.items()} if self.place == "npu" else {}
        key = (graph, *map(tuple, sizes.values()))
        if key not in self._requests:
            model = self._models[graph]
            if sizes:
                model = model.clone()
                model.reshape(sizes)
            compiled = self._core.compile_model(model, self._device, self._settings(float32))
            self._requests[key] = compiled.create_infer_request()
        return self._requests[key]

    def in_precision(self, precision: str) -> Self:
        if precision not in self.precisions:
            raise UsageError(
                f"OpenVINO computes in {' or '.join(self.precisions)} here, not {precision}: use auto"
            )
        if precision == self._precision:
            return self
        return type(self)(self._models, self.manifest, self.file_bytes, self.place, precision)

    def _settings(self, float32: bool) -> dict[str, Any]:
        hint = _HINTS["fp32" if float32 else self._precision]
        settings: dict[str, Any] = {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"}
        if self.place == CPU:
            settings["INFERENCE_NUM_THREADS"] = torch.get_num_threads()
        return settings


_HINTS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}


def _openvino_precisions(core: Any, device: str) -> tuple[str, ...]:  # noqa: ANN401 - openvino has no types
    """float32 first, the fastest last: what a device computes in hardware."""
    fast = "BF16" if device == "CPU" else "FP16"
    there = core.get_property(device, "OPTIMIZATION_CAPABILITIES")
    return ("fp32", fast.lower()) if fast in there else ("fp32",)


def _graph_bytes(folder: Path, manifest: Manifest) -> int:
    """With OpenVINO's .bin files, which hold the weights."""
    paths = [folder / step.file for step in manifest.graphs.values()]
    paths += [path.with_suffix(".bin") for path in paths]
    return sum(path.stat().st_size for path in paths if path.is_file())


def _check_inputs(path: Path, manifest: Manifest, name: str, found: Sequence[set[str]]) -> None:
    """found: for each input of a file the names that it goes by."""
    expected = [spec.name for spec in manifest.graphs[name].inputs]
    if len(found) != len(expected) or not all(
        name in names for name, names in zip(expected, found, strict=True)
    ):
        there = ", ".join(min(names, default="?") for names in found)
        raise MediaError(f"{path}: takes {there}, not {', '.join(expected)}; export the model again")


def _failed(runtime: StepRuntime, graph: str, inputs: Sequence[Array], error: Exception) -> Exception:
    """MediaError, or MemoryError where memory ran out: smaller tiles are tried then."""
    reason = _reason(error)
    words = ("allocate memory", "out of memory", "not enough memory", "bad_alloc", "bad allocation")
    if any(word in reason.lower() for word in words):
        return MemoryError(reason)
    shapes = ", ".join(str(value.shape) for value in inputs)
    return MediaError(f"{runtime.engine} {runtime.version} failed in the graph {graph} on {shapes}: {reason}")


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[-1].strip() if lines else type(error).__name__
