"""Every block of code in the documents is run, or read by what it is written for. What can be neither is named here."""

import json
import re
import shlex
import tomllib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import tomli_w
import typer

from tcnet.cli import COMMANDS, app, run
from tcnet.training.config import load_config
from tcnet.video import EncodeOptions, open_sink
from tcnet.video.frame import ColorSpec, Frame, VideoInfo

ROOT = Path(__file__).parents[2]
PAST = "docs/experiments/20"  # an experiment shows what was run on its day
PAGES = [
    page
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md")))
    if not str(page.relative_to(ROOT)).startswith(PAST)
]
PYTHON = {
    "README.md": "tests/documents/test_readme.py",
    "docs/cluster.md": "tests/cluster/test_film.py",
    "docs/vapoursynth.md": "tests/test_vapoursynth_scripts.py",
}
"""Pages with a Python example, and the test that runs it."""
NOT_CODE = ("src/tcnet/network/", "propagation: error", "# nginx", "#!/bin/bash")
"""How blocks begin that are a tree of folders, output, and scripts for nginx and Slurm."""
OTHERS = frozenset(
    [
        "ray",
        "vspipe",
        "torchrun",
        "debootstrap",
        "mount",
        "git",
        "chroot",
        "curl",
        "docker",
        "ID=",
        "L=",
        "S=",
    ]
)
"""Programs that are not ours, and what scripts set."""


@dataclass(frozen=True)
class Block:
    page: str
    language: str
    text: str

    @property
    def kind(self):
        if self.language == "python" or self.text.startswith(NOT_CODE):
            return self.language or "not code"
        if self.text.startswith("{"):
            return "json"
        return "toml" if re.match(r"\[[\w.]+\]", self.text) else "shell"

    def lines(self):
        """Of a shell, without comments; a backslash joins two."""
        for line in self.text.replace("\\\n", " ").splitlines():
            if words := re.sub(r"(^|\s+)#.*", "", line).strip():
                yield words


def blocks():
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        name = page.relative_to(ROOT).as_posix()
        for language, block in re.findall(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
            yield Block(name, language, block)
        text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
        for block in re.findall(r"(?<=\n\n)(?: {4}\S.*\n(?:\n(?= {4}))?(?: {5,}.*\n)?)+", text):
            yield Block(name, "", re.sub(r"^ {4}", "", block, flags=re.MULTILINE))


BLOCKS = list(blocks())


def of_kind(kind):
    found = [block for block in BLOCKS if block.kind == kind]
    return pytest.mark.parametrize(
        "block", found, ids=[f"{block.page}: {block.text[:30]}" for block in found]
    )


def test_there_are_blocks_of_every_kind():
    assert {block.kind for block in BLOCKS} == {"python", "toml", "json", "shell", "not code", "bash"}
    assert len(BLOCKS) > 30


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_blocks_stand_alone(page):
    """Without an empty line before it, the site takes a fence for words of the sentence before."""
    lines = page.read_text(encoding="utf-8").splitlines()
    fences = [number for number, line in enumerate(lines) if line.startswith("```")]
    assert not [number + 1 for number in fences[::2] if lines[number - 1]]


def test_every_python_example_has_a_test_that_runs_it():
    assert sorted(block.page for block in BLOCKS if block.kind == "python") == sorted(PYTHON)
    for page, test in PYTHON.items():
        text = (ROOT / test).read_text(encoding="utf-8")
        assert Path(page).name in text
        assert "```python" in text


CARD_TABLES = {"detail": {"base", "default", "reach"}, "denoise": {"default", "clean_up"}}


@of_kind("toml")
def test_tables_are_those_of_a_configuration_or_a_card(block, tmp_path):
    values = tomllib.loads(block.text)
    if set(values) <= CARD_TABLES.keys():
        assert all(set(table) <= CARD_TABLES[name] for name, table in values.items())
        return
    kind = "clean-up" if values.get("network", {}).get("preset") == "clean-up" else "tcnet-vivid"
    base = tomllib.loads((ROOT / "configs" / f"{kind}.toml").read_text(encoding="utf-8"))
    if "network" in values:
        base.pop("network", None)
        base["start"] = {}
    path = tmp_path / "config.toml"
    path.write_text(tomli_w.dumps(merged(base, values)), encoding="utf-8")
    load_config(path)


def merged(base, values):
    both = base | values
    for key in base.keys() & values.keys():
        if isinstance(base[key], dict):
            both[key] = merged(base[key], values[key])
    return both


@of_kind("json")
def test_replies_are_json(block):
    assert json.loads(block.text)


@of_kind("shell")
def test_commands_can_be_given_so(block):
    """Ours in full: values too, and what they need to be given with."""
    for line in block.lines():
        program, *words = shlex.split(line)
        if program == "tcnet":
            name, *arguments = words
            assert name in COMMANDS
            typer.main.get_command(app).get_command(None, name).make_context(name, arguments)
        elif program == "make":
            assert re.search(rf"^{words[0]}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        elif program == "python":
            assert (ROOT / words[0]).is_file()
        elif program == "pip":
            extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
            named = re.findall(r"\.\[([\w,]+)\]", line)
            assert {extra for each in named for extra in each.split(",")} <= set(extras)
        else:
            assert re.match(r"\w+=", program) or program in OTHERS, line


VIDEO = [
    line
    for block in BLOCKS
    if block.page == "docs/video.md" and block.kind == "shell"
    for line in block.lines()
]


def write_video(path, width, height):
    path.parent.mkdir(parents=True, exist_ok=True)
    info = VideoInfo(
        width,
        height,
        Fraction(1, 25),
        Fraction(25),
        2,
        None,
        8,
        "yuv420p",
        ColorSpec(6, False),
        Fraction(1),
        "h264",
    )
    sink = open_sink(path, info=info, options=EncodeOptions())
    for pts in range(2):
        sink.write(Frame(np.full((height, width, 3), 90 + 20 * pts, np.uint8), pts, 1, Fraction(1, 25)))
    sink.finish()


@pytest.mark.parametrize("line", VIDEO)
def test_commands_for_video_files_run(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = shlex.split(line)[1:]
    if arguments[0] == "upscale":
        for name in ("a.mp4", "b.mov", "clips/c.mp4", "more/d.mkv", "archive/below/e.mkv"):
            write_video(Path(name), 32, 24)
        arguments += ["--model", "tcnet-lite"]  # for speed
    else:
        write_video(Path("in.mp4"), 256, 144)
        for name in ("in.x4.mp4", "other.mp4", "a.mp4", "b.mp4"):
            write_video(Path(name), 1024, 576)
    before = set(Path().rglob("*"))
    assert run(arguments) == 0
    assert any(path.is_file() for path in set(Path().rglob("*")) - before)
