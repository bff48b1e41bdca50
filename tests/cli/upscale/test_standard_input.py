import io
import os
import signal
import subprocess
import sys
import time
from fractions import Fraction

import pytest

from tcnet.upscale.output.checkpoint import Checkpoint


@pytest.fixture
def pipe(tmp_path, tiny):
    """Runs the command with bytes on its standard input."""

    def run(data, *arguments):
        return subprocess.run(
            [sys.executable, "-m", "tcnet", "upscale", "-", "--model", str(tiny), *arguments],
            input=data, capture_output=True, cwd=tmp_path, timeout=100, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip

    return run


def test_a_video_with_sound(pipe, media, tmp_path):
    (tmp_path / "in").mkdir()
    source = media.clip(
        tmp_path / "in" / "a.mp4", sound=True, frames=5, codec="libx264", pixel_format="yuv420p"
    )
    done = pipe(source.read_bytes(), "-o", "out.mp4")
    assert (done.returncode, done.stdout) == (0, b"out.mp4\n"), done.stderr
    assert media.read(tmp_path / "out.mp4").times == [Fraction(i, 25) for i in range(5)]
    assert media.sound(tmp_path / "out.mp4") == media.sound(source)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out.mp4"]


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"", "standard input is empty"), (b"x" * 999, "standard input: cannot be read as video")],
)
def test_what_is_no_video_leaves_nothing(tcnet, monkeypatch, tmp_path, data, words):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    done = tcnet("upscale", "-", "-o", "out.mkv")
    assert done.code == 1
    (line,) = done.err
    assert words in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "is_open", "words"),
    [
        ((), False, "1 frames of an unfinished run are kept, which - (standard input) cannot continue"),
        (("--no-resume",), True, "another run is writing it"),
    ],
    ids=["kept", "at work"],
)
def test_the_run_of_another_command_stays(tcnet, media, monkeypatch, tmp_path, options, is_open, words):
    source = media.clip(tmp_path / "a.mkv", frames=2)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(source.read_bytes())))
    other = Checkpoint(tmp_path / "out.mkv")
    other.open({"input": "a film"}, resume=True)
    other.append({"segment": {"frames": 1}})
    if not is_open:
        other.release()
    done = tcnet("upscale", "-", "-o", "out.mkv", "--model", "tcnet-lite", *options)
    assert done.code != 0
    assert words in done.err[-1]
    assert other.stored() == ({"input": "a film"}, [{"segment": {"frames": 1}}])
    other.release()


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_an_interruption_while_it_is_read_leaves_nothing(tmp_path, tiny):
    process = subprocess.Popen(
        [sys.executable, "-m", "tcnet", "upscale", "-", "-o", "out.mkv", "--model", str(tiny)],
        stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not list(tmp_path.iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143
    assert err == b"interrupted; nothing half-done was left behind\n"
    assert list(tmp_path.iterdir()) == []
