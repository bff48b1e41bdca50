"""Sound and text in another form, for containers that cannot hold the one they have."""

import io
from fractions import Fraction
from typing import Protocol, cast

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.subtitles.stream import SubtitleStream
from av.subtitles.subtitle import AssSubtitle, SubtitleSet

from tcnet.video.pyav import exact
from tcnet.video.write.sound.converter import AudioConverter, SoundForm, keeps_speakers, sound_forms
from tcnet.video.write.text_spans import TextSpan, TextSpans, joined

_TEXT = {"mp4": "mov_text", "mov": "mov_text", "matroska": "subrip", "webm": "webvtt"}
_TEXT_CODECS = frozenset(["subrip", "srt", "ass", "ssa", "webvtt", "text", "mov_text"])
_NAMES = {"subrip": "srt"}
_ONE_AT_A_TIME = ("mp4", "mov")
_STYLE_FORMAT = (
    "Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, "
    "Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, "
    "MarginR, MarginV, Encoding"
)
_PLAIN_HEADER = (
    "[Script Info]\r\nScriptType: v4.00+\r\nPlayResX: 384\r\nPlayResY: 288\r\n\r\n"
    f"[V4+ Styles]\r\nFormat: {_STYLE_FORMAT}\r\n"
    "Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1\r\n\r\n"
    "[Events]\r\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\r\n"
).encode()


class Converter(Protocol):
    """Gives packets of `stream` for those of another. name: the new form, for people; note: what it loses or
    adds, empty where nothing; changed: frames that had other speakers than the first one, and were mixed."""

    stream: Stream
    name: str
    note: str
    changed: int

    def convert(self, packet: "Packet[Stream] | None") -> "list[Packet[Stream]]":
        """None: no packet follows. Raises av.FFmpegError or ValueError for a packet that is damaged."""


class _TextConverter:
    def __init__(self, output: OutputContainer, source: SubtitleStream, encoder: str) -> None:
        added = cast(SubtitleStream, output.add_stream(encoder))
        source.codec_context.open(strict=False)
        added.codec_context.subtitle_header = source.codec_context.subtitle_header or _PLAIN_HEADER
        added.codec_context.time_base = Fraction(1, 1000)
        added.codec_context.open()
        self.stream: Stream = added
        self.name = _NAMES.get(encoder, encoder)
        self.note = ""
        self.changed = 0
        self._source = source
        self._encoder = added

    def convert(self, packet: "Packet[Stream] | None") -> "list[Packet[Stream]]":
        text = None if packet is None else self._source.decode2(packet)
        if packet is None or text is None or not len(text):
            return []
        return [self._encoded(text, packet.pts, packet.duration, exact(packet.time_base))]

    def _encoded(
        self, text: SubtitleSet, pts: int | None, duration: int | None, tick: Fraction | None
    ) -> "Packet[Stream]":
        encoded = self._encoder.codec_context.encode_subtitle(text)
        encoded.pts, encoded.dts, encoded.duration = pts, pts, duration
        if tick is not None:
            encoded.time_base = tick
        return encoded


class _OneTextAtATime(_TextConverter):
    """For containers in which a text lasts until the next one; each is given when the next one has come."""

    def __init__(self, output: OutputContainer, source: SubtitleStream, encoder: str) -> None:
        super().__init__(output, source, encoder)
        self._spans = TextSpans()
        self._tick = Fraction(1, 1000)

    def convert(self, packet: "Packet[Stream] | None") -> "list[Packet[Stream]]":
        if packet is None:
            return [self._of_span(span) for span in self._spans.finish()]
        found = self._source.decode2(packet)
        dialogues = [each.ass for each in found or () if isinstance(each, AssSubtitle)]
        if packet.pts is None or not dialogues:
            return []
        self._tick = exact(packet.time_base) or self._tick
        end = packet.pts + packet.duration if packet.duration else None
        spans = self._spans.add(TextSpan(packet.pts, end, joined(dialogues)))
        return [self._of_span(span) for span in spans]

    def _of_span(self, span: TextSpan) -> "Packet[Stream]":
        length = 0 if span.end is None else span.end - span.start
        text = SubtitleSet.create(span.dialogue, 0, length)
        return self._encoded(text, span.start, length, self._tick)


def convert_stream(output: OutputContainer, source: Stream) -> Converter | None:
    """A converter to a form that `output` holds, its stream added there; None where there is none."""
    muxer = output.format.name
    if source.type == "audio":
        audio = cast(AudioStream, source)
        form = next((form for form in sound_forms(muxer, audio) if _holds_sound(muxer, audio, form)), None)
        return None if form is None else AudioConverter(output, audio, form)
    if source.type == "subtitle" and source.codec_context.name in _TEXT_CODECS and muxer in _TEXT:
        text = cast(SubtitleStream, source)
        if _holds_text(muxer, text):
            made = _OneTextAtATime if muxer in _ONE_AT_A_TIME else _TextConverter
            return made(output, text, _TEXT[muxer])
    return None


def _holds_sound(muxer: str, source: AudioStream, form: SoundForm) -> bool:
    """Whether the sound comes back with its speakers: encoders and containers have other ones each."""
    file = io.BytesIO()
    try:
        with av.open(file, "w", format=muxer) as trial:
            converter = AudioConverter(trial, source, form)
            for packet in converter.silence():
                packet.stream = converter.stream
                trial.mux(packet)
    except (av.FFmpegError, ValueError):
        return False
    return keeps_speakers(file, av.AudioLayout(form.placement.layout))


def _holds_text(muxer: str, source: SubtitleStream) -> bool:
    trial = av.open(io.BytesIO(), "w", format=muxer)
    try:
        _TextConverter(trial, source, _TEXT[muxer])
        trial.start_encoding()
        trial.close()
    except (av.FFmpegError, ValueError):
        return False
    return True
