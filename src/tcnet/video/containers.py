"""Which files are opened and written, and how they are found: nothing but local files, never a playlist."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from tcnet.errors import MediaError, UsageError
from tcnet.video.media_kind import is_animated_webp, is_still_image, joined_movies
from tcnet.video.pyav import LENIENT_TAGS, clean_tags, copy_packet
from tcnet.video.transport import Renumbering

_ATTACHED_PICTURE = 1 << 10  # AV_DISPOSITION_ATTACHED_PIC
# A header that claims more is taken for damage, not for a picture. 16K television has 15360x8640.
MAX_SIDE = 16384
MAX_PIXELS = 2**27

# Output containers by suffix: FFmpeg's muxer and the codec taken when none is asked for.
CONTAINERS: dict[str, tuple[str, str]] = {
    ".mkv": ("matroska", "h264"),
    ".mp4": ("mp4", "h264"),
    ".m4v": ("mp4", "h264"),
    ".mov": ("mov", "h264"),
    ".webm": ("webm", "av1"),
}
# These demuxers open further files or addresses named inside the file (vobsub: the .sub beside the .idx), or
# turn text into pictures (adf, bin, idf, tty, xbin). Devices (x11grab, lavfi) go by what FFmpeg says of them.
_FOLLOWING_DEMUXERS = frozenset(
    ["applehttp", "concat", "dash", "hls", "image2", "imf", "sdp", "smil", "vobsub", "webm_dash_manifest"]
)
_TEXT_DEMUXERS = frozenset(["adf", "bin", "idf", "tty", "xbin"])
PLAYLISTS = frozenset(["applehttp", "concat", "dash", "hls", "imf", "webm_dash_manifest"])  # if allowed
MOVIE = "mov,mp4,m4a,3gp,3g2,mj2"
_NETWORK_PROTOCOLS = "file,http,https,tcp,tls,httpproxy,crypto,data"
# What playlists and their like begin with, after white space, for an error that says what is wrong.
_PLAYLIST_STARTS = (b"#EXTM3U", b"ffconcat version", b"<MPD", b"v=0", b"# VobSub", b"[playlist]", b"<smil")
_MAX_READ_ERRORS = 100  # in a row, without a packet in between: the rest of the file is unreadable
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)  # Path makes one slash of two
_SNIFFED_BYTES = 1024
_PATTERN = re.compile(r"%\d*d|[*?]")  # of names of images


@lru_cache(maxsize=2)
def _format_whitelist(*, playlists: bool) -> str:
    """The demuxers that may be used, as FFmpeg's option wants them."""
    refused = (_FOLLOWING_DEMUXERS - PLAYLISTS if playlists else _FOLLOWING_DEMUXERS) | _TEXT_DEMUXERS
    names = [n for n in av.formats_available if refused.isdisjoint(n.split(",")) and not _is_device(n)]
    return ",".join(sorted(names))


def _is_device(name: str) -> bool:
    try:
        return bool(av.ContainerFormat(name, "r").no_file)
    except ValueError:
        return False  # written only


def open_input(
    path: Path, *, allow_network: bool = False, renumbering: Renumbering | None = None
) -> InputContainer:
    """The container of a local file. Raises MediaError in one line for all that cannot be opened.

    allow_network: whether a playlist may name other files and addresses; they are opened then.
    renumbering: how recordings that are joined in it are read as one.
    """
    check_input_file(path)
    kind = {
        "protocol_whitelist": _NETWORK_PROTOCOLS if allow_network else "file",
        "format_whitelist": _format_whitelist(playlists=allow_network),
        # FFmpeg takes a step back within the first minute for the clock's 33 bits that were full, 26 hours
        # ahead. Which it is, `tcnet.video.find_clock` finds from all of the file.
        "correct_ts_overflow": "0",
    }
    if allow_network and _names_other_files(path):
        kind |= {"safe": "0"} if path.read_bytes()[:8] == b"ffconcat" else {"allowed_extensions": "ALL"}
    try:
        container: InputContainer = av.open(
            f"file:{path.absolute()}" if renumbering is None else renumbering.open(path),
            "r",
            # max_pixels is the decoder's own guard against absurd sizes while it probes.
            options={"max_pixels": str(MAX_PIXELS)},
            container_options=kind,
            **LENIENT_TAGS,
        )
    except (av.FFmpegError, ValueError) as error:
        _refuse_animated_webp(path)
        if not allow_network and _names_other_files(path):
            raise MediaError(
                f"{path}: is a playlist; what it names is not opened (--allow-network allows it)"
            ) from error
        reason = getattr(error, "strerror", None) or str(error)
        raise MediaError(
            f"{path}: cannot be read as video ({reason}); it is damaged, cut short or of another kind"
        ) from error
    try:
        if "webp" in container.format.name:
            _refuse_animated_webp(path)
    except MediaError:
        container.close()
        raise
    for tags in (container.metadata, *(stream.metadata for stream in container.streams)):
        clean_tags(tags)
    return container


def check_input_file(path: Path) -> None:
    """Raises MediaError for what is no readable local file with something in it."""
    if not path.exists():
        if _ADDRESS.match(str(path)):
            address = str(path).replace(":/", "://", 1)
            raise MediaError(
                f"{address}: is an address, only files are opened; download it first, or pipe it: "
                "curl ADDRESS | tcnet upscale - -o OUT"
            )
        raise MediaError(f"{path}: no such file")
    if not path.is_file():
        raise MediaError(f"{path}: not a file")
    if path.stat().st_size == 0:
        raise MediaError(f"{path}: the file is empty")
    if not os.access(path, os.R_OK):
        raise MediaError(f"{path}: permission to read it is missing")


def _refuse_animated_webp(path: Path) -> None:
    if is_animated_webp(_start_of(path)):
        raise MediaError(f"{path}: animated WebP is not supported; convert it to APNG or a video")


def _start_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_SNIFFED_BYTES)


def _names_other_files(path: Path) -> bool:
    start = _start_of(path).lstrip(b"\xef\xbb\xbf \t\r\n")
    return start.startswith(_PLAYLIST_STARTS) or b"<MPD" in start or b"<smil" in start


def demux(
    container: InputContainer, streams: Sequence[Stream], on_error: Callable[[], None] = lambda: None
) -> "Iterator[Packet[Stream]]":
    """Packets from where the container stands to its end; an empty one of each stream ends them. on_error is
    called for each damage, behind which reading goes on where the format can find its way again."""
    errors = 0
    highest = dict[int, int]()  # decoding times by stream
    is_joined: bool | None = None if container.format.name == MOVIE else False
    packets = container.demux(streams)
    while errors <= _MAX_READ_ERRORS:
        try:
            packet = next(packets, None)
        except IndexError:  # PyAV's, at the end, over streams that came up in mid-file
            return
        except (av.FFmpegError, OSError):
            on_error()
            errors += 1
            packets = container.demux(streams)
            continue
        if packet is None:
            return
        errors = 0
        if is_joined is not False and packet.dts is not None:
            before = highest.get(packet.stream_index, packet.dts - 1)
            highest[packet.stream_index] = max(before, packet.dts)
            if packet.is_discard and packet.dts <= before:
                is_joined = _is_joined_movie(container) if is_joined is None else is_joined
                packet = _kept(packet) if is_joined else packet
        yield packet


def _is_joined_movie(container: InputContainer) -> bool:
    path = Path(container.name.removeprefix("file:"))
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return joined_movies(file) > 1


def _kept(packet: "Packet[Stream]") -> "Packet[Stream]":
    """FFmpeg marks the first fragment of a joined file, whose times step back, as if an edit list left it
    out, and no mark can be taken away."""
    kept = copy_packet(packet)
    kept.stream = packet.stream
    return kept


def main_video(container: InputContainer, path: Path) -> VideoStream:
    """The stream to upscale: FFmpeg's choice among those that are no cover picture.

    Raises MediaError when there is none, no decoder for it, or its header claims an impossible size.
    """
    streams = [s for s in container.streams.video if not s.disposition & _ATTACHED_PICTURE]
    if not streams:
        raise MediaError(f"{path}: holds no video stream")
    best = container.streams.best("video")
    stream = next((s for s in streams if best is not None and s.index == best.index), streams[0])
    context = stream.codec_context
    if context is None:
        raise MediaError(f"{path}: no decoder for its video stream in this build of FFmpeg")
    check_size(context.width, context.height, path)
    return stream


def check_size(width: int, height: int, path: Path) -> None:
    if width < 1 or height < 1:
        raise MediaError(
            f"{path}: the size of the picture is unknown ({width}x{height}); the file is damaged"
        )
    if width > MAX_SIDE or height > MAX_SIDE:
        raise MediaError(f"{path}: claims {width}x{height} pixels, more than {MAX_SIDE} a side")
    if width * height > MAX_PIXELS:
        raise MediaError(f"{path}: claims {width}x{height} pixels, more than {MAX_PIXELS} in all")


def output_container(path: Path) -> tuple[str, str]:
    """(muxer, default codec) for an output name. Raises UsageError for a suffix that is not written."""
    found = CONTAINERS.get(path.suffix.lower())
    if found is None:
        raise UsageError(
            f"{path}: unknown output suffix {path.suffix or '(none)'!r}; choose {', '.join(CONTAINERS)}, "
            "or for images a pattern like out/%05d.png or a folder (made beforehand if its name has a dot)"
        )
    return found


def is_pattern(path: Path) -> bool:
    """True for names with a place for numbers (%d, %05d) or a wildcard (* or ?)."""
    return _PATTERN.search(path.name) is not None


def default_output(path: Path, suffix: str = "x4") -> Path:
    """The output beside an input: NAME.x4.mp4 for mp4, m4v and mov, else NAME.x4.mkv; for images NAME.x4.

    `suffix` says what was done: "x4", "x2", "1080p". For a pattern (dir/%04d.png) the name is the folder's.
    """
    if path.is_dir():
        resolved = path if path.name else path.absolute()
        return resolved.with_name(f"{resolved.name}.{suffix}")
    if path.exists() and is_still_image(path):
        return path.with_name(f"{path.stem}.{suffix}")
    if is_pattern(path) and not path.exists():
        folder = path.parent if path.parent.name else path.parent.absolute()
        return folder.with_name(f"{folder.name}.{suffix}")
    extension = ".mp4" if path.suffix.lower() in (".mp4", ".m4v", ".mov") else ".mkv"
    return path.with_name(f"{path.stem}.{suffix}{extension}")
