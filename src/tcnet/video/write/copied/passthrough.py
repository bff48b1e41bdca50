"""Everything of the input but its picture, copied as it is: sound, subtitles, attachments, chapters, tags."""

import io
from collections.abc import Iterator
from fractions import Fraction
from typing import cast

import av
from av.audio.stream import AudioStream
from av.codec.context import CodecContext
from av.container import OutputContainer
from av.packet import Packet
from av.stream import AttachmentStream, Stream
from av.video.stream import VideoStream

from tcnet.video.clock import ClockReading
from tcnet.video.containers import CONTAINERS, demux, main_video
from tcnet.video.frame import TrimRange
from tcnet.video.pyav import clean_tags, copy_packet, exact, layout_of
from tcnet.video.source_file import SourceFile
from tcnet.video.timestamps import without_language
from tcnet.video.write.copied.copied_times import CopiedTimes
from tcnet.video.write.copied.copied_trim import Cutter
from tcnet.video.write.copied.edits import EditedSound
from tcnet.video.write.copied.transcode import Converter, convert_stream
from tcnet.video.write.sound.converter import keeps_speakers

# Tags that describe the old file and would be wrong, or are written anew, in the new one.
_STALE_TAGS = frozenset(
    (
        *("encoder", "duration", "bps", "number_of_frames", "number_of_bytes"),  # of streams in Matroska
        *("major_brand", "minor_version", "compatible_brands", "vendor_id"),  # of MP4
        "alpha_mode",  # of VP8 and VP9
    )
)
_ATTACHED_PICTURE = 1 << 10  # AV_DISPOSITION_ATTACHED_PIC
_COVER_TYPES = {"mjpeg": "jpeg", "png": "png", "webp": "webp", "bmp": "bmp", "gif": "gif"}
_WITHOUT_SPEAKERS = ("pcm_", "flac", "tta")
_MOVIES = ("mp4", "mov")


class Passthrough:
    """The copied streams of one input, opened a second time and read only as far as the video has come."""

    def __init__(
        self,
        file: SourceFile,
        output: OutputContainer,
        trim: TrimRange | None = None,
    ) -> None:
        """Adds the streams of `file` to `output`, whose header is not written yet. trim: the part to copy.

        A stream that the container cannot hold is converted, or left out; `notices` say so at once. Raises
        MediaError for an input that cannot be opened.
        """
        self._file = file
        self._input = file.open()
        self._output = output
        self._trim = trim
        self._cutter = None if trim is None else Cutter(trim)
        self._notices: list[str] = []
        self._copies: dict[int, Stream] = {}
        self._converters: dict[int, Converter] = {}
        self._times: dict[int, CopiedTimes] = {}
        self._pending: Packet[Stream] | None = None
        self._damaged = 0
        try:
            self._video = main_video(self._input, file.path)
            self._clock = file.clock
            self._add_streams()
        except BaseException:
            self.close()
            raise
        self._packets = self._demux()

    @property
    def notices(self) -> tuple[str, ...]:
        lines = list(self._notices)
        if self._damaged:
            lines.append(f"{self._damaged} damaged packets of the copied streams were skipped")
        moved = sum(times.moved for times in self._times.values())
        if moved:
            lines.append(f"{moved} timestamps of the copied streams did not increase and were moved")
        for index, converter in self._converters.items():
            if converter.changed:
                lines.append(
                    f"{converter.changed} frames of sound (stream {index}) had other channels than the first "
                    "ones, to which they were mixed"
                )
        return tuple(lines)

    def describe_video(self, stream: VideoStream, scale: tuple[Fraction, Fraction]) -> None:
        """Gives the new video the old one's tags, disposition and rotation, enlarged by `scale` (x, y)."""
        stream.metadata.update(_kept_of_stream(self._video))
        stream.disposition = self._video.disposition
        if self._file.first_reading.display_matrix is not None:
            matrix = list(self._file.first_reading.display_matrix)
            # The shift (elements 6 and 7, 16.16 fixed point) is in pixels.
            matrix[6] = round(matrix[6] * scale[0])
            matrix[7] = round(matrix[7] * scale[1])
            stream.set_display_matrix(matrix)

    def describe_file(self) -> None:
        """Copies the file's tags and its chapters."""
        self._output.metadata.update(self.file_tags)
        chapters = self._input.chapters()
        for chapter in chapters:
            clean_tags(chapter["metadata"])
            if not self._clock.continuous:
                tick = exact(chapter["time_base"]) or Fraction(1)
                chapter["start"], chapter["end"] = (
                    round(self._clock.placed(time * tick) / tick)
                    for time in (chapter["start"], chapter["end"])
                )
        if self._cutter is not None:
            chapters = self._cutter.chapters(chapters)
        if chapters:
            self._output.set_chapters(chapters)

    @property
    def file_tags(self) -> dict[str, str]:
        """What the input's tags say of the work in it, not of the old file."""
        return _kept(self._input.metadata)

    @property
    def video_size(self) -> tuple[int, int]:
        return self._video.codec_context.width, self._video.codec_context.height

    @property
    def sample_rates(self) -> tuple[int, ...]:
        return tuple(
            s.codec_context.sample_rate for s in self._input.streams.audio if s.index in self._copies
        )

    def mux_until(self, seconds: Fraction | None) -> None:
        """Copies the packets that start before `seconds` (None: all that are left), in the input's order."""
        while True:
            if self._pending is None:
                self._pending = next(self._packets, None)
            packet = self._pending
            if packet is None:
                if seconds is None:
                    self._end_conversion()
                return
            start = packet.dts if packet.dts is not None else packet.pts
            if seconds is not None and start is not None and start * packet.time_base >= seconds:
                return
            self._pending = None
            self._mux(packet)

    def count_damaged(self) -> None:
        """One more packet that was refused, after it had been taken."""
        self._damaged += 1

    def close(self) -> None:
        self._input.close()

    def _add_streams(self) -> None:
        first = self._file.first_reading.first_packets
        told = {o.what.number for o in self._file.first_reading.other_formats if not o.is_track}
        for stream in self._input.streams:
            if stream.index == self._video.index or stream.id in told:
                stream.discard = av.stream.Discard.all
                continue
            unknown = _codec(stream) is None and stream.type != "attachment"
            if unknown or (stream.type == "video" and not stream.disposition & _ATTACHED_PICTURE):
                if not self._is_carried_otherwise(stream):
                    self._notices.append(f"stream {stream.index} ({_kind(stream)}) is not carried over")
                stream.discard = av.stream.Discard.all
                continue
            if stream.type == "video" and self._output.format.name in ("matroska", "webm"):
                self._attach_cover(stream, first.get(stream.index))
                stream.discard = av.stream.Discard.all
                continue
            copy = self._add_copy(stream, first.get(stream.index))
            if copy is None:
                stream.discard = av.stream.Discard.all
                continue
            copy.metadata.update(_kept_of_stream(stream))
            copy.disposition = stream.disposition
            if not isinstance(stream, AttachmentStream):
                self._copies[stream.index] = copy
                self._times[stream.index] = CopiedTimes(stream, self._file, self._trim)
                if resets := self._clock.alone.get(stream.index):
                    self._notices.append(
                        f"the clock of stream {stream.index} ({_kind(stream)}) was reset {resets} times "
                        "without that of the picture; its time goes on without a gap"
                    )

    def _is_carried_otherwise(self, stream: Stream) -> bool:
        """Data streams of MP4 and MOV: chapter lists, copied as chapters, and timecode, copied as a tag."""
        if stream.type != "data":
            return False
        timecode = stream.metadata.get("timecode")
        is_tag = timecode is not None and timecode == self._video.metadata.get("timecode")
        return is_tag or bool(self._input.chapters())

    def _attach_cover(self, stream: Stream, packet: "Packet[Stream] | None") -> None:
        """In Matroska a cover picture is an attached file, though it is read as a video stream."""
        kind = _COVER_TYPES.get(_codec(stream) or "")
        if packet is None or kind is None or self._output.format.name == "webm":
            self._notices.append(f"the cover picture (stream {stream.index}) is not carried over")
            return
        name = stream.metadata.get("filename", f"cover.{kind}")
        mime = stream.metadata.get("mimetype", f"image/{kind}")
        self._output.add_attachment(name, mime, bytes(packet))

    def _add_copy(self, stream: Stream, packet: "Packet[Stream] | None") -> Stream | None:
        """The stream for the copy, or for another form of it; None where the container holds neither."""
        muxer = self._output.format.name
        changing = stream.index in self._file.first_reading.changing
        if not changing and _holds(muxer, stream, packet):
            return self._output.add_stream_from_template(stream, opaque=True)
        if isinstance(stream, AttachmentStream):
            self._notices.append(f"the attachment {stream.name} is left out: {muxer} holds none; write .mkv")
            return None
        converter = convert_stream(self._output, stream)
        if converter is not None:
            self._converters[stream.index] = converter
            note = f" ({converter.note})" if converter.note else ""
            why = ", as its rate or speakers change on the way" if changing else ""
            self._notices.append(
                f"stream {stream.index} ({_kind(stream)}) becomes {converter.name}{note}: {muxer} cannot "
                f"hold it as it is{why}"
            )
            return converter.stream
        others = [s for s in CONTAINERS if s != ".m4v" and _holds(CONTAINERS[s][0], stream, packet)]
        advice = f"; write {' or '.join(others)} to keep it" if others else ""
        self._notices.append(
            f"stream {stream.index} ({_kind(stream)}) is left out: {muxer} cannot hold it"
            f"{_named(stream)}{advice}"
        )
        return None

    def _demux(self) -> "Iterator[Packet[Stream]]":
        streams = [self._input.streams[index] for index in self._copies]
        if not streams:
            return
        reading = ClockReading(self._clock)
        edits = EditedSound(hides_lead=self._output.format.name in _MOVIES)
        for packet in demux(self._input, streams, self.count_damaged):
            # The last, empty ones only flush decoders; empty texts fill the gaps between subtitles in MP4,
            # whose writer makes its own.
            if not packet.size:
                continue
            reading.place(packet)
            if _is_mov_text(packet.stream) and bytes(packet) == b"\0\0":
                continue
            for kept in edits.keep(packet):
                if self._cutter is None or self._cutter.keep(kept):
                    yield kept

    def _mux(self, packet: "Packet[Stream]") -> None:
        index = packet.stream_index
        if packet.dts is None and packet.pts is None:
            packet.dts = packet.pts = 0  # a cover picture
        self._times[index].place(packet)
        if index in self._converters:
            self._convert(index, packet)
            return
        self._write(index, packet)

    def _write(self, index: int, packet: "Packet[Stream]") -> None:
        """A packet that the muxer refuses is damaged: the first one of its stream was tried before."""
        if packet.has_sidedata("new_extradata"):
            # Matroska has no place for a second header, and gives up the whole file.
            packet = copy_packet(packet, without=frozenset(["new_extradata"]))
        packet.stream = self._copies[index]
        if packet.stream.type == "audio" and self._output.format.name in _MOVIES:
            self._times[index].part(packet, exact(packet.stream.time_base))
        try:
            self._output.mux(packet)
        except av.FFmpegError as error:
            if isinstance(error, OSError):  # the file it is written to
                raise
            self._damaged += 1

    def _convert(self, index: int, packet: "Packet[Stream] | None") -> None:
        try:
            converted = self._converters[index].convert(packet)
        except (av.FFmpegError, ValueError):
            self._damaged += 1
            return
        for other in converted:
            self._write(index, other)

    def _end_conversion(self) -> None:
        """What decoders and encoders held back."""
        for index in self._converters:
            self._convert(index, None)


def _is_mov_text(stream: Stream) -> bool:
    return stream.type == "subtitle" and stream.codec_context.name == "mov_text"


def _kept(metadata: dict[str, str]) -> dict[str, str]:
    return {
        key: value
        for key, value in metadata.items()
        if without_language(key.lower()) not in _STALE_TAGS and not key.startswith("_STATISTICS")
    }


def _kept_of_stream(stream: Stream) -> dict[str, str]:
    tags = _kept(stream.metadata)
    if "name" in tags:  # what FFmpeg calls the title of a track in MP4
        tags.setdefault("title", tags.pop("name"))
    return tags


def _named(stream: Stream) -> str:
    """The speakers of a sound track, where they may be why a container cannot hold it."""
    if not isinstance(stream, AudioStream) or _codec(stream) is None:
        return ""
    layout = layout_of(stream.codec_context)
    return f" with its speakers ({layout.name})" if layout.nb_channels > 2 else ""


def _kind(stream: Stream) -> str:
    return f"{stream.type}, {_codec(stream) or 'unknown codec'}"


def _codec(stream: Stream) -> str | None:
    context = cast(CodecContext | None, stream.codec_context)  # PyAV's stubs know of no stream without
    return None if context is None else context.name


def _holds(muxer: str, stream: Stream, packet: "Packet[Stream] | None") -> bool:
    """Whether a muxer takes the stream: asked by writing a file of one packet into memory.

    The list that FFmpeg keeps of codecs by container does not tell: MP4 is said to take what its writer then
    refuses, for some streams (PCM without a channel layout) only when the file is ended.
    """
    if isinstance(stream, AttachmentStream):
        return muxer == "matroska"
    file = io.BytesIO()
    trial = av.open(file, "w", format=muxer)
    try:
        copy = trial.add_stream_from_template(stream, opaque=True)
        trial.start_encoding()
        if packet is not None:
            tried = copy_packet(packet)
            tried.stream = copy
            trial.mux(tried)
        trial.close()
    except (av.FFmpegError, ValueError):
        return False
    # Other codecs say themselves which speakers they are for; of these it is the container that does, or not.
    if packet is not None and (_codec(stream) or "").startswith(_WITHOUT_SPEAKERS):
        return keeps_speakers(file, layout_of(cast(AudioStream, stream).codec_context))
    return True
