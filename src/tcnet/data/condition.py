"""A benchmark's degradation, alone ("BI") or with H.264 compression of the LR clip after it ("BI+crf28")."""

import re

import torch
from torch import Tensor

from tcnet.data.degradation import find_degradation, to_8bit
from tcnet.errors import UsageError
from tcnet.video.write.recompress import Compression, recompress

MOST_CRF = 51


def check_condition(condition: str) -> tuple[str, int | None]:
    """Of "BI+crf28" ("BI", 28); without compression the second is None. Raises UsageError for others."""
    kind, plus, compression = condition.partition("+")
    find_degradation(kind)
    if not plus:
        return kind, None
    crf = re.fullmatch(r"crf(\d{1,2})", compression)
    if crf is None or int(crf[1]) > MOST_CRF:
        raise UsageError(
            f"degradation {condition!r} is unknown; after + comes H.264's quality, crf0 to "
            f"crf{MOST_CRF}, as BI+crf23"
        )
    return kind, int(crf[1])


def degrade_under(hr_clip: Tensor, condition: str) -> Tensor:
    """uint8 (T, 3, H, W), H and W multiples of 4 -> LR uint8 (T, 3, H/4, W/4).

    Compression is by x264, preset medium, 4:2:0, as one clip.
    Raises UsageError as `check_condition`, and MediaError where this build of FFmpeg lacks the encoder.
    """
    kind, crf = check_condition(condition)
    degrade = find_degradation(kind)
    lr = torch.stack([to_8bit(degrade(hr_frame / 255)) for hr_frame in hr_clip])
    if crf is None:
        return lr
    frames = lr.permute(0, 2, 3, 1).contiguous().numpy()
    compressed = recompress(frames, Compression("h264", crf, preset="medium"))
    return torch.from_numpy(compressed).permute(0, 3, 1, 2).contiguous()
