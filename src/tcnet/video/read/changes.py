"""What changes in mid-stream: depth, pixel format and the shape of pixels are the first frames' for all."""

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from av.video.frame import VideoFrame

from tcnet.video.color.h273 import UNSPECIFIED
from tcnet.video.color.hdr import TRANSFER_HLG, TRANSFER_PQ
from tcnet.video.frame import Pixels, VideoInfo
from tcnet.video.source_file import OtherFormat

_MOST_ASPECTS = 5  # that a notice lists
_SAME_ASPECT = Fraction(1, 50)  # what two conventions for one shape, or rows that are cropped, differ by


class Changes:
    """Of one pass over a file. info: as it was described before the first frame."""

    def __init__(self, info: VideoInfo) -> None:
        self._info = info
        self._formats: Counter[str] = Counter()  # frames by pixel format, without the first one's
        self._converted = 0
        self._transfers = 0  # frames of another brightness curve
        self._aspects: list[Fraction] = []  # of pixels as stored, each that follows another
        self._scales: list[Fraction] = []  # likewise: by how much scaling to one size changes the aspect

    def note(self, picture: VideoFrame, aspect: Fraction | None, size: tuple[int, int]) -> None:
        """The picture as it is decoded. aspect: of its pixels, as the decoder states it, if it does; it may
        be some pictures ahead. size: (width, height) to which pictures of others are scaled."""
        if picture.format.name != self._info.pixel_format:
            self._formats[picture.format.name] += 1
        if picture.color_trc not in (0, UNSPECIFIED):
            self._transfers += _curve(picture.color_trc) != _curve(self._info.color.transfer)
        scale = Fraction(picture.width, size[0]) / Fraction(picture.height, size[1])
        for seen, value in ((self._aspects, aspect or Fraction(1)), (self._scales, scale)):
            if not seen or value != seen[-1]:
                seen.append(value)

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
        if self._transfers:
            first = _curve(self._info.color.transfer)
            lines.append(
                f"{self._transfers} frames are not in {first} as the first ones: all are written as {first}, "
                "and those will be too dark or too bright; cut the file there and upscale each part"
            )
        shapes = self._shapes()
        if len(shapes) > 1:
            spelled = [f"{shape.numerator}:{shape.denominator}" for shape in shapes[:_MOST_ASPECTS]]
            more = ", ..." if len(shapes) > _MOST_ASPECTS else ""
            lines.append(
                f"the shape of the input's pixels changes ({', then '.join(spelled)}{more}): the output has "
                "one for all frames, and those of another will look stretched"
            )
        return lines

    def _shapes(self) -> list[Fraction]:
        """Of pixels in the size of the output. Aspect and size change together, at about the same time."""
        found: list[Fraction] = []
        for number in range(max(len(self._aspects), len(self._scales))):
            aspect, scale = (seen[min(number, len(seen) - 1)] for seen in (self._aspects, self._scales))
            if not found or abs(aspect * scale / found[-1] - 1) > _SAME_ASPECT:
                found.append(aspect * scale)
        return found


def _curve(transfer: int) -> str:
    return {TRANSFER_PQ: "HDR (PQ)", TRANSFER_HLG: "HDR (HLG)"}.get(transfer, "SDR")


def describe_other_formats(others: Sequence[OtherFormat]) -> list[str]:
    """What becomes of pictures and sound of joined recordings whose format the first one does not have."""
    places: dict[tuple[str, str, str | None, bool], list[OtherFormat]] = {}
    for other in others:
        what = other.what
        if what.instead is not None or not other.is_track:
            places.setdefault((what.kind, what.codec, what.instead, other.is_track), []).append(other)
    lines = []
    for (kind, codec, instead, is_track), found in places.items():
        seconds = float(sum(other.what.seconds for other in found))
        where = f"from {float(found[0].begin):.2f} s on, {seconds:.2f} s long"
        if len(found) > 1:
            where = f"in {len(found)} places, the first {where.replace(' long', ' in all')}"
        named = {"video": "the picture", "audio": "the sound"}[kind]
        than = "" if instead is None else f", not {instead} as before,"
        if is_track:
            lines.append(f"{named} in {codec}{than} becomes a track of its own: {where}")
        else:
            lines.append(
                f"{named} in {codec}{than} is left out: {where}; to keep it, cut the file there "
                "and upscale the parts one by one"
            )
    return lines
