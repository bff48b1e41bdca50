"""Telecined film: whether known film frames come back, each once, at their times.

    python benchmarks/video/telecine.py ../shared/data/heldout_sharp ../shared/data/vid4 --json telecine.json

The clips of the folders, one after the other, are the film. It is telecined to MPEG-2 and H.264 as broadcasts
and discs hold it, and to 2:3:3:2; stored as film with repeat flags (soft); cut with video between, so that
the cycle breaks; and read back. The fields of a frame that is read are those of the decoded pictures, which
say of which film frame they are. Beside it the same with FFmpeg's fieldmatch and decimate. At last the clips
are video, each frame a field, read at double rate. scripts/make_results.py makes tables of it.
"""

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.filter import Graph

from tcnet.video import ReadOptions, open_source

Picture = npt.NDArray[np.uint8]  # (H, W), luma
Stored = tuple[dict[bytes, set[int]], dict[bytes, set[int]]]  # film frames of even and of odd rows
CLASSIC = ((0, 0), (1, 1), (1, 2), (2, 3), (3, 3))  # film frames of the first and second fields
ADVANCED = ((0, 0), (1, 1), (1, 2), (2, 2), (3, 3))
RATE = Fraction(30000, 1001)
TICK = Fraction(1, 90000)
FILM_TICKS = Fraction(15015, 4)  # 1001/24000 s
FIELD_TICKS = Fraction(3003, 2)
INTERLACED = 0x40000 | 0x20000000  # AV_CODEC_FLAG_INTERLACED_DCT and _ME
ENCODERS = {
    "MPEG-2 5 Mbit/s": ("mpeg2video", {}, 5_000_000),
    "H.264 crf 23": ("libx264", {"crf": "23", "x264-params": "tff=1"}, 0),
}


@dataclass(frozen=True)
class Shown:
    """A picture of the file that is made. film: (number, ticks) of the film frames that begin in it. of: the
    film frames of its even and its odd rows, None for video."""

    picture: Picture
    fields: int = 2
    film: tuple[tuple[int, Fraction], ...] = ()
    of: tuple[int | None, int | None] = (None, None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    film = read_film([file for folder in arguments.folders for file in sorted(folder.glob("*.mkv"))])
    makes = {
        "hard, top field first": lambda: hard(film, CLASSIC),
        "hard, bottom field first": lambda: hard(film, CLASSIC, top_first=False),
        "hard, 2:3:3:2": lambda: hard(film, ADVANCED),
        "hard, cut and mixed with video": lambda: mixed(film),
    }
    rows: list[dict] = []
    doubled: list[dict] = []
    with tempfile.TemporaryDirectory() as folder:
        for kind, make in makes.items():
            for name, (codec, options, rate) in ENCODERS.items():
                shown = list(make())
                path = encode(Path(folder) / "a.ts", shown, codec, options, rate)
                rows.append(measure(kind, name, path, shown))
                print(line(rows[-1]), flush=True)
        shown = list(soft(film))
        path = encode(Path(folder) / "a.ts", shown, "mpeg2video", {}, 5_000_000, repeat_flags=True)
        rows.append(measure("soft (repeat flags)", "MPEG-2 5 Mbit/s", path, shown))
        print(line(rows[-1]), flush=True)
        print("fields, codec, found as, back as a frame at their time, off by at most")
        for top_first in (True, False):
            for name, (codec, options, rate) in ENCODERS.items():
                path = encode(Path(folder) / "a.ts", list(video(film, top_first)), codec, options, rate)
                doubled.append(measure_double(path, name, top_first, len(film)))
                print(doubled[-1], flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps({"telecined": rows, "doubled": doubled}, indent=1) + "\n")


def read_film(files: Sequence[Path], height: int = 352, width: int = 624) -> list[Picture]:
    film = []
    for file in files:
        with open_source(file, ReadOptions(deinterlace="off")) as source:
            if source.info.width >= width and source.info.height >= height:
                film += [np.ascontiguousarray(f.pixels[:height, :width, 1]).astype(np.uint8) for f in source]
    return film[: len(film) // 4 * 4]


def hard(
    film: Sequence[Picture], cycle: Sequence[tuple[int, int]], *, top_first: bool = True, begin: int = 0
) -> Iterator[Shown]:
    """begin: number of the first film frame."""
    time = Fraction(0)
    for start in range(0, len(film) - 3, 4):
        seen: set[int] = set()
        for first, second in cycle:
            pair = (film[start + first], film[start + second])
            new = [index for index in (first, second) if index not in seen]
            seen |= {first, second}
            known = tuple((begin + start + i, time + i * FILM_TICKS) for i in dict.fromkeys(new))
            of = (begin + start + first, begin + start + second)
            if not top_first:
                pair, of = pair[::-1], of[::-1]
            yield Shown(woven(*pair), film=known, of=of)
        time += 10 * FIELD_TICKS


def soft(film: Sequence[Picture]) -> Iterator[Shown]:
    for number, frame in enumerate(film):
        yield Shown(frame, 2 + number % 2, ((number, number * FILM_TICKS),), (number, number))


def mixed(film: Sequence[Picture]) -> Iterator[Shown]:
    """Film in pieces whose ends cut the cycle, and video whose fields are the frames of the first clips."""
    pictures = 0
    for piece, start in enumerate(range(0, len(film) - 43, 44)):
        cut = list(hard(film[start : start + 44], CLASSIC, begin=start))[: 55 - piece % 4]
        offset = pictures * 2 * FIELD_TICKS
        for shown in cut:
            film_frames = tuple((number, time + offset) for number, time in shown.film)
            yield Shown(shown.picture, film=film_frames, of=shown.of)
        pictures += len(cut)
        fields = film[(start * 5) % 40 :][:64]
        for first, second in zip(fields[0::2], fields[1::2], strict=True):
            yield Shown(woven(first, second))
            pictures += 1


def video(film: Sequence[Picture], top_first: bool) -> Iterator[Shown]:
    """Each frame of the film is a field."""
    for first, second in zip(film[0::2], film[1::2], strict=True):
        yield Shown(woven(first, second) if top_first else woven(second, first))


def woven(top: Picture, bottom: Picture) -> Picture:
    """The even rows of one frame and the odd ones of the other."""
    picture = top.copy()
    picture[1::2] = bottom[1::2]
    return picture


def encode(
    path: Path, shown: Sequence[Shown], codec: str, options: dict[str, str], rate: int, *,
    repeat_flags: bool = False,
) -> Path:  # fmt: skip
    height, width = shown[0].picture.shape
    times = [Fraction(0)]
    for entry in shown:
        times.append(times[-1] + entry.fields * FIELD_TICKS)
    numbers = {round(time): number for number, time in enumerate(times)}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        context = stream.codec_context
        context.flags |= INTERLACED
        context.time_base = TICK if codec == "libx264" else 1 / RATE
        if rate:
            context.bit_rate, context.gop_size, context.max_b_frames = rate, 15, 2
        for number, entry in enumerate(shown):
            picture = av.VideoFrame.from_ndarray(entry.picture, "gray").reformat(format="yuv420p")
            picture.pts = number if codec == "mpeg2video" else round(times[number])
            picture.time_base = context.time_base
            for packet in stream.encode(picture):
                mux(container, packet, times, numbers, shown, repeat_flags=repeat_flags)
        for packet in stream.encode(None):
            mux(container, packet, times, numbers, shown, repeat_flags=repeat_flags)
    return path


def mux(container, packet, times, numbers, shown, *, repeat_flags: bool) -> None:
    seconds = packet.pts * packet.time_base
    number = round(seconds * RATE) if packet.time_base != TICK else numbers[packet.pts]
    late = packet.pts - packet.dts
    copy = av.Packet(flagged(bytes(packet), times[number], shown[number].fields) if repeat_flags else packet)
    copy.stream, copy.time_base = packet.stream, TICK
    copy.is_keyframe = packet.is_keyframe
    copy.pts = round(times[number])
    copy.dts = round(copy.pts - late * packet.time_base / TICK)
    if repeat_flags:  # decoding order keeps a steady clock
        copy.dts = round(round(packet.dts * packet.time_base * RATE) * FILM_TICKS) - 9009
    container.mux(copy)


def flagged(data: bytes, time: Fraction, fields: int) -> bytes:
    """An MPEG-2 picture that says for how many fields it is to be shown, and which is the first."""
    at = data.index(b"\0\0\1\xb5", data.index(b"\0\0\1\0")) + 4
    changed = bytearray(data)
    top_first = time / FIELD_TICKS % 2 == 0
    changed[at + 3] = changed[at + 3] & 0x7D | (0x80 * top_first) | (0x02 * (fields == 3))
    return bytes(changed)


def measure(kind: str, codec: str, path: Path, shown: Sequence[Shown]) -> dict:
    with open_source(path, ReadOptions(deinterlace="off")) as source:
        stored = fields_of(shown, (frame.pixels[..., 1] for frame in source))
    with open_source(path) as source:
        found = [(frame.seconds, frame.pixels[..., 1]) for frame in source]
        scan = source.info.scan
    start = found[0][0]
    ours = score([((time - start) / TICK, picture) for time, picture in found], stored, shown)
    with av.open(str(path)) as container:
        gray = (frame.to_ndarray(format="gray") for frame in container.decode(video=0))
        theirs = score(list(fieldmatched(path)), fields_of(shown, gray), shown)
    frames = len(known_frames(shown))
    return {"kind": kind, "codec": codec, "film frames": frames, "found": scan} | {
        "tcnet": ours, "fieldmatch": theirs,
    }  # fmt: skip


def measure_double(path: Path, codec: str, top_first: bool, fields: int) -> dict:
    """How many fields come back as a frame that has their rows, in order, and how far from their times."""
    with open_source(path, ReadOptions(deinterlace="off")) as source:
        pictures = [frame.pixels[..., 1] for frame in source]
    with open_source(path, ReadOptions(deinterlace="double")) as source:
        frames = [(frame.seconds, frame.pixels[..., 1]) for frame in source]
        scan = source.info.scan
    back, off = 0, Fraction(0)
    for number, (seconds, frame) in enumerate(frames[:fields]):
        rows = slice(number % 2 if top_first else 1 - number % 2, None, 2)
        if np.array_equal(frame[rows], pictures[number // 2][rows]):
            back += 1
            off = max(off, abs((seconds - frames[0][0]) / TICK - number * FIELD_TICKS))
    order = "top field first" if top_first else "bottom field first"
    return {
        "order": order, "codec": codec, "fields": fields, "frames": len(frames), "found": scan,
        "share": round(back / fields, 4), "ms off": round(float(off * TICK * 1000), 2),
    }  # fmt: skip


def known_frames(shown: Sequence[Shown]) -> dict[int, Fraction]:
    """The times of the film frames both fields of which are in the file: a cut may have taken one."""
    even, odd = ({entry.of[parity] for entry in shown} for parity in (0, 1))
    return {number: time for entry in shown for number, time in entry.film if number in even & odd}


def fields_of(shown: Sequence[Shown], decoded: Iterator[Picture]) -> Stored:
    """Which film frames have each field as it comes out of the decoder. Their rows are copied, never changed,
    where a frame is put together, so that they say where they come from."""
    stored: Stored = ({}, {})
    for entry, picture in zip(shown, decoded, strict=True):
        for parity, number in enumerate(entry.of):
            if number is not None:
                stored[parity].setdefault(picture[parity::2].tobytes(), set()).add(number)
    return stored


def fieldmatched(path: Path) -> Iterator[tuple[Fraction, Picture]]:
    """Frames of FFmpeg's fieldmatch, its fallback and decimate."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        graph = Graph()
        node = graph.add_buffer(template=stream)
        for name, arguments in (
            ("fps", "30000/1001"),
            ("fieldmatch", ""),
            ("bwdif", "mode=send_frame:deint=interlaced"),
            ("decimate", ""),
            ("buffersink", ""),
        ):
            following = graph.add(name, arguments or None)
            node.link_to(following)
            node = following
        graph.configure()
        first: Fraction | None = None

        def pulled() -> Iterator[tuple[Fraction, Picture]]:
            nonlocal first
            while True:
                try:
                    picture = graph.vpull()
                except (av.BlockingIOError, av.EOFError):
                    return
                seconds = picture.pts * picture.time_base
                first = seconds if first is None else first
                yield (seconds - first) / TICK, picture.reformat(format="gray").to_ndarray()

        for picture in container.decode(stream):
            graph.vpush(picture)
            yield from pulled()
        graph.vpush(None)
        yield from pulled()


def score(found: Sequence[tuple[Fraction, Picture]], stored: Stored, shown: Sequence[Shown]) -> dict:
    """whole: film frames both fields of which came back in one frame. twice: of those in several frames.
    video: the share of the pictures of video with a frame at their time."""
    times = np.cumsum([0] + [entry.fields for entry in shown])
    pairs = zip(shown, times, strict=False)
    video = [time * FIELD_TICKS for entry, time in pairs if entry.of == (None, None)]
    there = {round(time) for time, _ in found}
    kept = sum(bool({round(time) + step for step in (-9, -1, 0, 1, 9)} & there) for time in video)
    known = known_frames(shown)
    whole: Counter[int] = Counter()
    off = Fraction(0)
    for time, picture in found:
        even, odd = (stored[parity].get(picture[parity::2].tobytes(), set()) for parity in (0, 1))
        # Coding may leave nothing of the difference between two frames: then it is the nearer one.
        late = {number: abs(known[number] - time) for number in even & odd}
        if late:
            nearest = min(late, key=late.__getitem__)
            whole[nearest] += 1
            off = max(off, late[nearest])
    return {
        "frames": len(found),
        "whole": len(whole),
        "share": round(len(whole) / len(known), 4),
        "twice": sum(count > 1 for count in whole.values()),
        "ms off": round(float(off * TICK * 1000), 2),
        "video": round(kept / len(video), 4) if video else None,
    }


def line(row: dict) -> str:
    def cell(name: str) -> str:
        result = row[name]
        kept = "" if result["video"] is None else f", video {100 * result['video']:.1f} %"
        return f"{100 * result['share']:.1f} %, {result['twice']} twice{kept} | {result['ms off']:.1f} ms"

    head = f"| {row['kind']} | {row['codec']} | {row['film frames']} | {row['found']}"
    return f"{head} | {cell('tcnet')} | {cell('fieldmatch')} |"


if __name__ == "__main__":
    main()
