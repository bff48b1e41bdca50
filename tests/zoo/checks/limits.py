"""What cannot come through, and why: explicit expectations, checked as strictly as everything else."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Limit:
    """got: pattern of the difference that is seen. notice: pattern of what the user is told, where something
    is lost; empty where nothing is."""

    got: str
    reason: str
    notice: str = ""

    def matches(self, difference: str) -> bool:
        return re.search(self.got, difference) is not None

    def told(self, notices: tuple[str, ...]) -> bool:
        return not self.notice or any(re.search(self.notice, line) for line in notices)


_ENABLED = "MP4 knows no default track, only enabled ones, of which FFmpeg makes the first of each kind"
_NO_ALPHA = Limit(
    "^none$", "H.264 has no alpha; --codec ffv1 and prores keep it", "alpha channel is dropped: h264"
)
_H264_10 = Limit(r"10 bits instead of 1[26]", "H.264 ends at 10 bits; --codec ffv1 keeps them", r"10 bits")

# File -> property -> limit.
LIMITS: dict[str, dict[str, Limit]] = {
    "to mp4.mkv": {"dispositions": Limit(r"\[1, 1, 0\] instead of \[0, 0, 0\]", _ENABLED)},
    "ts to mp4.ts": {"dispositions": Limit(r"\[1, 1\] instead of \[0, 0\]", _ENABLED)},
    "ffv1 to mov.mkv": {"dispositions": Limit(r"\[1\] instead of \[0\]", _ENABLED)},
    "prores 4444 alpha.mov": {"alpha": _NO_ALPHA},
    "qtrle alpha.mov": {"alpha": _NO_ALPHA},
    "png alpha.mov": {"alpha": _NO_ALPHA},
    "wmv2 wma.wmv": {
        "sound": Limit("is flac instead of wmav2", "FFmpeg writes no WMA into Matroska", "becomes flac")
    },
    "srt to mp4.mkv": {"dispositions": Limit(r"\[1, 1\] instead of \[0, 0\]", _ENABLED)},
    "pcm to mp4.avi": {
        "sound": Limit(
            "is alac instead of pcm_s16le", "PCM without named channels is not for MP4", "becomes alac"
        ),
        "dispositions": Limit(r"\[1, 1\] instead of \[0, 0\]", _ENABLED),
    },
    "seven one to mov.mkv": {
        "sound": Limit("is pcm_s16le instead of flac", "QuickTime has no FLAC", "becomes pcm_s16le"),
        "dispositions": Limit(r"\[1, 1\] instead of \[0, 0\]", _ENABLED),
    },
    "seven to mp4.mkv": {
        "sound": Limit("is pcm_s16le instead of flac", "FLAC in MP4 has 7.1, not 7.0", "becomes pcm_s16le"),
        "dispositions": Limit(r"\[1, 1\] instead of \[0, 0\]", _ENABLED),
    },
    "quad to mkv.mov": {
        "sound": Limit("is flac instead of pcm_s16le", "PCM in Matroska names no speakers", "becomes flac")
    },
    "cineform.mov": {"depth": _H264_10},
    "hevc 12 bit.mkv": {"depth": _H264_10},
    "gbrp 16.mkv": {"depth": _H264_10},
}
