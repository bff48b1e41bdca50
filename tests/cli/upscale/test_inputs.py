from pathlib import Path

import pytest

from tcnet.cli.upscale.inputs import TEMPLATE_FIELDS, plan_tasks
from tcnet.errors import MediaError, UsageError


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def make(*names):
    for name in names:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def plan(*inputs, **options):
    """{input: output} as text."""
    return {str(task.input): str(task.output) for task in plan_tasks(inputs, **options).tasks}


def test_files_get_their_outputs_beside_them():
    assert plan("a.mp4", "d/b.mov", "c.avi") == {
        "a.mp4": "a.x4.mp4",
        "d/b.mov": "d/b.x4.mp4",
        "c.avi": "c.x4.mkv",
    }
    assert plan("a.mp4", size="1080p") == {"a.mp4": "a.1080p.mp4"}
    assert plan("a.mp4", output=Path("x/y.mkv")) == {"a.mp4": "x/y.mkv"}


def test_one_file_is_no_batch_and_a_folder_with_one_video_is():
    make("videos/a.mp4", "images/1.png", "alone.mp4")
    assert not plan_tasks(["alone.mp4"]).several
    assert not plan_tasks(["images"]).several
    assert plan_tasks(["videos"]).several
    assert plan_tasks(["al*.mp4"]).several
    assert plan_tasks(["alone.mp4", "images"]).several


def test_a_folder_of_videos_in_natural_order_without_hidden_files_outputs_and_other_things():
    make(
        "d/clip10.mp4", "d/clip2.MP4", "d/clip2.x4.mp4", "d/clip2.1080p.mkv", "d/notes.txt", "d/.hidden.mp4",
        "d/.clip2.x4.mp4.tcnet/segment.mkv", "d/below/e.mp4", "d/Film.2019.1080p.mkv",
    )  # fmt: skip
    found = plan_tasks(["d"])
    assert [str(task.input) for task in found.tasks] == [
        "d/clip2.MP4", "d/clip10.mp4", "d/Film.2019.1080p.mkv"
    ]  # fmt: skip
    assert found.notices == ("left out as outputs of earlier runs: clip2.1080p.mkv, clip2.x4.mp4",)


def test_recursive_goes_down_to_videos_and_folders_of_images():
    make("d/a.mkv", "d/x/b.mkv", "d/x/y/c.mkv", "d/.w/d.mkv", "d/frames/1.png", "d/frames.x4/1.png")
    Path("d/x/around").symlink_to(Path("d").absolute())
    assert plan("d", recursive=True) == {
        "d/a.mkv": "d/a.x4.mkv",
        "d/frames": "d/frames.x4",
        "d/x/b.mkv": "d/x/b.x4.mkv",
        "d/x/y/c.mkv": "d/x/y/c.x4.mkv",
    }
    assert plan("d") == {"d/a.mkv": "d/a.x4.mkv"}


def test_a_folder_of_images_is_one_input():
    make("d/1.png", "d/2.png", "d/notes.txt", "photo.png")
    assert plan("d") == {"d": "d.x4"}
    assert plan("d/*.png") == {"d/*.png": "d.x4"}
    assert plan("d/%d.png") == {"d/%d.png": "d.x4"}
    assert plan("photo.png") == {"photo.png": "photo.x4"}


def test_images_beside_videos_are_a_question_except_where_the_video_is_the_output():
    make("d/1.png", "d/2.png", "d/out.mkv")
    with pytest.raises(
        UsageError, match=r"d: holds both images \(2\) and videos \(1\); say .* 'd/\*\.png' or 'd/\*\.mkv'"
    ):
        plan("d")
    assert plan("d", output=Path("d/out.mkv")) == {"d": "d/out.mkv"}
    assert plan("d/*.mkv") == {"d/out.mkv": "d/out.x4.mkv"}


def test_patterns_that_no_shell_expanded():
    make("a1.mp4", "a10.mp4", "a2.mp4", "b [1].mp4", "a.txt", "d/e/c.mp4", "odd.xyz")
    assert list(plan("a*.mp4")) == ["a1.mp4", "a2.mp4", "a10.mp4"]
    assert list(plan("a?.mp4")) == ["a1.mp4", "a2.mp4"]
    assert list(plan("a*")) == ["a1.mp4", "a2.mp4", "a10.mp4"]
    assert list(plan("**/c.mp4")) == ["d/e/c.mp4"]
    assert list(plan("b [1].mp4")) == ["b [1].mp4"]
    assert list(plan("b [1]*.mp4")) == ["b [1].mp4"]
    assert list(plan("*.xyz")) == ["odd.xyz"]
    with pytest.raises(MediaError, match=r"z\*\.mp4: no video matches this pattern"):
        plan("z*.mp4")


def test_what_a_shell_expanded_after_a_first_run_leaves_the_outputs_out():
    make("a.mkv", "a.x4.mkv", "b.mkv")
    found = plan_tasks(["a.mkv", "a.x4.mkv", "b.mkv"])
    assert [str(task.input) for task in found.tasks] == ["a.mkv", "b.mkv"]
    assert found.notices == ("left out as outputs of earlier runs: a.x4.mkv",)
    assert plan("a.x4.mkv") == {"a.x4.mkv": "a.x4.x4.mkv"}  # by name alone it is meant


def test_an_input_given_twice_is_done_once():
    make("d/a.mkv")
    assert plan("d/a.mkv", "d", "./d/a.mkv") == {"d/a.mkv": "d/a.x4.mkv"}


TEMPLATES = {
    "{stem}.big{suffix}": {"d/a.mp4": "d/a.big.mp4", "d/x/a.avi": "d/x/a.big.mkv"},
    "out/{parent}/{stem}.mkv": {"d/a.mp4": "out/d/a.mkv", "d/x/a.avi": "out/x/a.mkv"},
    "out/{below}/{stem}.{size}.mkv": {"d/a.mp4": "out/a.x2.mkv", "d/x/a.avi": "out/x/a.x2.mkv"},
    "out/{parent}-{name}.mkv": {"d/a.mp4": "out/d-a.mp4.mkv", "d/x/a.avi": "out/x-a.avi.mkv"},
    "{{{stem}}}{suffix}": {"d/a.mp4": "d/{a}.mp4", "d/x/a.avi": "d/x/{a}.mkv"},
}  # fmt: skip


@pytest.mark.parametrize("template", TEMPLATES)
def test_templates(template):
    make("d/a.mp4", "d/x/a.avi")
    assert plan("d", recursive=True, template=template, size="x2") == TEMPLATES[template]


def test_a_template_for_images():
    make("d/1.png", "photo.png")
    assert plan("d", template="out/{stem}{suffix}") == {"d": "out/d"}
    assert plan("d/%d.png", template="out/{stem}") == {"d/%d.png": "out/d"}
    assert plan("photo.png", template="{stem}.{size}{suffix}") == {"photo.png": "photo.x4"}


def test_outputs_made_by_a_template_are_no_inputs():
    make("d/a.mkv", "d/a_big.mkv")
    assert plan("d", template="{stem}_big{suffix}") == {"d/a.mkv": "d/a_big.mkv"}


BAD_TEMPLATES = {
    "{title}.mkv": r"unknown field \{title\}; the fields are \{stem\}, \{name\}",
    "{}.mkv": r"unknown field \{\}",
    "{stem.__class__}.mkv": "unknown field",
    "{stem:>10}.mkv": "without : and !",
    "{stem!r}.mkv": "without : and !",
    "{stem.mkv": "expected '}'",
    "out.mkv": "every input the same output",
    "out{suffix}": "every input the same output",
    "{stem}.mkv": "a.mkv: output and input would be the same file",
    "out/{parent}.mkv": r"a.mkv and b.mkv would both become out/",
}


@pytest.mark.parametrize("template", BAD_TEMPLATES)
def test_bad_templates(template):
    make("a.mkv", "b.mkv")
    with pytest.raises(UsageError, match=BAD_TEMPLATES[template]):
        plan("a.mkv", "b.mkv", template=template)


def test_two_inputs_with_one_output():
    with pytest.raises(UsageError, match=r"a\.avi and A\.mkv would both become A\.x4\.mkv; name them apart"):
        plan("a.avi", "A.mkv")


def test_one_output_for_several_inputs():
    make("d/a.mkv")
    for inputs in (["a.mkv", "b.mkv"], ["d"]):
        with pytest.raises(UsageError, match=r"-o takes one input, got [12]; --output-template"):
            plan(*inputs, output=Path("out.mkv"))
    with pytest.raises(UsageError, match="exclude each other"):
        plan("a.mkv", output=Path("out.mkv"), template="{stem}.mkv")


def test_empty_folders():
    make("d/notes.txt", "e/f/a.mkv")
    with pytest.raises(MediaError, match="d: the folder holds no images and no videos"):
        plan("d")
    with pytest.raises(
        MediaError, match="e: holds neither videos nor images, but folders below do; add --rec"
    ):
        plan("e")


def test_the_fields_are_described():
    page = (Path(__file__).parents[3] / "docs" / "video.md").read_text(encoding="utf-8")
    for name in TEMPLATE_FIELDS:
        assert f"`{{{name}}}`" in page
