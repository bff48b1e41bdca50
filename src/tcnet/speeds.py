"""How fast each model computes on this machine: measured once, kept for this user's later plans."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from dataclasses import fields as dataclass_fields
from pathlib import Path
from typing import Any

from tcnet.catalogue import ModelCard, weights_hash
from tcnet.errors import MediaError
from tcnet.system.machine import machine, replace_settings, settings_folder

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
    """Those measured on this machine, oldest first; none where the file cannot be read."""
    return [Speed(**fields) for fields in _read()[0].get(machine(), [])]


def speeds_notice() -> str | None:
    """What the user should know of a file that cannot be read; None where nothing is the matter."""
    return _read()[1]


def keep_speeds(speeds: Sequence[Speed]) -> None:
    """Keep `speeds` in place of older ones of their kind, and of a damaged file.

    Raises MediaError where they cannot be written.
    """
    kept = [each for each in kept_speeds() if not any(each.same_kind(new) for new in speeds)]
    machines = _read()[0] | {machine(): [asdict(each) for each in (*kept, *speeds)]}
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


def _read() -> tuple[dict[str, list[dict[str, Any]]], str | None]:
    """By machine, as a home folder may be shared by several; and a notice.

    What can be measured again in seconds is no reason to refuse anything.
    """
    path = speeds_path()
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {name: [_checked(fields) for fields in kept] for name, kept in found.items()}, None
    except FileNotFoundError:
        return {}, None
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
    except (ValueError, TypeError, AttributeError):  # of JSON, or of what is in it
        reason = "is damaged"
    return {}, f"{path}: {reason}, so speeds are measured again when they are needed"


def _checked(fields: dict[str, Any]) -> dict[str, Any]:
    """Raises TypeError and ValueError for what is no speed."""
    speed = Speed(**fields)
    for field in dataclass_fields(speed):
        value = getattr(speed, field.name)
        if not isinstance(value, (float, int) if field.type is float else field.type):  # type: ignore[arg-type]
            raise TypeError(f"{field.name} is {value!r}")
    if not 0 < speed.seconds_per_pixel < math.inf:
        raise ValueError(f"seconds_per_pixel is {speed.seconds_per_pixel}")
    return asdict(speed)
