"""Several inputs: which files are meant and where each output goes, known before the first run."""

import glob
import os
import re
import shlex
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tcnet.errors import MediaError, UsageError
from tcnet.video import IMAGE_SUFFIXES, default_output, is_pattern, is_still_image, is_video, natural_order

TEMPLATE_FIELDS = {
    "stem": "name of the input without its ending",
    "name": "name of the input",
    "suffix": "ending that the output has by default (.mp4 or .mkv, nothing for images)",
    "parent": "name of the folder that the input lies in",
    "below": "path from the folder that was given to the one that the input lies in",
    "size": "what was done: x4, x2, 1080p, 640w",
}
_MADE_BY_US = re.compile(
    r"(?P<stem>.+)\.(x[1-4](\.\d+)?|\d+p|\d+w)"
)  # the stem of an output named by default


@dataclass(frozen=True, slots=True)
class Task:
    """One input and its output."""

    input: Path
    output: Path


@dataclass(frozen=True, slots=True)
class Tasks:
    """What to do, in order. `several`: whether the user asked for a batch, be it of one file. `notices`: what
    was left out."""

    tasks: tuple[Task, ...]
    several: bool
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Found:
    """below: path from the folder that was given. named: by the user, rather than found in a folder."""

    path: Path
    below: Path = Path()
    named: bool = True


def plan_tasks(
    inputs: Sequence[str],
    *,
    output: Path | None = None,
    template: str | None = None,
    recursive: bool = False,
    size: str = "x4",
) -> Tasks:
    """The files that `inputs` mean, each with its output.

    inputs: video files, images (a folder, a pattern, one), folders of videos, and patterns of videos that no
    shell has expanded. recursive: folders of videos are searched all the way down. output: of a single
    input. template: names each output (TEMPLATE_FIELDS); without a folder in it outputs lie beside their
    inputs. size: for names, see `size_name`.

    Outputs of earlier runs, hidden files and checkpoints are not taken as inputs. Raises UsageError for a
    template that cannot be, an output given as a second input, two inputs with one output, an output that is
    another's input, and folders with both images and videos; MediaError for folders and patterns without
    anything to do.
    """
    if output is not None and template is not None:
        raise UsageError("-o and --output-template exclude each other: give one")
    if template is not None:
        _check_template(template)
    found: list[_Found] = []
    several = len(inputs) > 1
    for text in inputs:
        expanded = _expand(text, recursive=recursive, ignore=output)
        several |= expanded != [_Found(Path(text))]
        found += expanded
    if output is not None:
        if several:
            raise UsageError(
                f"-o takes one input, got {len(found)}; --output-template 'FOLDER/{{stem}}{{suffix}}' names "
                "the outputs of several"
            )
        return Tasks((Task(found[0].path, output),), several=False, notices=())
    if template is None:
        _check_second(found)
    tasks, notices = _without_outputs(found, template, size)
    _check_collisions(tasks)
    return Tasks(tuple(tasks), several, notices)


def _expand(text: str, *, recursive: bool, ignore: Path | None) -> list[_Found]:
    path = Path(text)
    if path.is_dir():
        return _search(path, recursive=recursive, ignore=ignore)
    if path.exists() or not re.search(r"[*?]", text) or path.suffix.lower() in IMAGE_SUFFIXES:
        return [_Found(path)]
    # Brackets are no pattern here: "clip [1].mp4" is a common name.
    names = glob.glob(text.replace("[", "[[]"), recursive=True)
    matches = sorted(
        (Path(n) for n in names if os.path.isfile(n)), key=lambda p: (p.parent, natural_order(p))
    )
    videos = [match for match in matches if match.suffix == path.suffix or is_video(match)]
    if not videos:
        if any(match.suffix.lower() in IMAGE_SUFFIXES for match in matches):
            return [_Found(path)]  # frame* of a folder of images
        raise MediaError(f"{text}: no video matches this pattern; check the folder and the suffix")
    return [_Found(video, named=False) for video in videos]


def _search(folder: Path, *, recursive: bool, ignore: Path | None) -> list[_Found]:
    """The videos of a folder; the folder itself if it holds images."""
    videos, images = _contents(folder, ignore)
    if videos and images:
        raise UsageError(
            f"{folder}: holds both images ({len(images)}) and videos ({len(videos)}); say which are meant, "
            f"as '{folder}/*{images[0].suffix}' or '{folder}/*{videos[0].suffix}'"
        )
    if images:
        return [_Found(folder)]
    found = [_Found(video, named=False) for video in videos]
    if recursive:
        for below in _folders_below(folder):
            videos, images = _contents(below, ignore)
            relative = below.relative_to(folder)
            found += [_Found(video, relative, named=False) for video in videos]
            if images and not videos:
                found.append(_Found(below, relative.parent, named=False))
    if not found:
        if not recursive and any(any(_contents(below, ignore)) for below in _folders_below(folder)):
            raise MediaError(
                f"{folder}: holds neither videos nor images, but folders below do; add --recursive"
            )
        raise MediaError(
            f"{folder}: the folder holds no images and no videos; name a video, or a folder that has some"
        )
    return found


def _contents(folder: Path, ignore: Path | None) -> tuple[list[Path], list[Path]]:
    """(videos in natural order, images); without hidden files and what `ignore` names."""
    files = [f for f in folder.iterdir() if not f.name.startswith(".") and f.is_file() and f != ignore]
    videos = sorted((f for f in files if is_video(f)), key=natural_order)
    return videos, sorted(f for f in files if is_still_image(f))


def _folders_below(folder: Path) -> list[Path]:
    """All, depth first; without hidden ones (checkpoints too) and links, which can go in circles."""
    below = []
    for child in sorted(folder.iterdir(), key=natural_order):
        if child.is_dir() and not child.is_symlink() and not child.name.startswith("."):
            below += [child, *_folders_below(child)]
    return below


def _check_second(found: Sequence[_Found]) -> None:
    """`tcnet upscale in.mkv out.mkv` would work for hours on the first before it said what is wrong."""
    if len(found) != 2:
        return
    first, second = (item.path for item in found)
    if first.exists() and not second.exists() and not is_pattern(second):
        raise UsageError(
            f"{second}: no such file; to name the output of {first}, write -o {shlex.quote(str(second))}"
        )


def _without_outputs(
    found: Sequence[_Found], template: str | None, size: str
) -> tuple[list[Task], tuple[str, ...]]:
    """Tasks in order, each input once; what is the output of another input is left out, and said."""
    inputs = list({_identity(item.path): item for item in reversed(found)}.values())[::-1]
    tasks = [(item, Task(item.path, _output(item, template, size))) for item in inputs]
    outputs = {_identity(task.output): task.input for _, task in tasks if task.input != task.output}
    stems = {(item.path.parent, _stem(item.path)) for item in inputs}
    kept, left_out = [], []
    for item, task in tasks:
        match = None if item.named else _MADE_BY_US.fullmatch(_stem(item.path))
        earlier = match is not None and (item.path.parent, match["stem"]) in stems
        if earlier or _identity(task.input) in outputs:
            left_out.append(task.input)
        else:
            kept.append(task)
    if not left_out:
        return kept, ()
    names = ", ".join(path.name for path in left_out[:3]) + (", ..." if len(left_out) > 3 else "")
    return kept, (f"left out as outputs of earlier runs: {names}",)


def _output(item: _Found, template: str | None, size: str) -> Path:
    by_default = default_output(item.path, size)
    if template is None:
        return by_default
    is_folder = item.path.is_dir() or (is_pattern(item.path) and not item.path.exists())
    source = item.path.parent if is_pattern(item.path) and is_folder else item.path
    values = {
        "stem": source.name if is_folder else source.stem,
        "name": source.name,
        "suffix": "" if is_folder or is_still_image(source) else by_default.suffix,
        "parent": source.absolute().parent.name,
        "below": str(item.below),
        "size": size,
    }
    named = Path(template.format(**values))
    return source.parent / named if named.parent == Path() and os.sep not in template else named


def _check_template(template: str) -> None:
    known = ", ".join(f"{{{name}}}" for name in TEMPLATE_FIELDS)
    what = f"--output-template {template!r}"
    try:
        parts = [part for part in string.Formatter().parse(template) if part[1] is not None]
    except ValueError as error:
        raise UsageError(f"{what}: {error}; a brace that is meant as one is written twice") from error
    for _, field, form, conversion in parts:
        if field not in TEMPLATE_FIELDS:
            raise UsageError(f"{what}: unknown field {{{field}}}; the fields are {known}")
        if form or conversion:
            raise UsageError(f"{what}: fields are written without : and !, as {{{field}}}")
    if {field for _, field, _, _ in parts} <= {"suffix", "size"}:
        raise UsageError(f"{what}: gives every input the same output; use more fields of {known}")


def _check_collisions(tasks: Iterable[Task]) -> None:
    first: dict[str, Path] = {}
    for task in tasks:
        # Some file systems ignore case; there A.mkv and a.mkv are one.
        key = _identity(task.output).casefold()
        if _identity(task.output) == _identity(task.input):
            raise UsageError(f"{task.output}: output and input would be the same file; change the template")
        other = first.setdefault(key, task.input)
        if other != task.input:
            raise UsageError(
                f"{other} and {task.input} would both become {task.output}; name them apart with "
                "--output-template, such as '{parent}-{stem}{suffix}'"
            )


def _identity(path: Path) -> str:
    return os.path.abspath(path)


def _stem(path: Path) -> str:
    return path.name if path.is_dir() else path.stem
