"""Whatever is wrong: one line on stderr, the right exit code, nothing written and nothing lost."""

import pytest
import torch
from safetensors.torch import save_file

PLAN = ("plan: ", "  ")  # the beginnings of its lines


@pytest.fixture
def scene(media, tiny, tmp_path):
    """A folder with good and bad files; returns what is in it, by name, as bytes."""
    media.clip(tmp_path / "a.mp4", codec="libx264", pixel_format="yuv420p")
    media.clip(tmp_path / "one.mkv", size=(1, 1))
    media.clip(tmp_path / "fifteen.mkv", size=(15, 15))
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_text("hello\n" * 100)
    (tmp_path / "cut.mp4").write_bytes((tmp_path / "a.mp4").read_bytes()[:800])
    (tmp_path / "precious.mkv").write_bytes(b"precious")
    (tmp_path / "noimages").mkdir()
    (tmp_path / "tiny.safetensors").write_bytes(tiny.read_bytes())
    (tmp_path / "cut.safetensors").write_bytes(tiny.read_bytes()[:50000])
    save_file({"a": torch.zeros(3)}, tmp_path / "other.safetensors")
    return snapshot


def snapshot(folder):
    return {path.name: path.read_bytes() if path.is_file() else None for path in folder.iterdir()}


def check(tcnet, scene, tmp_path, code, words, arguments):
    before = scene(tmp_path)
    done = tcnet(*arguments)
    assert done.code == code, done.err
    assert done.out == []
    lines = [line for line in done.err if not line.startswith(PLAN)]
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    assert words in lines[0]
    assert scene(tmp_path) == before


UPSCALE = {
    "missing.mp4": (1, "missing.mp4: no such file"),
    "empty.mp4": (1, "empty.mp4: the file is empty"),
    "text.mp4": (1, "text.mp4: cannot be read as video"),
    "cut.mp4": (1, "cut.mp4: cannot be read as video"),
    "noimages": (1, "noimages: the folder holds no images and no videos"),
    "one.mkv": (1, "frames are 1x1, the model needs at least 16x16"),
    "fifteen.mkv": (1, "frames are 15x15"),
    "a.mp4 --model esrgan": (2, "unknown model 'esrgan'; the models are tcnet-video"),
    "a.mp4 --model missing.safetensors": (1, "missing.safetensors: no such weight file"),
    "a.mp4 --model cut.safetensors": (1, "cut.safetensors: not a readable safetensors file"),
    "a.mp4 --model other.safetensors": (1, "other.safetensors: holds no TCNet configuration"),
    "a.mp4 -o a.mp4": (1, "a.mp4: output and input are the same file"),
    "a.mp4 -o precious.mkv": (1, "precious.mkv: exists already"),
    "a.mp4 -o empty.mp4/out.mp4": (1, "empty.mp4: is a file"),
    "a.mp4 -o empty.mp4/out": (1, "empty.mp4: is a file"),
    "a.mp4 -o nowhere/out.mp4": (1, "nowhere: no such folder"),
    "a.mp4 -o out.avi": (2, "unknown output suffix '.avi'"),
    "a.mp4 -o out.png": (2, "names one image"),
    "a.mp4 -o out.webm --codec h264": (2, ".webm cannot hold h264"),
    "a.mp4 one.mkv -o out.mp4": (2, "-o takes one input, got 2"),
    "a.mp4 -o out.mpv": (2, "unknown output suffix '.mpv'; choose .mkv, .mp4"),
    "a.mp4 -o out.mp4 --output-template {stem}.mkv": (2, "-o and --output-template exclude each other"),
    "a.mp4 --output-template {title}.mkv": (2, "unknown field {title}; the fields are {stem}"),
    "a.mp4 --output-template x/{nothing": (2, "expected '}'"),
    "a.mp4 --output-template {stem}{suffix}": (2, "output and input would be the same file"),
    "a.mp4 --output-template {stem}.mpv": (2, "unknown output suffix '.mpv'"),
    "z*.mp4": (1, "z*.mp4: no video matches this pattern; check"),
    "https://example.org/a.mp4": (1, "is an address, only files are opened"),
    "-": (2, "name the output with -o"),
    "- a.mp4": (2, "the only input"),
    "- -o out.avi": (2, "unknown output suffix '.avi'"),
    "- -o precious.mkv": (1, "precious.mkv: exists already"),
    "- -o out.mkv --dry-run": (2, "--dry-run"),
    "a.mp4 --dry-run -o precious.mkv": (1, "precious.mkv: exists already"),
    "a.mp4 --dry-run -o nowhere/out.mkv": (1, "nowhere: no such folder"),
    "a.mp4 --dry-run --crf 99": (2, "crf 99 is out of range"),
    "a.mp4 --start x": (2, "--start 'x': write seconds or H:MM:SS.mmm"),
    "a.mp4 --start 5 --end 5": (2, "end 5 s is not after the start"),
    "a.mp4 --deinterlace maybe": (2, "unknown deinterlace 'maybe'"),
    "noimages --recursive": (1, "noimages: the folder holds no images and no videos"),
    "a.mp4 --codec vp8": (2, "unknown codec 'vp8'; choose h264"),
    "a.mp4 --crf 99": (2, "crf 99 is out of range for h264: 0 to 51"),
    "a.mp4 --pixel-format nv99": (2, "pixel format 'nv99'"),
    "a.mp4 --scale 5": (2, "scale is 5"),
    "a.mp4 --scale x": (2, "'--scale'"),
    "a.mp4 --scale 2 --height 48": (2, "scale and height exclude each other"),
    "a.mp4 --height 21": (2, "height is 21"),
    "a.mp4 --height -2": (2, "height is -2"),
    "a.mp4 --height 2000": (2, "height 2000 is more than x4"),
    "a.mp4 --memory-limit 0": (2, "--memory-limit 0"),
    "a.mp4 --memory-limit nan": (2, "--memory-limit nan"),
    "a.mp4 --memory-limit inf": (2, "--memory-limit inf"),
    "a.mp4 --memory-limit 0.001": (2, "over the memory limit"),
    "a.mp4 --encoder-option preset": (2, "--encoder-option 'preset': write it as K=V"),
    "a.mp4 --encoder-option perset=slow": (2, "no option 'perset'"),
    "a.mp4 --frame-rate x": (2, "--frame-rate 'x'"),
    "a.mp4 --frame-rate 0": (2, "--frame-rate '0'"),
    "a.mp4 --frame-rate 1/0": (2, "--frame-rate '1/0'"),
    "a.mp4 --frame-rate 1e999999999": (2, "--frame-rate '1e999999999'"),
    "a.mp4 --device tpu": (2, "unknown device 'tpu'"),
    "a.mp4 --precision fp8": (2, "unknown precision 'fp8'"),
    "a.mp4 --window 0": (2, "window is 0"),
    "a.mp4 --overlap -1": (2, "overlap is -1"),
    "a.mp4 --tile 1": (2, "tiles of 1 pixels are too small"),
    "a.mp4 --progress dots": (2, "unknown --progress 'dots'"),
    "a.mp4 --bogus": (2, "No such option: --bogus"),
    "": (2, "Missing argument 'INPUT"),
}  # fmt: skip


@pytest.mark.parametrize("line", UPSCALE)
def test_upscale(tcnet, scene, tmp_path, line):
    code, words = UPSCALE[line]
    model = [] if "--model" in line or not line else ["--model", "tiny.safetensors"]
    check(tcnet, scene, tmp_path, code, words, ["upscale", *line.split(), *model])


OTHERS = {
    "evaluate": (2, "Missing option '--model'"),
    "evaluate --model bicubic --set nosuch --data .": (2, "'nosuch' is unknown"),
    "evaluate --model bicubic --set vid4 --data nowhere": (1, "nowhere is not a folder"),
    "evaluate --model bicubic --set folder --data noimages": (1, "noimages holds neither"),
    "evaluate --model bicubic --set folder": (2, "needs --data"),
    "evaluate --model bicubic --set folder --data . --degradation XX": (2, "'XX' is unknown"),
    "evaluate --model bicubic --set folder --data . --metrics vif": (2, "'vif' is unknown"),
    "evaluate --model esrgan --set folder --data .": (2, "unknown model 'esrgan'"),
    "evaluate --model , --set folder --data .": (2, "--model ',' names nothing: give"),
    "degrade missing.mkv out.mkv": (1, "missing.mkv: no such file"),
    "degrade a.mp4 out.mkv --kind XX": (2, "degradation 'XX' is unknown"),
    "degrade a.mp4 precious.mkv": (1, "precious.mkv: exists already"),
    "degrade one.mkv out.mkv": (1, "one.mkv is 1x1"),
    "degrade a.mp4": (2, "Missing argument"),
    "models show nosuch": (2, "unknown model 'nosuch'"),
    "models list": (2, "unknown model 'list'"),
    "models tcnet-bi tcnet-bd": (2, "one model at a time"),
    "bench --size 180": (2, "--size '180'"),
    "bench --size 4x4 --model tiny.safetensors": (2, "size 4x4 is too small"),
    "bench --size 99999999999x16 --model tiny.safetensors": (2, "is too large"),
    "bench --rounds 0": (2, "'--rounds'"),
    "bench --model nosuch": (2, "unknown model 'nosuch'"),
    "doctor extra": (2, "extra"),
    "bogus": (2, "No such command 'bogus'"),
    "--bogus": (2, "No such option: --bogus"),
}


@pytest.mark.parametrize("line", OTHERS)
def test_other_commands(tcnet, scene, tmp_path, line):
    code, words = OTHERS[line]
    check(tcnet, scene, tmp_path, code, words, line.split())


def test_debug_shows_where_it_happened(tcnet, tmp_path):
    for arguments in (["--debug", "upscale", "missing.mkv"], ["upscale", "missing.mkv", "--debug"]):
        done = tcnet(*arguments)
        assert done.code == 1
        assert done.err[0].startswith("Traceback")
        assert done.err[-1] == "error: missing.mkv: no such file"
    done = tcnet("upscale", "missing.mkv", "gone.mkv", "--debug")
    assert done.err.count("Traceback (most recent call last):") == 2
