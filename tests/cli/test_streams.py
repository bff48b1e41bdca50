"""Names that the console cannot encode, streams that cannot be written: neither ends the work."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tcnet.cli.upscale import batch

NAMES = ("Café → 名.mkv", "b.mkv")


@pytest.fixture
def command(tmp_path, tiny):
    """Runs the command as a process of its own. redirect: for a shell, behind the command."""

    def call(*arguments, redirect="", **environment):
        done = subprocess.run(
            ["/bin/sh", "-c", f'"$@" {redirect}', "sh", sys.executable, "-m", "tcnet", *map(str, arguments)],
            cwd=tmp_path,
            capture_output=True,
            timeout=180,
            env={
                **os.environ,
                "OMP_NUM_THREADS": "1",
                "XDG_CONFIG_HOME": str(tmp_path / "settings"),
                **environment,
            },
        )
        return done.returncode, done.stdout, done.stderr

    return call


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="starts a shell, and needs /dev/full")


@pytest.mark.parametrize("encoding", ["cp1252"])
def test_names_are_escaped_and_all_inputs_have_their_turn(command, media, tmp_path, tiny, encoding):
    for name in NAMES:
        media.clip(tmp_path / name, frames=2)
    media.clip(Path(os.fsdecode(bytes(tmp_path) + b"/\xff.mkv")), frames=2)
    code, out, err = command("upscale", ".", "--model", tiny, PYTHONIOENCODING=encoding)
    assert (code, b"defect" in err) == (0, False)
    text = out.decode(encoding)
    assert "b.x4.mkv" in text
    assert "\\u540d.x4.mkv" in text
    assert "\\udcff.x4.mkv" in text
    assert "->" in err.decode(encoding)
    assert len(list(tmp_path.glob("*.x4.mkv"))) == 3
    code, out, err = command(
        "upscale", NAMES[0], "--overwrite", "--progress", "json", "--model", tiny, PYTHONIOENCODING=encoding
    )
    events = [json.loads(line) for line in out.decode("ascii").splitlines()]
    assert (code, events[-1]["event"], events[-1]["input"]) == (0, "result", NAMES[0])


@pytest.mark.parametrize("redirect", [">/dev/full", ">&- 2>&- <&-", "2>/dev/full | true"])
def test_where_nothing_can_be_printed_the_work_is_done(command, media, tmp_path, tiny, redirect):
    media.clip(tmp_path / "a.mkv", frames=2)
    code, _, err = command("upscale", "a.mkv", "--model", tiny, redirect=redirect)
    assert code == 0
    assert len(media.read(tmp_path / "a.x4.mkv").times) == 2
    assert b"defect" not in err
    assert (b"standard output could not be written (No space left on device)" in err) == (
        redirect == ">/dev/full"
    )


def test_where_printing_is_the_work_it_fails(command):
    code, _, err = command("models", redirect=">/dev/full")
    assert code == 1
    assert (
        err.decode()
        == "error: standard output could not be written (No space left on device); what it says is lost\n"
    )
    code, _, err = command("--version", redirect=">/dev/full")
    assert code == 1
    code, _, err = command("models", redirect="| true")
    assert err == b""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RuntimeError("a surprise"), "RuntimeError: a surprise (a defect of tcnet"),
        (OSError(28, "No space left on device", "x.mkv"), "x.mkv: No space left on device"),
        (MemoryError(), "out of memory"),
        (UnicodeEncodeError("ascii", "é", 0, 1, "no"), "UnicodeEncodeError"),
    ],
)
def test_one_failure_of_any_kind_does_not_end_the_others(
    tcnet, media, tmp_path, tiny, monkeypatch, error, words
):
    for name in ("a.mkv", "b.mkv"):
        media.clip(tmp_path / name, frames=2)
    upscale = batch.upscale_video

    def fails_once(path, *arguments, **options):
        if Path(path).name == "a.mkv":
            raise error
        return upscale(path, *arguments, **options)

    monkeypatch.setattr(batch, "upscale_video", fails_once)
    done = tcnet("upscale", "a.mkv", "b.mkv", "--model", tiny)
    assert done.code == 1
    assert done.out == ["b.x4.mkv"]
    (line,) = [line for line in done.err if line.startswith("error: ")]
    assert line.startswith(f"error: a.mkv: {words}")
