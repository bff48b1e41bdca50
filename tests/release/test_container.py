"""Containerfile, as far as can be seen without building it."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Containerfile").read_text(encoding="utf-8")
INSTRUCTIONS = [
    tuple(line.split(maxsplit=1))
    for line in re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", TEXT, flags=re.MULTILINE)).splitlines()
    if line
]
SENT = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]


def given(name):
    """Arguments of the instructions of a name, of the last stage last."""
    return [words for instruction, words in INSTRUCTIONS if instruction == name]


def test_it_runs_the_command_as_nobody_special():
    assert given("USER") == ["1000"]
    assert given("ENTRYPOINT") == ['["tcnet"]']
    instructions = [instruction for instruction, _ in INSTRUCTIONS]
    assert "RUN" not in instructions[instructions.index("USER") :]


def test_all_that_it_copies_is_there_and_sent_to_the_builder():
    copied = [word for words in given("COPY") for word in words.split()[:-1]]
    copied += [name for words in given("RUN") for name in re.findall(r"--mount=source=(\S+?),", words)]
    assert "constraints.txt" in copied
    for path in copied:
        assert (ROOT / path).exists(), path
        assert path in SENT, path
    assert set(SENT) == set(copied)


@pytest.mark.parametrize("name", ["DEVICE", "EXTRAS", "PYTHON"])
def test_its_arguments_are_used_and_have_defaults(name):
    [default] = [words for words in given("ARG") if words.partition("=")[0] == name]
    assert default.partition("=")[2]
    assert re.search(rf"\$\{{?{name}\b", TEXT)


def test_its_extras_are_there():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
    named = [words.partition("=")[2] for words in given("ARG") if words.startswith("EXTRAS")]
    assert {extra for each in named for extra in each.split(",")} <= set(extras)
