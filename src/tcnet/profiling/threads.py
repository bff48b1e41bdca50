"""The fastest number of threads: `tcnet doctor --tune` measures it, `tcnet upscale` uses it."""

import json
import os
import statistics
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from tcnet.catalogue import DEFAULT_MODEL, list_models
from tcnet.errors import MediaError
from tcnet.inference import choose_device, choose_precision
from tcnet.models import load_model
from tcnet.profiling.clock import clock
from tcnet.speeds import Speed, keep_speeds
from tcnet.system.machine import machine, replace_settings, settings_folder
from tcnet.upscale.advice import measure_models

FILE_NAME = "tuning.json"
CLIP = (1, 2, 3, 90, 160)
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Tuning:
    """machine: that it was measured on. seconds: medians for a frame, by number of threads."""

    machine: str
    threads: int
    seconds: dict[str, float]


def tuning_path() -> Path:
    """In the user's settings folder."""
    return settings_folder() / FILE_NAME


def measure() -> Tuning:
    """Time the default model with 1, 2, 4 ... threads, up to one per core, interleaved. Takes seconds."""
    cpu = torch.device("cpu")
    dtype = choose_precision("auto", cpu).dtype
    network = load_model(DEFAULT_MODEL).to(dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
    clip = torch.rand(CLIP)
    before = torch.get_num_threads()
    times: dict[int, list[float]] = {count: [] for count in _counts(os.cpu_count() or 1)}
    try:
        with torch.inference_mode():
            for attempt in range(ROUNDS + 1):
                for count, measured in times.items():
                    torch.set_num_threads(count)
                    seconds = clock(lambda: network(clip), cpu)
                    if attempt > 0:  # the first is a warm-up
                        measured.append(seconds / CLIP[1])
    finally:
        torch.set_num_threads(before)
    medians = {count: statistics.median(measured) for count, measured in times.items()}
    best = min(medians, key=lambda count: medians[count])
    return Tuning(machine(), best, {str(count): round(seconds, 4) for count, seconds in medians.items()})


def measure_speeds(threads: int) -> list[Speed]:
    """The speeds of all models in the package with so many threads, which are kept for `tcnet models` and for
    plans. Takes about two seconds for each. Raises MediaError where they cannot be kept."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        speeds = measure_models(list_models(), choose_device("auto").type, "auto")
    finally:
        torch.set_num_threads(before)
    keep_speeds(speeds)
    return speeds


def keep(tuning: Tuning) -> Path:
    """Write it for this user's later runs. Raises MediaError where that fails."""
    path = tuning_path()
    try:
        replace_settings(path, json.dumps(asdict(tuning), indent=1) + "\n")
    except OSError as error:
        raise MediaError(f"{path}: cannot be written ({error.strerror}); set XDG_CONFIG_HOME") from error
    return path


def kept() -> Tuning | None:
    """That of an earlier `keep`, whatever its machine; None without. Raises MediaError for a damaged file."""
    path = tuning_path()
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Tuning(str(found["machine"]), int(found["threads"]), dict(found["seconds"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise MediaError(
            f"{path}: cannot be read or is damaged; delete it, or measure again: tcnet doctor --tune"
        ) from error


def use_kept_threads() -> None:
    """Compute with as many threads as were measured to be best here; OMP_NUM_THREADS takes precedence."""
    if "OMP_NUM_THREADS" not in os.environ and (tuning := kept()) and tuning.machine == machine():
        torch.set_num_threads(tuning.threads)


def describe_kept() -> str:
    """For `tcnet doctor`."""
    tuning = kept()
    if tuning is None:
        return "no; tcnet doctor --tune measures how many threads are best"
    if tuning.machine != machine():
        return f"for another machine ({tuning.machine}), not used; tcnet doctor --tune measures this one"
    over = ", not used: OMP_NUM_THREADS is set" if "OMP_NUM_THREADS" in os.environ else ""
    return f"{tuning.threads} threads{over}"


def _counts(cores: int) -> list[int]:
    powers = [1 << bit for bit in range(cores.bit_length())]
    return sorted({*powers, cores})
