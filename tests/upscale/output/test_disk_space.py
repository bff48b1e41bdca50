from pathlib import Path

import pytest

from tcnet.errors import MediaError
from tcnet.upscale.output.disk_space import RoomNeeded, check_room, free_room, room_needed
from tcnet.video import CODECS

GIB = 2**30


@pytest.mark.parametrize("codec", [*CODECS, "png"])
def test_more_frames_and_deeper_pictures_need_more(codec):
    one = room_needed(codec, 1920, 1080, 24)
    assert 0 < one.least < one.usual
    assert room_needed(codec, 1920, 1080, 48).usual == pytest.approx(2 * one.usual, abs=2)
    assert room_needed(codec, 1920, 1080, 24, deep=True).usual > one.usual
    assert room_needed(codec, 1920, 1080, 24, copies=1).usual == pytest.approx(one.usual / 2, abs=2)


def test_a_film_is_estimated_as_films_are():
    """Two hours at 1080p and the default quality: between 5 and 30 GB, and twice that while it is joined."""
    needed = room_needed("h264", 1920, 1080, 2 * 3600 * 24)
    assert 10e9 < needed.usual < 60e9


def test_a_disk_that_is_plainly_too_small_is_refused_with_numbers():
    with pytest.raises(
        MediaError, match=r"out\.mkv: its disk has 1\.0 GiB free, the output needs at least 3\.0 GiB"
    ):
        check_room(Path("out.mkv"), RoomNeeded(3 * GIB, 30 * GIB), GIB)


def test_a_disk_that_may_be_too_small_is_told_of():
    notices = check_room(Path("out.mkv"), RoomNeeded(3 * GIB, 30 * GIB), 4 * GIB)
    assert len(notices) == 1
    assert "may need 30.0 GiB and 4.0 GiB are free" in notices[0]


def test_a_disk_with_room_is_not():
    assert check_room(Path("out.mkv"), RoomNeeded(3 * GIB, 30 * GIB), 31 * GIB) == ()


def test_the_room_is_that_of_the_nearest_folder_there_is(tmp_path):
    assert free_room(tmp_path / "a" / "b" / "c.mkv") == pytest.approx(free_room(tmp_path), rel=0.1)
