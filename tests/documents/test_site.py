"""The site of `make docs` is whole, as far as can be seen without MkDocs."""

import ast
import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest
import yaml

import tcnet

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SITE = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
BESIDE_DOCS = {"index.md": "README.md", "CONTRIBUTING.md": "CONTRIBUTING.md", "CHANGELOG.md": "CHANGELOG.md"}
REFERENCE = [
    line.removeprefix("::: ")
    for page in sorted(DOCS.glob("reference/*.md"))
    for line in page.read_text(encoding="utf-8").splitlines()
    if line.startswith("::: ")
]

FUNCTIONS = [
    name
    for name in REFERENCE
    if name.rpartition(".")[2].islower()
    if name
    not in ("tcnet.plan_video", "tcnet.vapoursynth.upscale")  # arguments of upscale_video; not importable
]


def pages(entries):
    for entry in entries:
        target = entry if isinstance(entry, str) else next(iter(entry.values()))
        yield from [target] if isinstance(target, str) else pages(target)


NAV = list(pages(SITE["nav"]))


def test_pages_of_the_navigation_are_there():
    assert len(NAV) == len(set(NAV))
    for page in NAV:
        file = ROOT / BESIDE_DOCS[page] if page in BESIDE_DOCS else DOCS / page
        assert file.is_file(), page


def test_the_navigation_has_all_pages():
    """Experiments have an index of their own."""
    there = {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")}
    assert {page for page in there if not page.startswith("experiments/20")} == set(NAV) - set(BESIDE_DOCS)


@pytest.mark.parametrize("name", REFERENCE)
def test_names_of_the_reference_are_there(name):
    """Read, not imported, where the module needs what is not installed for tests (VapourSynth)."""
    module, _, last = name.rpartition(".")
    if module == "tcnet.vapoursynth":
        tree = ast.parse(Path(tcnet.__file__).with_name("vapoursynth.py").read_text(encoding="utf-8"))
        documented = {
            node.name: ast.get_docstring(node) for node in tree.body if isinstance(node, ast.FunctionDef)
        }
        assert documented[last]
    else:
        assert getattr(import_module(module), last).__doc__


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_the_reference_say_what_they_take_and_return(name):
    module, _, last = name.rpartition(".")
    function = inspect.unwrap(getattr(import_module(module), last))
    text = inspect.getdoc(function)
    for argument in inspect.signature(function).parameters:
        assert f"\n    {argument}: " in text, argument
    assert (
        "\nReturns:" in text or "\nYields:" in text or inspect.signature(function).return_annotation is None
    )


def members():
    """Public methods and properties of the classes of the reference."""
    for name in REFERENCE:
        module, _, last = name.rpartition(".")
        owner = None if module == "tcnet.vapoursynth" else getattr(import_module(module), last)
        for each, member in vars(owner).items() if inspect.isclass(owner) else ():
            function = getattr(member, "fget", getattr(member, "__func__", member))
            if not each.startswith("_") and inspect.isfunction(function):
                yield pytest.param(function, id=f"{name}.{each}")


@pytest.mark.parametrize("function", list(members()))
def test_members_of_the_reference_say_what_they_are_and_take(function):
    text = inspect.getdoc(function)
    assert text
    for argument in [*inspect.signature(function).parameters][1:]:
        assert re.search(rf"\b{argument}\b", text), argument


def test_the_reference_has_all_public_names():
    assert len(REFERENCE) == len(set(REFERENCE))
    assert {f"tcnet.{name}" for name in tcnet.__all__ if name != "__version__"} <= set(REFERENCE)


def test_the_site_asks_no_other_host():
    assert SITE["theme"]["font"] is False
    assert not {"extra_css", "extra_javascript"} & set(SITE)
