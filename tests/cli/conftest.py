"""The command as a user calls it, on tiny real videos and with a tiny real network."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
import torch

from tcnet.cli import run
from tcnet.models import save_model
from tcnet.network import TCNet, TCNetConfig
from tcnet.video import open_source, write_png

TINY = TCNetConfig(
    channels=16, propagation_blocks=1, refinement_blocks=1, fusion_width=8, motion="tiny",
    alignment_depth=1, matching_depth=1,
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What a call left: exit code, lines of stdout and stderr."""

    code: int
    out: list[str]
    err: list[str]


def picture(index: int, width: int, height: int) -> np.ndarray:
    x = np.arange(width)[None, :, None] * 5 + np.arange(height)[:, None, None] * 3 + index * 9
    return ((x + np.array([0, 40, 80])) % 220 + 16).astype(np.uint8)


def write_clip(
    path: Path, *, frames=9, size=(32, 24), sound=False, codec="ffv1", pixel_format="bgr0"
) -> Path:
    with av.open(str(path), "w") as container:
        video = container.add_stream(codec, rate=25)
        video.width, video.height, video.pix_fmt = *size, pixel_format
        tone = container.add_stream("aac", rate=48000, layout="stereo") if sound else None
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(index, *size), "rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if tone is not None:
            samples = (np.sin(np.arange(2 * 1920 * frames) * 0.02) * 9000).astype(np.int16)[None]
            sound_frame = av.AudioFrame.from_ndarray(samples, "s16", "stereo")
            sound_frame.sample_rate, sound_frame.pts = 48000, 0
            container.mux(tone.encode(sound_frame))
            container.mux(tone.encode(None))
    return path


def write_images(folder: Path, names: list[str]) -> Path:
    folder.mkdir()
    for index, name in enumerate(names):
        write_png(folder / name, picture(index, 32, 24))
    return folder


def read(path: Path) -> SimpleNamespace:
    with open_source(path) as source:
        frames = list(source)
    info = source.info
    return SimpleNamespace(size=(info.width, info.height), times=[f.seconds for f in frames], info=info)


def sound_packets(path: Path) -> list[tuple[Fraction, bytes]]:
    with av.open(str(path)) as container:
        track = container.streams.audio[0]
        return [(p.pts * p.time_base, bytes(p)) for p in container.demux(track) if p.size]


@pytest.fixture(scope="session")
def media() -> SimpleNamespace:
    """What the tests of this folder share: imports between test files are not possible here."""
    return SimpleNamespace(clip=write_clip, images=write_images, read=read, sound=sound_packets)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    """A weight file of a network small enough to run in no time."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_model(TCNet(TINY), path)
    return path


@pytest.fixture
def tcnet(capsys, monkeypatch, tmp_path) -> Callable[..., Outcome]:
    """Calls the command in this process, in tmp_path, without the settings of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))

    def call(*arguments: object) -> Outcome:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Outcome(code, captured.out.splitlines(), captured.err.splitlines())

    return call


@pytest.fixture
def start(tmp_path) -> Callable[..., subprocess.Popen]:
    """Starts the command as a process of its own, in tmp_path."""

    def popen(*arguments: object) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", "tcnet", *map(str, arguments)],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    return popen
