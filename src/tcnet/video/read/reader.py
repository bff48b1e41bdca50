"""A video file as frames: exact times, right colours, constant memory."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from av.container import InputContainer
from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from av.video.stream import VideoStream

from tcnet.errors import MediaError
from tcnet.video.color.alpha import is_opaque, read_alpha
from tcnet.video.color.convert import ToRgb
from tcnet.video.color.h273 import UNSPECIFIED, bit_depth, has_alpha, is_rgb_like
from tcnet.video.color.hdr import side_data_of
from tcnet.video.color.overshoot import read_overshoot
from tcnet.video.containers import check_size
from tcnet.video.frame import Frame, Pixels, VideoInfo
from tcnet.video.media_kind import stated_pictures
from tcnet.video.pyav import exact
from tcnet.video.read.changes import Changes, describe_other_formats
from tcnet.video.read.crop import Crop
from tcnet.video.read.decoder import PictureStream, TimedPicture
from tcnet.video.read.deinterlace import ShownPictures, describe_fields, finer_ticks, rate_factor
from tcnet.video.read.field_pictures import frame_aspect
from tcnet.video.read.held_size import held_height
from tcnet.video.read.probe import DOLBY_VISION, Survey, survey
from tcnet.video.read.read_options import ReadOptions
from tcnet.video.read.scan import MIXED, PROGRESSIVE
from tcnet.video.read.stream_info import describe, find_crop, frame_depth, stream_duration
from tcnet.video.read.trim import Trim, describe_trim, find_trim
from tcnet.video.source_file import SourceFile

# These decoders report where chroma samples sit (or the standard's default); the others leave it open, and
# what they carry is left-sited by convention. 4:2:2 is left-sited everywhere but in JPEG.
_REPORTS_SITING = frozenset(
    ["h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4", "mjpeg", "theora", "dvvideo", "cavs"]
)


class VideoReader:
    """A FrameSource over one file. Iterating again starts over.

    `notices` says what was damaged or odd; it is complete once the iteration has ended.
    """

    def __init__(self, path: Path, options: ReadOptions | None = None) -> None:
        """Raises MediaError for a file that is missing, empty, no video, or absurd in size, and UsageError
        for a part of it that has no frame."""
        self._options = options or ReadOptions()
        self.file = SourceFile(path, allow_network=self._options.allow_network)
        with self.file.open() as container:
            self._headers = describe(container, self.file)
            pictures = PictureStream(container, path, step=_step(self._headers), clock=self.file.clock)
            self._survey = survey(pictures, self._headers.duration)
        # Times count in the ticks of what is read, which may be finer than the file's.
        finer = finer_ticks(self._options.deinterlace, self._survey.scan, self._headers.time_base)
        whole = replace(self._headers, time_base=self._headers.time_base / finer)
        self._trim: Trim | None = None
        if self._options.cuts:
            with self.file.open() as container:
                first = None if self._survey.first is None else self._survey.first * finer
                self._trim = find_trim(self._options, self._shown(container), first, whole)
        self._whole = whole
        self._info = _described(whole, self._survey, self._trim, self._options.deinterlace)
        self._notices = self._before()

    @property
    def path(self) -> Path:
        return self.file.path

    @property
    def info(self) -> VideoInfo:
        return self._info

    @property
    def notices(self) -> tuple[str, ...]:
        return self._notices

    def __iter__(self) -> Iterator[Frame]:
        with self.file.open() as container:
            shown = self._shown(container)
            run = _Decoding(container, self.file, self._whole, self._info, self._trim, shown)
            try:
                yield from run.frames()
            finally:
                self._notices = self._before() + run.notices()

    def identity(self) -> dict[str, Any]:
        """What tells the file from others, as JSON."""
        return self.file.identity()

    def close(self) -> None:
        """Nothing stays open between iterations."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _before(self) -> tuple[str, ...]:
        """What can be told before the first frame."""
        lines = _seen_before(self._info, self._survey, self._options)
        if (percent := self.file.unread_percent) is not None:
            lines.append(
                f"the last {percent:.0f} % of the file are left out: they seem to be another recording, "
                "joined to the first, with streams of its own"
            )
        if (parts := self.file.first_reading.contents.movies) > 1:
            lines.append(
                f"this is {parts} MP4 or MOV files joined byte by byte: frames of all but the first may be "
                "missing or damaged; join the files with ffmpeg -f concat, or upscale them one by one"
            )
        lines += describe_other_formats(self.file.first_reading.other_formats)
        return tuple(lines)

    def _shown(self, container: InputContainer) -> ShownPictures:
        headers, found = self._headers, self._survey
        rate = headers.frame_rate
        return ShownPictures(
            PictureStream(container, self.path, step=_step(headers), clock=self.file.clock),
            self._options.deinterlace, found.scan,
            tick=headers.time_base, rate=rate / 2 if rate is not None and found.fields else rate,
        )  # fmt: skip


def _described(whole: VideoInfo, found: Survey, trim: Trim | None, deinterlace: str) -> VideoInfo:
    info = whole if trim is None else describe_trim(whole, trim)
    if found.fields:
        count, rate = info.frame_count, info.frame_rate
        info = replace(
            info,
            height=2 * info.height,
            frame_count=None if count is None else (count + 1) // 2,
            frame_rate=None if rate is None else rate / 2,
            sample_aspect_ratio=frame_aspect(info.sample_aspect_ratio),
        )
    rate, count = info.frame_rate, info.frame_count
    factor = rate_factor(deinterlace, found.scan, rate)
    shown = found.pixel_format or whole.pixel_format
    return replace(
        info,
        # The rate of what varies stays that of the video, which its times fit into.
        frame_rate=rate * factor if rate is not None and found.scan.kind != MIXED else rate,
        frame_count=None if count is None else max(1, round(count * factor)),
        pixel_format=shown,
        bit_depth=frame_depth(shown),
        alpha=found.alpha,
        overshoot=found.overshoot and not whole.color.full_range,
        captions=found.captions,
        hdr=found.hdr,
        scan=found.scan.kind,
        rotation=found.rotation,
        # Fields hide what is missing: each line is between two of another moment.
        held_height=held_height(info.height, found.enlarged) if found.scan.kind == PROGRESSIVE else None,
    )


def _seen_before(info: VideoInfo, found: Survey, options: ReadOptions) -> list[str]:
    lines = []
    if found.fields:
        lines.append(
            "each field of the input is coded as a picture of its own: two are woven into a frame of "
            f"{info.width}x{info.height}"
        )
    if fields := describe_fields(options.deinterlace, found.scan):
        lines.append(fields)
    lines += [f"not carried over: {text}" for text in found.not_carried]
    if DOLBY_VISION in found.not_carried and info.color.transfer == UNSPECIFIED:
        # What stands alone without the metadata (profiles 7 and 8) says so: PQ, HLG or BT.709.
        lines.append(
            "colours will be wrong: this looks like Dolby Vision of profile 5; convert it to HDR10 first"
        )
    return lines


class _Decoding:
    """One pass over a file."""

    def __init__(
        self,
        container: InputContainer,
        file: SourceFile,
        whole: VideoInfo,
        info: VideoInfo,
        trim: Trim | None,
        shown: ShownPictures,
    ) -> None:
        """whole: as the headers describe the file; info: of what is read."""
        self._container = container
        self._file = file
        self._path = file.path
        self._whole = whole
        self._info = info
        self._trim = trim
        self._shown = shown
        self._step = _step(info)
        self._clock = file.clock
        self._pictures = shown.stream
        self._stream = self._pictures.stream
        self._to_rgb = ToRgb(info.color, left_sited=_needs_siting(self._stream))
        self._crop = find_crop(container, file)
        left_out = (self._crop.left + self._crop.right, self._crop.top + self._crop.bottom)
        self._stored_size = (info.width + left_out[0], info.height + left_out[1])
        self._longest = 0  # ticks that a frame stood so far
        self._resized = 0
        self._changes = Changes(info)
        self._transparent = 0
        self._count = 0
        self._end: int | None = None

    def frames(self) -> Iterator[Frame]:
        """One frame is held back: how long a picture stands is known when the next one comes."""
        trim = self._trim
        shift = trim.shift if trim else 0
        held: Frame | None = None
        held_duration = 0
        for entry in self._entries():
            if trim and entry.pts < trim.start:
                continue
            pts = entry.pts - shift
            if held is not None:
                self._longest = max(self._longest, pts - held.pts)
                yield replace(held, duration=pts - held.pts)
            if trim and trim.end is not None and entry.pts >= trim.end:
                return
            held, held_duration = self._frame(entry, pts), entry.duration
            self._count += 1
        if held is None:
            raise MediaError(f"{self._path}: no frame could be decoded; the file is damaged or cut short")
        duration = self._last_duration(held.pts + shift, held_duration)
        self._end = held.pts + shift + duration
        yield replace(held, duration=duration)

    def _entries(self) -> Iterator[TimedPicture]:
        if self._trim is None or self._trim.shift == 0:
            return self._shown.pictures()
        return self._shown.pictures_from(self._trim.start, self._trim.first)

    def _frame(self, entry: TimedPicture, pts: int) -> Frame:
        picture = entry.picture
        captions = entry.captions + side_data_of(picture).get(SideDataType.A53_CC, b"")
        width, height = self._stored_size
        aspect = exact(self._stream.codec_context.sample_aspect_ratio)
        self._changes.note(picture, aspect, self._stored_size)
        if (picture.width, picture.height) != (width, height):
            check_size(picture.width, picture.height, self._path)
            self._resized += 1
            picture = picture.reformat(width, height, interpolation=Interpolation.BICUBIC)
        alpha = self._alpha(picture)
        pixels = self._to_rgb(picture)
        overshoot = None
        if not is_rgb_like(picture.format.name):
            overshoot = read_overshoot(picture, pixels, self._to_rgb.color_of(picture))
        pixels = self._changes.of_first_depth(pixels)
        alpha = None if alpha is None else self._changes.of_first_depth(alpha)
        if self._crop != Crop():
            pixels = self._crop.of(pixels)
            alpha = None if alpha is None else self._crop.of(alpha)
            overshoot = None if overshoot is None else self._crop.of(overshoot)
        return Frame(pixels, pts, 0, self._info.time_base, alpha, captions, overshoot)

    def _alpha(self, picture: VideoFrame) -> Pixels | None:
        """Present in every frame of a video that has alpha, and in none of any other."""
        alpha = read_alpha(picture) if has_alpha(picture.format.name) else None
        if self._info.alpha:
            if alpha is not None:
                return alpha
            size = (picture.height, picture.width)
            if bit_depth(picture.format.name) <= 8:
                return np.full(size, 255, np.uint8)
            return np.full(size, 65535, np.uint16)
        self._transparent += alpha is not None and not is_opaque(alpha)
        return None

    def _last_duration(self, pts: int, own: int) -> int:
        """The last frame's: up to the end that the container states, else the frame's own."""
        length = stream_duration(self._stream, self._file)
        if length is not None and self._clock.continuous and not self._pictures.times.shift:
            end = round(length / self._info.time_base) + (self._stream.start_time or 0) * self._shown.finer
            # A stated end far behind the last frame is a lost tail, no long last frame.
            if 0 < end - pts <= max(own, self._step, self._longest, 1) * 2:
                return end - pts
        return own or self._step

    def notices(self) -> tuple[str, ...]:
        damage, times = self._pictures.damage, self._pictures.times
        lines = self._shown.notices(self._count)
        if damage.packets:
            lines.append(f"{damage.packets} damaged packets were skipped")
        if damage.pictures:
            lines.append(f"{damage.pictures} frames were decoded with errors")
        if damage.untimed:
            lines.append(f"{damage.untimed} frames had no timestamp; theirs follow from their neighbours")
        if times.moved:
            lines.append(f"{times.moved} timestamps did not increase and were moved by the least amount")
        if resets := self._clock.resets + times.restarts:
            lines.append(f"the clock was reset {resets} times; time goes on without a gap")
        if (gaps := self._shown.gaps).found:
            seconds = float(gaps.ticks * self._shown.finer * self._info.time_base)
            lines.append(
                f"{gaps.count} gaps in time, {seconds:.2f} s in all: frames were lost or never "
                "recorded, and the one before each gap stands longer"
            )
        if self._resized:
            size = f"{self._info.width}x{self._info.height}"
            lines.append(f"{self._resized} frames of another size were scaled to {size}")
        lines += self._changes.notices()
        if alone := self._pictures.fields.alone:
            lines.append(f"{alone} fields had no other one beside them: their rows are doubled")
        if self._transparent:
            lines.append(
                f"{self._transparent} frames have transparent pixels, which are dropped: "
                "none was found where the file was looked into"
            )
        stated = stated_pictures(self._path) if self._container.format.name == "apng" else None
        if stated is not None and self._trim is None and self._count < stated:
            lines.append(
                f"{stated - self._count} of {stated} pictures could not be read: the file is damaged"
            )
        if (missing := self._missing_seconds()) > 0:
            lines.append(
                f"the last {float(missing):.2f} s could not be read: the file is cut short or damaged"
            )
        return tuple(lines)

    def _missing_seconds(self) -> Fraction:
        """How much earlier than stated the video ended; 0 where that is within what headers get wrong, and
        where it was not read to its end."""
        if self._end is None or self._whole.duration is None or self._pictures.times.restarts:
            return Fraction(0)
        tick = self._info.time_base
        start = self._clock.start
        if start is None or self._clock.continuous:
            start = (self._stream.start_time or 0) * self._shown.finer * tick
        missing = start + self._whole.duration - self._end * tick
        own = stream_duration(self._stream, self._file) is not None
        # The length of the whole file may be that of a longer sound track.
        alone = own or len(self._container.streams) == 1
        tolerance = 2 * self._step * tick if alone else Fraction(1, 2)
        return missing if missing > max(tolerance, Fraction(1, 50)) else Fraction(0)


def _step(info: VideoInfo) -> int:
    """Ticks from one frame to the next by the nominal rate; 0 if unknown."""
    return 0 if info.frame_rate is None else round(1 / (info.frame_rate * info.time_base))


def _needs_siting(stream: VideoStream) -> bool:
    context = stream.codec_context
    pixel_format = context.pix_fmt or ""
    if is_rgb_like(pixel_format) or pixel_format.startswith("yuvj"):
        return False
    codec = context.codec.canonical_name
    if "422" in pixel_format:
        return codec != "mjpeg"
    if codec == "av1":
        # av1C: the low two bits of its third byte are chroma_sample_position, 0 when unknown.
        extradata = context.extradata
        return extradata is None or len(extradata) < 3 or extradata[2] & 3 == 0
    return codec not in _REPORTS_SITING
