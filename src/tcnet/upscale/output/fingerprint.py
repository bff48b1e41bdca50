"""What the frames of a run depend on, as JSON: by it a later run knows whether it may continue."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from tcnet.inference.contract import VideoNetwork
from tcnet.inference.upscale_options import UpscaleOptions
from tcnet.version import __version__
from tcnet.video import ReadOptions


def run_identity(
    source: Mapping[str, Any],
    read: ReadOptions,
    network: VideoNetwork,
    options: UpscaleOptions,
    segment_frames: int | None,
) -> dict[str, Any]:
    """Names input, weights and all options that change pixels; not the memory limit, which sets only what
    the plan leaves open. Detail and denoise are the network's: the same, whether given or by default. source:
    identity of the input. segment_frames: where windows end; None: not known yet."""
    return {
        "tcnet version": __version__,
        "input": source,
        "detail": network.detail,
        "denoise": network.denoise,
        "model weights": network.identity(),
        "read": plain(asdict(replace(read, allow_network=False))),
        "options": {
            **plain(asdict(replace(options, memory_limit=None, detail=None, denoise=None))),
            "segment_frames": segment_frames,
        },
    }


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What differs, in words, among the keys of `new`."""
    found = []
    for key, value in new.items():
        before = old.get(key, _LATER.get(key))
        if key in _DEFAULTS and isinstance(before, Mapping) and isinstance(value, Mapping):
            later = {name: default for name, default in _DEFAULTS[key].items() if name in value}
            before = {**later, **before}
        if before == value:
            continue
        if key == "input":
            found.append("input (the file has changed or is another)")
        elif isinstance(value, Mapping) and isinstance(before, Mapping):
            found += [
                _difference(name, before.get(name), value.get(name))
                for name in sorted(before.keys() | value.keys())
                if before.get(name) != value.get(name)
            ]
        else:
            found.append(_difference(key, before, value))
    return found


def _difference(name: str, before: object, now: object) -> str:
    return f"{name.replace('_', ' ')} (then {_shown(before)}, now {_shown(now)})"


def _shown(value: object) -> str:
    return "the default" if value is None else str(value)


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """As it comes back from JSON; fractions as text."""
    found: dict[str, Any] = json.loads(json.dumps(values, default=str))
    return found


_LATER = {"denoise": 0.0}
"""What runs had whose journals do not know the key yet."""
_DEFAULTS = {
    "options": plain(asdict(UpscaleOptions())),
    "plan": plain(asdict(UpscaleOptions(denoise=_LATER["denoise"]))),
    "read": plain(asdict(ReadOptions())),
}
"""Options of runs whose journals do not know them yet."""
