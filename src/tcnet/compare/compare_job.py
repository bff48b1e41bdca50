"""Compare videos: open, pair, draw, write; one frame of each in memory."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from tcnet.compare.compare_options import CompareOptions
from tcnet.compare.pairing import Moment, Pairing
from tcnet.compare.profile import MOST_FRAMES, ProfileTaker, choose_slice
from tcnet.compare.sheet import COLORS, Cell, arrange, draw_frame, enlarge, lay_out
from tcnet.compare.views import Difference, SideBySide, View, Wipe
from tcnet.errors import MediaError, UsageError
from tcnet.inference.pixels import resize_pixels
from tcnet.video import (
    CONTAINERS,
    EncodeOptions,
    Frame,
    FrameSource,
    Pixels,
    ReadOptions,
    VideoInfo,
    check_output,
    default_output,
    is_still_image,
    open_sink,
    open_source,
    write_png,
)
from tcnet.video.atomic_file import check_target

_MOST_STRANGE = 0.03  # tolerance of aspect ratios of one picture: sizes are rounded to even
_PICTURE = ".png"


@dataclass(frozen=True, slots=True)
class CompareResult:
    """What a comparison wrote.

    Attributes:
        output: the file or folder.
        frames: shown, or columns of a profile.
        notices: what the user should know, a line each.
    """

    output: Path
    frames: int
    notices: tuple[str, ...]


def compare_videos(
    inputs: Sequence[Path | str],
    output: Path | str | None = None,
    *,
    options: CompareOptions | None = None,
    encode: EncodeOptions | None = None,
    read: ReadOptions | None = None,
    overwrite: bool = False,
    progress: Callable[[int, int | None], None] | None = None,
) -> CompareResult:
    """Show two or more videos (files, or images) of the same picture together.

    Smaller inputs are enlarged to the size of the largest by bicubic interpolation; their labels say so.

    Args:
        inputs: the first is the reference; its timestamps are the output's.
        output: a video file, a .png for one moment (of a profile: always .png), or a folder of PNGs; by
            default NAME.VIEW.mp4, .mkv or .png beside the first input.
        options: the view and what it shows.
        encode: codec and quality of the output.
        read: which part of the inputs, and how.
        overwrite: whether an existing output may be replaced.
        progress: called after each frame with the number of frames done and, where known, of all.

    Returns:
        What was written.

    Raises:
        UsageError: for invalid options.
        MediaError: for files; nothing is left behind then.
    """
    options = options or CompareOptions()
    paths = [Path(path) for path in inputs]
    if len(paths) < 2:
        raise UsageError(f"a comparison needs two or more inputs, got {len(paths)}")
    target = _default(paths[0], options) if output is None else Path(output)
    if options.view == "profile" and target.suffix.lower() != _PICTURE:
        raise UsageError(f"{target}: a profile is a picture; give a name that ends in {_PICTURE}")
    is_picture = target.suffix.lower() == _PICTURE and "%" not in target.name
    _check_target(target, paths, is_picture=is_picture, overwrite=overwrite)
    with ExitStack() as stack:
        sources: list[FrameSource] = []
        for path in paths:
            source: FrameSource = open_source(path, read)
            sources.append(stack.enter_context(source))
        scene = _Scene([source.info for source in sources], paths, options, is_picture=is_picture)
        if options.view == "profile":
            return _write_profile(target, sources, scene, progress)
        if is_picture:
            return _write_picture(target, sources, scene)
        return _write_video(target, sources, scene, encode, overwrite=overwrite, progress=progress)


class _Scene:
    """What is constant over the frames: size, depth, labels, view."""

    def __init__(
        self, infos: Sequence[VideoInfo], paths: Sequence[Path], options: CompareOptions, *, is_picture: bool
    ) -> None:
        self.options = options
        self.infos = tuple(infos)
        self.largest = max(infos, key=lambda info: info.width * info.height)
        self.height, self.width = self.largest.height, self.largest.width
        self.dtype = np.dtype(np.uint8 if all(info.bit_depth <= 8 for info in infos) else np.uint16)
        self.names = options.labels or _names(paths)
        if len(self.names) != len(paths):
            raise UsageError(f"{len(self.names)} labels for {len(paths)} inputs; give one for each, in order")
        self._check_shapes(paths)
        for crop in options.crops:
            crop.check(self.height, self.width)
        captions = tuple(self._caption(name, info) for name, info in zip(self.names, infos, strict=True))
        self.captions = captions
        self.view: View = SideBySide(captions)
        if options.view == "difference":
            self.view = Difference(self.names, options.amplify)
        elif options.view == "wipe":
            if len(paths) > 2 and options.divider is not None:
                raise UsageError(f"--divider is for two inputs, got {len(paths)}; more have equal strips")
            self.view = Wipe(captions, 0.5 if is_picture and options.divider is None else options.divider)

    def pictures(self, moment: Moment) -> list[Pixels]:
        """(H, W, 3) of the largest size and depth, one of each video."""
        return [self._fitted(frame.pixels) for frame in moment.frames]

    def draw(self, moment: Moment) -> Pixels:
        """The whole picture of a moment, of even size."""
        pictures = self.pictures(moment)
        zoom, crops = self.options.enlargement, self.options.crops
        foot = _clock(moment.seconds)
        if not crops:
            panels = self.view.panels([enlarge(picture, zoom) for picture in pictures], moment.seconds)
            return lay_out(arrange(panels), foot)
        rows = []
        overview = pictures[-1].copy()
        for index, crop in enumerate(crops):
            color = COLORS[index % len(COLORS)]
            cuts = [enlarge(crop.cut(picture), zoom) for picture in pictures]
            panels = self.view.panels(cuts, moment.seconds)
            if index:
                panels = [replace(panel, caption="") for panel in panels]
            rows.append([Cell(panel, color) for panel in panels])
            line = max(2, self.height // 200)
            draw_frame(overview, (crop.y, crop.x, crop.height, crop.width), color, line)
        return lay_out(rows, foot, overview=overview, overview_caption=self.captions[-1])

    def _fitted(self, pixels: Pixels) -> Pixels:
        if pixels.shape[:2] != (self.height, self.width):
            return resize_pixels(pixels, (self.height, self.width), self.dtype)
        if pixels.dtype != self.dtype:
            return pixels.astype(np.uint16) * 257
        return pixels

    def _caption(self, name: str, info: VideoInfo) -> str:
        if (info.height, info.width) == (self.height, self.width):
            return name
        times = Fraction(self.height, info.height)
        even = times.denominator == 1 and self.width == times * info.width
        return f"{name} ({info.width}×{info.height}, bicubic{f' ×{times}' if even else ''})"

    def _check_shapes(self, paths: Sequence[Path]) -> None:
        shape = _shape(self.largest)
        for info, path in zip(self.infos, paths, strict=True):
            if abs(_shape(info) / shape - 1) > _MOST_STRANGE:
                other = paths[self.infos.index(self.largest)]
                raise MediaError(
                    f"{path} has {info.width}x{info.height} pixels and {other} {self.width}x{self.height}: "
                    "pictures of different shape cannot be compared"
                )


def _write_video(
    target: Path,
    sources: Sequence[FrameSource],
    scene: _Scene,
    encode: EncodeOptions | None,
    *,
    overwrite: bool,
    progress: Callable[[int, int | None], None] | None,
) -> CompareResult:
    options = scene.options
    pairing = Pairing(sources, scene.names, start=options.start, end=options.end)
    total = None if options.start or options.end else sources[0].info.frame_count
    count = 0
    moments = iter(pairing)
    first = _next(moments, options.start)
    drawn = scene.draw(first)
    info = replace(
        scene.largest, time_base=sources[0].info.time_base, frame_rate=sources[0].info.frame_rate,
        height=drawn.shape[0], width=drawn.shape[1], bit_depth=8 * scene.dtype.itemsize, alpha=False,
        captions=False, frame_count=None, duration=None,
    )  # fmt: skip
    if scene.dtype.itemsize > 1:
        info = replace(info, bit_depth=max(each.bit_depth for each in scene.infos))
    sink = open_sink(target, info=info, options=encode, overwrite=overwrite)
    try:
        for moment in _chain(first, moments):
            drawn = drawn if moment is first else scene.draw(moment)
            frame = moment.frames[0]
            sink.write(Frame(drawn, frame.pts - first.frames[0].pts, frame.duration, frame.time_base))
            count += 1
            if progress is not None:
                progress(count, total)
        sink.finish()
    except BaseException:
        sink.abort()
        raise
    return CompareResult(target, count, (*sink.notices, *pairing.notices))


def _write_picture(target: Path, sources: Sequence[FrameSource], scene: _Scene) -> CompareResult:
    at = scene.options.at
    if at is None:
        at = (sources[0].info.duration or Fraction(0)) / 2
    shown: Moment | None = None
    for moment in Pairing(sources, scene.names):
        if shown is not None and moment.seconds > at:
            break
        shown = moment
    else:
        if shown is None or at > shown.seconds + (shown.frames[0].duration * shown.frames[0].time_base):
            raise MediaError(f"no frame at {_clock(at)}: an input ends before")
    write_png(target, scene.draw(shown))
    return CompareResult(target, 1, ())


def _write_profile(
    target: Path,
    sources: Sequence[FrameSource],
    scene: _Scene,
    progress: Callable[[int, int | None], None] | None,
) -> CompareResult:
    options = scene.options
    crop = options.crops[0] if options.crops else None
    place = choose_slice(scene.height, scene.width, column=options.column, row=options.row, crop=crop)
    taker = ProfileTaker(place, scene.captions)
    pairing = Pairing(sources, scene.names, start=options.start, end=options.end)
    moments = iter(pairing)
    first = last = _next(moments, options.start)
    notices: list[str] = []
    for moment in _chain(first, moments):
        if taker.frames == MOST_FRAMES:
            notices.append(
                f"a profile shows {MOST_FRAMES} frames at most, up to {_clock(last.seconds)}; "
                "--start and --end choose others"
            )
            break
        taker.add(scene.pictures(moment))
        last = moment
        if progress is not None:
            progress(taker.frames, None)
    foot = f"{place}; {taker.frames} frames, {_clock(first.seconds)} to {_clock(last.seconds)}"
    foot += ", time to the right" if place.is_column else ", time downward"
    sheet = lay_out(
        taker.cells(options.enlargement), foot, overview=taker.overview(), overview_caption=scene.captions[-1]
    )
    write_png(target, sheet)
    return CompareResult(target, taker.frames, (*notices, *pairing.notices))


def _check_target(target: Path, paths: Sequence[Path], *, is_picture: bool, overwrite: bool) -> None:
    same = (path for path in paths if path.exists() and target.exists() and path.samefile(target))
    source = next(same, None)
    if is_picture:
        check_target(target, overwrite=overwrite, source=source)
    else:
        check_output(target, copy_from=source, overwrite=overwrite)


def _default(first: Path, options: CompareOptions) -> Path:
    target = default_output(first, options.view)
    if options.view == "profile" or (first.is_file() and is_still_image(first)):
        stem = target.stem if target.suffix in CONTAINERS else target.name
        return target.with_name(f"{stem}{_PICTURE}")
    return target


def _names(paths: Sequence[Path]) -> tuple[str, ...]:
    """The files' names, or their paths where names are not unique."""
    names = tuple(path.name or str(path) for path in paths)
    return names if len(set(names)) == len(names) else tuple(str(path) for path in paths)


def _shape(info: VideoInfo) -> float:
    return info.width / info.height


def _next(moments: Iterator[Moment], start: Fraction | None) -> Moment:
    moment = next(moments, None)
    if moment is None:
        raise MediaError(f"no frame at {_clock(start or Fraction(0))} or later: an input ends before")
    return moment


def _chain(first: Moment, rest: Iterator[Moment]) -> Iterator[Moment]:
    yield first
    yield from rest


def _clock(seconds: Fraction) -> str:
    """H:MM:SS.mmm."""
    total = round(seconds * 1000)
    minutes, milliseconds = divmod(total, 60_000)
    return f"{minutes // 60}:{minutes % 60:02}:{milliseconds // 1000:02}.{milliseconds % 1000:03}"
