"""Any upscaler in an evaluation: a function named "module:function" or "path/to/file.py:function".

The contract: `function(lr_clip)` gets a whole clip, a float32 tensor (T, 3, H, W) of RGB in [0, 1] on the
CPU, and returns T tensors (3, 4H, 4W), floating point, in order, on any device; they are clamped to [0, 1]
and rounded to 8 bits afterwards. It may be a generator (then one frame is in memory at a time), or return a
tensor or a list. It runs unmodified: no gradients are recorded, nothing is moved or converted for it. An
attribute `description` (dict of strings: "weights", "precision", "device", "parameters") is reported.
"""

import hashlib
import importlib
import importlib.util
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType

from torch import Tensor

from tcnet.errors import UsageError


class FunctionUpscaler:
    """A function under the contract above, as a ClipUpscaler."""

    def __init__(
        self, name: str, function: Callable[[Tensor], Iterable[Tensor]], about: Mapping[str, str]
    ) -> None:
        self.name = name
        self.description = about
        self._function = function

    def __call__(self, lr_clip: Tensor) -> Iterator[Tensor]:
        try:
            for frame in self._function(lr_clip):
                if not isinstance(frame, Tensor):
                    raise TypeError(f"gives {type(frame).__name__} instead of tensors")
                yield frame.float()
        except Exception as error:
            raise UsageError(f"{self.name} failed: {type(error).__name__}: {error}") from error


def load_function(name: str) -> FunctionUpscaler:
    """The upscaler of that name; its module is executed.

    Raises UsageError if the module or the function is missing, cannot be imported or is not callable.
    """
    module_name, _, function_name = name.rpartition(":")
    if not module_name or not function_name:
        raise UsageError(f"{name!r}: write module:function or path/to/file.py:function")
    module = _load_module(module_name, name)
    function = getattr(module, function_name, None)
    if not callable(function):
        raise UsageError(f"{name!r}: {module_name} has no function {function_name!r}")
    source = inspect.getsourcefile(module)
    about = {"weights": "not stated", "precision": "not stated", "device": "not stated"}
    if source is not None:
        about["source"] = hashlib.sha256(Path(source).read_bytes()).hexdigest()[:12]
    stated = getattr(function, "description", {})
    if not isinstance(stated, Mapping):
        raise UsageError(f"{name!r}: its description is a {type(stated).__name__} instead of a dict")
    about |= {str(key): str(value) for key, value in stated.items()}
    # A file's name without its folder, which does not belong in a report.
    shown = f"{Path(module_name).name}:{function_name}"
    return FunctionUpscaler(shown, function, about)


def _load_module(module_name: str, name: str) -> ModuleType:
    try:
        if not module_name.endswith(".py"):
            return importlib.import_module(module_name)
        spec = importlib.util.spec_from_file_location(Path(module_name).stem, module_name)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    except Exception as error:
        raise UsageError(f"{name!r} cannot be imported: {type(error).__name__}: {error}") from error
