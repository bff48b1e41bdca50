"""What only decoded pictures show of a video file: a few at three places, before the work begins."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import islice

import numpy as np
from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame

from tcnet.video.color.alpha import is_opaque, read_alpha
from tcnet.video.color.h273 import bit_depth, has_alpha
from tcnet.video.color.hdr import read_hdr, side_data_of
from tcnet.video.color.overshoot import exceeds_range, has_luma_plane
from tcnet.video.color.planes import plane_samples
from tcnet.video.frame import HdrMetadata
from tcnet.video.read.decoder import PictureStream, TimedPicture, hides_alpha
from tcnet.video.read.held_size import HeldSizeMeter, Plane
from tcnet.video.read.scan import TELECINED, Scan, ScanMeter

_PICTURES = 24  # looked at, at each place
_MEASURED = 8  # every so many of them, for how large they really are
_OTHER_PLACES = (Fraction(1, 3), Fraction(2, 3))  # of the duration: titles and black leads tell little
DOLBY_VISION = "Dolby Vision metadata"
# Where film was found, for video beside it.
_MORE_PLACES = tuple(Fraction(number, 12) for number in (2, 6, 10, 1, 11))
_NOT_CARRIED = {
    SideDataType.DYNAMIC_HDR_PLUS: "HDR10+ metadata of single frames",
    SideDataType.DOVI_METADATA: DOLBY_VISION,
    SideDataType.DYNAMIC_HDR_VIVID: "HDR Vivid metadata of single frames",
    SideDataType.SPHERICAL: "that it is a 360-degree video; players will show it flat",
}


@dataclass(frozen=True, slots=True)
class Survey:
    """first: the tick of the first picture, None if none can be decoded. pixel_format: as decoded.

    alpha: some picture is not opaque. captions: some picture has them. overshoot:
    some picture has luma well beyond the nominal range. fields: each is a picture of its own in the file.
    not_carried: what else pictures have with them and frames cannot hold. enlarged: by how much all pictures
    were, at least; None where nothing can be told.
    """

    first: int | None = None
    pixel_format: str | None = None
    alpha: bool = False
    captions: bool = False
    overshoot: bool = False
    hdr: HdrMetadata | None = None
    rotation: int = 0
    scan: Scan = field(default_factory=Scan)
    fields: bool = False
    not_carried: tuple[str, ...] = ()
    enlarged: Fraction | None = None


def survey(stream: PictureStream, duration: Fraction | None) -> Survey:
    """Leaves the stream somewhere else. duration: of the video in seconds, for the places to look at."""
    found = _look(stream.pictures(), stream.time_base)
    found = replace(found, fields=stream.fields.woven > 0)
    if found.pixel_format is not None and hides_alpha(stream.stream) and not has_alpha(found.pixel_format):
        text = "the alpha channel, which this build of FFmpeg does not decode"
        found = replace(found, not_carried=(*found.not_carried, text))
    if found.first is None or duration is None:
        return found
    length = duration / stream.time_base
    if length < 6 * _PICTURES * stream.step:
        return found
    for place in (*_OTHER_PLACES, *_MORE_PLACES):
        if place not in _OTHER_PLACES and found.scan.kind != TELECINED:
            break
        if stream.seek(found.first + round(length * place)):
            other = _look(stream.pictures(), stream.time_base)
            found = replace(
                found,
                alpha=found.alpha or other.alpha,
                captions=found.captions or other.captions,
                overshoot=found.overshoot or other.overshoot,
                scan=found.scan + other.scan,
                enlarged=_least(found.enlarged, other.enlarged),
            )
    return found


def _least(one: Fraction | None, other: Fraction | None) -> Fraction | None:
    """Of two places that of which nothing can be told does not count."""
    return min((each for each in (one, other) if each is not None), default=None)


def _look(pictures: Iterator[TimedPicture], tick: Fraction) -> Survey:
    meter = ScanMeter()
    size = HeldSizeMeter()
    found = Survey()
    for number, entry in enumerate(islice(pictures, _PICTURES)):
        picture = entry.picture
        attached = side_data_of(picture)
        if found.first is None:
            found = Survey(
                first=entry.pts,
                pixel_format=picture.format.name,
                hdr=read_hdr(attached),
                rotation=picture.rotation,
                not_carried=tuple(text for kind, text in _NOT_CARRIED.items() if kind in attached),
            )
        if SideDataType.A53_CC in attached:
            found = replace(found, captions=True)
        if not found.alpha and has_alpha(picture.format.name) and not is_opaque(read_alpha(picture)):
            found = replace(found, alpha=True)
        if not found.overshoot and exceeds_range(picture):
            found = replace(found, overshoot=True)
        if number % _MEASURED == 0:
            size.feed(luma_of(picture))
        meter.feed(picture, entry.pts * tick)
    return replace(found, scan=meter.finish(), enlarged=size.factor())


def luma_of(picture: VideoFrame) -> Plane:
    """(H, W) in 8-bit codes."""
    name = picture.format.name
    if not has_luma_plane(name):
        picture = picture.reformat(format="gray")
        name = "gray"
    luma = plane_samples(picture, 0).astype(np.float32)
    deeper = bit_depth(name) - 8
    return luma / np.float32(1 << deeper) if deeper > 0 else luma
