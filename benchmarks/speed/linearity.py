"""Linearity: time per LR pixel in large frames, per frame in long videos.

    python benchmarks/speed/linearity.py [--model tcnet-bi] [--precision auto] [--sizes 180x320,540x960]
                                   [--lengths 200,2000] [--length-size 32x32] [--frames 4] [--rounds 3]

Sizes: whole clips of --frames frames, all sizes interleaved. Lengths: a stream of so many frames, in windows
as `tcnet upscale` computes it, interleaved as well. Medians, and the ratio of each to the first. Memory is
kept as the command keeps it.
"""

import argparse
import statistics
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import partial

import torch

from tcnet.inference import UpscaleOptions, Upscaler, choose_device, choose_precision
from tcnet.inference.precision import working_copy
from tcnet.models import load_model
from tcnet.profiling.benchmark import moving_texture
from tcnet.profiling.clock import clock
from tcnet.system.process import keep_freed_memory
from tcnet.upscale.segment_length import SEGMENT_FRAMES
from tcnet.video import Frame


def parsed_size(text: str) -> tuple[int, int]:
    height, width = text.split("x")
    return int(height), int(width)


def moving_frames(count: int, height: int, width: int) -> Iterator[Frame]:
    """A texture that moves back and forth, so that a long stream needs no large picture."""
    turns = 32
    clip = (
        moving_texture(turns, height, width)[0].mul(255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    )
    for index in range(count):
        place = index % (2 * turns - 2)
        yield Frame(clip[place if place < turns else 2 * turns - 2 - place], index, 1, Fraction(1, 25))


def in_turn(work: Mapping[str, Callable[[], float]], rounds: int, unit: str) -> None:
    """Prints the median of each, after a warm-up run of each, which fetches memory."""
    taken: dict[str, list[float]] = {name: [] for name in work}
    for run in work.values():
        run()
    for _ in range(rounds):
        for name, run in work.items():
            taken[name].append(run())
    first = statistics.median(next(iter(taken.values())))
    for name, values in taken.items():
        median = statistics.median(values)
        print(
            f"{name:>12}: {median:.4g} {unit} ({min(values):.4g} to {max(values):.4g}), {median / first:.3f}",
            flush=True,
        )


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="tcnet-bi")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--sizes", default="180x320,540x960")
    parser.add_argument("--lengths", default="200,2000")
    parser.add_argument("--length-size", default="32x32")
    parser.add_argument("--frames", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    keep_freed_memory()
    device = choose_device("auto")
    model = load_model(arguments.model)
    network = working_copy(model, device, choose_precision(arguments.precision, device))
    upscaler = Upscaler(model, UpscaleOptions(precision=arguments.precision, scene_cuts=False))

    def per_pixel(size: str) -> float:
        clip = moving_texture(arguments.frames, *parsed_size(size)).to(device)
        seconds = clock(lambda: deque(network.frames(clip), 0), device)
        return 1e6 * seconds / clip[:, :, 0].numel()

    def per_frame(length: str) -> float:
        frames = moving_frames(int(length), *parsed_size(arguments.length_size))
        stream = upscaler.stream(frames, align=SEGMENT_FRAMES)
        return 1e3 * clock(lambda: deque(stream, 0), device) / int(length)

    print(f"{arguments.model}, {arguments.precision} on {device}, {torch.get_num_threads()} threads")
    sizes = {size: partial(per_pixel, size) for size in arguments.sizes.split(",")}
    in_turn(sizes, arguments.rounds, "us an LR pixel")
    lengths = {length: partial(per_frame, length) for length in arguments.lengths.split(",")}
    in_turn(lengths, arguments.rounds, f"ms a frame of {arguments.length_size}")


if __name__ == "__main__":
    main()
