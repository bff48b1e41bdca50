"""The wheel, installed where nothing else of tcnet is, upscales a clip. `make dist` names the one that is released."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tcnet.video import EncodeOptions, open_sink, open_source
from tcnet.video.frame import ColorSpec, Frame, VideoInfo

CHECKOUT = Path(__file__).parents[2]


def call(*words, **how):
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300, **how)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy: setuptools leaves folders behind, and takes files from them the next time."""
    if "TCNET_WHEEL" in os.environ:
        return Path(os.environ["TCNET_WHEEL"]).resolve()
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(CHECKOUT / name, source)
    shutil.copytree(
        CHECKOUT / "src" / "tcnet",
        source / "src" / "tcnet",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index")
    call(*pip, "--wheel-dir", target, source)
    (path,) = target.glob("tcnet-*.whl")
    return path


def test_the_wheel_has_every_file_of_the_package(wheel):
    package = CHECKOUT / "src"
    files = {
        path.relative_to(package).as_posix()
        for path in (package / "tcnet").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        assert {name for name in archive.namelist() if name.startswith("tcnet/")} == files


def test_the_wheel_is_under_60_mib(wheel):
    """With all models. The package index takes 100 MiB a file, and people wait for it."""
    assert wheel.stat().st_size < 60 * 2**20


def test_the_installed_wheel_upscales_a_clip(wheel, tmp_path):
    home = tmp_path / "venv"
    venv.create(home, symlinks=True)
    programs = Path(sysconfig.get_path("scripts", "venv", vars={"base": str(home)}))
    python = programs / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index", "--no-deps")
    call(*pip, wheel)
    # The dependencies of the Python that runs this: a folder so named is searched for modules, and for nothing else.
    site = Path(sysconfig.get_path("purelib", "venv", vars={"base": str(home)}))
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")

    folder = tmp_path / "elsewhere"
    folder.mkdir()
    info = VideoInfo(
        32, 24, Fraction(1, 25), Fraction(25), 3, None, 8, "yuv420p", ColorSpec(6, False), Fraction(1), "h264"
    )
    sink = open_sink(folder / "clip.mkv", info=info, options=EncodeOptions())
    for pts in range(3):
        sink.write(Frame(np.full((24, 32, 3), 60 + 40 * pts, np.uint8), pts, 1, Fraction(1, 25)))
    sink.finish()

    where = {"cwd": folder, "env": {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}}
    place = call(python, "-c", "import tcnet; print(tcnet.__file__)", **where)
    assert Path(place.strip()).is_relative_to(home)
    call(programs / "tcnet", "upscale", "clip.mkv", "-o", "large.mkv", "--model", "tcnet-lite", **where)
    with open_source(folder / "large.mkv") as source:
        frames = list(source)
    assert [frame.pixels.shape for frame in frames] == [(96, 128, 3)] * 3
    assert np.allclose([frame.pixels.mean() for frame in frames], [60, 100, 140], atol=3)
