"""Scene cuts: recall, false positives, and what respecting them is worth.

    python benchmarks/video/scene_cuts.py [--data ../shared/data/train] [--half 1]
    python benchmarks/video/scene_cuts.py --detector scdet --threshold 10    # FFmpeg's; or content, adaptive
    python benchmarks/video/scene_cuts.py --quality [--pairs 12]

Clips with known cuts are made by joining training clips, LR by the mean over 4x4 pixels: plain joins, in
noise, in the dark, grey, with bars, at a third of the frame rate, with repeated frames, short scenes, a white
frame at the cut, and shots of the same place. Clips without: the shots themselves, flashes, fades, dissolves,
wipes, noise, repeated and lost frames, explosions, flicker, shake, pans, zooms, subtitles, something before
the camera. The thresholds were chosen on half 0 of the shots; half 1 has others (shots of one place are in
one half).

--detector: another program's detector on the same clips, with its own default threshold unless one is given.
"content" and "adaptive" are PySceneDetect's (pip install scenedetect-headless).

--quality: PSNR-Y (tcnet-bi, BI) of the frames around a cut, with the windows ending there and without.
"""

import argparse
import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import av.filter
import numpy as np
import numpy.typing as npt
import torch

from tcnet.data.degradation import degrade_bi
from tcnet.evaluation.metrics.fidelity import psnr
from tcnet.inference import choose_device, choose_precision
from tcnet.inference.scene_detection import mark_cuts
from tcnet.models import load_model
from tcnet.network import TCNet
from tcnet.video import open_source
from tcnet.video.frame import Frame

Clip = npt.NDArray[np.float64]  # (T, H, W, 3) in [0, 255]


@dataclass(frozen=True)
class Case:
    """cuts: numbers of the frames with which scenes begin. also: numbers that are as good as those."""

    kind: str
    clip: Clip
    cuts: frozenset[int] = field(default_factory=frozenset)
    also: frozenset[int] = field(default_factory=frozenset)


def read_shots(folder: Path, half: int) -> dict[str, Clip]:
    """LR clips by name: every second place's."""
    paths = sorted(folder.glob("*.mkv"))
    places = sorted({_place(path.stem) for path in paths})
    shots = {}
    for path in paths:
        if places.index(_place(path.stem)) % 2 == half:
            with open_source(path) as source:
                shots[path.stem] = np.stack([_shrink(frame.pixels) for frame in source])
    return shots


def _place(name: str) -> str:
    """Of two shots of one place the second one's name ends in -1."""
    return name.removesuffix("-1")


def _shrink(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    height, width = (length // 4 for length in pixels.shape[:2])
    return pixels[: 4 * height, : 4 * width].reshape(height, 4, width, 4, 3).mean(axis=(1, 3)).round()


def _resized(clip: Clip, like: Clip) -> Clip:
    """`clip` in the size of `like`, nearest neighbour."""
    rows, columns = (
        np.arange(new) * old // new for new, old in zip(like.shape[1:3], clip.shape[1:3], strict=True)
    )
    return clip[:, rows][:, :, columns]


def make_cases(shots: dict[str, Clip], seed: int) -> Iterator[Case]:
    random = np.random.default_rng(seed)
    for name, clip in shots.items():
        others = [other for other in shots if _place(other) != _place(name)]
        second, third = (_resized(shots[others[random.integers(len(others))]], clip) for _ in range(2))
        yield from _joins(clip, second, third, random)
        for other in shots:
            if _place(other) == _place(name) and other != name:
                kept, left = random.integers(8, len(clip)), random.integers(0, len(shots[other]) - 8)
                yield _joined("same place", clip[:kept], shots[other][left:])
        yield Case("shot alone", clip)
        yield from _light(clip, random)
        yield from _transitions(clip, second, random)
        yield from _motion(clip, second, random)
        yield from _rhythm(clip, random)


def _joined(kind: str, *parts: Clip) -> Case:
    return Case(
        kind, np.concatenate(parts), frozenset(np.cumsum([len(part) for part in parts])[:-1].tolist())
    )


def _joins(one: Clip, two: Clip, three: Clip, random: np.random.Generator) -> Iterator[Case]:
    one, two = one[: random.integers(6, len(one) - 3)], two[: random.integers(6, len(two) - 3)]
    plain = _joined("join", one, two)
    yield plain
    yield Case("join, noise", plain.clip + random.normal(0, 12, plain.clip.shape), plain.cuts)
    yield Case("join, dark", plain.clip * 0.15 + 4, plain.cuts)
    yield Case("join, grey", plain.clip.mean(axis=-1, keepdims=True).repeat(3, -1), plain.cuts)
    barred = plain.clip.copy()
    bar = barred.shape[1] // 6
    barred[:, :bar] = barred[:, -bar:] = 16
    yield Case("join, bars", barred, plain.cuts)
    yield _joined("join, a third of the rate", one[::3], two[::3])
    yield _joined("join, each frame twice", one.repeat(2, 0), two.repeat(2, 0))
    yield _joined("scene of 4 to 7 frames", one, three[: random.integers(4, 8)], two)
    white = len(one)
    yield Case(
        "white frame at the cut",
        np.concatenate([one, np.full_like(one[:1], 250), two]),
        frozenset({white}),
        frozenset({white + 1}),
    )
    black = np.full_like(one, 16) + random.normal(0, 1, one.shape)
    yield _joined("black, then a scene", black, two)


def _light(clip: Clip, random: np.random.Generator) -> Iterator[Case]:
    height, width = clip.shape[1:3]
    for length in (1, 2, 3):
        for kind, gain, offset in (
            ("flash", random.uniform(1.6, 4), 30),
            ("white", 0, 255),
            ("black", 0, 16),
        ):
            changed, at = clip.copy(), random.integers(4, len(clip) - 5)
            changed[at : at + length] = changed[at : at + length] * gain + offset
            yield Case(f"{kind}, 1 to 3 frames", changed)
    distance = np.hypot(*np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij"))
    local, at = clip.copy(), random.integers(4, len(clip) - 6)
    local[at : at + 2] += (3 * local[at : at + 2] + 40) * np.exp(-((distance / 0.7) ** 2))[..., None]
    yield Case("flash in a part", local)
    explosion, at = clip.copy(), random.integers(3, len(clip) - 10)
    for i in range(min(12, len(clip) - at)):
        cloud = np.exp(-((distance / (0.16 + 0.1 * i)) ** 4))[..., None] * np.exp(-i / 8)
        glow = 1 + 1.2 * np.exp(-i / 4) * random.uniform(0.6, 1)
        explosion[at + i] = explosion[at + i] * glow * (1 - cloud) + np.array([330, 250, 120]) * cloud
    yield Case("explosion", explosion)
    yield Case("flicker", clip * random.uniform(0.35, 1.6, (len(clip), 1, 1, 1)))


def _transitions(one: Clip, two: Clip, random: np.random.Generator) -> Iterator[Case]:
    length = int(min(random.integers(6, 20), len(one) - 3, len(two) - 3))
    weight = np.linspace(1, 0, length + 2)[1:-1, None, None, None]
    head, tail = one[:-length], one[-length:]
    for kind, level in (("fade to black", 16), ("fade to white", 250)):
        yield Case(kind, np.concatenate([head, tail * weight + level * (1 - weight), 0 * one[:5] + level]))
    opening = one[:length] * weight[::-1] + 16 * (1 - weight[::-1])
    yield Case("fade from black", np.concatenate([0 * one[:5] + 16, opening, one[length:]]))
    mixed = tail * weight + two[:length] * (1 - weight)
    yield Case("dissolve", np.concatenate([head, mixed, two[length:]]))
    edge = np.arange(one.shape[2]) < one.shape[2] * (1 - weight[..., 0])  # (length, 1, W)
    yield Case("wipe", np.concatenate([head, np.where(edge[..., None], two[:length], tail), two[length:]]))


def _motion(clip: Clip, other: Clip, random: np.random.Generator) -> Iterator[Case]:
    height, width = clip.shape[1:3]
    wide = clip[0].repeat(2, 0).repeat(3, 1)[height // 2 : height // 2 + height]
    speed = random.uniform(0.02, 0.12) * width
    starts = np.minimum(speed * np.maximum(np.arange(24) - 6, 0), 2 * width).astype(int)
    yield Case("pan that starts and stops", np.stack([wide[:, start : start + width] for start in starts]))
    zoomed = []
    for i in range(min(20, len(clip))):
        rows, columns = (
            (length / 2 + (np.arange(length) - length / 2) / (1 + 0.06 * i)).astype(int)
            for length in (height, width)
        )
        zoomed.append(clip[i][rows][:, columns])
    yield Case("zoom", np.stack(zoomed))
    shaken = [np.roll(f, (random.integers(-6, 7), random.integers(-9, 10)), (0, 1)) for f in clip]
    yield Case("shake", np.stack(shaken))
    titled, half = clip.copy(), len(clip) // 2
    letters = random.choice([0.0, 235.0], (height // 6, width * 2 // 3, 1))
    titled[half:, -height // 5 - 3 :][:, : height // 6, width // 6 :][:, :, : width * 2 // 3] = letters
    yield Case("subtitle", titled)
    passed = clip.copy()
    for i in range(8):
        left, right = int(width * (0.2 * i - 0.6)), int(width * 0.2 * i)
        passed[i + 3, :, max(0, left) : right] = 0.4 * other[0, :, max(0, left) : right]
    yield Case("passes before the camera", passed)


def _rhythm(clip: Clip, random: np.random.Generator) -> Iterator[Case]:
    yield Case("noise", clip + random.normal(0, random.uniform(5, 25), clip.shape))
    yield Case("a third of the rate", clip[::3])
    for times in (2, 3, 4):
        yield Case(f"each frame {times} times", clip[::times].repeat(times, 0))
    kept = [i for i in range(len(clip)) if random.random() > 0.25]
    yield Case("frames lost and repeated", clip[sorted([*kept, *random.choice(kept, 6)])])


Codes = npt.NDArray[np.uint8]  # (T, H, W, 3)


def ours(codes: Codes, _: float | None) -> set[int]:
    frames = (Frame(picture, i, 1, Fraction(1, 25)) for i, picture in enumerate(codes))
    return {frame.pts for cut, frame in mark_cuts(frames) if cut}


def scdet(codes: Codes, threshold: float | None) -> set[int]:
    """FFmpeg's filter; only frames that it marks come out of the graph."""
    height, width = codes.shape[1:3]
    graph = av.filter.Graph()
    graph.link_nodes(
        graph.add_buffer(width=width, height=height, format="rgb24", time_base=Fraction(1, 25)),
        graph.add("format", "yuv420p"),
        graph.add("scdet", f"t={10 if threshold is None else threshold}"),
        graph.add("metadata", "mode=select:key=lavfi.scd.time"),
        graph.add("buffersink"),
    ).configure()
    for i, picture in enumerate(codes):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
        frame.pts, frame.time_base = i, Fraction(1, 25)
        graph.push(frame)
    graph.push(None)
    found = set()
    with contextlib.suppress(av.EOFError, av.BlockingIOError):
        while True:
            found.add(graph.pull().pts)
    return found


def pyscenedetect(codes: Codes, detector: object) -> set[int]:
    """Fed frame by frame, with scenes of any length, as windows end at every cut."""
    from scenedetect import FrameTimecode

    found = set()
    for i, picture in enumerate(codes):
        cuts = detector.process_frame(FrameTimecode(i, fps=25.0), np.ascontiguousarray(picture[..., ::-1]))
        found |= {cut.frame_num for cut in cuts}
    return found


def content(codes: Codes, threshold: float | None) -> set[int]:
    from scenedetect import ContentDetector

    chosen = {} if threshold is None else {"threshold": threshold}
    return pyscenedetect(codes, ContentDetector(min_scene_len=1, **chosen))


def adaptive(codes: Codes, threshold: float | None) -> set[int]:
    from scenedetect import AdaptiveDetector

    chosen = {} if threshold is None else {"adaptive_threshold": threshold}
    return pyscenedetect(codes, AdaptiveDetector(min_scene_len=1, **chosen))


DETECTORS = {"ours": ours, "scdet": scdet, "content": content, "adaptive": adaptive}


def detection(folder: Path, half: int, detector: str, threshold: float | None) -> None:
    clips: Counter[str] = Counter()
    seconds = 0.0
    frames, hits, misses, false = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for case in make_cases(read_shots(folder, half), seed=half):
        codes = case.clip.round().clip(0, 255).astype(np.uint8)
        begin = time.perf_counter()
        found = DETECTORS[detector](codes, threshold)
        seconds += time.perf_counter() - begin
        hit = found & case.cuts or found & case.also
        clips[case.kind] += 1
        frames[case.kind] += len(case.clip)
        hits[case.kind] += len(hit)
        misses[case.kind] += len(case.cuts) - len(hit)
        false[case.kind] += len(found - hit)
    print(f"{detector}, half {half}\n")
    print("| clips | number | frames | cuts | found | false |\n|---|---|---|---|---|---|")
    for kind, number in clips.items():
        row = (kind, number, frames[kind], hits[kind] + misses[kind], hits[kind], false[kind])
        print("|", " | ".join(map(str, row)), "|")
    found_all, cuts, false_all = hits.total(), hits.total() + misses.total(), false.total()
    print(f"| all | {clips.total()} | {frames.total()} | {cuts} | {found_all} | {false_all} |")
    print(
        f"\nprecision {found_all / max(1, found_all + false_all):.3f}, recall {found_all / cuts:.3f}, "
        f"{1000 * seconds / frames.total():.2f} ms a frame"
    )


FRAMES_AROUND = 8


def read_square(path: Path, side: int) -> torch.Tensor:
    """(FRAMES_AROUND, 3, side, side) uint8: the beginning of a shot, the middle of its picture."""
    with open_source(path) as source:
        frames = [frame.pixels for frame, _ in zip(source, range(FRAMES_AROUND), strict=False)]
    clip = torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)
    top, left = ((length - side) // 2 for length in clip.shape[-2:])
    return clip[..., top : top + side, left : left + side]


@torch.inference_mode()
def restored(model: TCNet, clip: torch.Tensor) -> torch.Tensor:
    """(T, 3, h, w) -> (T, 3, 4h, 4w) uint8."""
    return torch.cat([*model.frames(clip[None])]).clamp(0, 1).mul(255).round().to(torch.uint8).cpu()


def quality(folder: Path, name: str, pairs: int, side: int) -> None:
    device = choose_device("auto")
    model = load_model(name, device=device, dtype=choose_precision("auto", device).dtype)
    paths = sorted(folder.glob("*.mkv"))
    paths = [paths[i * len(paths) // (pairs + 1)] for i in range(pairs + 1)]
    clips = [read_square(path, side) for path in paths]
    small = [torch.stack([degrade_bi(frame / 255) for frame in clip]).float().to(device) for clip in clips]
    alone = [psnr(restored(model, lr), hr, "y") for lr, hr in zip(small, clips, strict=True)]
    rows = []
    for i in range(pairs):
        both = restored(model, torch.cat([small[i], small[i + 1]]))
        across = psnr(both, torch.cat([clips[i], clips[i + 1]]), "y")
        rows.append(torch.stack([torch.cat([alone[i], alone[i + 1]]), across]))
    kept, ignored = torch.stack(rows).double().mean(0)  # of 2 x FRAMES_AROUND frames each
    print("| frame | cut kept to | ignored | gain |\n|---|---|---|---|")
    for i in range(2, 2 * FRAMES_AROUND - 2):
        position = i - FRAMES_AROUND
        where = f"{-position} before" if position < 0 else f"{position + 1} after"
        print(f"| {where} | {kept[i]:.2f} | {ignored[i]:.2f} | {kept[i] - ignored[i]:+.2f} |", flush=True)
    worst = max(float((row[0] - row[1]).max()) for row in rows)
    print(f"\n{pairs} cuts, {side}x{side} HR; the frame that gains most gains {worst:.2f} dB")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data/train"))
    parser.add_argument("--half", type=int, choices=(0, 1), default=1)
    parser.add_argument("--detector", choices=tuple(DETECTORS), default="ours")
    parser.add_argument("--threshold", type=float, help="of another program's detector; default: its own")
    parser.add_argument("--quality", action="store_true")
    parser.add_argument("--model", default="tcnet-bi")
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--crop", type=int, default=256, help="HR pixels a side")
    arguments = parser.parse_args()
    if arguments.quality:
        quality(arguments.data, arguments.model, arguments.pairs, arguments.crop)
    else:
        detection(arguments.data, arguments.half, arguments.detector, arguments.threshold)


if __name__ == "__main__":
    main()
