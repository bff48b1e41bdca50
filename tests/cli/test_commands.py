import json
import re
import subprocess
import sys

import pytest

from tcnet.catalogue import DEFAULT_MODEL, list_models, weights_hash
from tcnet.cli import COMMANDS
from tcnet.speeds import Speed, keep_speeds
from tcnet.version import __version__


def test_without_arguments_there_is_help(tcnet):
    done = tcnet()
    assert done.code == 2
    text = "\n".join(done.out + done.err)
    assert "Usage: tcnet" in text
    assert "error" not in text.replace("a traceback with an error", "")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_that_loses_nothing(tcnet, command):
    done = tcnet(command, "--help")
    assert done.code == 0
    assert f"Usage: tcnet {command}" in "\n".join(done.out)
    # What rich takes for markup vanishes, and leaves a lonely full stop.
    assert not any(re.search(r" \.( |$)", line) for line in done.out)
    words = " ".join(done.out).split()
    assert COMMANDS[command] in " ".join(words)  # as the list of commands has it


@pytest.mark.parametrize("wanted", ["--help", "--version", "models", "upscal"])
def test_what_needs_no_torch_does_not_wait_for_it(wanted):
    code = (
        "import sys; from tcnet.cli import run; code = run(sys.argv[1:]); "
        "assert not {'torch', 'numpy', 'av'} & set(sys.modules); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code, wanted], capture_output=True, text=True, check=False)
    assert done.returncode == (2 if wanted == "upscal" else 0), done.stderr
    if wanted == "upscal":
        assert done.stderr == "error: No such command 'upscal'. Did you mean 'upscale'?\n"


def test_version_as_a_process(start):
    out, err = start("--version").communicate(timeout=180)
    assert (out, err) == (f"tcnet {__version__}\n", "")


def test_an_error_as_a_process(start):
    process = start("upscale", "missing.mkv")
    out, err = process.communicate(timeout=180)
    assert (process.returncode, out, err) == (1, "", "error: missing.mkv: no such file\n")


def test_models(tcnet, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    listed = "\n".join(tcnet("models").out)
    files, _, benchmarks = listed.partition("For the benchmarks")
    assert listed.count("(default)") == files.count("(default)") == 1
    for card in list_models():
        assert card.name in (files if card.use == "files" else benchmarks)
        for call in (("models", card.name), ("models", "show", card.name)):
            shown = tcnet(*call)
            assert shown.code == 0
            text = "\n".join(shown.out)
            assert f"{card.gain.psnr:+.2f} dB" in text
            assert {"name", "weights", "licence", "source"} <= {
                line.split()[0] for line in shown.out if line.strip()
            }
            assert "not measured yet" in text


def test_models_says_how_fast_each_is_here(tcnet, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    pixels = 854 * 480 * 25 * 60
    keep_speeds(
        [Speed(card.name, weights_hash(card.name), "cpu", "auto", 2, 600 / pixels) for card in list_models()]
    )
    listed = "\n".join(tcnet("models").out)
    assert listed.count("about 10 min") == len(list_models())
    assert "not measured" not in listed
    assert "with 2 threads" in "\n".join(tcnet("models", DEFAULT_MODEL).out)


def test_degrade(tcnet, media, tmp_path):
    media.clip(tmp_path / "hr.mkv", size=(66, 49), frames=3)
    done = tcnet("degrade", "hr.mkv", "lr.mkv", "--kind", "BD")
    assert (done.code, done.err) == (0, ["lr.mkv: 3 frames, BD"])
    lr = media.read(tmp_path / "lr.mkv")
    assert lr.size == (16, 12)
    assert lr.times == media.read(tmp_path / "hr.mkv").times


def test_evaluate(tcnet, media, tiny, tmp_path):
    (tmp_path / "set").mkdir()
    media.clip(tmp_path / "set" / "clip.mkv", size=(80, 72), frames=4)
    done = tcnet(
        "evaluate", "--set", "folder", "--data", "set", "--model", f"bicubic,{tiny}", "--out", "report",
        "--crop", "clip=1,8,4,32,24", "--limit-frames", 2,
    )  # fmt: skip
    assert done.code == 0, done.err
    table = "\n".join(done.out)
    assert "bicubic" in table
    assert "tiny" in table
    for name in ("report.html", "results.json", "results.csv"):
        assert (tmp_path / "report" / name).stat().st_size
        assert any(name in line for line in done.out)
    results = json.loads((tmp_path / "report" / "results.json").read_text())
    assert results["metrics"] == [
        *("psnr", "ssim", "detail", "warp", "tof", "tgrad", "flicker", "change", "static-change"),
    ]
    assert results["limit_frames"] == 2
    assert any("not the published protocol" in line for line in done.err)
    page = (tmp_path / "report" / "report.html").read_text()
    assert "Frame 1, 32x24 pixels from (8, 4)" in page
    done = tcnet(
        "evaluate", "--set", "folder", "--data", "set", "--model", "bicubic", "--limit-frames", 1,
        "--metrics", "psnr,ssim,features,detail",
    )  # fmt: skip
    assert "mean of clips" in "\n".join(done.out)  # a row for each, which fits a terminal
    assert sum("features-rgb" in line for line in done.out) == 2  # also in the protocol's name
    assert (tmp_path / "report" / "images" / "clip.figure.png").exists()


def test_bench(tcnet, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("tcnet.profiling.roofline.COPY_BYTES", 2**20)
    done = tcnet(
        "bench", "--model", tiny, "--size", "16x24", "--size", "16x16,20x16",
        "--frames", 2, "--rounds", 1, "--json", "bench.json",
    )  # fmt: skip
    assert done.code == 0
    assert any("BasicVSR, the baseline" in line for line in done.out)
    runs = json.loads((tmp_path / "bench.json").read_text())["runs"]
    sizes = [(figures["height"], figures["width"], figures["frames"]) for figures in runs]
    assert sizes == [(16, 24, 2), (16, 16, 2), (20, 16, 2)]


def test_doctor(tcnet):
    done = tcnet("doctor")
    assert done.code == 0
    assert done.out[0].split() == ["tcnet", __version__]
    assert any(line.startswith("codecs") and "h264" in line for line in done.out)
