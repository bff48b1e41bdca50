"""Where networks err on held-out clips: in which frequencies and places, in contrast or in misplaced detail.

    python benchmarks/quality/error_spectrum.py [--frames 16] [--crop 288] [--kept runs/held-out]

Luma of the frames that held_out.py keeps with the same options (missing ones are computed). Frequencies are
those of the cosine transform of whole frames, in octaves: of an LR frame the highest is 1/8 cycle a pixel
here. Prints Markdown.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from held_out import METHODS, PARENTS, SETS, KeptFrames, add_clip_options, chosen_clips
from torch import Tensor
from torch.nn.functional import avg_pool2d

from tcnet.errors import TcnetError
from tcnet.evaluation.datasets import find_clips, prepare_clip
from tcnet.evaluation.methods.choice import load_method
from tcnet.evaluation.metrics.fidelity import rgb_to_y
from tcnet.evaluation.protocol import evaluation_set

Array = npt.NDArray[np.float64]

EDGES = (1 / 32, 1 / 16, 1 / 8, 1 / 4)
BANDS = ("under 1/32", "1/32 to 1/16", "1/16 to 1/8", "1/8 to 1/4", "over 1/4")
REGIONS = ("flat", "edges", "texture")
WINDOW = 9  # pixels a side, in which a place is judged
FLAT = 3.0  # luma steps: standard deviation of the truth in the window, under which it is flat
COHERENT = 0.5  # of the gradients in the window: 1 have one direction, 0 have none


@dataclass(frozen=True, slots=True)
class ClipProducts:
    """What is left of a clip.

    products: (T, bands, 1 + M, 1 + M), mean products of the truth's and the M methods' luma in a band; summed
    over bands they are those of the pixels. shares: (regions,), of the pixels; errors: (M, regions), mean
    squared error in each.
    """

    title: str
    clip: str
    products: Array
    shares: Array
    errors: Array

    def error(self, mixture: Array) -> Array:
        """Squared error (T, bands) of a sum of the methods. mixture: (bands, M), their weights."""
        signs = np.concatenate((np.full((len(BANDS), 1), -1.0), mixture), axis=1)
        return np.einsum("bi,tbij,bj->tb", signs, self.products, signs)

    def psnr(self, mixture: Array) -> float:
        """In dB, the mean over frames."""
        return float(np.mean(10 * np.log10(255**2 / self.error(mixture).sum(axis=1))))


def cosines(length: int) -> Tensor:
    """The orthonormal cosine transform (DCT-II) of so many values, as a matrix (length, length), float64."""
    k, n = torch.meshgrid(torch.arange(length), torch.arange(length), indexing="ij")
    matrix = torch.cos(torch.pi * k.double() * (n.double() + 0.5) / length) * (2 / length) ** 0.5
    matrix[0] /= 2**0.5
    return matrix


def band_of(height: int, width: int) -> Tensor:
    """The band of each coefficient of a frame, int (H, W), by its distance from the origin."""
    rows = torch.arange(height, dtype=torch.float64)[:, None] / (2 * height)
    columns = torch.arange(width, dtype=torch.float64) / (2 * width)
    return torch.bucketize(
        (rows.square() + columns.square()).sqrt(), torch.tensor(EDGES).double(), right=True
    )


def region_of(luma: Tensor) -> Tensor:
    """The region of each pixel of the truth (H, W), as an index of REGIONS."""
    x = luma[None, None]
    variance = _mean_around(x.square()) - _mean_around(x).square()
    right, down = torch.zeros_like(x), torch.zeros_like(x)
    # Centred: neighbouring differences share pixels, and noise would seem to have a direction.
    right[..., 1:-1] = x[..., 2:] - x[..., :-2]
    down[..., 1:-1, :] = x[..., 2:, :] - x[..., :-2, :]
    xx, yy, xy = (_mean_around(product) for product in (right.square(), down.square(), right * down))
    coherence = ((xx - yy).square() + 4 * xy.square()).sqrt() / (xx + yy).clamp_min(1e-9)
    regions = torch.where(coherence >= COHERENT, 1, 2)
    return torch.where(variance < FLAT**2, 0, regions)[0, 0]


def _mean_around(x: Tensor) -> Tensor:
    return avg_pool2d(x, WINDOW, stride=1, padding=WINDOW // 2, count_include_pad=False)


def clip_products(
    title: str, clip: str, truth: Tensor, restored: Sequence[npt.NDArray[np.uint8]]
) -> ClipProducts:
    """truth: uint8 (T, 3, H, W); restored: the same of each method."""
    height, width = truth.shape[-2:]
    across, down, bands = cosines(width), cosines(height), band_of(height, width).flatten()
    products, shares, errors = [], [], []
    for index, frame in enumerate(truth):
        lumas = [rgb_to_y(frame)] + [rgb_to_y(torch.from_numpy(each[index].copy())) for each in restored]
        y = torch.cat(lumas)  # (1 + M, H, W)
        spectra = (down @ y @ across.T).flatten(1)
        products.append([
            (spectra[:, bands == band] @ spectra[:, bands == band].T).numpy() / bands.numel()
            for band in range(len(BANDS))
        ])  # fmt: skip
        regions = region_of(y[0])
        masks = torch.stack([regions == region for region in range(len(REGIONS))]).double().flatten(1)
        shares.append(masks.mean(1).numpy())
        squares = (y[1:] - y[0]).square().flatten(1)
        errors.append((squares @ masks.T / bands.numel()).numpy())
    share = np.mean(shares, axis=0)
    return ClipProducts(title, clip, np.array(products), share, np.mean(errors, axis=0) / share.clip(1e-9))


def clips_of(
    degradation: str, data: Path, methods: Sequence[KeptFrames], frames: int | None
) -> Iterator[ClipProducts]:
    folder_set = evaluation_set("folder")
    for title, folder in SETS.items():
        for found in find_clips(folder_set, data / folder):
            clip = prepare_clip(folder_set, found, degradation, limit_frames=frames)
            restored = [method.codes(clip.lr_clip) for method in methods]
            yield clip_products(title, clip.name, clip.hr_clip, restored)


def alone(index: int, count: int) -> Array:
    """The mixture that is one of the methods."""
    mixture = np.zeros((len(BANDS), count))
    mixture[:, index] = 1
    return mixture


def best_mixture(clips: Sequence[ClipProducts], indices: Sequence[int]) -> Array:
    """By least squares, band by band: the weights of some of the methods that fit the truth of these clips,
    each clip counting the same. The lowest band stays as the first of them has it."""
    count = clips[0].products.shape[-1] - 1
    mixture = alone(indices[0], count)
    kept = [1 + index for index in indices]
    for band in range(1, len(BANDS)):
        total = sum(
            clip.products[:, band].mean(axis=0) / clip.products[:, band, 0, 0].mean() for clip in clips
        )
        mixture[band] = 0
        mixture[band, indices] = np.linalg.solve(total[np.ix_(kept, kept)], total[kept, 0])
    return mixture


def from_other_clips(clips: Sequence[ClipProducts], indices: Sequence[int]) -> list[float]:
    """PSNR of each clip with the mixture that is best for all others."""
    return [
        clip.psnr(best_mixture([*clips[:index], *clips[index + 1 :]], indices))
        for index, clip in enumerate(clips)
    ]


def report(model: str, parents: Sequence[str], names: Sequence[str], clips: Sequence[ClipProducts]) -> str:
    """All tables of one model beside its parents."""
    tables = [
        _fidelity(names, clips),
        _bands(model, parents, names, clips),
        _contrast((model, *parents), names, clips),
        _places(model, parents, names, clips),
        _mixtures(model, parents, names, clips),
    ]
    return f"## {model}\n\n" + "\n\n".join(tables)


def _fidelity(names: Sequence[str], clips: Sequence[ClipProducts]) -> str:
    rows = [
        [clip.title, clip.clip, len(clip.products)]
        + [f"{clip.psnr(alone(index, len(names))):.3f}" for index in range(len(names))]
        for clip in clips
    ]
    return _table("PSNR-Y", ["set", "clip", "frames", *names], rows)


def _bands(model: str, parents: Sequence[str], names: Sequence[str], clips: Sequence[ClipProducts]) -> str:
    """The model's error energy over a parent's, band by band, and the share of its error in each band."""
    rows = []
    for clip in clips:
        own, *others = (
            clip.error(alone(names.index(name), len(names))).mean(axis=0) for name in (model, *parents)
        )
        rows.append([clip.clip, *(f"{100 * share:.0f} %" for share in own / own.sum())])
        rows[-1] += [f"{ratio:.3f}" for other in others for ratio in own / other]
    header = ["clip", *(f"share {band}" for band in BANDS)]
    header += [f"{band} over {parent}" for parent in parents for band in BANDS]
    return _table("Error by frequency", header, rows)


def _contrast(models: Sequence[str], names: Sequence[str], clips: Sequence[ClipProducts]) -> str:
    """Of each band: amplitude over the truth's, and the correlation with it."""
    rows = []
    for clip in clips:
        mean = clip.products.mean(axis=0)  # (bands, 1 + M, 1 + M)
        for name in models:
            k = 1 + names.index(name)
            amplitude = np.sqrt(mean[:, k, k] / mean[:, 0, 0])
            correlation = mean[:, 0, k] / np.sqrt(mean[:, 0, 0] * mean[:, k, k])
            rows.append(
                [clip.clip, name, *(f"{a:.3f}, {c:.3f}" for a, c in zip(amplitude, correlation, strict=True))]
            )
    return _table("Amplitude over the truth's, and correlation with it", ["clip", "", *BANDS], rows)


def _places(model: str, parents: Sequence[str], names: Sequence[str], clips: Sequence[ClipProducts]) -> str:
    """Shares of the pixels and of the model's error, and that error less a parent's, which add up to the
    difference of both mean squared errors."""
    rows = []
    for clip in clips:
        own, *others = (clip.errors[names.index(name)] * clip.shares for name in (model, *parents))
        rows.append([clip.clip, *(f"{100 * share:.0f} %" for share in clip.shares)])
        rows[-1] += [f"{100 * share:.0f} %" for share in own / own.sum()]
        rows[-1] += [f"{difference:+.3f}" for other in others for difference in own - other]
    header = [
        "clip",
        *(f"{region}, pixels" for region in REGIONS),
        *(f"{region}, error" for region in REGIONS),
    ]
    header += [f"{region} less {parent}" for parent in parents for region in REGIONS]
    return _table("Error by place", header, rows)


def _mixtures(model: str, parents: Sequence[str], names: Sequence[str], clips: Sequence[ClipProducts]) -> str:
    """What factors of the bands, and mixtures with the parents, would gain; found on the other clips."""
    count, own = len(names), names.index(model)
    before = [clip.psnr(alone(own, count)) for clip in clips]
    columns: dict[str, list[float]] = {
        f"{name} by factors": [
            after - clip.psnr(alone(names.index(name), count))
            for after, clip in zip(from_other_clips(clips, [names.index(name)]), clips, strict=True)
        ]
        for name in (model, *parents)
    }
    for parent in parents:
        other = names.index(parent)
        half = (alone(own, count) + alone(other, count)) / 2
        columns[f"half {parent}"] = _less([clip.psnr(half) for clip in clips], before)
        columns[f"best with {parent}"] = _less(from_other_clips(clips, [own, other]), before)
    all_parents = [names.index(parent) for parent in parents]
    mean = sum(alone(index, count) for index in all_parents) / len(all_parents)
    columns["parents alone, mean"] = _less([clip.psnr(mean) for clip in clips], before)
    columns["best of all"] = _less(from_other_clips(clips, [own, *all_parents]), before)
    rows = [
        [clip.clip, *(f"{values[i]:+.3f}" for values in columns.values())] for i, clip in enumerate(clips)
    ]
    rows.append(["mean", *(f"{np.mean(values):+.3f}" for values in columns.values())])
    factors = best_mixture(clips, [own])[:, own]
    note = f"\n\nBest factors of {model}: " + ", ".join(f"{factor:.3f}" for factor in factors)
    return _table("dB gained without training", ["clip", *columns], rows) + note


def _less(values: Sequence[float], others: Sequence[float]) -> list[float]:
    return [value - other for value, other in zip(values, others, strict=True)]


def _table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return f"### {title}\n\n" + "\n".join(f"| {' | '.join(map(str, cells))} |" for cells in lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_clip_options(parser)
    arguments = parser.parse_args()
    models: Mapping[str, str] = {"BI": "tcnet-bi", "BD": "tcnet-bd"}
    try:
        data = chosen_clips(arguments)
        for degradation in arguments.degradations.split(","):
            names = METHODS[degradation]
            methods = [KeptFrames(load_method(name), arguments.kept) for name in names]
            clips = list(clips_of(degradation, data, methods, arguments.frames))
            model = models[degradation]
            print(report(model, PARENTS[model], names, clips), flush=True)
    except TcnetError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
