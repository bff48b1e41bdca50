"""How fast each model computes on this machine: measured once, kept for this user's later plans."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tcnet.catalogue import ModelCard, weights_hash
from tcnet.errors import MediaError
from tcnet.machine import machine, replace_settings, settings_folder

FILE_NAME = "speeds.json"
MINUTE_OF_480P = 854 * 480 * 25 * 60
"""LR pixels of a minute of 480p at 25 frames a second, by which speeds are shown."""


@dataclass(frozen=True, slots=True)
class Speed:
    """seconds_per_pixel: for one LR pixel of one frame. weights: their hash. precision: as it was asked for,
    "auto" by default. threads: that computed it."""

    model: str
    weights: str
    device: str
    precision: str
    threads: int
    seconds_per_pixel: float

    def same_kind(self, other: "Speed") -> bool:
        """Whether it is of the same model, computed in the same way."""
        return self._kind() == other._kind()

    def _kind(self) -> tuple[str | int, ...]:
        return self.model, self.weights, self.device, self.precision, self.threads


def speeds_path() -> Path:
    return settings_folder() / FILE_NAME


def kept_speeds() -> list[Speed]:
    """Those measured on this machine, oldest first. Raises MediaError for a damaged file."""
    return [Speed(**fields) for fields in _read().get(machine(), [])]


def keep_speeds(speeds: Sequence[Speed]) -> None:
    """Keep `speeds` in place of older ones of their kind. Raises MediaError where they cannot be written."""
    kept = [each for each in kept_speeds() if not any(each.same_kind(new) for new in speeds)]
    machines = _read() | {machine(): [asdict(each) for each in (*kept, *speeds)]}
    path = speeds_path()
    try:
        replace_settings(path, json.dumps(machines, indent=1) + "\n")
    except OSError as error:
        raise MediaError(f"{path}: cannot be written ({error.strerror}); set XDG_CONFIG_HOME") from error


def newest_speed(card: ModelCard) -> Speed | None:
    """The last one kept of a model as it is in the package; None if it was not measured here."""
    hash = weights_hash(card.name)
    found = [each for each in kept_speeds() if (each.model, each.weights) == (card.name, hash)]
    return found[-1] if found else None


def _read() -> dict[str, list[dict[str, Any]]]:
    """By machine: a home folder may be shared by several."""
    path = speeds_path()
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): [asdict(Speed(**fields)) for fields in found[name]] for name in found}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError) as error:
        raise MediaError(
            f"{path}: cannot be read or is damaged; delete it, and speeds are measured again"
        ) from error
