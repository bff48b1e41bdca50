"""The degradation "video": what cameras and codecs do to pictures in real files.

Blur and downscale, once or twice, noise, fields, then a real codec over the whole LR clip, so that artefacts
are the codec's own, with its temporal consistency.
"""

from collections.abc import Sequence

import numpy as np
import torch

from tcnet.data.data_options import VideoOptions
from tcnet.data.degradation import SCALE, degrade_bi, imresize, to_8bit
from tcnet.data.wear import add_noise_of_kind, blur_at_an_angle, leave_fields, ring, wear_once
from tcnet.video import Pixels
from tcnet.video.write.recompress import Compression, recompress

KERNEL_REACH = 3.0  # standard deviations


def degrade_video_clip(hr: Pixels, rng: np.random.Generator, options: VideoOptions) -> Pixels:
    """(T, H, W, 3) uint8, H and W multiples of 4 -> (T, H/4, W/4, 3) uint8, by draws from `rng`."""
    lr = _downscale(hr, rng, options)
    if rng.random() < options.clean:
        return lr
    if options.ringing and rng.random() < options.ringing:
        lr = ring(lr, rng)
    if rng.random() < options.noise:
        kind, sigma = _drawn(rng, options.noise_kinds), rng.uniform(0, options.noise_sigma)
        even = kind == "gaussian"
        lr = _add_noise(lr, rng, sigma) if even else add_noise_of_kind(lr, rng, kind, sigma)
    if options.fields and rng.random() < options.fields:
        lr = leave_fields(lr, rng)
    return recompress(lr, draw_compression(rng, options))


def draw_compression(rng: np.random.Generator, options: VideoOptions) -> Compression:
    """Mostly H.264, mostly 4:2:0, as files are."""
    kind = rng.choice(options.codecs)
    if kind == "mpeg2":
        low, high = options.mpeg2_quantiser
        return Compression("mpeg2", int(rng.integers(low, high + 1)))
    if kind == "vp9":
        low, high = options.vp9_crf
        return Compression("vp9", int(rng.integers(low, high + 1)))
    low, high = options.crf
    quality = int(rng.integers(low, high + 1))
    preset = str(rng.choice(["superfast", "veryfast", "faster"]))
    pixel_format = str(rng.choice(["yuv420p"] * 8 + ["yuv422p", "yuv444p"]))
    return Compression("h264" if kind == "h264" else "hevc", quality, pixel_format, preset)


def _downscale(hr: Pixels, rng: np.random.Generator, options: VideoOptions) -> Pixels:
    pictures = torch.from_numpy(np.ascontiguousarray(hr)).permute(0, 3, 1, 2).float() / 255  # (T, 3, H, W)
    if options.two_rounds and rng.random() < options.two_rounds:
        pictures = wear_once(pictures, rng, list(options.kernels), options.blur_sigma)
    size = (pictures.shape[-2] // SCALE, pictures.shape[-1] // SCALE)
    if rng.random() < options.blur:
        pictures = _blurred(pictures, rng, options)
        kernel = _drawn(rng, options.kernels)
        # Some scalers filter before they shrink, some do not; after a blur both are seen.
        lr = imresize(pictures, size=size, kernel=kernel, antialias=bool(rng.random() < 0.7))
    elif (kernel := _drawn(rng, options.kernels)) != "bicubic":
        lr = imresize(pictures, size=size, kernel=kernel)
    else:
        lr = degrade_bi(pictures)
    codes: Pixels = to_8bit(lr).permute(0, 2, 3, 1).contiguous().numpy()
    return codes


def _drawn(rng: np.random.Generator, choices: Sequence[str]) -> str:
    """Of several; where there is one nothing is drawn, so that older configurations give the same clips."""
    return choices[0] if len(choices) == 1 else str(rng.choice(choices))


def _blurred(pictures: torch.Tensor, rng: np.random.Generator, options: VideoOptions) -> torch.Tensor:
    if options.anisotropic and rng.random() < options.anisotropic:
        return blur_at_an_angle(pictures, rng, options.blur_sigma)
    horizontal = rng.uniform(0.2, options.blur_sigma)
    vertical = horizontal if rng.random() < 0.7 else rng.uniform(0.2, options.blur_sigma)
    return _blur(_blur(pictures, horizontal, -1), vertical, -2)


def _blur(pictures: torch.Tensor, sigma: float, axis: int) -> torch.Tensor:
    """Gaussian along one axis of (T, C, H, W), edge pixels repeated."""
    reach = max(1, round(KERNEL_REACH * sigma))
    taps = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    taps /= taps.sum()
    length = pictures.shape[axis]
    padding = (reach, reach, 0, 0) if axis == -1 else (0, 0, reach, reach)
    padded = torch.nn.functional.pad(pictures, padding, mode="replicate")
    result = torch.zeros_like(pictures)
    for start, tap in enumerate(taps.tolist()):
        result.add_(padded.narrow(axis, start, length), alpha=tap)
    return result


def _add_noise(lr: Pixels, rng: np.random.Generator, sigma: float) -> Pixels:
    """Independent from frame to frame; on some cameras the same for all channels (luma), on others not."""
    channels = 1 if rng.random() < 0.5 else 3
    noise = rng.normal(0, sigma, (*lr.shape[:3], channels))
    return np.clip(np.rint(lr + noise), 0, 255).astype(np.uint8)
