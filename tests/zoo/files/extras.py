"""Everything of a file but its picture: sound, subtitles, cover pictures."""

import struct
from fractions import Fraction

import av
import numpy as np

from zoo.files.specimen import Audio, Subtitles

_ASS_HEADER = (
    "[Script Info]\r\nScriptType: v4.00+\r\nPlayResX: 64\r\nPlayResY: 48\r\n\r\n[V4+ Styles]\r\n"
    "Format: Name, Fontname, Fontsize, PrimaryColour\r\nStyle: Default,Arial,16,&Hffffff\r\n\r\n[Events]\r\n"
    "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\r\n"
)
_DVD_PALETTE = b"palette: " + b", ".join([b"000000", b"ffffff", b"808080"] + [b"202020"] * 13) + b"\n"
MILLISECONDS = Fraction(1, 1000)


def add_audio(container: av.container.OutputContainer, audio: Audio) -> av.AudioStream:
    stream = container.add_stream(audio.codec, rate=audio.rate, layout=audio.layout)
    stream.options["strict"] = "experimental"  # FFmpeg's own Vorbis encoder
    if not audio.codec.startswith(("pcm", "flac", "alac")):
        stream.codec_context.bit_rate = 64000 * stream.codec_context.layout.nb_channels
    describe(stream, audio.language, audio.title, audio.disposition)
    return stream


def encode_audio(stream: av.AudioStream, audio: Audio, number: int) -> list[av.Packet]:
    """All packets of a tone that is another one for each track number, and another level for each channel."""
    count = round(audio.seconds * audio.rate)
    channels = av.AudioLayout(audio.layout).nb_channels
    tone = (np.sin(np.arange(count) * 0.03 * (number + 1)) * 9000).astype(np.int16)
    levels = 1 - np.arange(channels) / (2 * channels)
    samples = np.rint(tone[:, None] * levels).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), "s16", audio.layout)
    frame.sample_rate, frame.pts = audio.rate, round(audio.start * audio.rate)
    frame.time_base = Fraction(1, audio.rate)
    return [*stream.encode(frame), *stream.encode(None)]


def add_subtitles(container: av.container.OutputContainer, subtitles: Subtitles) -> av.stream.Stream:
    """A stream without a codec of its own where the header needs none, else one with the header it needs."""
    if subtitles.codec in ("ass", "mov_text", "webvtt", "dvd_subtitle"):
        stream = container.add_stream({"dvd_subtitle": "dvdsub"}.get(subtitles.codec, subtitles.codec))
        stream.codec_context.time_base = MILLISECONDS
        if subtitles.codec == "dvd_subtitle":
            stream.codec_context.extradata = _DVD_PALETTE
        else:
            stream.codec_context.subtitle_header = _ASS_HEADER.encode()
    else:
        stream = container.add_mux_stream(subtitles.codec)
    stream.time_base = MILLISECONDS
    describe(stream, subtitles.language, subtitles.title, subtitles.disposition)
    return stream


def subtitle_packets(stream: av.stream.Stream, subtitles: Subtitles) -> list[av.Packet]:
    packets = []
    for number, (start, end, text) in enumerate(subtitles.shown):
        data = _subtitle_bytes(subtitles.codec, number, text)
        packet = av.Packet(data)
        packet.stream = stream
        packet.time_base = MILLISECONDS
        packet.pts = packet.dts = start
        packet.duration = end - start
        packet.is_keyframe = True
        packets.append(packet)
        if subtitles.codec == "hdmv_pgs_subtitle":  # a bitmap stands until an empty composition ends it
            packet.duration = 0
            clear = av.Packet(_pgs(number + 100, None))
            clear.stream, clear.time_base, clear.pts, clear.dts = stream, MILLISECONDS, end, end
            clear.is_keyframe = True
            packets.append(clear)
    return packets


def describe(stream: av.stream.Stream, language: str, title: str, disposition: int) -> None:
    if language:
        stream.metadata["language"] = language
    if title:
        stream.metadata["title"] = title
    stream.disposition = disposition


def cover_bytes(kind: str) -> bytes:
    """A picture of 16x12 as PNG or JPEG."""
    codec, pixel_format = {"png": ("png", "rgb24"), "jpeg": ("mjpeg", "yuvj420p")}[kind]
    encoder = av.CodecContext.create(codec, "w")
    encoder.width, encoder.height, encoder.pix_fmt = 16, 12, pixel_format
    encoder.time_base = Fraction(1, 25)
    picture = np.arange(16 * 12 * 3, dtype=np.uint8).reshape(12, 16, 3)
    frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format=pixel_format)
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])


def with_exif(packet: av.Packet, orientation: int) -> av.Packet:
    """A JPEG picture as cameras write it: with a note on how it was held."""
    data = bytes(packet)
    note = b"Exif\0\0II*\0\x08\0\0\0\x01\0" + struct.pack("<HHIII", 0x0112, 3, 1, orientation, 0)
    changed = av.Packet(data[:2] + b"\xff\xe1" + struct.pack(">H", len(note) + 2) + note + data[2:])
    changed.stream, changed.time_base = packet.stream, packet.time_base
    changed.pts, changed.dts, changed.duration = packet.pts, packet.dts, packet.duration
    changed.is_keyframe = True
    return changed


def _subtitle_bytes(codec: str, number: int, text: str) -> bytes:
    if codec == "ass":
        return f"{number},0,Default,,0,0,0,,{text}".encode()
    if codec == "mov_text":
        return struct.pack(">H", len(text.encode())) + text.encode()
    if codec == "hdmv_pgs_subtitle":
        return _pgs(number, (8, 4))
    if codec == "dvd_subtitle":
        return _dvd((8, 4))
    return text.encode()


def _pgs(number: int, size: tuple[int, int] | None) -> bytes:
    """A display set of Blu-ray subtitles: one object of one colour, or none."""

    def segment(kind: int, data: bytes) -> bytes:
        return struct.pack(">BH", kind, len(data)) + data

    objects = b"" if size is None else struct.pack(">HBBHH", 0, 0, 0, 4, 4)
    composition = struct.pack(">HHBHBBBB", 64, 48, 0x10, number, 0x80, 0, 0, len(objects) // 8) + objects
    if size is None:
        return segment(0x16, composition) + segment(0x17, b"\x00") + segment(0x80, b"")
    width, height = size
    rows = (b"\x01" * width + b"\x00\x00") * height
    picture = struct.pack(">HBB", 0, 0, 0xC0) + (len(rows) + 4).to_bytes(3, "big") + struct.pack(">HH", width, height) + rows  # fmt: skip
    return (
        segment(0x16, composition)
        + segment(0x17, struct.pack(">BBHHHH", 1, 0, 4, 4, width, height))
        + segment(0x14, bytes([0, 0, 1, 235, 128, 128, 255]))
        + segment(0x15, picture)
        + segment(0x80, b"")
    )


def _dvd(size: tuple[int, int]) -> bytes:
    """A subpicture of DVDs: two fields of run lengths, then the commands that show it."""
    width, height = size
    row = bytes([(width << 2 | 1) >> 4 & 15, (width << 2 | 1) & 15])
    line = bytes([row[0] << 4 | row[1]])  # width < 16: two nibbles, so each row is one byte
    field = line * (height // 2)
    data = field + field
    control = 4 + len(data)
    area = struct.pack(">I", 4 << 20 | (4 + width - 1) << 8)[:3] + struct.pack(">I", 4 << 20 | (4 + height - 1) << 8)[:3]  # fmt: skip
    commands = b"\x03\x32\x10\x04\x0f\xf0\x05" + area + b"\x06" + struct.pack(">HH", 4, 4 + len(field)) + b"\x01\xff"  # fmt: skip
    first = struct.pack(">HH", 0, control) + commands  # shown at once; no command ends it
    packet = data + first
    return struct.pack(">HH", 4 + len(packet), control) + packet
