"""What the documents name is there: files they link to, files and folders, commands, options, Python names."""

import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import pytest
import typer

import tcnet
from tcnet.cli import COMMANDS, app

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted(ROOT.glob("docs/**/*.md")),
]
PAST = "docs/experiments/20"  # an experiment names the files of its day
CURRENT = [page for page in PAGES if not str(page.relative_to(ROOT)).startswith(PAST)]
PACKAGE = ROOT / "src" / "tcnet"


def name_of(page):
    return str(page.relative_to(ROOT))


def anchors(page):
    """Those that GitHub gives to the titles of a page."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file), target


@pytest.mark.parametrize("page", CURRENT, ids=name_of)
def test_files_that_are_named_exist(page):
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"\b(?:src|docs|tests|scripts|benchmarks|configs|examples)/[\w./-]*\w", text)
    for name in named:
        assert list(ROOT.glob(f"{name}*")), name


def test_files_that_the_architecture_names_exist():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    text = re.sub(r"^(\| `.+ \| .+ \|) .+ \|$", r"\1", text, flags=re.MULTILINE)  # less the tree as it was
    for name in re.findall(r"`((?:[a-z_]+/)*[a-z_]+\.py|[a-z_/]+/)`", text):
        assert any((folder / name).exists() for folder in (PACKAGE, PACKAGE / "network", ROOT)), name


def test_the_tree_of_the_architecture_has_each_folder_once():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z_/]+/)` \|", text, re.MULTILINE)
    folders = {f"{path.parent.relative_to(PACKAGE).as_posix()}/" for path in PACKAGE.rglob("*/__init__.py")}
    assert len(folders) > 20
    assert len(rows) == len(set(rows))
    assert {row for row in rows if (PACKAGE / row / "__init__.py").exists()} == folders
    assert all((PACKAGE / row).is_dir() for row in rows)


def test_the_names_that_the_architecture_puts_into_files_are_there():
    text = " ".join((ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split())
    pairs = re.findall(r"`(\w[\w.]*)` \(`((?:[a-z_]+/)*[a-z_]+\.py)`", text)
    assert len(pairs) > 10
    for name, file in pairs:
        last = name.rpartition(".")[2]
        code = (PACKAGE / file).read_text(encoding="utf-8")
        assert re.search(rf"\b(def|class) {last}\b", code), f"{name} is not in {file}"


def command_lines():
    """In blocks of code and within sentences."""
    for page in CURRENT:
        text = page.read_text(encoding="utf-8")
        fenced = "\n".join(re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE))
        shown = re.findall(r"^    (tcnet [a-z].*)$", text, re.MULTILINE)
        shown += re.findall(r"^(tcnet [a-z].*)$", fenced, re.MULTILINE)
        shown += re.findall(r"`(tcnet [a-z][^`]*)`", text)
        for line in dict.fromkeys(re.sub(r"\s+#.*", "", line) for line in shown):
            yield pytest.param(line, id=f"{page.name}: {line[:60]}")


@pytest.mark.parametrize("line", list(command_lines()))
def test_commands_and_options_that_are_shown_are_there(line):
    _, name, *arguments = shlex.split(line)
    assert name in COMMANDS
    command = typer.main.get_command(app).get_command(None, name)
    context = command.make_context(name, [], resilient_parsing=True)
    known = {"--help", *(option for parameter in context.command.params for option in parameter.opts)}
    assert {word.partition("=")[0] for word in arguments if re.match(r"--?[a-z]", word)} <= known


@pytest.mark.parametrize("page", CURRENT, ids=name_of)
def test_python_names_that_are_used_are_there(page):
    for code in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        for name in re.findall(r"\btcnet\.(\w+)", code):
            assert hasattr(tcnet, name) or find_spec(f"tcnet.{name}"), name
