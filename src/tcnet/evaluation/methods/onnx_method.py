"""Any upscaler in an evaluation: an ONNX file, run by onnxruntime, which `.[export]` installs.

The contract, detected by the rank of the model's one input: a whole clip, (1, T, 3, H, W) -> (1, T, 3, 4H,
4W), or single frames, (1, 3, H, W) -> (1, 3, 4H, 4W). RGB in [0, 1], float32 or float16; the first output
counts. Sizes that the file fixes must be those of the clips.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tcnet.catalogue import file_hash
from tcnet.errors import MediaError, UsageError
from tcnet.export.places import CPU, PROVIDERS, Provider, present_providers, require_onnxruntime
from tcnet.inference import choose_device

RANKS = {4: "frames", 5: "clips"}
TYPES = {"tensor(float)": (np.float32, "fp32"), "tensor(float16)": (np.float16, "fp16")}


class OnnxUpscaler:
    """An ONNX model under the contract above, as a ClipUpscaler; it computes on as many threads as torch."""

    def __init__(self, path: Path, device: str = "auto") -> None:
        """Raises UsageError where onnxruntime or the device is missing or the model is of another form,
        MediaError for a file that is missing or no ONNX model.
        """
        runtime = require_onnxruntime()
        place = _place(runtime, path, device)
        self._session = _open(runtime, path, PROVIDERS[place])
        inputs = self._session.get_inputs()
        ranks = [len(entry.shape) for entry in inputs]
        if len(inputs) != 1 or ranks[0] not in RANKS or inputs[0].type not in TYPES:
            found = ", ".join(f"{entry.type} of {len(entry.shape)} dimensions" for entry in inputs)
            raise UsageError(
                f"{path}: takes {found or 'nothing'}; it must take one float tensor, "
                "(1, T, 3, H, W) for clips or (1, 3, H, W) for frames"
            )
        self._input, self._output = inputs[0].name, self._session.get_outputs()[0].name
        self._shape = inputs[0].shape
        self._dtype, precision = TYPES[inputs[0].type]
        self.name = path.name
        self.description: Mapping[str, str] = {
            "weights": file_hash(path),
            "precision": precision,
            "device": place,
            "runtime": f"onnxruntime {runtime.__version__}, whole {RANKS[ranks[0]]}",
        }

    def __call__(self, lr_clip: Tensor) -> Iterator[Tensor]:
        lr_frames = lr_clip.numpy().astype(self._dtype)
        if len(self._shape) == 5:
            yield from self._run(lr_frames[None])
            return
        for index in range(len(lr_frames)):
            yield from self._run(lr_frames[index : index + 1])

    def _run(self, batch: np.ndarray[Any, Any]) -> Iterator[Tensor]:
        """(1, T, 3, h, w) or (1, 3, h, w) -> its frames (3, H, W) float32."""
        for fixed, size in zip(self._shape, batch.shape, strict=True):
            if isinstance(fixed, int) and fixed not in (0, size):
                raise UsageError(
                    f"{self.name} takes {_sizes(self._shape)} alone, here it would have to take "
                    f"{_sizes(batch.shape)}; export it with free sizes"
                )
        try:
            found = self._session.run([self._output], {self._input: batch})[0]
        except Exception as error:
            reason = str(error).strip().splitlines()[-1]
            raise UsageError(f"{self.name} failed on {_sizes(batch.shape)}: {reason}") from error
        if found.ndim != batch.ndim or found.shape[0] != 1:
            raise UsageError(f"{self.name} gave {_sizes(found.shape)} for {_sizes(batch.shape)}")
        frames = torch.from_numpy(found.astype(np.float32))
        yield from frames if found.ndim == 4 else frames[0]


def _place(runtime: ModuleType, path: Path, device: str) -> str:
    """The key of PROVIDERS."""
    place = choose_device(device).type
    present = present_providers(runtime)
    if place in present:
        return place
    if device == "auto":
        return CPU
    raise UsageError(f"{path}: this onnxruntime does not compute on {place}; it has {', '.join(present)}")


def _open(runtime: ModuleType, path: Path, provider: Provider) -> Any:  # noqa: ANN401 - it has no types
    if not path.is_file():
        raise MediaError(f"{path}: no such ONNX model")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors; its warnings about its own optimisations do not concern users
    try:
        return runtime.InferenceSession(
            str(path), options, providers=[(provider.name, dict(provider.options))]
        )
    except Exception as error:
        reason = str(error).strip().splitlines()[-1]
        raise MediaError(f"{path}: not a readable ONNX model ({reason})") from error


def _sizes(shape: Any) -> str:  # noqa: ANN401 - numbers, or names of free dimensions
    return f"({', '.join(str(size) for size in shape)})"
