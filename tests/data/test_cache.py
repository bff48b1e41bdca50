import json
import os
import resource
import weakref

import numpy as np
import pytest

from tcnet.data import cache
from tcnet.data.cache import CacheError, ClipFiles, ImageClip, cache_clips, to_eight_bits
from tcnet.data.clips import find_clips
from tcnet.video import write_png


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for clip in ("a", "b"):
        (tmp_path / "clips" / clip).mkdir(parents=True)
        for index in range(3):
            pixels = rng.integers(0, 256, (24, 32, 3)).astype(np.uint8)
            write_png(tmp_path / "clips" / clip / f"{index:08}.png", pixels)
    return tmp_path / "clips"


def test_frames_come_back_as_they_were_and_are_decoded_once(folder, tmp_path):
    first = cache_clips(find_clips(folder), tmp_path / "cache")
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").glob("*.npy")}
    again = cache_clips(find_clips(folder), tmp_path / "cache")
    assert first == again
    assert len(files) == 2
    assert files == {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").glob("*.npy")}
    images = ImageClip("a", tuple(sorted((folder / "a").iterdir())), 24, 32)
    region = ([2, 0, 0], slice(4, 20), slice(8, 32))
    assert np.array_equal(first.clips[0].read(*region), images.read(*region))
    assert first.clips[0].read(*region).shape == (3, 16, 24, 3)


def test_a_changed_file_is_decoded_again(folder, tmp_path):
    before = cache_clips(find_clips(folder), tmp_path / "cache").clips[0]
    write_png(folder / "a" / "00000000.png", np.zeros((24, 32, 3), np.uint8))
    after = cache_clips(find_clips(folder), tmp_path / "cache").clips[0]
    whole = ([0], slice(None), slice(None))
    assert before.read(*whole).any()
    assert not after.read(*whole).any()


def test_a_clip_that_was_moved_or_touched_is_known_again(folder, tmp_path):
    before = cache_clips(find_clips(folder), tmp_path / "cache").clips
    moved = folder.rename(folder.with_name("elsewhere"))
    for path in moved.rglob("*.*"):
        os.utime(path, (1, 1))
    assert cache_clips(find_clips(moved), tmp_path / "cache").clips == before


def test_unreadable_clips_are_skipped_and_named(folder, tmp_path):
    (folder / "broken.mp4").write_bytes(b"no video at all" * 20)
    (folder / "b" / "00000001.png").write_bytes(b"\x89PNG")
    seen = []
    decoded = cache_clips(
        find_clips(folder), tmp_path / "cache", lambda done, total: seen.append((done, total))
    )
    assert [clip.name for clip in decoded.clips] == ["a"]
    assert len(decoded.skipped) == 2
    assert decoded.skipped[0].startswith("b is skipped:")
    assert decoded.skipped[1].startswith("broken.mp4 is skipped:")
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_a_lost_index_only_costs_time(folder, tmp_path):
    first = cache_clips(find_clips(folder), tmp_path / "cache")
    (tmp_path / "cache" / "index.json").write_text("{half")
    assert cache_clips(find_clips(folder), tmp_path / "cache") == first
    assert len(json.loads((tmp_path / "cache" / "index.json").read_text())) == 2


def test_a_clip_is_decoded_with_one_frame_in_memory(folder, tmp_path, monkeypatch):
    """However long it is; the file is as numpy would write it."""
    pictures = [np.full((24, 32, 3), number, np.uint8) for number in range(5)]

    def frames(_):
        held = []
        for picture in pictures:
            frame = picture.copy()
            held.append(weakref.ref(frame))
            yield frame
            assert sum(each() is not None for each in held) <= 2  # here and there

    monkeypatch.setattr(cache, "_frames", frames)
    clip = cache_clips(find_clips(folder), tmp_path / "cache").clips[0]
    np.save(tmp_path / "whole.npy", np.stack(pictures))
    assert clip.path.read_bytes() == (tmp_path / "whole.npy").read_bytes()
    assert clip.frames == 5


def test_an_index_that_cannot_be_read_or_written_is_the_caches_fault(folder, tmp_path, monkeypatch):
    (tmp_path / "cache" / "index.json").mkdir(parents=True)
    with pytest.raises(CacheError, match="cache: the cache of decoded clips cannot be read"):
        cache_clips(find_clips(folder), tmp_path / "cache")
    monkeypatch.setattr(cache, "INDEX", "absent/index.json")
    with pytest.raises(CacheError, match="cache: the cache of decoded clips cannot be written"):
        cache_clips(find_clips(folder), tmp_path / "cache")


def test_a_full_disk_is_not_taken_for_an_unreadable_clip(folder, tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    clips = find_clips(folder)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(CacheError, match="cache of decoded clips cannot be written"):
            cache_clips(clips, tmp_path / "cache")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list((tmp_path / "cache").glob("*.npy"))


def test_a_missing_image_is_named(tmp_path):
    clip = ClipFiles("gone", (tmp_path / "im1.png",))
    assert "im1.png" in cache_clips([clip], tmp_path / "cache").skipped[0]


def test_sixteen_bits_round_to_eight():
    codes = np.array([0, 128, 129, 257, 65535], np.uint16)
    assert to_eight_bits(codes).tolist() == [0, 0, 1, 1, 255]
