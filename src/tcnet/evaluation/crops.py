"""The pictures of a report: enlarged crops of one frame, and temporal profiles of one column of pixels."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tcnet.data.degradation import SCALE, imresize, to_8bit
from tcnet.errors import UsageError
from tcnet.evaluation.datasets import PreparedClip
from tcnet.evaluation.metrics.fidelity import rgb_to_y
from tcnet.evaluation.result import CropBox

CROP_HEIGHT, CROP_WIDTH = 96, 96  # six of them, at twice the size, fit side by side on a page

Picture = npt.NDArray[np.uint8]  # (h, w, 3) RGB


class PictureTaker:
    """Takes the crop and the temporal profile of one version of a clip, frame by frame.

    The profile is the middle column of the crop's box in every frame, side by side: (height, T, 3). Static
    regions give level lines; flicker gives vertical stripes.
    """

    def __init__(self, box: CropBox) -> None:
        self.box = box
        self._crop: Picture | None = None
        self._columns: list[Picture] = []

    def add(self, index: int, codes: Tensor) -> None:
        """The frame `index` as uint8 (3, H, W); frames come in order."""
        if index == self.box.frame:
            self._crop = _cut(codes, self.box)
        middle = self.box.left + self.box.width // 2
        column = codes[:, self.box.top : self.box.top + self.box.height, middle]
        self._columns.append(column.T.contiguous().numpy())  # (h, 3)

    def crop(self) -> Picture:
        assert self._crop is not None
        return self._crop

    def profile(self) -> Picture:
        return np.stack(self._columns, axis=1)


def take_pictures(box: CropBox, frames: Iterable[Tensor]) -> tuple[Picture, Picture]:
    """Crop and profile of frames (3, H, W) uint8."""
    taker = PictureTaker(box)
    for index, codes in enumerate(frames):
        taker.add(index, codes)
    return taker.crop(), taker.profile()


def bicubic_frames(clip: PreparedClip) -> Iterable[Tensor]:
    """The measured frames by bicubic interpolation of the LR clip: uint8 (3, H, W) each."""
    return (_bicubic(clip.lr_clip[sources[0]]) for sources in clip.restorations)


def choose_box(clip: PreparedClip) -> CropBox:
    """Where bicubic interpolation of the middle frame is worst: on luma, squared, on a grid of 4 pixels."""
    frame = len(clip.hr_clip) // 2
    bicubic = _bicubic(clip.lr_clip[clip.restorations[frame][0]])
    error = (rgb_to_y(bicubic) - rgb_to_y(clip.hr_clip[frame])).square()  # (1, H, W)
    height, width = min(CROP_HEIGHT, error.shape[1]), min(CROP_WIDTH, error.shape[2])
    means = torch.nn.functional.avg_pool2d(error, (height, width), stride=SCALE)[0]
    row, column = divmod(int(means.argmax()), means.shape[1])
    return CropBox(frame, SCALE * row, SCALE * column, height, width)


def parse_crop(text: str) -> tuple[str, CropBox]:
    """ "city=17,480,100,96,96": clip, frame (from 0), left, top, width and height in HR pixels.

    Raises UsageError for another form.
    """
    clip, _, numbers = text.rpartition("=")
    parts = numbers.split(",")
    if not clip or len(parts) != 5 or not all(part.strip().isdecimal() for part in parts):
        raise UsageError(f"--crop {text!r}: write CLIP=FRAME,LEFT,TOP,WIDTH,HEIGHT, as city=17,480,100,96,96")
    frame, left, top, width, height = (int(part) for part in parts)
    return clip, CropBox(frame, top, left, height, width)


def check_box(box: CropBox, clip: PreparedClip) -> None:
    """Raises UsageError for a box outside the clip."""
    frames, _, height, width = clip.hr_clip.shape
    inside = 0 <= box.top < box.top + box.height <= height and 0 <= box.left < box.left + box.width <= width
    if not inside or not 0 <= box.frame < frames:
        raise UsageError(f"{box} does not lie in {clip.name}, which has {frames} frames of {width}x{height}")


def _bicubic(lr_frame: Tensor) -> Tensor:
    return to_8bit(imresize(lr_frame, SCALE))


def _cut(codes: Tensor, box: CropBox) -> Picture:
    cut = codes[:, box.top : box.top + box.height, box.left : box.left + box.width]
    return cut.permute(1, 2, 0).contiguous().numpy()
