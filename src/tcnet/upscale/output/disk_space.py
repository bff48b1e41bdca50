"""Whether an output has room on its disk, as far as that can be said before it is encoded."""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from tcnet.errors import MediaError
from tcnet.video.atomic_file import nearest_folder

COPIES = 2
"""A video stands on the disk twice at the end: in segments, and joined."""

# Bits a pixel of an output, (least, usual): the least is what hardly any real video falls below, the usual
# what film takes at the default quality, by experience. Two for PNG: flat drawings, and film with grain.
_BITS_PER_PIXEL: dict[str, tuple[float, float]] = {
    "h264": (0.005, 0.2),
    "hevc": (0.003, 0.15),
    "av1": (0.003, 0.12),
    "ffv1": (0.5, 11.0),
    "prores": (0.5, 4.0),
    "png": (0.5, 14.0),
}


@dataclass(frozen=True, slots=True)
class RoomNeeded:
    """Bytes: at least, and usually."""

    least: int
    usual: int


def room_needed(
    codec: str, width: int, height: int, frames: int, *, copies: int = COPIES, deep: bool = False
) -> RoomNeeded:
    """For `frames` frames in a codec of `tcnet.video.CODECS` or "png". deep: more than 8 bits a channel."""
    least, usual = _BITS_PER_PIXEL[codec]
    pixels = copies * frames * width * height * (1.5 if deep else 1) / 8
    return RoomNeeded(int(least * pixels), int(usual * pixels))


def check_room(output: Path, needed: RoomNeeded, free: int) -> tuple[str, ...]:
    """Notices where space may not suffice. Raises MediaError where it clearly does not.

    needed: by what remains to be written. free: bytes.
    """
    if free < needed.least:
        raise MediaError(
            f"{output}: its disk has {_amount(free)} free, the output needs at least {_amount(needed.least)} "
            f"and more likely {_amount(needed.usual)}; make room or choose another place (-o)"
        )
    if free < needed.usual:
        return (
            f"the output may need {_amount(needed.usual)} and {_amount(free)} are free; if that does not do, "
            "the run stops, and the same command continues once there is room",
        )
    return ()


def free_room(path: Path) -> int:
    """Bytes that may still be written where `path` is, or would be; sys.maxsize where nobody knows."""
    try:
        usage = shutil.disk_usage(nearest_folder(path.absolute()))
    except OSError:
        return sys.maxsize
    return usage.free if usage.total else sys.maxsize  # some network folders report zeros


def _amount(size: int) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.1f} MiB"
