"""Bidirectional networks: windows with context on both sides that is computed and dropped."""

from collections.abc import Iterable, Iterator
from functools import partial

from torch import Tensor

from tcnet.inference.compute import Compute, check_finite, without_gradients
from tcnet.inference.memory import OUT_OF_MEMORY, layout_after
from tcnet.inference.pixels import clip_tensor
from tcnet.inference.state import all_finite
from tcnet.inference.tiling import Canvas, Layout
from tcnet.inference.upscale_options import UpscaleOptions
from tcnet.inference.windows import Span, iter_windows, plan_windows
from tcnet.network.counted_steps import Advance, counted_frames
from tcnet.video.frame import Frame
from tcnet.video.repetition import shown_pictures


def upscale_windows(
    compute: Compute,
    options: UpscaleOptions,
    layout: Layout,
    scenes: Iterable[Iterator[Frame]],
    skip: int = 0,
    align: int | None = None,
    begin: int = 0,
) -> Iterator[Frame]:
    """SR frames window by window; no window reaches from one scene into another.

    begin: number of the first frame. skip: frames with lower numbers are not yielded. Windows with none of
    the others are not computed; the window in which the others begin is computed as without skip and its
    first frames are dropped, because each frame counts for whether the window has to be computed in float32.
    align: as for `plan_windows`.

    Where memory runs out, the rest is computed in smaller tiles and shorter windows. Raises MediaError when
    there are none smaller, and for frames that are not finite in float32.
    """
    statistics = compute.statistics
    group = compute.network.config.group_size
    for scene in scenes:  # `begin`: number of its first frame
        for span, window in iter_windows(
            scene, layout.window, layout.overlap, group, begin=begin, align=align
        ):
            begin = span.keep_stop  # of the next scene, after its last window
            kept = range(span.keep_start, span.keep_stop)
            while kept and span.keep_stop > skip:
                try:
                    advance = partial(compute.advance, kept.start, len(kept))
                    for frame in upscale_window(compute, layout, window, span.start, kept, advance):
                        number, kept = kept[0], kept[1:]
                        statistics.windows += not kept
                        if number >= skip:
                            statistics.frames += 1
                            yield frame
                except OUT_OF_MEMORY as error:
                    layout = layout_after(error, compute, options, layout)


def upscale_window(
    compute: Compute,
    layout: Layout,
    window: list[Frame],
    begin: int,
    kept: range,
    advance: Advance = lambda part: None,
) -> Iterator[Frame]:
    """The SR frames `kept` of the frames from number `begin` on, computed at once: `window`.

    Raises what is in OUT_OF_MEMORY, and MediaError for frames that are not finite in float32.
    """
    wanted = range(kept.start - begin, kept.stop - begin)
    pieces = _pieces(len(window), wanted, layout, compute.network.config.group_size)
    for i, span in enumerate(pieces):
        piece = range(span.keep_start - span.start, span.keep_stop - span.start)
        part = _share(advance, i, len(pieces))
        yield from _piece(compute, layout, window[span.start : span.stop], piece, begin + span.start, part)


def _share(advance: Advance, index: int, count: int) -> Advance:
    """Of work in `count` equal shares that of one of them."""
    return lambda part: advance((index + part) / count)


def _pieces(length: int, kept: range, layout: Layout, group: int) -> list[Span]:
    """A window as it is computed: at once, or in shorter ones since memory ran out."""
    if length <= layout.window:
        return [Span(0, length, kept.start, kept.stop)]
    spans = (
        Span(span.start, span.stop, max(span.keep_start, kept.start), min(span.keep_stop, kept.stop))
        for span in plan_windows(0, length, layout.window, layout.overlap, group)
    )
    return [span for span in spans if span.keep_start < span.keep_stop]


def _piece(
    compute: Compute, layout: Layout, window: list[Frame], kept: range, begin: int, advance: Advance
) -> Iterator[Frame]:
    """The SR frames `kept` of frames that are computed together.

    A frame that repeats an earlier one (many videos are made of fewer pictures than they have frames) is left
    out, and its picture copied. With several tiles all pictures are held until the last tile, which completes
    them one by one.
    """
    canvases: dict[int, Canvas] = {}
    recomputed: set[int] = set()
    statistics = compute.statistics
    dtype = window[0].pixels.dtype
    last = layout.tiles[-1]
    shown = shown_pictures([frame.pixels for frame in window], near=compute.near_repeats)
    first = [i for i, picture in enumerate(shown) if i == 0 or picture > shown[i - 1]]
    pictures = [window[i] for i in first]
    wanted = range(shown[kept.start], shown[kept.stop - 1] + 1)
    numbers = [begin + i for i in first]
    for tile, (rows, columns) in enumerate(layout.tiles):
        clip = clip_tensor(pictures, compute.device, rows, columns)
        part = _share(advance, tile, len(layout.tiles))
        for number, picture in _pictures(compute, clip, wanted, numbers, recomputed, part):
            if number not in canvases:
                canvases[number] = Canvas(layout, compute.network.scale, dtype)
            canvases[number].paint(picture, rows, columns)
            if (rows, columns) == last:
                canvas = canvases.pop(number)
                for i in kept:
                    if shown[i] == number:
                        statistics.recomputed_frames += number in recomputed
                        statistics.repeated_frames += i > 0 and shown[i - 1] == number
                        yield canvas.finish(window[i])
                del canvas  # or it would live while the next picture is computed


def _pictures(
    compute: Compute, clip: Tensor, kept: range, numbers: list[int], recomputed: set[int], advance: Advance
) -> Iterator[tuple[int, Tensor]]:
    """(i, SR frame i of `clip` (3, 4h, 4w)) for i in kept. numbers: of the clip's frames in the stream.

    At the first frame that is not finite the clip is computed again in float32, which gives that frame and
    those after it; their numbers are added to `recomputed`. Frames after the kept ones are never refined.
    """
    pictures = without_gradients(counted_frames(compute.network, clip, kept, advance))
    final = not compute.reduced
    for i in kept:
        picture = next(pictures)
        if not final and not all_finite(picture):
            final = True
            compute.statistics.recomputed_windows += 1
            pictures = without_gradients(compute.float32().frames(clip, i))
            picture = next(pictures)
        if final:
            check_finite(picture, numbers[i])
            if compute.reduced:
                recomputed.add(i)
        yield i, picture[0]
