"""Video and image files as streams of frames, and back. Only this package touches FFmpeg (through PyAV)."""

import re
from pathlib import Path

from tcnet.errors import UsageError
from tcnet.video.atomic_file import check_name, check_target
from tcnet.video.containers import (
    CONTAINERS,
    default_output,
    is_pattern,
    output_container,
)
from tcnet.video.frame import (
    ColorSpec,
    Frame,
    FrameSink,
    FrameSource,
    HdrMetadata,
    Pixels,
    TrimRange,
    VideoInfo,
)
from tcnet.video.image_writer import ImageWriter, check_images_target
from tcnet.video.images import (
    ImageReader,
    list_images,
    natural_order,
    read_image,
    write_png,
)
from tcnet.video.media_kind import IMAGE_SUFFIXES, VIDEO_SUFFIXES, is_still_image, is_video
from tcnet.video.read.read_options import ReadOptions
from tcnet.video.read.reader import VideoReader
from tcnet.video.source_file import SourceFile
from tcnet.video.write.encode.codecs import CODECS, EncodeOptions, available_codecs, plan_encoding
from tcnet.video.write.encode.encoder_choice import available_hardware
from tcnet.video.write.writer import VideoWriter

__all__ = [
    "CODECS",
    "CONTAINERS",
    "IMAGE_SUFFIXES",
    "VIDEO_SUFFIXES",
    "ColorSpec",
    "EncodeOptions",
    "Frame",
    "FrameSink",
    "FrameSource",
    "HdrMetadata",
    "ImageReader",
    "ImageWriter",
    "Pixels",
    "ReadOptions",
    "TrimRange",
    "VideoInfo",
    "VideoReader",
    "VideoWriter",
    "available_codecs",
    "available_hardware",
    "check_output",
    "default_output",
    "image_sources",
    "is_pattern",
    "is_still_image",
    "is_video",
    "is_video_file",
    "names_video",
    "natural_order",
    "open_sink",
    "open_source",
    "read_image",
    "write_png",
]

# The endings of folders: what `default_output` gives (.x4, .1080p, .640w), and numbers. Any other that is not
# written is a mistake: nobody means a folder of images called out.mpv.
_FOLDER_SUFFIX = re.compile(r"\.x?\d+[pw]?", re.IGNORECASE)


def open_source(path: Path | str, options: ReadOptions | None = None) -> ImageReader | VideoReader:
    """Open an input for reading.

    Args:
        path: a video file, a folder of images, a pattern (dir/%04d.png, dir/*.png) or one image.
        options: which part is read, and how.

    Returns:
        A FrameSource and context manager. Its `notices` say what was damaged or dropped; those of a video are
        complete after the last frame.

    Raises:
        MediaError: for what cannot be read.
    """
    path = Path(path)
    if path.is_dir() or (is_pattern(path) and not path.exists()) or is_still_image(path):
        return ImageReader(path, options)
    return VideoReader(path, options)


def open_sink(
    path: Path | str,
    *,
    info: VideoInfo,
    options: EncodeOptions | None = None,
    copy_from: Path | str | None = None,
    overwrite: bool = False,
) -> ImageWriter | VideoWriter:
    """Open an output for writing.

    Args:
        path: a video file by its suffix, or a folder or pattern (out/%05d.png) of PNGs.
        info: of the output.
        options: codec and quality.
        copy_from: the input, whose sound, subtitles, chapters and tags (for images: whose names) are carried
            over.
        overwrite: whether an existing output may be replaced.

    Returns:
        A FrameSink: `write` frames in order, then `finish` or `abort`.

    Raises:
        UsageError: for invalid options.
        MediaError: for files that must not or cannot be written; both before anything is on disk.
    """
    path, copy_from = Path(path), None if copy_from is None else Path(copy_from)
    if names_video(path):
        video = SourceFile(copy_from) if copy_from is not None and is_video_file(copy_from) else None
        options = options or EncodeOptions()
        return VideoWriter(path, info=info, options=options, copy_from=video, overwrite=overwrite)
    return ImageWriter(path, info=info, sources=image_sources(copy_from, info), overwrite=overwrite)


def check_output(
    path: Path,
    *,
    info: VideoInfo | None = None,
    options: EncodeOptions | None = None,
    copy_from: Path | None = None,
    overwrite: bool = False,
) -> None:
    """Whether the place of an output is free and can be written to, known before the long work begins; given
    the output's `info`, also whether it can be encoded as `options` say.

    Raises what `open_sink` would raise of that, and leaves everything as it is.
    """
    if names_video(path):
        if info is not None:
            muxer, default_codec = output_container(path)
            plan_encoding(info, options or EncodeOptions(), default_codec, muxer=muxer)
        check_target(path, overwrite=overwrite, source=copy_from)
    else:
        check_images_target(path, sources=image_sources(copy_from), overwrite=overwrite)


def names_video(path: Path) -> bool:
    """True for the name of a video file, False for an image-sequence path; UsageError for what is neither."""
    check_name(path)
    suffix = path.suffix.lower()
    if is_pattern(path) or path.is_dir():
        return suffix in CONTAINERS and not path.is_dir()
    if suffix in IMAGE_SUFFIXES:
        raise UsageError(f"{path}: names one image; give a folder or a pattern like out/%05d.png")
    if suffix and not _FOLDER_SUFFIX.fullmatch(suffix):
        output_container(path)
    return suffix in CONTAINERS


def is_video_file(path: Path) -> bool:
    """Whether an input is a video file (or an animation) rather than images."""
    return path.is_file() and not is_still_image(path)


def image_sources(path: Path | None, info: VideoInfo | None = None) -> list[Path]:
    """The images of an input, in order; none for a video file. info: given, only those from the start of its
    part on."""
    if path is None or is_video_file(path):
        return []
    skipped = 0 if info is None or info.trim is None else round(info.trim.shift / info.time_base)
    return list_images(path)[skipped:]
