"""Tiny clips made on the spot, with known times, colours and sound."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from tcnet.video import EncodeOptions, Frame, open_sink, open_source
from tcnet.video.write.segments import plan_video_encoding


@dataclass(frozen=True)
class Clip:
    """What to write. times: in units of time_base; last: how long the last frame stands."""

    times: Sequence[int] = tuple(range(7))
    last: int = 1
    time_base: Fraction = Fraction(1, 25)
    rate: Fraction = Fraction(25)
    size: tuple[int, int] = (32, 24)
    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    audio: tuple[str, ...] = ()
    sound: Fraction | None = None  # seconds, by default those of the pictures
    options: tuple[tuple[str, str], ...] = ()
    container_options: tuple[tuple[str, str], ...] = ()
    setup: Callable[[av.container.OutputContainer, av.VideoStream], None] | None = None
    sample_aspect_ratio: Fraction = Fraction(1)


def picture(index: int, size: tuple[int, int]) -> np.ndarray:
    """A moving gradient, so that frames differ and encoders use B-frames."""
    width, height = size
    x = np.arange(width)[None, :, None] * 5 + np.arange(height)[:, None, None] * 3 + index * 9
    return ((x + np.array([0, 40, 80])) % 220 + 16).astype(np.uint8)


def write_clip(path: Path, clip: Clip) -> Path:
    options = dict(clip.container_options)
    if path.suffix in (".mp4", ".mov"):
        ticks = str(clip.time_base.denominator)
        options |= {"video_track_timescale": ticks, "movie_timescale": ticks}
    with av.open(str(path), "w", container_options=options) as container:
        # x264's mbtree is not deterministic at this size.
        options = {"mbtree": "0"} if clip.codec == "libx264" else {}
        video = container.add_stream(clip.codec, rate=clip.rate, options=options | dict(clip.options))
        video.width, video.height = clip.size
        video.pix_fmt = clip.pixel_format
        video.codec_context.time_base = clip.time_base
        video.codec_context.sample_aspect_ratio = clip.sample_aspect_ratio
        tracks = []
        for codec in clip.audio:
            tracks.append(container.add_stream(codec, rate=48000, layout="stereo"))
        if clip.setup is not None:
            clip.setup(container, video)
        ends = [*clip.times[1:], clip.times[-1] + clip.last]
        lengths = {start: end - start for start, end in zip(clip.times, ends, strict=True)}
        for index, time in enumerate(clip.times):
            frame = av.VideoFrame.from_ndarray(picture(index, clip.size), "rgb24")
            frame.pts, frame.time_base = time, clip.time_base
            _mux_video(container, video, frame, lengths)
        _mux_video(container, video, None, lengths)
        seconds = clip.sound or (ends[-1] - clip.times[0]) * clip.time_base
        for number, track in enumerate(tracks):
            write_tone(container, track, seconds, number, clip.times[0] * clip.time_base)
    return path


def _mux_video(container, video, frame, lengths) -> None:
    for packet in video.encode(frame):
        packet.duration = lengths[packet.pts]
        container.mux(packet)


def write_tone(container, track, seconds: Fraction, number: int, start: Fraction = Fraction(0)) -> None:
    count = int(seconds * 48000)
    tone = (np.sin(np.arange(count) * 0.03 * (number + 1)) * 9000).astype(np.int16)
    samples = np.repeat(tone, 2)[None]
    for at in range(0, count, 1000):
        frame = av.AudioFrame.from_ndarray(samples[:, 2 * at : 2 * (at + 1000)], "s16", "stereo")
        frame.sample_rate, frame.pts = 48000, at + int(start * 48000)
        frame.time_base = Fraction(1, 48000)
        container.mux(track.encode(frame))
    container.mux(track.encode(None))


def packets(path: Path, index: int) -> list[tuple[Fraction, bytes]]:
    """(time, bytes) of the packets of one stream."""
    with av.open(str(path)) as container:
        stream = container.streams[index]
        return [((p.pts or 0) * p.time_base, bytes(p)) for p in container.demux(stream) if p.size]


def convert(source: Path, target: Path, *, overwrite: bool = False, changes=None, **options) -> list[Frame]:
    """Reads all of `source` and writes it as it is; returns the frames read."""
    with open_source(source) as reader:
        frames = list(reader)
        info = replace(reader.info, **(changes or {}))
    sink = open_sink(
        target, info=info, options=EncodeOptions(**options), copy_from=source, overwrite=overwrite
    )
    try:
        for frame in frames:
            sink.write(frame)
        sink.finish()
    except BaseException:
        sink.abort()
        raise
    return frames


def convert_in_segments(source: Path, target: Path, *, frames: int = 3, **options) -> list[Frame]:
    """As `convert`, by an encoder for every few frames whose packets are joined."""
    with open_source(source) as reader:
        given, info = list(reader), reader.info
    plan = plan_video_encoding(target, info=info, options=EncodeOptions(**options), copy_from=reader.file)
    sets, segments, files = plan.trial().parameter_sets, [], []
    for start in range(0, len(given), frames):
        files.append(target.with_name(f"{start:04d}.segment"))
        writer = plan.segment(files[-1])
        for frame in given[start : start + frames]:
            writer.write(frame)
        segments.append(writer.finish())
        assert segments[-1].parameter_sets == sets
    plan.join(target, files, segments[0], segments[-1])
    return given


def read_all(path: Path) -> list[Frame]:
    with open_source(path) as reader:
        return list(reader)


@pytest.fixture(scope="session")
def clips() -> SimpleNamespace:
    """What the tests of this folder share: imports between test files are not possible here."""
    return SimpleNamespace(
        clip=Clip,
        write=write_clip,
        tone=write_tone,
        packets=packets,
        convert=convert,
        convert_in_segments=convert_in_segments,
        read=read_all,
        picture=picture,
    )


@pytest.fixture
def cases(data_dir):
    """Small files that came out wrong once, beside the development data."""
    folder = data_dir.parent / "cases"
    if not folder.is_dir():
        pytest.skip(f"no case files in {folder}")
    return folder
