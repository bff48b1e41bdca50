"""A whole HR video, or a folder of HR images, to its LR version: `tcnet degrade`."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tcnet.data.degradation import SCALE, crop_to_multiple, find_degradation, to_8bit
from tcnet.errors import MediaError
from tcnet.video import EncodeOptions, Frame, Pixels, ReadOptions, open_sink, open_source

# Matroska takes the LR frames bit-exact; elsewhere they are nearly so, without loss of chroma resolution.
_LOSSLESS = EncodeOptions(codec="ffv1", pixel_format="bgr0")
_NEARLY_LOSSLESS = EncodeOptions(codec="h264", crf=10, pixel_format="yuv444p")


def degrade_video(
    source_path: Path,
    out_path: Path,
    kind: str,
    *,
    overwrite: bool = False,
    read: ReadOptions | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> int:
    """Degrade every frame to a quarter of the size, 8 bits, and write it with its time.

    HR is cropped to multiples of 4 at the bottom and the right. Images keep alpha, videos drop it. Sound and
    tags of a video file are copied to a video file. One frame is in memory at a time; the output appears only
    when complete.

    Args:
        source_path: a video file, a folder or a pattern of images.
        out_path: a folder or pattern of PNGs, or .mkv (FFV1 RGB), both bit-exact; other video files get H.264
            at crf 10, 4:4:4.
        kind: "BI" or "BD".
        overwrite: whether an existing output may be replaced.
        read: which part of the input, and how.
        progress: called after each frame with the number done and, where known, the total.

    Returns:
        The number of frames.

    Raises:
        UsageError: for an unknown kind.
        MediaError: for files that cannot be read or written.
    """
    degrade = find_degradation(kind)
    with open_source(source_path, read) as source:
        info = source.info
        if min(info.width, info.height) < SCALE:
            raise MediaError(f"{source_path} is {info.width}x{info.height}, too small for a quarter of it")
        sink = open_sink(
            out_path,
            info=replace(info, width=info.width // SCALE, height=info.height // SCALE, bit_depth=8),
            options=_options(out_path),
            copy_from=source_path,
            overwrite=overwrite,
        )
        count = 0
        try:
            for frame in source:
                sink.write(_degraded(frame, degrade))
                count += 1
                if progress is not None:
                    progress(count, info.frame_count)
            sink.finish()
        except BaseException:
            sink.abort()
            raise
    return count


def _degraded(frame: Frame, degrade: Callable[[Tensor], Tensor]) -> Frame:
    peak = np.iinfo(frame.pixels.dtype).max
    planes = [frame.pixels.astype(np.float64)]
    if frame.alpha is not None:
        planes.append(frame.alpha.astype(np.float64)[..., None])
    hr = torch.from_numpy(np.concatenate(planes, axis=2) / peak).permute(2, 0, 1)  # (3 or 4, H, W)
    lr: Pixels = to_8bit(degrade(crop_to_multiple(hr))).permute(1, 2, 0).contiguous().numpy()
    if frame.alpha is None:
        return replace(frame, pixels=lr)
    return replace(frame, pixels=lr[..., :3], alpha=lr[..., 3])


def _options(out_path: Path) -> EncodeOptions:
    return _LOSSLESS if out_path.suffix.lower() == ".mkv" else _NEARLY_LOSSLESS
