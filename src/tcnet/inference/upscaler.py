"""Frames in, frames of up to four times the size out, in bounded memory."""

import copy
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Unpack, overload

import numpy as np

from tcnet.catalogue import DEFAULT_MODEL
from tcnet.errors import MediaError, UsageError
from tcnet.inference.backends import load_network
from tcnet.inference.bidirectional import upscale_windows
from tcnet.inference.compute import Compute, Statistics
from tcnet.inference.contract import VideoNetwork
from tcnet.inference.memory import ASSUMED_MEMORY, MEMORY_SHARE, available_memory, estimate_memory
from tcnet.inference.pixels import largest_code, shrink_frames
from tcnet.inference.precision import choose_placement
from tcnet.inference.scene_detection import iter_scenes, mark_cuts
from tcnet.inference.streaming import upscale_recurrent
from tcnet.inference.tiling import Layout, choose_layout
from tcnet.inference.upscale_options import NamedUpscaleOptions, UpscaleOptions
from tcnet.models import check_chosen
from tcnet.named_options import check_names, with_named
from tcnet.network import TCNet
from tcnet.network.ensemble import ENSEMBLES, SelfEnsemble
from tcnet.video.frame import Frame, Pixels

LEAST_HELD = 8
"""LR frames that are held in search of the scene in which to begin, however short memory is."""


class Upscaler:
    """A network with its options, device and precision; upscales one stream of frames at a time.

    Args:
        network: a name from `list_models`, a weight file, or a network in float32 or already in the requested
            precision, which is not changed.
        options: device, precision, windows, tiles, output size.
        named: fields of UpscaleOptions in place of those of `options`: scale=2.

    Raises:
        UsageError: for invalid options, when the device or precision is not available here, the network
            cannot be ensembled or has another detail or denoise, or no model has this name.
        MediaError: for a weight file that cannot be read.
        TypeError: for options and networks that are something else.
    """

    def __init__(
        self,
        network: str | Path | VideoNetwork,
        options: UpscaleOptions | None = None,
        **named: Unpack[NamedUpscaleOptions],
    ) -> None:
        options = UpscaleOptions() if options is None else options
        if not isinstance(options, UpscaleOptions):
            raise TypeError(f"options must be tcnet.UpscaleOptions, got {type(options).__name__}")
        check_names(Upscaler.__init__, named, options)
        self.options = with_named(options, named)
        if isinstance(network, str | Path):
            chosen = self.options
            _, network = load_network(
                network, chosen.engine, chosen.detail, chosen.denoise, place=chosen.place
            )
        elif not hasattr(network, "engine"):
            raise TypeError(
                f"a model must be a name, a weight file or a network, got {type(network).__name__}"
            )
        check_chosen(network, self.options.detail, self.options.denoise)
        if self.options.engine not in ("torch", network.engine):
            raise UsageError(
                f"engine {self.options.engine} is requested, but this network runs on {network.engine}"
            )
        if self.options.repeated == "near" and network.config.propagation == "forward":
            raise UsageError(
                "repeated near needs a bidirectional model, this one streams: leave it out, or choose another"
            )
        network = ensembled(network, self.options.ensemble)
        self.compute = Compute(
            network,
            *choose_placement(
                network, self.options.device, self.options.precision, compiled=self.options.compile
            ),
            compiled=self.options.compile,
            near_repeats=self.options.repeated == "near",
        )

    def with_options(self, options: UpscaleOptions) -> "Upscaler":
        """This upscaler with the `options` of a plan that was made with it: the same network, where it is."""
        made = copy.copy(self)
        made.options = options
        return made

    def decided(self, layout: Layout) -> UpscaleOptions:
        """The options with all that `layout` and this machine decided, which give the same at any time."""
        return replace(
            self.options,
            detail=self.compute.network.detail,
            denoise=self.compute.network.denoise,
            # Of other engines the device says where they compute, the tensors lie on the CPU.
            device=self.compute.device.type if self.options.engine == "torch" else self.options.device,
            precision=self.compute.precision.name,
            window=layout.window or self.options.window,
            overlap=layout.overlap if layout.window else self.options.overlap,
            tile=layout.tile,
        )

    @property
    def statistics(self) -> Statistics:
        """What has been computed so far: windows, frames computed again, frames copied."""
        return self.compute.statistics

    def memory_limit(self) -> int:
        """Bytes to stay under on the device: the options', or a share of what is available now."""
        if self.options.memory_limit is not None:
            return self.options.memory_limit
        available = available_memory(self.compute.device)
        return int(MEMORY_SHARE * (ASSUMED_MEMORY if available is None else available))

    def memory_needed(self, layout: Layout, sample_bytes: int) -> int:
        """Peak bytes on the device, estimated for `layout`; sample_bytes: 1 (uint8 frames) or 2 (uint16)."""
        estimate = estimate_memory(layout, self.compute.network, self.compute.precision.dtype, sample_bytes)
        return estimate.on(self.compute.device)

    def layout(self, height: int, width: int, sample_bytes: int) -> Layout:
        """Windows and tiles for LR frames of height x width pixels, from the options and the memory there is.

        sample_bytes: 1 for uint8 frames, 2 for uint16. Raises MediaError for frames under the network's
        minimum, UsageError for windows and tiles that are too small, and when the memory limit is too low for
        any.
        """
        limit = self.memory_limit()
        layout = choose_layout(
            self.compute.network,
            self.options,
            height,
            width,
            lambda layout: self.memory_needed(layout, sample_bytes) <= limit,
        )
        needed = self.memory_needed(layout, sample_bytes)
        if self.options.memory_limit is not None and needed > limit:
            raise UsageError(
                f"{width}x{height} needs about {_gib(needed)} with {_described(layout)}, over the memory "
                f"limit of {_gib(limit)}: raise it, or give a smaller tile, window or output size"
            )
        return layout

    def memory_notices(self, layout: Layout, sample_bytes: int) -> tuple[str, ...]:
        """Notices for a run with `layout` and without a given limit: usually none, or that memory may not do.

        sample_bytes: 1 for uint8 frames, 2 for uint16.
        """
        if self.options.memory_limit is not None:
            return ()
        notices = []
        needed, limit = self.memory_needed(layout, sample_bytes), self.memory_limit()
        if available_memory(self.compute.device) is None:
            notices.append(f"this system does not report its free memory: {_gib(limit)} are assumed")
        if needed > limit:
            notices.append(
                f"the run may need {_gib(needed)} of memory, more than the {_gib(limit)} planned with"
            )
        return tuple(notices)

    @overload
    def stream(
        self, frames: Iterable[Frame], *, skip: int = ..., align: int | None = ..., begin: int = ...
    ) -> Iterator[Frame]: ...
    @overload
    def stream(
        self, frames: Iterable[Pixels], *, skip: int = ..., align: int | None = ..., begin: int = ...
    ) -> Iterator[Pixels]: ...
    def stream(
        self,
        frames: Iterable[Frame] | Iterable[Pixels],
        *,
        skip: int = 0,
        align: int | None = None,
        begin: int = 0,
    ) -> Iterator[Frame | Pixels]:
        """Upscale frames as they come.

        As many frames come out as go in, in the same sample type, with alpha where the input has it (resized
        by bicubic interpolation). A bidirectional network yields them window by window, a forward network as
        soon as it can. Windows and recurrence end at scene cuts, which are detected in all frames, skipped
        ones included, unless the frames tell them (`Frame.cut`).

        Args:
            frames: of one size and type, in order; each a Frame, or an array (H, W, 3) of R'G'B' as uint8 or
                uint16. An array (T, H, W, 3) is such a video.
            skip: this many frames at the beginning are not yielded, and computed only where others depend on
                them. The others are bit-identical to those of a run without skip, as long as both have the
                same options and memory does not run out.
            align: windows also end at multiples of this many frames, as in `plan_windows`.
            begin: number of the first of `frames` in its video, from which multiples of `align` are counted.

        Yields:
            The SR frames in the order of `frames`: Frames with the pts, duration and time base of theirs, or
            arrays where arrays were given.

        Raises:
            MediaError: for frames that are too small, that change size or type in mid-stream, or that are not
                finite when computed in float32.
            ValueError: for a negative skip or begin, and for arrays that are not pictures.
            TypeError: for arrays of another type, and for what is neither Frame nor array.
        """
        if skip < 0 or begin < 0:
            raise ValueError(f"skip and begin must be at least 0, got {skip} and {begin}")
        given = iter(frames)
        first = next(given, None)
        if first is None:
            return
        arrays = isinstance(first, np.ndarray)
        upscaled = self._upscaled(_as_frames(chain([first], given)), skip, align, begin)
        del first  # or it would live as long as the stream
        yield from (frame.pixels for frame in upscaled) if arrays else upscaled

    def _upscaled(self, frames: Iterator[Frame], skip: int, align: int | None, begin: int) -> Iterator[Frame]:
        """What `stream` yields, for at least one frame."""
        checked = of_one_size(frames)
        first = next(checked)
        height, width, _ = first.pixels.shape
        itemsize = first.pixels.itemsize
        layout = self.layout(height, width, itemsize)
        self.statistics.notices.extend(self.memory_notices(layout, itemsize))
        shrunk = shrink_frames(chain([first], checked), (layout.height, layout.width))
        scenes = split_scenes(shrunk, self.options, self.statistics)
        del first  # or it would live as long as the stream
        if self.compute.network.config.propagation == "forward":
            hold = self._frames_to_hold(layout, itemsize) if skip else 0
            yield from upscale_recurrent(self.compute, self.options, layout, scenes, skip, hold)
        else:
            yield from upscale_windows(self.compute, self.options, layout, scenes, begin + skip, align, begin)

    def _frames_to_hold(self, layout: Layout, sample_bytes: int) -> int:
        """LR frames that fit beside the computation, for a stream that first has to find where to begin."""
        spare = self.memory_limit() - self.memory_needed(layout, sample_bytes)
        return max(LEAST_HELD, spare // (layout.height * layout.width * 3 * sample_bytes))


def upscale_frames(
    frames: Iterable[Pixels],
    *,
    model: str | Path | VideoNetwork = DEFAULT_MODEL,
    options: UpscaleOptions | None = None,
    progress: Callable[[int], None] | None = None,
    **named: Unpack[NamedUpscaleOptions],
) -> Iterator[Pixels]:
    """Upscale pictures as arrays, in bounded memory for any number of them.

    Args:
        frames: of one video in order, (H, W, 3) R'G'B', uint8 or uint16; an array (T, H, W, 3), or whatever
            gives them one by one.
        model: a name from `list_models`, a weight file, or a network.
        options: device, precision, windows, tiles, output size.
        progress: called with the number of frames that are done, after each.
        named: fields of UpscaleOptions in place of those of `options`: scale=2.

    Yields:
        As many arrays of the same type, (4H, 4W, 3) or as the options say.

    Raises:
        UsageError, MediaError, ValueError: as `Upscaler` and its `stream`.
    """
    options = options or UpscaleOptions()
    check_names(upscale_frames, named, options)
    upscaler = Upscaler(model, with_named(options, named))
    for done, picture in enumerate(upscaler.stream(frames), 1):
        if progress is not None:
            progress(done)
        yield picture


def split_scenes(
    frames: Iterator[Frame], options: UpscaleOptions, statistics: Statistics
) -> Iterator[Iterator[Frame]]:
    """The frames scene by scene, as the options say; each has to be read to its end. Cuts are counted."""
    if not options.scene_cuts:
        yield frames
        return
    for number, scene in enumerate(iter_scenes(mark_cuts(frames))):
        statistics.cuts += number > 0
        yield scene


def ensembled(network: VideoNetwork, name: str) -> VideoNetwork:
    """The network itself for "none", else its self-ensemble. Raises UsageError where it cannot have one."""
    kind = next((kind for kind in ENSEMBLES if kind == name), None)
    if kind is None:
        return network
    if (engine := network.engine) != "torch":
        raise UsageError(f"ensemble {name} is computed by torch alone: leave it out, or engine {engine}")
    if not isinstance(network, TCNet) or network.config.propagation != "bidirectional":
        raise UsageError(
            f"ensemble {name} needs a bidirectional model, this one streams: leave it out, or choose another"
        )
    return SelfEnsemble(network, kind)


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"


def _described(layout: Layout) -> str:
    tiles = f"tiles of {layout.tile} pixels" if layout.tiled else "whole frames"
    return f"{tiles} and windows of {layout.window} frames" if layout.window else tiles


def _as_frames(items: Iterable[Frame | Pixels]) -> Iterator[Frame]:
    """Arrays as Frames, whose times do not matter. Raises TypeError for what is neither."""
    for number, item in enumerate(items):
        if isinstance(item, Frame):
            yield item
        elif isinstance(item, np.ndarray):
            yield Frame(item, number, 1, Fraction(1, 25))
        else:
            raise TypeError(
                f"frame {number} (counted from 0) is a {type(item).__name__}: give an array (H, W, 3) of "
                "uint8 or uint16, or a tcnet.Frame"
            )


def of_one_size(frames: Iterable[Frame]) -> Iterator[Frame]:
    """`frames`, as long as they look like the first.

    Raises ValueError and TypeError for arrays that are no pictures.
    """
    shape: tuple[int, ...] = ()
    kind = ""
    for number, frame in enumerate(frames):
        pixels = frame.pixels
        if not shape:
            if pixels.ndim != 3 or pixels.shape[2] != 3:
                raise ValueError(f"pixels must be (H, W, 3), got {pixels.shape}")
            largest_code(pixels.dtype)
            shape, kind = pixels.shape, str(pixels.dtype)
        if pixels.shape != shape or pixels.dtype != kind:
            raise MediaError(
                f"frame {number} (counted from 0) is {pixels.shape[1]}x{pixels.shape[0]} {pixels.dtype}, the "
                f"frames before it are {shape[1]}x{shape[0]} {kind}: split the video there"
            )
        if frame.alpha is not None and (frame.alpha.shape != shape[:2] or str(frame.alpha.dtype) != kind):
            raise ValueError(f"alpha must be {shape[:2]} {kind}, got {frame.alpha.shape} {frame.alpha.dtype}")
        yield frame
