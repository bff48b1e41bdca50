"""What can be chosen for a run, and the output size that follows from it."""

from dataclasses import dataclass
from fractions import Fraction
from numbers import Integral, Real
from typing import TypedDict

from tcnet.catalogue import check_share
from tcnet.errors import UsageError
from tcnet.export.places import CPU, OPENVINO_DEVICES, PROVIDERS
from tcnet.export.places import ENGINES as OTHER_ENGINES
from tcnet.network.ensemble import ENSEMBLES
from tcnet.video.repetition import REPETITIONS

DEFAULT_KEPT = 48
"""Frames that a window of bidirectional networks keeps, where memory allows: a segment of the output."""
DEFAULT_OVERLAP = 4
"""Frames computed and dropped on each side of a window. Against the whole clip, 8 kept frames lose 0.40 dB
without, 0.12 with 2, 0.06 with 4, nothing with 8 (benchmarks/quality/window_overlap.py); with 48 a sixth."""
DEFAULT_TILE_OVERLAP = 32
"""LR pixels computed and dropped on each side of a tile. Beside the seams, tiled frames have 54 to 58 dB
against whole ones with 16, 63 with 32 (benchmarks/quality/tile_seams.py). In steps of 32: 24 is as 32."""

PRECISIONS = ("auto", "fp32", "bf16", "fp16", "int8")
DEVICES = ("auto", "cpu", "cuda", "mps")
"""torch's; OpenVINO has OPENVINO_DEVICES."""
ENGINES = ("torch", *OTHER_ENGINES)
LEAST_SCALE, MOST_SCALE = 1, 4
AUTO = "auto"
"""Of `shrink_first`: to the size that was measured in the file."""
_WHOLE = ("window", "overlap", "tile", "tile_overlap", "height", "width")
_NUMBERS = ("scale", "detail", "denoise", "memory_limit")


@dataclass(frozen=True, slots=True, kw_only=True)
class UpscaleOptions:
    """How to upscale. None means: chosen from the network, the frame size and the available memory.

    Raises:
        UsageError: for invalid values, and for more than one of scale, height and width.
        TypeError: for what is no number and should be one.
    """

    window: int | None = None
    """Frames computed together (bidirectional networks only)."""
    overlap: int | None = None
    """Frames computed and dropped on each side of a window."""
    tile: int | None = None
    """Largest tile side in LR pixels; larger frames are computed in tiles."""
    tile_overlap: int = DEFAULT_TILE_OVERLAP
    """LR pixels computed and dropped on each side of a tile."""
    precision: str = "auto"
    """"auto", "fp32", "bf16", "fp16" or "int8"."""
    device: str = "auto"
    """"auto", "cpu", "cuda" or "mps"; for the engine "openvino" "cpu", "gpu" or "npu"."""
    scale: float | None = None
    """Output size as a multiple of the input's, 1 to 4 (default); with 1 the picture is only cleaned."""
    height: int | None = None
    """Output height in pixels; the width follows, rounded to even."""
    width: int | None = None
    """Output width in pixels; the height follows, rounded to even."""
    shrink_first: int | str | None = None
    """Lines to which frames are shrunk before the network, for what was blown up; "auto" (for files): as many
    as it was measured to hold. The output keeps its size, which counts from that of the input."""
    memory_limit: int | None = None
    """Bytes that the run should stay under; None: a share of what is available."""
    detail: float | None = None
    """0 to 1, of models that have it (`ModelCard.detail`): 0 is true to the input, 1 shows the most detail.
    None: what the model's card says."""
    denoise: float | None = None
    """0 to 1: how far noise, grain and coding artefacts are taken out of the input before it is upscaled.
    None: what the model's card says, mostly 0."""
    scene_cuts: bool = True
    """Whether cuts in the video are found and nothing is carried across them."""
    repeated: str = "exact"
    """Which frames are copied, not computed: those that repeat the picture before ("exact"), or also those
    that do but for a codec's noise ("near"; for bidirectional networks only)."""
    ensemble: str = "none"
    """"none", or the mean over the reversed clip too ("time", twice the time), or over all eight orientations
    as well ("full", 16 times); for bidirectional networks only."""
    engine: str = "torch"
    """What computes: "torch", "onnxruntime" or "openvino" (both as extras)."""
    provider: str = CPU
    """Where the engine "onnxruntime" computes: "cpu", or one of the execution providers "cuda", "tensorrt",
    "directml", "coreml" and "openvino", where its build has them."""
    compile: bool = False
    """Compile the network first (torch.compile): one to four minutes for each size of tile, seconds once
    torch has it in its cache. Then it is faster."""

    def __post_init__(self) -> None:
        self._check_types()
        for name, value, least in (
            ("window", self.window, 1),
            ("overlap", self.overlap, 0),
            ("tile", self.tile, 1),
            ("tile overlap", self.tile_overlap, 0),
            ("memory limit", self.memory_limit, 1),
        ):
            if value is not None and value < least:
                raise UsageError(f"{name} is {value}, it must be at least {least}")
        for name in ("detail", "denoise"):
            if (share := getattr(self, name)) is not None:
                check_share(share, name)
        if self.precision not in PRECISIONS:
            raise UsageError(f"unknown precision {self.precision!r}: choose one of {', '.join(PRECISIONS)}")
        self._check_place()
        if self.repeated not in REPETITIONS:
            raise UsageError(f"unknown repeated {self.repeated!r}: choose one of {', '.join(REPETITIONS)}")
        if self.ensemble not in ("none", *ENSEMBLES):
            raise UsageError(
                f"unknown ensemble {self.ensemble!r}: choose one of {', '.join(('none', *ENSEMBLES))}"
            )
        if self.engine != "torch" and self.ensemble != "none":
            raise UsageError(
                f"ensemble {self.ensemble} is computed by torch alone: leave out the ensemble or "
                f"engine {self.engine}"
            )
        if self.compile and self.engine != "torch":
            raise UsageError(f"compile is for torch: leave out compile or engine {self.engine}")
        if self.compile and self.precision == "int8":
            raise UsageError(
                "compile is for floating point, not for precision int8: leave it out, or use precision auto"
            )
        if self.scale is not None and not LEAST_SCALE <= self.scale <= MOST_SCALE:
            raise UsageError(
                f"scale is {self.scale:g}, it must be from {LEAST_SCALE} to {MOST_SCALE}, such as 1, 1.5 or 4"
            )
        given = [name for name in ("scale", "height", "width") if getattr(self, name) is not None]
        if len(given) > 1:
            raise UsageError(f"{' and '.join(given)} exclude each other: give one, the aspect ratio is kept")
        shrunk = self.shrink_first
        if shrunk not in (None, AUTO) and (isinstance(shrunk, str) or shrunk is None or shrunk < 2):
            raise UsageError(
                f"shrink first is {shrunk!r}: give auto, or the lines that the video really holds, "
                "such as 480"
            )
        for name, value in (("height", self.height), ("width", self.width)):
            if value is not None and (value < 2 or value % 2):
                raise UsageError(
                    f"{name} is {value}, it must be even and at least 2 (video codecs need even sizes)"
                )

    def _check_types(self) -> None:
        for names, kind, what in ((_WHOLE, Integral, "a whole number"), (_NUMBERS, Real, "a number")):
            for name in names:
                value = getattr(self, name)
                if value is not None and not isinstance(value, kind):
                    raise TypeError(f"{name.replace('_', ' ')} is {value!r}, it must be {what}")

    def _check_place(self) -> None:
        """What computes, and where."""
        if self.engine not in ENGINES:
            raise UsageError(f"unknown engine {self.engine!r}: choose one of {', '.join(ENGINES)}")
        devices = ("auto", *OPENVINO_DEVICES) if self.engine == "openvino" else DEVICES
        if self.device not in devices:
            more = "" if self.device not in OPENVINO_DEVICES else ", or add --engine openvino"
            raise UsageError(f"unknown device {self.device!r}: choose one of {', '.join(devices)}{more}")
        if self.provider not in PROVIDERS:
            raise UsageError(f"unknown provider {self.provider!r}: choose one of {', '.join(PROVIDERS)}")
        if self.provider != CPU and self.engine != "onnxruntime":
            raise UsageError(
                f"provider {self.provider} is for the engine onnxruntime: add --engine onnxruntime, or leave "
                "it out"
            )

    @property
    def place(self) -> str:
        """Where another engine than torch computes: a provider of onnxruntime, a device of OpenVINO."""
        if self.engine == "openvino":
            return CPU if self.device == "auto" else self.device
        return self.provider


class NamedUpscaleOptions(TypedDict, total=False):
    """The fields of UpscaleOptions, for functions that take them by name."""

    window: int | None
    overlap: int | None
    tile: int | None
    tile_overlap: int
    precision: str
    device: str
    scale: float | None
    height: int | None
    width: int | None
    shrink_first: int | str | None
    memory_limit: int | None
    detail: float | None
    denoise: float | None
    scene_cuts: bool
    repeated: str
    ensemble: str
    engine: str
    provider: str
    compile: bool


def size_name(options: UpscaleOptions) -> str:
    """What is done to the size, for names of outputs: x4, x2, 1080p, 1920w."""
    if options.height is not None:
        return f"{options.height}p"
    return f"x{options.scale or 4:g}" if options.width is None else f"{options.width}w"


def lr_size(height: int, width: int, options: UpscaleOptions) -> tuple[int, int]:
    """(height, width) in which the network gets frames of height x width: smaller where they are shrunk
    first. Raises UsageError where they cannot be."""
    shrunk = options.shrink_first
    if shrunk is None:
        return height, width
    if isinstance(shrunk, str):
        raise UsageError(f"shrink first {shrunk} is for files, which are measured: give lines, such as 480")
    if shrunk >= height:
        raise UsageError(
            f"shrink first to {shrunk} lines: this input has {height}; give fewer, or leave it out"
        )
    return shrunk, shrunk_width(height, width, shrunk)


def shrunk_width(height: int, width: int, shrunk: int) -> int:
    """The width of frames of height x width that are shrunk to so many lines."""
    return _even(width * shrunk, height)


def output_size(height: int, width: int, options: UpscaleOptions, scale: int = 4) -> tuple[int, int]:
    """(height, width) of the output for frames of height x width, shrunk first or not; `scale` is the
    network's.

    Resized sides are rounded to even, which 4:2:0 video needs. Raises UsageError beyond `scale`.
    """
    if options.height is not None:
        _check_side("height", options.height, scale * height, scale)
        return options.height, _even(width * options.height, height)
    if options.width is not None:
        _check_side("width", options.width, scale * width, scale)
        return _even(height * options.width, width), options.width
    if options.scale is None or options.scale == scale:
        return scale * height, scale * width
    exact = Fraction(str(options.scale))  # 1.1 as it was written
    return (
        _even(exact.numerator * height, exact.denominator),
        _even(exact.numerator * width, exact.denominator),
    )


def _check_side(name: str, value: int, most: int, scale: int) -> None:
    if value > most:
        raise UsageError(f"{name} {value} is more than x{scale} of this input: the most is {most}")


def _even(numerator: int, denominator: int) -> int:
    """numerator / denominator rounded to the nearest even number (ties up), at least 2."""
    return max(2, (numerator + denominator) // (2 * denominator) * 2)
