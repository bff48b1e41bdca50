"""Sets, how their clips are found and read, and the protocol's name."""

from pathlib import Path

import numpy as np
import pytest

from tcnet.errors import MediaError, UsageError
from tcnet.evaluation.protocol import Clip, evaluation_set, find_clips, protocol_id, read_clip
from tcnet.video import write_png

VID4 = evaluation_set("vid4")
FOLDER = evaluation_set("folder")


def make_clip(folder: Path, sizes: list[tuple[int, int]], dtype=np.uint8) -> list[np.ndarray]:
    """Images of these (height, width); returns their pixels."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(len(sizes))
    frames = []
    for index, (height, width) in enumerate(sizes):
        pixels = generator.integers(0, np.iinfo(dtype).max, (height, width, 3), dtype, endpoint=True)
        write_png(folder / f"frame{index}.png", pixels)
        frames.append(pixels)
    return frames


def make_vid4(root: Path) -> None:
    for name in ("walk", "city", "foliage", "calendar"):
        make_clip(root / name, [(16, 16)])


@pytest.mark.parametrize("below", ["", "GT"])
def test_vid4_is_found_as_folders_in_the_order_of_its_tables(tmp_path, below):
    make_vid4(tmp_path / below)
    clips = find_clips(VID4, tmp_path)
    assert [clip.name for clip in clips] == ["calendar", "city", "foliage", "walk"]
    assert [clip.path for clip in clips] == [tmp_path / below / clip.name for clip in clips]


def test_vid4_is_found_as_video_files_of_any_suffix(tmp_path):
    for name in ("calendar.mkv", "city.MP4", "foliage.mkv", "walk.y4m", "notes.txt", ".city.mkv"):
        (tmp_path / name).touch()
    names = [clip.path.name for clip in find_clips(VID4, tmp_path)]
    assert names == ["calendar.mkv", "city.MP4", "foliage.mkv", "walk.y4m"]


def test_a_missing_clip_is_named_with_the_places_searched(tmp_path):
    make_vid4(tmp_path)
    (tmp_path / "foliage").rename(tmp_path / "leaves")
    with pytest.raises(MediaError, match=r"'foliage' of vid4 is missing: .*GT") as caught:
        find_clips(VID4, tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("chosen", [VID4, FOLDER], ids=lambda chosen: chosen.name)
def test_a_clip_that_is_there_twice_is_refused(tmp_path, chosen):
    make_vid4(tmp_path)
    (tmp_path / "calendar b.mkv").touch()
    (tmp_path / "calendar.mkv").touch()
    with pytest.raises(MediaError, match=r"calendar and .*calendar\.mkv are one clip"):
        find_clips(chosen, tmp_path)


def test_a_folder_gives_its_videos_and_image_folders_by_name_and_nothing_else(tmp_path):
    make_clip(tmp_path / "b", [(16, 16)])
    (tmp_path / "empty").mkdir()
    (tmp_path / ".hidden").mkdir()
    for name in ("c.mkv", "a.mov", "README.md", ".d.mkv"):
        (tmp_path / name).touch()
    assert find_clips(FOLDER, tmp_path) == (
        Clip("a", tmp_path / "a.mov"),
        Clip("b", tmp_path / "b"),
        Clip("c", tmp_path / "c.mkv"),
    )


def test_a_folder_without_clips_and_a_missing_folder_are_errors(tmp_path):
    with pytest.raises(MediaError, match="neither video files nor folders"):
        find_clips(FOLDER, tmp_path)
    with pytest.raises(MediaError, match="nowhere is not a folder"):
        find_clips(FOLDER, tmp_path / "nowhere")


def test_an_unknown_set_names_those_that_exist():
    with pytest.raises(UsageError, match="'set14' is unknown; choose one of vid4, folder"):
        evaluation_set("set14")


def test_a_clip_is_read_in_order_and_cut_to_multiples_of_four(tmp_path):
    frames = make_clip(tmp_path / "clip", [(18, 23)] * 12)  # frame10 must not come before frame2
    truth = read_clip(Clip("clip", tmp_path / "clip"))
    assert truth.frames.shape == (12, 3, 16, 20)
    assert truth.notices == ()
    expected = np.stack(frames)[:, :16, :20].transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(truth.frames.numpy(), expected)


def test_only_the_first_frames_are_read_under_a_limit(tmp_path):
    frames = make_clip(tmp_path / "clip", [(16, 16)] * 5)
    (tmp_path / "clip" / "frame3.png").write_bytes(b"never read")
    truth = read_clip(Clip("clip", tmp_path / "clip"), limit_frames=2)
    np.testing.assert_array_equal(truth.frames[1].permute(1, 2, 0).numpy(), frames[1])
    assert len(truth.frames) == 2
    assert len(read_clip(Clip("clip", tmp_path / "clip"), limit_frames=3).frames) == 3


def test_sixteen_bits_are_rounded_to_eight(tmp_path):
    frames = make_clip(tmp_path / "clip", [(16, 16)], np.uint16)
    truth = read_clip(Clip("clip", tmp_path / "clip"))
    expected = np.floor(frames[0] / 257 + 0.5).astype(np.uint8)
    np.testing.assert_array_equal(truth.frames[0].permute(1, 2, 0).numpy(), expected)


@pytest.mark.parametrize(
    ("sizes", "message"), [([(16, 16), (16, 20)], "20x16"), ([(11, 40)], "40x11; a frame needs 12")]
)
def test_clips_that_cannot_be_measured_are_media_errors(tmp_path, sizes, message):
    make_clip(tmp_path / "clip", sizes)
    with pytest.raises(MediaError, match=message):
        read_clip(Clip("clip", tmp_path / "clip"))


def test_the_protocol_has_a_name():
    expected = "vid4/BI/psnr-y,ssim-y/no-crop/all-frames/mean-of-frames-then-clips"
    assert protocol_id(VID4, "BI", ("psnr", "ssim")) == expected
    assert protocol_id(FOLDER, "BD", ("psnr",), 10) == (
        "folder/BD/psnr-y/no-crop/first-10-frames/mean-of-frames-then-clips"
    )
