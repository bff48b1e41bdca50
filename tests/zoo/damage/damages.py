"""Ways in which files are damaged, each the same for the same seed."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av

from zoo.damage.elements import ELEMENTS
from zoo.damage.odd import ODD
from zoo.files.builder import build, quality
from zoo.files.catalogue import ZOO
from zoo.files.images import IMAGES, image_bytes

FORMATS = (
    "many tracks.mkv", "subtitles.mkv", "h264.mov", "hevc.mp4", "cover.mp4", "vp9 opus.webm", "av1.mkv",
    "h264 aac.ts", "mpeg2 mp2.ts", "mpeg4 mp3.avi", "mjpeg pcm.avi", "gif variable.gif", "y4m.y4m",
    "prores.mov", "h264 aac.flv", "ffv1.mkv", "mpeg2 pcm.mxf", "mpeg2 ac3.vob",
)  # fmt: skip

Damage = Callable[[bytes, random.Random], bytes]


def truncate(data: bytes, dice: random.Random) -> bytes:
    return data[: dice.randrange(1, len(data))]


def truncate_a_little(data: bytes, dice: random.Random) -> bytes:
    return data[: -dice.randrange(1, max(2, len(data) // 20))]


def lose_the_head(data: bytes, dice: random.Random) -> bytes:
    return data[dice.randrange(1, max(2, len(data) // 4)) :]


def flip_one_bit(data: bytes, dice: random.Random) -> bytes:
    return _flip(data, dice, 1, 0, len(data))


def flip_bits(data: bytes, dice: random.Random) -> bytes:
    return _flip(data, dice, dice.randrange(5, 200), 0, len(data))


def flip_bits_in_the_header(data: bytes, dice: random.Random) -> bytes:
    return _flip(data, dice, dice.randrange(1, 12), 0, min(700, len(data)))


def flip_bits_at_the_end(data: bytes, dice: random.Random) -> bytes:
    return _flip(data, dice, dice.randrange(1, 12), max(0, len(data) - 1500), len(data))


def zero_a_range(data: bytes, dice: random.Random) -> bytes:
    start, stop = _range(data, dice)
    return data[:start] + bytes(stop - start) + data[stop:]


def fill_a_range(data: bytes, dice: random.Random) -> bytes:
    start, stop = _range(data, dice)
    return data[:start] + dice.randbytes(stop - start) + data[stop:]


def drop_a_chunk(data: bytes, dice: random.Random) -> bytes:
    start, stop = _range(data, dice)
    return data[:start] + data[stop:]


def repeat_a_chunk(data: bytes, dice: random.Random) -> bytes:
    start, stop = _range(data, dice)
    return data[:stop] + data[start:]


def insert_noise(data: bytes, dice: random.Random) -> bytes:
    place = dice.randrange(len(data))
    return data[:place] + dice.randbytes(dice.randrange(1, 3000)) + data[place:]


def shuffle_chunks(data: bytes, dice: random.Random) -> bytes:
    """All but the first kilobyte, in pieces of a transport stream's packet or of a disk's sector."""
    size = dice.choice((188, 512))
    chunks = [data[start : start + size] for start in range(1024, len(data), size)]
    dice.shuffle(chunks)
    return data[:1024] + b"".join(chunks)


BYTES: tuple[Damage, ...] = (
    truncate,
    truncate_a_little,
    lose_the_head,
    flip_one_bit,
    flip_bits,
    flip_bits_in_the_header,
    flip_bits_at_the_end,
    zero_a_range,
    fill_a_range,
    drop_a_chunk,
    repeat_a_chunk,
    insert_noise,
    shuffle_chunks,
)
PACKETS = ("shuffle_packets", "drop_packets", "repeat_packets", "flip_bits_in_packets", "jumble_times")
DAMAGES = (*(damage.__name__ for damage in BYTES), *PACKETS)
STRUCTURES = tuple(damage.__name__ for damage in ELEMENTS)
ODDITY = "odd"
"""No damage: the input is written as `odd.py` says."""
STRUCTURED = ("many tracks.mkv", "h264.mov", "vp9 opus.webm", "mjpeg pcm.avi")
"""Formats, beside those of images, whose elements are damaged."""


def damage_file(source: Path, target: Path, damage: str, seed: int) -> None:
    """Writes a damaged copy. Damage to packets leaves the container whole, so that decoders meet it."""
    dice = random.Random(f"{source.name} {damage} {seed}")
    if damage == ODDITY:
        ODD[source.name][0](target)
    elif damage in PACKETS:
        _remux(source, target, damage, dice)
    else:
        by_name = {function.__name__: function for function in (*BYTES, *ELEMENTS)}
        target.write_bytes(by_name[damage](source.read_bytes(), dice))


def build_whole(name: str, folder: Path) -> Path:
    """The undamaged file: that of the zoo, with several key frames."""
    if name in IMAGES:
        data = image_bytes(name, folder)
        (folder / name).write_bytes(data)
        return folder / name
    specimen = next(specimen for specimen in ZOO if specimen.file_name == name)
    if specimen.times is None:
        specimen = replace(specimen, count=16, encoder_options={**quality(specimen), "g": "5"})
    return build(specimen, folder)


def _flip(data: bytes, dice: random.Random, count: int, start: int, stop: int) -> bytes:
    changed = bytearray(data)
    for _ in range(count):
        changed[dice.randrange(start, stop)] ^= 1 << dice.randrange(8)
    return bytes(changed)


def _range(data: bytes, dice: random.Random) -> tuple[int, int]:
    start = dice.randrange(len(data))
    return start, min(len(data), start + dice.randrange(1, max(2, len(data) // 3)))


def _remux(source: Path, target: Path, damage: str, dice: random.Random) -> None:
    with av.open(str(source)) as container, av.open(str(target), "w") as output:
        copies = {
            stream.index: output.add_stream_from_template(stream, opaque=True)
            for stream in container.streams
            if stream.type in ("video", "audio")
        }
        packets = [p for p in container.demux() if p.size and p.stream_index in copies]
        payloads = [bytes(p) for p in packets]
        order = _order(packets, damage, dice)
        for place, taken in order:
            data = payloads[taken]
            if damage == "flip_bits_in_packets" and dice.random() < 0.5:
                data = _flip(data, dice, dice.randrange(1, 30), 0, len(data))
            packet = av.Packet(data)
            packet.stream = copies[packets[place].stream_index]
            packet.time_base = packets[place].time_base
            packet.pts, packet.dts = packets[place].pts, packets[place].dts
            packet.duration = packets[place].duration or 0
            packet.is_keyframe = packets[taken].is_keyframe
            if damage == "jumble_times" and packet.pts is not None and dice.random() < 0.4:
                packet.pts += dice.randrange(0, 20 * max(packet.duration, 1))
            try:
                output.mux(packet)
            except av.FFmpegError:
                continue  # the muxer does not take every damage


def _order(packets: list[av.Packet], damage: str, dice: random.Random) -> list[tuple[int, int]]:
    """(whose place and times, whose bytes) of each packet to write."""
    same = [(index, index) for index in range(len(packets))]
    if damage == "drop_packets":
        return [pair for pair in same if dice.random() > 0.3]
    if damage == "repeat_packets":
        return [pair for pair in same for _ in range(1 + (dice.random() < 0.3))]
    if damage != "shuffle_packets":
        return same
    video = [index for index, packet in enumerate(packets) if packet.stream.type == "video"]
    mixed = dice.sample(video, len(video))
    taken = dict(zip(video, mixed, strict=True))
    return [(index, taken.get(index, index)) for index in range(len(packets))]
