"""What is in a file, as FFmpeg tells it without the product's help."""

import hashlib
import struct
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.sidedata.sidedata import Type

from tcnet.video.pyav import LENIENT_TAGS, exact, side_data
from zoo.files.pictures import DEFAULT_MATRIX, GRID, LUMA, MOTION, code_range, samples

_ATTACHED = 1 << 10
_STALE = {
    "encoder", "duration", "major_brand", "minor_version", "compatible_brands", "vendor_id", "handler_name",
    "language", "filename", "mimetype", "creation_time", "software",
}  # fmt: skip
_LIMITED, _FULL = 1, 2
_PLANAR = {"nv12": "yuv420p", "uyvy422": "yuv422p"}  # the same samples in planes
_MARGIN = 4  # pixels of the input, and a quarter of a patch, left out on each side: chroma bleeds


@dataclass(frozen=True)
class Track:
    """Sound or subtitles. packets: (start in seconds, bytes); texts: (start, text) of text subtitles;
    samples: (channels, n) in [-1, 1], of sound; heard: seconds at which they begin."""

    kind: str
    codec: str
    language: str
    tags: dict[str, str]
    disposition: int
    shape: str
    packets: list[tuple[Fraction, bytes]]
    end: Fraction
    texts: list[tuple[Fraction, str]]
    samples: np.ndarray | None
    heard: Fraction


@dataclass(frozen=True)
class Facts:
    """colors: (frames, patches, 3) in [0, 1]; alpha: (frames, patches) or None; combs: how much the lines of
    the patch in motion differ from their neighbours. times, end: seconds; times are None where not known."""

    container: str
    codec: str
    size: tuple[int, int]
    times: list[Fraction | None]
    end: Fraction | None
    rate: Fraction | None
    ratio: Fraction
    color: tuple[int, int, int, int]
    depth: int
    pixel_format: str
    colors: np.ndarray
    alpha: np.ndarray | None
    display_matrix: tuple[int, ...] | None
    mastering: tuple[float, ...] | None
    light: tuple[int, ...] | None
    interlaced: bool
    combs: float
    video_tags: dict[str, str]
    video_disposition: int
    tracks: list[Track]
    chapters: list[tuple[Fraction, Fraction, str]]
    attachments: list[tuple[str, str, str]]
    covers: list[str]
    tags: dict[str, str]
    start: Fraction


def read_facts(path: Path, *, enlarged: int = 1) -> Facts:
    """enlarged: how many times larger the picture is than that of the zoo."""
    if path.is_dir():
        return _folder_facts(path, enlarged)
    with av.open(f"file:{path.absolute()}", **LENIENT_TAGS) as container:
        streams = list(container.streams)
        video = next(s for s in streams if s.type == "video" and not s.disposition & _ATTACHED)
        pictures, packets, end = [], {s.index: [] for s in streams}, None
        hidden = any(k.lower() == "alpha_mode" and v == "1" for k, v in video.metadata.items())
        if video.codec_context.name == "vp9" and hidden:
            decoder = av.CodecContext.create("libvpx-vp9", "r")  # FFmpeg's own decoder ignores alpha
        else:
            decoder = video.codec_context
        for packet in container.demux():
            if packet.size:
                packets[packet.stream_index].append(packet)
            if packet.stream_index == video.index and packet.size:
                pictures += decoder.decode(packet)
        pictures += decoder.decode(None)
        facts = _picture_facts(pictures, video.time_base, enlarged)
        if container.format.name.startswith("mov") and video.duration is not None:
            end = ((video.start_time or 0) + video.duration) * video.time_base  # in presentation order
        elif pictures and pictures[-1].pts is not None:
            end = (pictures[-1].pts + pictures[-1].duration) * video.time_base
        context = video.codec_context
        return Facts(
            container=container.format.name,
            codec=context.codec.canonical_name,
            end=end,
            rate=exact(video.average_rate),
            ratio=exact(video.sample_aspect_ratio) or Fraction(1),
            video_tags=_tags(video),
            video_disposition=int(video.disposition),
            tracks=[_track(s, packets[s.index], path) for s in streams if s.type in ("audio", "subtitle")],
            chapters=[
                (c["start"] * c["time_base"], c["end"] * c["time_base"], c["metadata"].get("title", ""))
                for c in container.chapters()
            ],
            attachments=[
                (s.name or "", s.mimetype or "", _hash(s.data)) for s in streams if s.type == "attachment"
            ],
            covers=[_hash(bytes(packets[s.index][0])) for s in streams if s.disposition & _ATTACHED],
            tags={k.lower(): v for k, v in container.metadata.items() if k.lower() not in _STALE},
            start=Fraction(container.start_time or 0, av.time_base),
            **facts,
        )


def _folder_facts(folder: Path, enlarged: int) -> Facts:
    """Images in order of their numbers; without times."""
    pictures = []
    for path in sorted(folder.iterdir(), key=lambda p: int("".join(filter(str.isdigit, p.stem)))):
        with av.open(str(path), format=None) as container:
            pictures.append(next(container.decode(video=0)))
            codec = container.streams.video[0].codec_context.codec.canonical_name
    facts = _picture_facts(pictures, Fraction(1, 25), enlarged)
    facts["times"] = [None] * len(pictures)
    return Facts(
        container="images", codec=codec, end=None, rate=None, ratio=Fraction(1), video_tags={},
        video_disposition=0, tracks=[], chapters=[], attachments=[], covers=[], tags={}, start=Fraction(0),
        **facts,
    )  # fmt: skip


def _picture_facts(pictures: list[av.VideoFrame], time_base: Fraction, enlarged: int) -> dict[str, object]:
    first = pictures[0]
    side = _side_data(first)
    components = first.format.components
    matrix = side.get(Type.DISPLAYMATRIX)
    patches = [_patches(picture, enlarged) for picture in pictures]
    return {
        "size": (first.width, first.height),
        "times": [None if p.pts is None else p.pts * time_base for p in pictures],
        "color": (first.colorspace, first.color_primaries, first.color_trc, first.color_range),
        "depth": max(part.bits for part in components if not part.is_alpha),
        "pixel_format": first.format.name,
        "colors": np.array([colors for colors, _ in patches]),
        "alpha": None if patches[0][1] is None else np.array([alpha for _, alpha in patches]),
        "display_matrix": None if matrix is None else struct.unpack("=9i", matrix[:36]),
        "mastering": _mastering(side.get(Type.MASTERING_DISPLAY_METADATA)),
        "light": None
        if Type.CONTENT_LIGHT_LEVEL not in side
        else struct.unpack("=2I", side[Type.CONTENT_LIGHT_LEVEL][:8]),
        "interlaced": any(picture.interlaced_frame for picture in pictures),
        "combs": float(np.mean([_combs(picture, enlarged) for picture in pictures])),
    }


def _side_data(picture: av.VideoFrame) -> dict[Type, bytes]:
    """Where PyAV fails on a kind that it has no name for (Exif): a matrix of the rotation alone."""
    try:
        return side_data(picture)
    except ValueError:
        turn = {-90: (0, 1 << 16, -1 << 16, 0)}.get(picture.rotation)
        if turn is None:
            return {}
        return {Type.DISPLAYMATRIX: struct.pack("=9i", *turn[:2], 0, *turn[2:], 0, 0, 0, 1 << 30)}


def _mastering(data: bytes | None) -> tuple[float, ...] | None:
    """The ten numbers of AVMasteringDisplayMetadata: 8 chromaticities, least and most luminance."""
    if data is None:
        return None
    numbers = struct.unpack("=20i", data[:80])
    return tuple(top / bottom if bottom else 0.0 for top, bottom in zip(numbers[::2], numbers[1::2], strict=True))  # fmt: skip


def _patches(picture: av.VideoFrame, enlarged: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Mean colour (patches, 3) and alpha (patches,) in [0, 1], by the equations of H.273."""
    if picture.format.name in _PLANAR:
        picture = picture.reformat(format=_PLANAR[picture.format.name])
    name = picture.format.name
    if not name.startswith(("yuv", "gray")):
        deep = max(part.bits for part in picture.format.components) > 8
        wide = picture.reformat(format="rgba64le" if deep else "rgba").to_ndarray() / (65535 if deep else 255)
        means = np.array([wide[rows, columns].mean((0, 1)) for rows, columns in _places(wide.shape[:2], 1, 1, enlarged)])  # fmt: skip
        has_alpha = (
            any(part.is_alpha for part in picture.format.components) or "rgba" in name or "argb" in name
        )
        return means[:, :3], means[:, 3] if has_alpha else None
    depth = picture.format.components[0].bits
    means = []
    shape = (picture.height, picture.width)
    for plane in picture.planes:
        down, across = -(-picture.height // plane.height), -(-picture.width // plane.width)
        codes = samples(plane, depth)
        means.append(
            [codes[rows, columns].mean() for rows, columns in _places(shape, down, across, enlarged)]
        )
    alpha = np.array(means[-1]) / ((1 << depth) - 1) if name.startswith("yuva") else None
    full = name.startswith(("yuvj", "gray")) or picture.color_range == _FULL
    if name.startswith("gray") and picture.color_range == _LIMITED:
        full = False
    values = []
    for number, codes in enumerate(means[: 1 if name.startswith("gray") else 3]):
        gain, offset = code_range(depth, full, number > 0)
        values.append((np.array(codes) - offset) / gain)
    if name.startswith("gray"):
        return np.clip(np.stack([values[0]] * 3, 1), 0, 1), alpha
    matrix = picture.colorspace if picture.colorspace in LUMA else DEFAULT_MATRIX
    red, blue = LUMA[matrix]
    r = values[0] + 2 * (1 - red) * values[2]
    b = values[0] + 2 * (1 - blue) * values[1]
    g = (values[0] - red * r - blue * b) / (1 - red - blue)
    return np.clip(np.stack([r, g, b], 1), 0, 1), alpha


def _places(shape: tuple[int, int], down: int, across: int, enlarged: int) -> list[tuple[slice, slice]]:
    """The inner part of each patch in a plane that is `down` and `across` times smaller than `shape`."""
    places = []
    for row in range(GRID[1]):
        for column in range(GRID[0]):
            spans = []
            for length, count, index, smaller in ((shape[0], GRID[1], row, down), (shape[1], GRID[0], column, across)):  # fmt: skip
                small = length // enlarged  # whole pixels of the input, so that both see the same
                margin = max(_MARGIN, small // count // 4)
                first = (-(-small * index // count) + margin) * enlarged
                last = (small * (index + 1) // count - margin) * enlarged
                begin = -(-first // smaller)
                spans.append(slice(begin, max(last // smaller, begin + 1)))
            places.append((spans[0], spans[1]))
    return places


def _combs(picture: av.VideoFrame, enlarged: int) -> float:
    """Mean absolute second difference of lines of the input's height, in the patch that moves; 8-bit codes."""
    gray = picture.reformat(format="gray").to_ndarray().astype(float)
    rows, columns = _places(gray.shape, 1, 1, enlarged)[MOTION[1] * GRID[0] + MOTION[0]]
    lines = gray[rows, columns][enlarged // 2 :: enlarged]
    return float(np.abs(2 * lines[1:-1] - lines[:-2] - lines[2:]).mean()) if len(lines) > 2 else 0.0


def _track(stream: av.stream.Stream, packets: list[av.Packet], path: Path) -> Track:
    context = stream.codec_context
    codec = "" if context is None else context.codec.canonical_name
    shape = f"{context.sample_rate} Hz, {_layout(context.layout)}" if stream.type == "audio" else ""
    kept = [p for p in packets if not (codec == "mov_text" and bytes(p) == b"\0\0")]
    times = [(p.pts if p.pts is not None else p.dts or 0) * p.time_base for p in kept]
    lengths = [(p.duration or 0) * p.time_base for p in kept]
    values, heard = _samples(path, stream.index) if stream.type == "audio" else (None, Fraction(0))
    return Track(
        kind=stream.type,
        codec=codec,
        language=stream.metadata.get("language", "und"),
        tags=_tags(stream),
        disposition=int(stream.disposition),
        shape=shape,
        packets=[(time, _payload(codec, bytes(p))) for time, p in zip(times, kept, strict=True)],
        end=max((a + b for a, b in zip(times, lengths, strict=True)), default=Fraction(0)),
        texts=[
            (time, text)
            for time, p in zip(times, kept, strict=True)
            if stream.type == "subtitle" and (text := _text(codec, bytes(p)))
        ],
        samples=values,
        heard=heard,
    )


def _layout(layout: av.AudioLayout) -> str:
    """Mono and stereo need no name, which PCM has in some containers and in others not."""
    return layout.name if layout.nb_channels > 2 else f"{layout.nb_channels} channels"


def _payload(codec: str, data: bytes) -> bytes:
    """Without the header that AAC has in transport streams only."""
    if codec == "aac" and len(data) > 7 and data[0] == 0xFF and data[1] & 0xF6 == 0xF0:
        return data[7 if data[1] & 1 else 9 :]
    return data


def _text(codec: str, data: bytes) -> str:
    if codec == "mov_text":
        return data[2 : 2 + int.from_bytes(data[:2], "big")].decode()
    if codec == "ass":
        return data.decode().split(",", 8)[-1]
    return data.decode() if codec in ("subrip", "text", "webvtt") else ""


def _samples(path: Path, index: int) -> tuple[np.ndarray, Fraction]:
    with av.open(f"file:{path.absolute()}", **LENIENT_TAGS) as container:
        frames = list(container.decode(container.streams[index]))
    if not frames:
        return np.zeros((1, 0)), Fraction(0)
    # Packed: PyAV reads beyond the planes of eight channels.
    count = frames[0].layout.nb_channels
    resampler = av.AudioResampler("flt")
    packed = [same for frame in frames for same in resampler.resample(frame)]
    planes = [frame.to_ndarray().reshape(-1, count).T for frame in packed]
    return np.concatenate(planes, 1), frames[0].pts * frames[0].time_base


def _tags(stream: av.stream.Stream) -> dict[str, str]:
    return {k.lower(): v for k, v in stream.metadata.items() if k.lower() not in _STALE and k.isascii()}


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]
