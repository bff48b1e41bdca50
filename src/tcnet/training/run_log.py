"""What a run writes down: JSON lines, and curves for TensorBoard."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from tcnet.errors import not_installed
from tcnet.training.checkpoint import replace_file

Entry = Mapping[str, Any]


class RunLog:
    """Appends entries with a `step` to log.jsonl, and their numbers to TensorBoard if wanted.

    A resumed run forgets what was written after its checkpoint, so that each step stands there once.
    """

    def __init__(self, folder: Path, *, resume_step: int, tensorboard: bool) -> None:
        """Raises UsageError where TensorBoard is asked for and missing."""
        module = _tensorboard() if tensorboard else None
        self._path = folder / "log.jsonl"
        kept = [line for line in _lines(self._path) if _step(line) <= resume_step] if resume_step else []
        replace_file(self._path, "".join(kept).encode())
        self._file = self._path.open("a", encoding="utf-8", buffering=1)
        self._writer = None
        if module is not None:
            self._writer = module.SummaryWriter(str(folder / "tensorboard"), purge_step=resume_step)

    def write(self, entry: Entry) -> None:
        """entry: its "step", its "kind", and figures, which may be in tables."""
        self._file.write(json.dumps(dict(entry), allow_nan=True) + "\n")
        if self._writer is not None:
            for name, value in _numbers(entry, ""):
                self._writer.add_scalar(name, value, entry["step"])

    def close(self) -> None:
        self._file.close()
        if self._writer is not None:
            self._writer.close()


def _numbers(entry: Entry, prefix: str) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for key, value in entry.items():
        if isinstance(value, Mapping):
            found += _numbers(value, f"{prefix}{key}/")
        elif isinstance(value, int | float) and key != "step":
            found.append((prefix + key, float(value)))
    return found


def _lines(path: Path) -> list[str]:
    if not path.exists():
        return []
    # A line that a crash cut short has no end.
    return [
        line for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")
    ]


def _step(line: str) -> int:
    step = json.loads(line)["step"]
    assert isinstance(step, int)
    return step


def _tensorboard() -> ModuleType:
    try:
        from torch.utils import tensorboard
    except ImportError as error:
        raise not_installed("TensorBoard (log.tensorboard)", "train") from error
    return tensorboard
