"""What else real files went through: ringing filters, blur at any angle, noise of film and sensors, fields,
the dark.

Each takes and gives (T, H, W, 3) uint8, or pictures (T, 3, H, W) in [0, 1] where it says so, by draws from
`rng`.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tcnet.data.degradation import imresize, to_8bit
from tcnet.video import Pixels

RINGING_REACH = 10  # taps on either side
DARKEST, LEAST_DARK = 0.08, 0.5  # exposure


def blur_at_an_angle(pictures: Tensor, rng: np.random.Generator, strongest: float) -> Tensor:
    """(T, 3, H, W) -> the same, by a Gaussian of two widths up to `strongest`, turned by any angle."""
    first, second = (float(sigma) for sigma in rng.uniform(0.2, strongest, 2))
    angle = float(rng.uniform(0, math.pi))
    reach = max(1, round(3 * max(first, second)))
    places = torch.arange(-reach, reach + 1, dtype=torch.float32)
    y, x = torch.meshgrid(places, places, indexing="ij")
    along, across = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    kernel = torch.exp(-0.5 * ((along / first) ** 2 + (across / second) ** 2))
    return _filter(pictures, kernel / kernel.sum())


def wear_once(pictures: Tensor, rng: np.random.Generator, kernels: list[str], strongest: float) -> Tensor:
    """A whole earlier round, as of a file made from another: blur, a smaller size by one kernel, and back by
    another. (T, 3, H, W) -> the same."""
    pictures = blur_at_an_angle(pictures, rng, strongest)
    height, width = pictures.shape[-2:]
    share = float(rng.uniform(0.4, 1.0))
    size = (max(1, round(share * height)), max(1, round(share * width)))
    smaller = imresize(pictures, size=size, kernel=str(rng.choice(kernels)))
    return imresize(smaller, size=(height, width), kernel=str(rng.choice(kernels))).clamp(0, 1)


def ring(lr: Pixels, rng: np.random.Generator) -> Pixels:
    """Cut off the highest frequencies at once, which leaves waves beside edges."""
    cutoff = float(rng.uniform(0.5, 0.9))
    places = torch.arange(-RINGING_REACH, RINGING_REACH + 1, dtype=torch.float32)
    taps = torch.sinc(cutoff * places)
    taps /= taps.sum()
    return _codes(_filter(_pictures(lr), taps.outer(taps)))


def add_noise_of_kind(lr: Pixels, rng: np.random.Generator, kind: str, sigma: float) -> Pixels:
    """kind: "grain" (of film: in luma, over more than a pixel, most in middle tones), "sensor" (more where
    more light is) or "chroma" (coarse and in colour alone). sigma: in 8-bit codes, where it is strongest."""
    count, height, width, _ = lr.shape
    channels = 1 if kind == "grain" else 3
    noise = torch.from_numpy(rng.normal(0, 1, (count, channels, height, width)).astype(np.float32))
    light = _pictures(lr)
    if kind == "sensor":
        noise = noise * (0.1 + 0.9 * light).sqrt()
    else:
        noise = _coarse(noise, float(rng.uniform(0.4, 0.9) if kind == "grain" else rng.uniform(0.8, 2.0)))
    if kind == "grain":
        luma = light.mean(dim=1, keepdim=True)
        noise = noise * (0.25 + 3 * luma * (1 - luma))
    if kind == "chroma":
        noise = noise - noise.mean(dim=1, keepdim=True)
    return _codes(light + noise * (sigma / 255))


def leave_fields(lr: Pixels, rng: np.random.Generator) -> Pixels:
    """What is left where video was interlaced once, by one way for the whole clip.

    The second fields are of the next frame: woven with the first they are combs, blended ghosts; dropped and
    filled in from the lines beside them they leave coarse lines.
    """
    later: Pixels = lr[[*range(1, len(lr)), -1]]
    first = int(rng.integers(2))  # the line at which the frame's own field begins
    way = str(rng.choice(["woven", "blended", "dropped"]))
    if way == "blended":
        return _codes((_pictures(lr) + _pictures(later)) / 2)
    lines = np.arange(lr.shape[1])
    other = lines[lines % 2 != first]
    result: Pixels = lr.copy()
    if way == "woven":
        result[:, other] = later[:, other]
    else:
        above, below = np.maximum(other - 1, first), np.minimum(other + 1, lines[lines % 2 == first][-1])
        result[:, other] = np.rint((lr[:, above].astype(np.float32) + lr[:, below]) / 2)
    return result


def darken(hr: Pixels, rng: np.random.Generator) -> Pixels:
    """As exposed by a share of the light: the truth itself is dark, and codes are few."""
    share = float(np.exp(rng.uniform(math.log(DARKEST), math.log(LEAST_DARK))))
    # On the gamma curve a share of the light is a power of it.
    codes: Pixels = np.rint(hr.astype(np.float32) * share ** (1 / 2.2)).astype(np.uint8)
    return codes


def _coarse(noise: Tensor, sigma: float) -> Tensor:
    """Blurred, and of unit deviation again."""
    reach = max(1, round(3 * sigma))
    taps = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    kernel = taps.outer(taps)
    return _filter(noise, kernel / kernel.square().sum().sqrt())


def _filter(pictures: Tensor, kernel: Tensor) -> Tensor:
    """(T, C, H, W) by an odd square kernel, edge pixels repeated."""
    reach = kernel.shape[0] // 2
    padded = F.pad(pictures, (reach, reach, reach, reach), mode="replicate")
    flat = padded.flatten(0, 1).unsqueeze(1)  # (T C, 1, H + 2 reach, W + 2 reach)
    return F.conv2d(flat, kernel[None, None]).view_as(pictures)


def _pictures(lr: Pixels) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(lr)).permute(0, 3, 1, 2).float() / 255


def _codes(pictures: Tensor) -> Pixels:
    codes: Pixels = to_8bit(pictures).permute(0, 2, 3, 1).contiguous().numpy()
    return codes
