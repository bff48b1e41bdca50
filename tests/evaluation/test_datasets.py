"""How clips are found in the published layouts, and how they are read."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tcnet.data.degradation import degrade_bi
from tcnet.errors import MediaError
from tcnet.evaluation.datasets import Clip, find_clips, prepare_clip, read_clip
from tcnet.evaluation.protocol import evaluation_set
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


def test_a_clip_is_read_in_order_and_cut_to_multiples_of_four(tmp_path):
    frames = make_clip(tmp_path / "clip", [(18, 23)] * 12)  # frame10 must not come before frame2
    truth = read_clip(Clip("clip", tmp_path / "clip"))
    assert truth.frames.shape == (12, 3, 16, 20)
    assert truth.notices == ()
    expected = np.stack(frames)[:, :16, :20].transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(truth.frames.numpy(), expected)


def test_only_the_first_frames_are_read_under_a_limit(tmp_path):
    frames = make_clip(tmp_path / "clip", [(16, 16)] * 5)
    fourth = tmp_path / "clip" / "frame3.png"
    fourth.write_bytes(fourth.read_bytes()[:40])  # of which the header alone is ever read
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


def make_frames(folder: Path, names: list[str], size: tuple[int, int] = (12, 12)) -> None:
    folder.mkdir(parents=True)
    generator = np.random.default_rng(len(names))
    for name in names:
        write_png(folder / name, generator.integers(0, 256, (*size, 3), np.uint8))


def reds_names(count: int) -> list[str]:
    return [f"{index:08d}.png" for index in range(count)]


@pytest.mark.parametrize("below", ["train_sharp", "train/train_sharp", "GT", "."])
def test_reds4_is_found_wherever_reds_is_unpacked(tmp_path, below):
    for name in ("000", "001", "011", "015", "020"):
        make_frames(tmp_path / below / name, reds_names(3))
    chosen = replace(evaluation_set("reds4"), frame_count=3)
    clips = find_clips(chosen, tmp_path)
    assert [clip.name for clip in clips] == ["000", "011", "015", "020"]
    assert clips[1].path == tmp_path / below / "011"
    assert prepare_clip(chosen, clips[3], "BI").hr_clip.shape == (3, 3, 12, 12)


def test_reds4_has_a_hundred_frames_a_clip(tmp_path):
    make_frames(tmp_path / "000", reds_names(100))
    chosen = replace(evaluation_set("reds4"), clips=("000",))
    clip = find_clips(chosen, tmp_path)[0]
    assert len(prepare_clip(chosen, clip, "BI").hr_clip) == 100
    (tmp_path / "000" / "00000041.png").unlink()
    with pytest.raises(MediaError, match="000 has 99 images instead of 100; number 41 is missing") as caught:
        prepare_clip(chosen, clip, "BI", limit_frames=2)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("set_name", ["udm10", "spmcs11"])
@pytest.mark.parametrize("layout", ["{}/truth", "GT/{}", "{}"])
def test_udm10_and_spmcs_are_found_as_published_and_as_rearranged(tmp_path, set_name, layout):
    chosen = replace(evaluation_set(set_name), frame_count=2)
    assert chosen.clips is not None
    for name in chosen.clips:
        make_frames(tmp_path / layout.format(name), ["0000.png", "0001.png"])
        make_frames(tmp_path / layout.format(name).replace("truth", "blur4").replace("GT", "BDx4") / "x", [])
    clips = find_clips(chosen, tmp_path)
    assert tuple(clip.name for clip in clips) == chosen.clips
    assert [clip.path for clip in clips] == [tmp_path / layout.format(name) for name in chosen.clips]


def test_the_numbers_of_frames_and_clips_are_the_published_ones():
    frames = {name: evaluation_set(name).frame_count for name in ("reds4", "vimeo90k", "udm10", "spmcs")}
    assert frames == {"reds4": 100, "vimeo90k": 7, "udm10": 32, "spmcs": 31}
    assert evaluation_set("spmcs").clip_count == 30
    assert evaluation_set("reds4").channel == "rgb"


@pytest.mark.parametrize(
    ("set_name", "clip", "place", "count"),
    [
        ("udm10", "lake", "lake/truth", 32),
        ("spmcs11", "HKVTG_004", "HKVTG_004/truth", 31),
        ("spmcs", "anything", "GT/anything", 31),
        ("reds4", "015", "train/train_sharp/015", 100),
    ],
)
def test_a_clip_of_a_set_is_whole_or_refused(tmp_path, set_name, clip, place, count):
    known = evaluation_set(set_name)
    chosen = replace(known, clip_count=1) if known.clips is None else replace(known, clips=(clip,))
    folder = tmp_path / place
    make_frames(folder, [f"{index:04d}.png" for index in range(count)])
    (found,) = find_clips(chosen, tmp_path)
    assert len(prepare_clip(chosen, found, "BD").hr_clip) == count
    (folder / "0017.png").rename(tmp_path / "0017.png")
    with pytest.raises(MediaError, match=f"{count - 1} images instead of {count}; number 17 is missing"):
        prepare_clip(chosen, found, "BD")
    write_png(folder / "0017.png", np.zeros((12, 16, 3), np.uint8))
    with pytest.raises(MediaError, match="16x12"):
        prepare_clip(chosen, found, "BD")
    write_png(folder / "0017.png", np.zeros((12, 12, 3), np.uint8))
    write_png(folder / "9999.png", np.zeros((12, 12, 3), np.uint8))
    with pytest.raises(MediaError, match=f"{count + 1} images instead of {count}"):
        prepare_clip(chosen, found, "BD")


@pytest.mark.parametrize("set_name", ["vid4", "reds4", "udm10", "spmcs11"])
def test_another_set_in_the_folder_is_no_clip_of_this_one(tmp_path, set_name):
    make_frames(tmp_path / "bridge" / "original", ["0000.png"])
    first = (evaluation_set(set_name).clips or ())[0]
    with pytest.raises(
        MediaError, match=f"clip '{first}' of {set_name} is missing: no folder of images or"
    ) as e:
        find_clips(evaluation_set(set_name), tmp_path)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("layout", ["{}/truth", "GT/{}"])
def test_spmcs_takes_all_clips_and_counts_them(tmp_path, layout):
    names = [f"scene_{index:03d}" for index in range(30)]
    for name in names:
        make_frames(tmp_path / layout.format(name), ["0000.png"])
    (tmp_path / "readme.txt").touch()
    assert [clip.name for clip in find_clips(evaluation_set("spmcs"), tmp_path)] == names
    (tmp_path / layout.format("scene_007") / "0000.png").unlink()
    with pytest.raises(MediaError, match=r"spmcs has 30 clips, but .* holds 29"):
        find_clips(evaluation_set("spmcs"), tmp_path)


def make_vimeo(root: Path, listed: str = "00001/0266\n00002/0003\n") -> None:
    root.mkdir(exist_ok=True)
    (root / "sep_testlist.txt").write_text(listed)
    for name in ("00001/0001", "00001/0266", "00002/0003"):
        make_frames(root / "sequences" / name, [f"im{index}.png" for index in range(1, 8)], (12, 16))


def test_vimeo90k_shows_seven_frames_forwards_and_backwards_and_measures_the_fourth(tmp_path):
    make_vimeo(tmp_path)
    chosen = evaluation_set("vimeo90k")
    clips = find_clips(chosen, tmp_path)
    assert [clip.name for clip in clips] == ["00001/0266", "00002/0003"]
    prepared = prepare_clip(chosen, clips[0], "BI")
    truth = read_clip(clips[0]).frames
    assert prepared.lr_clip.shape == (14, 3, 3, 4)
    torch.testing.assert_close(prepared.lr_clip[6], degrade_bi(truth[6] / 255), rtol=0, atol=0)
    torch.testing.assert_close(prepared.lr_clip.flip(0), prepared.lr_clip, rtol=0, atol=0)
    torch.testing.assert_close(prepared.hr_clip, truth[3:4], rtol=0, atol=0)
    assert prepared.restorations == ((3, 10),)


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        (None, r"sep_testlist\.txt: the list of the clips of vimeo90k cannot be read"),
        ("\n", "names no clip"),
        ("00001/0001\n00009/0001\n", "'00009/0001' of vimeo90k is missing"),
        ("../secret\n", "outside the data folder"),
    ],
)
def test_vimeo90k_needs_its_list_and_the_clips_in_it(tmp_path, listed, message):
    make_vimeo(tmp_path, listed or "")
    if listed is None:
        (tmp_path / "sep_testlist.txt").unlink()
    with pytest.raises(MediaError, match=message):
        find_clips(evaluation_set("vimeo90k"), tmp_path)


def test_a_septuplet_with_a_frame_missing_is_refused(tmp_path):
    make_vimeo(tmp_path)
    (tmp_path / "sequences" / "00001" / "0266" / "im4.png").unlink()
    chosen = evaluation_set("vimeo90k")
    with pytest.raises(MediaError, match="0266 has 6 images instead of 7; number 4 is missing"):
        prepare_clip(chosen, find_clips(chosen, tmp_path)[0], "BI")


@pytest.mark.parametrize(("hr", "lr"), [("HR", "LR"), ("GT", "LQ"), ("GT", "BIx4")])
def test_pairs_take_the_given_lr_frames(tmp_path, hr, lr):
    make_frames(tmp_path / hr / "a", reds_names(2), (18, 23))
    make_frames(tmp_path / lr / "a", reds_names(2), (4, 5))
    chosen = evaluation_set("pairs")
    clips = find_clips(chosen, tmp_path)
    assert clips == (Clip("a", tmp_path / hr / "a", tmp_path / lr / "a"),)
    prepared = prepare_clip(chosen, clips[0], "none")
    assert prepared.hr_clip.shape == (2, 3, 16, 20)
    expected = read_clip(Clip("a", tmp_path / hr / "a")).frames
    torch.testing.assert_close(prepared.hr_clip, expected, rtol=0, atol=0)
    assert prepared.lr_clip.shape == (2, 3, 4, 5)
    assert ((prepared.lr_clip * 255).round() / 255 - prepared.lr_clip).abs().max() < 1e-7


@pytest.mark.parametrize(
    ("lr_frames", "lr_size", "message"),
    [
        (1, (4, 5), "LR/a has 1 frames, but .*HR/a has 2"),
        (2, (4, 4), "LR/a is 4x4, but a quarter of .*HR/a is 5x4"),
        (0, (4, 4), "clip 'a' of the LR clips is missing"),
    ],
)
def test_pairs_that_do_not_fit_are_media_errors(tmp_path, lr_frames, lr_size, message):
    make_frames(tmp_path / "HR" / "a", reds_names(2), (16, 20))
    make_frames(tmp_path / "LR" / "a", reds_names(lr_frames), lr_size)
    chosen = evaluation_set("pairs")
    with pytest.raises(MediaError, match=message):
        prepare_clip(chosen, find_clips(chosen, tmp_path)[0], "none")


def test_a_folder_of_another_layout_is_told_where_clips_are_expected(tmp_path):
    make_frames(tmp_path / "high" / "a", reds_names(1))
    with pytest.raises(MediaError, match=r"neither .*HR.*or.*GT"):
        find_clips(evaluation_set("pairs"), tmp_path)
    with pytest.raises(MediaError, match=r"'011' of reds4 is missing: .*train_sharp/011 or "):
        find_clips(replace(evaluation_set("reds4"), clips=("011",)), tmp_path)
