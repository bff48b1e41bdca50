"""VMAF: Netflix's fusion of picture features and motion into one figure from 0 to 100 (100: as the truth).

Model vmaf_v0.6.1, which looks at luma alone and was fitted to 1080p seen from three picture heights: on the
small pictures of the benchmarks compare it within a table, not across. Computed by an `ffmpeg` that was built
with libvmaf: the one on the path, or that of the package imageio-ffmpeg.
"""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from tcnet.errors import TcnetError, UsageError

MODEL = "vmaf_v0.6.1"
TIMEOUT = 3600  # seconds for one clip


class ClipJudge(Protocol):
    """Scores whole clips. name: program and model, for the record."""

    @property
    def name(self) -> str: ...
    def __call__(self, lumas: Tensor, true_lumas: Tensor) -> tuple[float, ...]:
        """Luma of a clip restored and true, uint8 (T, H, W), H and W even -> a figure for each frame."""
        ...


class FfmpegVmaf:
    """VMAF of each frame by ffmpeg's filter libvmaf."""

    def __init__(self, ffmpeg: str) -> None:
        self._ffmpeg = ffmpeg
        self.name = f"{MODEL}, {_version(ffmpeg)}"

    def __call__(self, lumas: Tensor, true_lumas: Tensor) -> tuple[float, ...]:
        """Raises TcnetError if ffmpeg fails."""
        count, height, width = lumas.shape
        given = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-video_size", f"{width}x{height}"]
        # The log's name stands in the filter without its folder: there, colons would need escaping.
        options = f"log_fmt=json:log_path=log.json:n_threads={torch.get_num_threads()}"
        command = [self._ffmpeg, "-nostdin", "-hide_banner", "-loglevel", "error",
                   *given, "-i", "restored.yuv", *given, "-i", "true.yuv",
                   "-lavfi", f"libvmaf=model=version={MODEL}:{options}", "-f", "null", "-"]  # fmt: skip
        with tempfile.TemporaryDirectory(prefix="tcnet-vmaf-") as folder:
            _write(Path(folder) / "restored.yuv", lumas)
            _write(Path(folder) / "true.yuv", true_lumas)
            done = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, check=False, timeout=TIMEOUT
            )
            if done.returncode != 0:
                reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
                raise TcnetError(f"VMAF could not be computed: {self._ffmpeg}: {reason}")
            log = json.loads((Path(folder) / "log.json").read_text(encoding="utf-8"))
        figures = tuple(float(frame["metrics"]["vmaf"]) for frame in log["frames"])
        if len(figures) != count:
            raise TcnetError(f"VMAF could not be computed: ffmpeg judged {len(figures)} of {count} frames")
        return figures


def load_vmaf() -> FfmpegVmaf:
    """Raises UsageError where no ffmpeg with libvmaf is found."""
    candidates = _candidates()
    for ffmpeg in candidates:
        if " libvmaf " in _output(ffmpeg, "-filters"):
            return FfmpegVmaf(ffmpeg)
    found = f"{' and '.join(candidates)} lack it" if candidates else "there is no ffmpeg here"
    raise UsageError(
        f"metric 'vmaf' needs an ffmpeg with libvmaf, and {found}; put one on the path, "
        "or pip install imageio-ffmpeg"
    )


def _candidates() -> list[str]:
    found = shutil.which("ffmpeg")
    candidates = [] if found is None else [str(Path(found).resolve())]
    try:
        import imageio_ffmpeg
    except ImportError:
        return candidates
    return [*candidates, imageio_ffmpeg.get_ffmpeg_exe()]


def _version(ffmpeg: str) -> str:
    """ "ffmpeg 7.1"."""
    return " ".join(_output(ffmpeg, "-version").split()[:3]).replace(" version", "")


def _output(ffmpeg: str, option: str) -> str:
    try:
        done = subprocess.run(
            [ffmpeg, "-hide_banner", option], capture_output=True, text=True, check=False, timeout=60
        )
    except OSError as error:
        raise UsageError(f"{ffmpeg} cannot be run ({error.strerror or error})") from error
    return done.stdout


def _write(path: Path, lumas: Tensor) -> None:
    """As yuv420p without colour: the model does not look at it."""
    grey = bytes([128]) * (lumas.shape[1] * lumas.shape[2] // 2)
    with path.open("wb") as file:
        for luma in lumas:
            file.write(luma.contiguous().numpy().tobytes())
            file.write(grey)
