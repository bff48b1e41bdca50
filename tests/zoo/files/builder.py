"""Writes the zoo's files. Deterministic: the same bytes each time, but for random IDs of some containers."""

import os
from fractions import Fraction
from pathlib import Path

import av

from zoo.files.extras import (
    add_audio,
    add_subtitles,
    cover_bytes,
    describe,
    encode_audio,
    subtitle_packets,
    with_exif,
)
from zoo.files.pictures import make_frame
from zoo.files.specimen import Specimen

_ATTACHED = 1 << 10
# Quick, good enough at this size, and silent.
_OPTIONS = {
    "libx264": {"crf": "12", "preset": "veryfast", "mbtree": "0"},
    "libx265": {"crf": "12", "preset": "ultrafast", "x265-params": "log-level=none:pools=none:ctu=32"},
    "libsvtav1": {"crf": "20", "preset": "10"},
    "libvpx": {"crf": "6", "b": "2M", "deadline": "realtime", "cpu-used": "8"},
    "libvpx-vp9": {"crf": "8", "b": "0", "deadline": "realtime", "cpu-used": "8"},
    "mpeg4": {"qmin": "2", "qmax": "3"},
    "mpeg2video": {"qmin": "2", "qmax": "3"},
}  # fmt: skip


def build(specimen: Specimen, folder: Path) -> Path:
    """Writes the file; images go to a folder of the specimen's name."""
    if specimen.suffix == "/":
        return _images(specimen, folder / specimen.name)
    path = folder / specimen.file_name
    options = {"fflags": "+bitexact", **specimen.container_options}
    if specimen.suffix in (".mp4", ".mov", ".m4v"):
        ticks = str(specimen.ticks.denominator)
        options = {"video_track_timescale": ticks, "movie_timescale": ticks} | options
    os.environ.setdefault("SVT_LOG", "1")  # errors only: it takes no other word on what it prints
    with av.open(str(path), "w", format=specimen.muxer, container_options=options) as container:
        _write(container, specimen)
    if specimen.repeat > 1:
        path.write_bytes(path.read_bytes() * specimen.repeat)
    return path


def _write(container: av.container.OutputContainer, specimen: Specimen) -> None:
    video = _add_video(container, specimen)
    tracks = [(add_audio(container, audio), audio) for audio in specimen.audio]
    texts = [(add_subtitles(container, subtitles), subtitles) for subtitles in specimen.subtitles]
    cover = _add_cover(container, specimen)
    for name, mime, data in specimen.attachments:
        container.add_attachment(name, mime, data)
    container.metadata.update(specimen.metadata)
    if specimen.chapters:
        container.set_chapters([
            {"id": n, "start": start, "end": end, "time_base": Fraction(1, 1000), "metadata": {"title": title}}
            for n, (start, end, title) in enumerate(specimen.chapters, 1)
        ])  # fmt: skip
    packets = _encode_video(video, specimen)
    for number, (stream, audio) in enumerate(tracks):
        packets += encode_audio(stream, audio, number)
    container.start_encoding()
    for stream, subtitles in texts:
        packets += subtitle_packets(stream, subtitles)
    if cover is not None:
        container.mux(cover)
    for packet in sorted(packets, key=_moment):
        container.mux(packet)


def _moment(packet: av.Packet) -> Fraction:
    return (packet.dts if packet.dts is not None else packet.pts or 0) * packet.time_base


def quality(specimen: Specimen) -> dict[str, str]:
    """The encoder's options: the zoo's for the codec and the specimen's own."""
    return {**_OPTIONS.get(specimen.codec, {}), **specimen.encoder_options}


def _add_video(container: av.container.OutputContainer, specimen: Specimen) -> av.VideoStream:
    video = container.add_stream(specimen.codec, rate=specimen.rate, options=quality(specimen))
    context = video.codec_context
    context.width, context.height = specimen.size
    context.pix_fmt = specimen.pixel_format
    context.time_base = specimen.ticks
    context.sample_aspect_ratio = specimen.ratio
    color = specimen.color
    context.colorspace, context.color_primaries = color.matrix, color.primaries
    context.color_trc, context.color_range = color.transfer, color.range
    context.thread_count = 1
    if specimen.codec in ("mpeg4", "mpeg2video", "flv", "theora", "wmv2", "msmpeg4v2"):
        context.bit_rate = 2_000_000
    context.flags |= av.codec.context.Flags.bitexact
    if specimen.interlaced:
        context.flags |= av.codec.context.Flags.interlaced_dct | av.codec.context.Flags.interlaced_me
    describe(video, "", "", specimen.video_disposition)
    video.metadata.update(specimen.video_metadata)
    if specimen.rotation is not None:
        video.set_display_rotation(specimen.rotation)
    return video


def _encode_video(video: av.VideoStream, specimen: Specimen) -> list[av.Packet]:
    starts = specimen.starts
    ends = [*starts[1:], starts[-1] + specimen.last_ticks]
    lengths = {start: end - start for start, end in zip(starts, ends, strict=True)}
    packets = []
    for index, start in enumerate(starts):
        frame = make_frame(specimen, index)
        frame.pts, frame.time_base, frame.duration = start, specimen.ticks, lengths[start]
        packets += video.encode(frame)
    packets += video.encode(None)
    for packet in packets:
        if packet.time_base == specimen.ticks and packet.pts in lengths:
            packet.duration = lengths[packet.pts]
    if specimen.exif:
        packets = [with_exif(packet, specimen.exif) for packet in packets]
    if specimen.suffix in (".mp4", ".mov") and packets[-1].dts is not None:
        # MP4 counts a track's length in decoding order; with B-frames the last packet makes up for it.
        packets[-1].duration = ends[-1] - starts[0] - (packets[-1].dts - packets[0].dts)
    return packets


def _add_cover(container: av.container.OutputContainer, specimen: Specimen) -> av.Packet | None:
    """A picture as an attached file in Matroska, as a still video stream elsewhere."""
    if not specimen.cover:
        return None
    data = cover_bytes(specimen.cover)
    if container.format.name == "matroska":
        container.add_attachment(f"cover.{specimen.cover}", f"image/{specimen.cover}", data)
        return None
    stream = container.add_mux_stream({"jpeg": "mjpeg", "png": "png"}[specimen.cover], width=16, height=12)
    stream.time_base = Fraction(1, 90000)
    stream.disposition = _ATTACHED
    packet = av.Packet(data)
    packet.stream = stream
    packet.pts = packet.dts = 0
    packet.time_base = Fraction(1, 90000)
    packet.is_keyframe = True
    return packet


def _images(specimen: Specimen, folder: Path) -> Path:
    """One file a frame, numbered; `codec` is that of the images, `muxer` their suffix."""
    folder.mkdir()
    for index in range(specimen.count):
        encoder = av.CodecContext.create(specimen.codec, "w")
        encoder.width, encoder.height = specimen.size
        encoder.pix_fmt, encoder.time_base = specimen.pixel_format, Fraction(1, 25)
        frame = make_frame(specimen, index)
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        data = b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])
        (folder / f"frame {index + 1}.{specimen.muxer}").write_bytes(data)
    return folder
