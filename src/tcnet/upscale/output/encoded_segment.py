"""Segments of an output as they are encoded apart from it: part of a video, or some images."""

from collections.abc import Iterable
from dataclasses import dataclass

from tcnet.video.frame import Frame, VideoInfo
from tcnet.video.image_writer import check_frame_size
from tcnet.video.images import encode_png
from tcnet.video.write.segments import Segment, VideoEncoding


@dataclass(frozen=True, slots=True)
class EncodedSegment:
    """`frames` consecutive frames. files: the file of the segment, or a PNG for each frame (segment None)."""

    frames: int
    segment: Segment | None
    files: tuple[bytes, ...]


def encode_segment(
    frames: Iterable[Frame], encoding: VideoEncoding | None, info: VideoInfo
) -> EncodedSegment:
    """encoding: None for images. info: of the output. Raises like `SegmentWriter` and `encode_png`."""
    if encoding is None:
        files = []
        for frame in frames:
            check_frame_size(frame, info)
            files.append(encode_png(frame.pixels, frame.alpha))
        return EncodedSegment(len(files), None, tuple(files))
    writer = encoding.segment(None)
    try:
        for frame in frames:
            writer.write(frame)
        segment = writer.finish()
    except BaseException:
        writer.abandon()
        raise
    return EncodedSegment(segment.frames, segment, (writer.data,))
