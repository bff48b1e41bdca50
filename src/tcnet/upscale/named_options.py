"""Options of a run by name: `upscale_video("in.mp4", scale=2, crf=20, start=65)`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from tcnet.errors import UsageError
from tcnet.inference.contract import VideoNetwork
from tcnet.inference.upscale_options import NamedUpscaleOptions, UpscaleOptions
from tcnet.named_options import check_names, with_named
from tcnet.upscale.executor import Cluster
from tcnet.video import EncodeOptions, ReadOptions


class NamedOptions(NamedUpscaleOptions, total=False):
    """The fields of UpscaleOptions, EncodeOptions and ReadOptions, which say what each means."""

    codec: str | None
    crf: int | None
    pixel_format: str | None
    encoder_options: Mapping[str, str]
    encoder: str
    frame_rate: Fraction | float
    start: Fraction | float | None
    end: Fraction | float | None
    deinterlace: str
    allow_network: bool


class RunArguments(NamedOptions, total=False):
    """What `upscale_video` and `plan_video` take by name; the former says what each means."""

    model: str | Path | VideoNetwork
    options: UpscaleOptions | None
    encode: EncodeOptions | None
    read: ReadOptions | None
    overwrite: bool
    resume: bool
    segment_frames: int | None
    cluster: Cluster | None


RUN_ARGUMENTS = frozenset(RunArguments.__annotations__) - frozenset(NamedOptions.__annotations__)
"""Those that are no fields of options."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run upscales, encodes and reads."""

    upscale: UpscaleOptions
    encode: EncodeOptions
    read: ReadOptions


def run_options(
    function: Callable[..., Any],
    upscale: UpscaleOptions | None,
    encode: EncodeOptions | None,
    read: ReadOptions | None,
    named: Mapping[str, object],
) -> RunOptions:
    """The given objects, by default those with all defaults, with what is given by name in its place.

    Raises UsageError for a name that `function` does not take, and for invalid values.
    """
    upscale, encode, read = upscale or UpscaleOptions(), encode or EncodeOptions(), read or ReadOptions()
    check_names(function, named, upscale, encode, read, also=RUN_ARGUMENTS)
    exact: dict[str, object] = dict(named)
    for name, unit, example in (
        ("start", "seconds", "65 or 12.5"),
        ("end", "seconds", "65 or 12.5"),
        ("frame_rate", "frames a second", "25 or Fraction(30000, 1001)"),
    ):
        if exact.get(name) is not None:
            exact[name] = _exact(name, exact[name], f"{unit}, such as {example}")
    return RunOptions(with_named(upscale, exact), with_named(encode, exact), with_named(read, exact))


def _exact(name: str, value: object, instead: str) -> Fraction:
    """12.1 as it was written, not as the nearest float."""
    try:
        if not isinstance(value, str):
            return Fraction(str(value))
    except ValueError:  # not a number, infinite
        pass
    raise UsageError(f"{name} is {value!r}: give {instead}")
