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

# Encoders to try by muxer. Lossless, but for WebM, which has nothing lossless.
_AUDIO = {"mp4": ("alac", "flac"), "mov": ("alac",), "matroska": ("flac",), "webm": ("libopus",)}
_TEXT = {"mp4": "mov_text", "mov": "mov_text", "matroska": "subrip", "webm": "webvtt"}
_TEXT_CODECS = frozenset(["subrip", "srt", "ass", "ssa", "webvtt", "text", "mov_text"])
_SHALLOW = frozenset(["u8", "u8p", "s16", "s16p"])
_FORMATS = {  # what the encoders take, for up to 16 bits and for more
    "alac": ("s16p", "s32p"),
    "flac": ("s16", "s32"),
    "libopus": ("flt", "flt"),
}
_OPUS_RATE = 48000
_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1(back)", 8: "7.1(wide)"}
_NAMES = {"libopus": "opus", "subrip": "srt"}
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
    """Gives packets of `stream` for those of another; `name`: the new form, for people."""

    stream: Stream
    name: str

    def convert(self, packet: "Packet[Stream] | None") -> "list[Packet[Stream]]":
        """None: no packet follows. Raises av.FFmpegError or ValueError for a packet that is damaged."""


class _AudioConverter:
    def __init__(self, output: OutputContainer, source: AudioStream, encoder: str) -> None:
        context = source.codec_context
        shallow = context.format is not None and context.format.name in _SHALLOW
        rate = _OPUS_RATE if encoder == "libopus" else context.sample_rate
        added = cast(AudioStream, output.add_stream(encoder, rate=rate))
        added.codec_context.format = _FORMATS[encoder][0 if shallow else 1]
        added.codec_context.layout = _LAYOUTS[context.channels]
        added.codec_context.time_base = Fraction(1, rate)
        added.codec_context.open()
        self.stream: Stream = added
        self.name = _NAMES.get(encoder, encoder)
        self._source = source
        self._encoder = added
        # Also puts channels without places into their usual ones, which the encoder would refuse.
        self._resampler = av.AudioResampler(added.codec_context.format, _LAYOUTS[context.channels], rate)

    def convert(self, packet: "Packet[Stream] | None") -> "list[Packet[Stream]]":
        frames = self._source.codec_context.decode(packet)
        ready = [same for frame in frames for same in self._resampler.resample(frame)]
        if packet is None:
            ready += self._resampler.resample(None)
        packets = [encoded for frame in ready for encoded in self._encoder.encode(frame)]
        return packets if packet is not None else packets + self._encoder.encode(None)


class _TextConverter:
    def __init__(self, output: OutputContainer, source: SubtitleStream, encoder: str) -> None:
        added = cast(SubtitleStream, output.add_stream(encoder))
        source.codec_context.open(strict=False)
        added.codec_context.subtitle_header = source.codec_context.subtitle_header or _PLAIN_HEADER
        added.codec_context.time_base = Fraction(1, 1000)
        added.codec_context.open()
        self.stream: Stream = added
        self.name = _NAMES.get(encoder, encoder)
        self._source = source
        self._encoder = added

    def convert(self, packet: "Packet[Stream] | None") -> "list[Packet[Stream]]":
        text = None if packet is None else self._source.decode2(packet)
        if packet is None or text is None or not len(text):
            return []
        encoded = self._encoder.codec_context.encode_subtitle(text)
        encoded.pts, encoded.dts, encoded.duration = packet.pts, packet.pts, packet.duration
        encoded.time_base = packet.time_base
        return [encoded]


def convert_stream(output: OutputContainer, source: Stream) -> Converter | None:
    """A converter to a form that `output` holds, its stream added there; None where there is none."""
    muxer = output.format.name
    for encoder in _candidates(muxer, source):
        trial = av.open(io.BytesIO(), "w", format=muxer)
        try:
            _converter(trial, source, encoder)
            trial.start_encoding()
            trial.close()
        except (av.FFmpegError, ValueError, KeyError):
            continue
        return _converter(output, source, encoder)
    return None


def _candidates(muxer: str, source: Stream) -> tuple[str, ...]:
    if source.type == "audio":
        context = cast(AudioStream, source).codec_context
        # A damaged header may leave any of them open.
        known = context.sample_rate and context.format is not None and context.channels in _LAYOUTS
        return _AUDIO.get(muxer, ()) if known else ()
    if source.type == "subtitle" and source.codec_context.name in _TEXT_CODECS and muxer in _TEXT:
        return (_TEXT[muxer],)
    return ()


def _converter(output: OutputContainer, source: Stream, encoder: str) -> Converter:
    if source.type == "audio":
        return _AudioConverter(output, cast(AudioStream, source), encoder)
    return _TextConverter(output, cast(SubtitleStream, source), encoder)
