"""Names and places that programs stumble over, through the real command."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import av
import pytest
import torch

from tcnet.cli import run
from tcnet.models import save_model
from tcnet.network import TCNet, TCNetConfig
from zoo.files.builder import build
from zoo.files.catalogue import NAMES
from zoo.files.specimen import Audio, Specimen

SMALL = Specimen(
    name="clip", suffix=".mp4", codec="libx264", count=3, size=(32, 32), about="", audio=(Audio(codec="aac"),)
)
# prctl(PR_CAPBSET_DROP) of CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, which holds from the next program on.
WITHOUT_OVERRIDE = (
    "import ctypes, os, sys; libc = ctypes.CDLL(None); "
    "assert all(libc.prctl(24, right, 0, 0, 0) == 0 for right in (1, 2)); os.execv(sys.argv[1], sys.argv[1:])"
)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A weight file of a network small enough to run in no time."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    config = TCNetConfig(
        channels=16, propagation_blocks=1, refinement_blocks=1, fusion_width=8, motion="tiny"
    )
    save_model(TCNet(config), path)
    return path


def upscale(*arguments):
    return run(["upscale", *map(str, arguments), "--progress", "none", "--window", "8", "--overlap", "0"])


def shown(path):
    """(frames, packets of sound) of a file."""
    with av.open(f"file:{path.absolute()}") as container:
        frames = sum(1 for _ in container.decode(video=0))
    with av.open(f"file:{path.absolute()}") as container:
        return frames, sum(1 for packet in container.demux(audio=0) if packet.size)


@pytest.mark.parametrize("specimen", NAMES, ids=lambda specimen: specimen.about)
def test_names_go_through_the_command_and_name_the_output(tmp_path, monkeypatch, tiny, capsys, specimen):
    source = build(specimen, tmp_path)
    monkeypatch.chdir(tmp_path)  # so that a leading dash is met where it hurts
    argument = source.name if not source.name.startswith("-") else f"./{source.name}"
    assert upscale(argument, "--model", tiny) == 0
    (output,) = [path for path in tmp_path.iterdir() if path != source]
    assert output.name.startswith(specimen.name[:200])
    assert ".x4" in output.name
    assert output.name in capsys.readouterr().out.replace("\n", "")
    with av.open(f"file:{output.absolute()}") as container:
        assert sum(1 for _ in container.decode(video=0)) == 3


def test_a_folder_of_another_script_with_spaces_holds_input_and_output(tmp_path, tiny):
    folder = tmp_path / "Filme über 東京" / "с пробелами"
    folder.mkdir(parents=True)
    source = build(SMALL, folder)
    assert upscale(source, "-o", folder / "Größer ×4.mkv", "--model", tiny) == 0
    assert shown(folder / "Größer ×4.mkv") == (3, shown(source)[1])
    assert sorted(path.name for path in folder.iterdir()) == ["Größer ×4.mkv", "clip.mp4"]


def test_a_path_close_to_the_systems_limit(tmp_path, tiny):
    folder = tmp_path
    while len(str(folder)) < 3000:
        folder = folder / ("tief " * 40)
    folder.mkdir(parents=True)
    source = build(SMALL, tmp_path).rename(folder / "clip.mp4")
    assert upscale(source, "--model", tiny) == 0
    assert shown(folder / "clip.x4.mp4") == (3, shown(source)[1])


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no second file system that is sure to be there")
def test_the_output_may_lie_on_another_file_system(tmp_path, tiny):
    source = build(SMALL, tmp_path)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        other = Path(name)
        if other.stat().st_dev == tmp_path.stat().st_dev:
            pytest.skip("/dev/shm is the same file system")
        assert upscale(source, "-o", other / "out.mkv", "--model", tiny) == 0
        assert shown(other / "out.mkv") == (3, shown(source)[1])
        assert [path.name for path in other.iterdir()] == ["out.mkv"]
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_an_input_in_a_folder_that_cannot_be_written_to(tiny):
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o755)
        shut, free = place / "shut", place / "free"
        shut.mkdir()
        free.mkdir()
        model = free / "tiny.safetensors"
        model.write_bytes(tiny.read_bytes())
        build(SMALL, shut).chmod(0o444)
        shut.chmod(0o555)
        try:
            beside = _held_to_permissions(free, "upscale", shut / "clip.mp4", "--model", model)
            elsewhere = _held_to_permissions(
                free, "upscale", shut / "clip.mp4", "-o", "out.mp4", "--model", model
            )
        finally:
            shut.chmod(0o755)
        assert beside.returncode == 1, beside.stderr
        assert "permission to write there is missing" in beside.stderr
        assert len(beside.stderr.splitlines()) == 1
        assert elsewhere.returncode == 0, elsewhere.stderr
        assert shown(free / "out.mp4") == (3, shown(shut / "clip.mp4")[1])
        assert [path.name for path in shut.iterdir()] == ["clip.mp4"]


def _held_to_permissions(folder, *arguments):
    """The command in a process of its own; one of root's without the right to pass over permissions."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tcnet", *map(str, arguments)]
    if os.geteuid() == 0:
        if sys.platform != "linux":
            pytest.skip("no permission stops root")
        command = [sys.executable, "-c", WITHOUT_OVERRIDE, *command]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
