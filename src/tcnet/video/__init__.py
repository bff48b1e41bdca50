"""Video and image files as streams of frames, and back. Only this package touches FFmpeg (through PyAV)."""

from fractions import Fraction
from pathlib import Path

from tcnet.errors import MediaError, UsageError
from tcnet.video.codecs import CODECS, EncodeOptions, available_codecs
from tcnet.video.containers import CONTAINERS, default_output, output_container
from tcnet.video.frame import ColorSpec, Frame, FrameSink, FrameSource, Pixels, VideoInfo
from tcnet.video.images import (
    IMAGE_SUFFIXES,
    ImageReader,
    ImageWriter,
    is_pattern,
    list_images,
    read_image,
    write_png,
)
from tcnet.video.reader import VideoReader
from tcnet.video.writer import VideoWriter

__all__ = [
    "CODECS",
    "CONTAINERS",
    "ColorSpec",
    "EncodeOptions",
    "Frame",
    "FrameSink",
    "FrameSource",
    "ImageReader",
    "ImageWriter",
    "Pixels",
    "VideoInfo",
    "VideoReader",
    "VideoWriter",
    "available_codecs",
    "default_output",
    "open_sink",
    "open_source",
    "read_image",
    "write_png",
]

# Names that are meant as files, though none of these is written; any other name without a known suffix is
# taken for a folder of images.
_OTHER_MEDIA = frozenset(
    [".avi", ".ts", ".m2ts", ".wmv", ".flv", ".mpg", ".mpeg", ".ogv", ".gif", ".apng", ".3gp", ".mxf", ".y4m"]
)


def open_source(path: Path, *, frame_rate: Fraction = Fraction(25)) -> ImageReader | VideoReader:
    """A video file, a folder of images, a pattern (dir/%04d.png, dir/*.png) or one image, as a FrameSource.

    frame_rate: of images only. Both kinds have `notices`, lines for people on what was damaged or dropped;
    those of a video are complete after the last frame. Raises MediaError for what cannot be read.
    """
    if path.is_dir() or (is_pattern(path) and not path.exists()) or path.suffix.lower() in IMAGE_SUFFIXES:
        return ImageReader(path, frame_rate=frame_rate)
    return VideoReader(path)


def open_sink(
    path: Path,
    *,
    info: VideoInfo,
    options: EncodeOptions | None = None,
    copy_from: Path | None = None,
    overwrite: bool = False,
) -> ImageWriter | VideoWriter:
    """A FrameSink: a video file by its suffix, or PNGs in a folder or by a pattern such as out/%05d.png.

    info: of the output. copy_from: the input, whose sound, subtitles, chapters and tags (for images: whose
    names) are carried over. Raises UsageError for wishes that cannot be met and MediaError for files that
    must not or cannot be written, in both cases before anything stands on disk.
    """
    options = options or EncodeOptions()
    suffix = path.suffix.lower()
    copies_video = (
        copy_from is not None and copy_from.is_file() and copy_from.suffix.lower() not in IMAGE_SUFFIXES
    )
    if suffix in CONTAINERS and not path.is_dir():
        source = copy_from if copies_video else None
        return VideoWriter(path, info=info, options=options, copy_from=source, overwrite=overwrite)
    if not is_pattern(path) and not path.is_dir():
        if suffix in _OTHER_MEDIA:
            output_container(path)
        if suffix in IMAGE_SUFFIXES:
            raise UsageError(f"{path}: names one image; give a folder or a pattern like out/%05d.png")
    files = [] if copy_from is None or copies_video else list_images(copy_from)
    folder = path.parent if is_pattern(path) else path
    if files and folder.exists() and files[0].parent.samefile(folder):
        raise MediaError(f"{folder}: holds the input images; choose another folder for the output")
    names = [file.stem for file in files]
    return ImageWriter(path, info=info, names=names, overwrite=overwrite)
