"""What changes in mid-stream: depth, pixel format and the shape of pixels are the first frames' for all."""

from collections import Counter
from fractions import Fraction

import numpy as np
from av.video.frame import VideoFrame

from tcnet.video.frame import Pixels, VideoInfo

_MOST_ASPECTS = 5  # that a notice lists


class Changes:
    """Of one pass over a file. info: as it was described before the first frame."""

    def __init__(self, info: VideoInfo) -> None:
        self._info = info
        self._formats: Counter[str] = Counter()  # frames by pixel format, without the first one's
        self._converted = 0
        self._aspects: list[Fraction] = []

    def note(self, picture: VideoFrame, aspect: Fraction | None) -> None:
        """aspect: of a pixel, as the codec states it at that picture."""
        if picture.format.name != self._info.pixel_format:
            self._formats[picture.format.name] += 1
        if aspect is not None and (not self._aspects or aspect != self._aspects[-1]):
            self._aspects.append(aspect)

    def of_first_depth(self, samples: Pixels) -> Pixels:
        """(H, W, 3) colours or (H, W) alpha in the type of the first frames': uint8 for up to 8 bits."""
        deep = self._info.bit_depth > 8
        if deep == (samples.dtype == np.uint16):
            return samples
        self._converted += samples.ndim == 3
        if deep:
            return samples.astype(np.uint16) * np.uint16(257)
        return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)

    def notices(self) -> list[str]:
        lines = []
        if self._converted:
            lines.append(
                f"{self._converted} frames of another bit depth were converted to the "
                f"{self._info.bit_depth} bits of the first ones"
            )
        elif self._formats:
            lines.append(
                f"{self._formats.total()} frames have another pixel format ({', '.join(self._formats)}) than "
                f"the first ones ({self._info.pixel_format}); all are written alike"
            )
        if len(self._aspects) > 1:
            spelled = [f"{aspect.numerator}:{aspect.denominator}" for aspect in self._aspects[:_MOST_ASPECTS]]
            more = ", ..." if len(self._aspects) > _MOST_ASPECTS else ""
            lines.append(
                f"the shape of the input's pixels changes ({', then '.join(spelled)}{more}): the output has "
                "one for all frames, and those of another will look stretched"
            )
        return lines
