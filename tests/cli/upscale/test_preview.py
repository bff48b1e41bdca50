"""The newest frame as a PNG."""

import time
from fractions import Fraction

import numpy as np
import pytest

from tcnet.cli.upscale.preview import Preview
from tcnet.errors import MediaError, UsageError
from tcnet.video import Frame, read_image


def frame(value, dtype=np.uint8):
    return Frame(np.full((4, 6, 3), value, dtype), value, 1, Fraction(1, 25))


def shown(path):
    return int(read_image(path)[0, 0, 0])


def test_the_newest_is_shown_and_the_last_stays(tmp_path):
    path = tmp_path / "now.png"
    with Preview(path, seconds=0.1) as preview:
        preview(frame(1))
        end = time.monotonic() + 5
        while not path.exists():
            assert time.monotonic() < end
        assert shown(path) == 1
        for value in range(2, 40):
            preview(frame(value))
        while shown(path) == 1:  # in a moment, and never half-written
            assert time.monotonic() < end
        assert shown(path) == 39
        preview(frame(40))
    assert shown(path) == 40
    assert [file.name for file in tmp_path.iterdir()] == ["now.png"]


def test_not_more_often_than_asked(tmp_path):
    path = tmp_path / "now.png"
    seen = set()
    with Preview(path, seconds=60) as preview:
        for value in range(30):
            preview(frame(value))
            time.sleep(0.01)
            if path.exists():
                seen.add(shown(path))
    assert len(seen) == 1
    assert shown(path) == 29


def test_deep_frames(tmp_path):
    with Preview(tmp_path / "now.png") as preview:
        preview(frame(700, np.uint16))
    assert shown(tmp_path / "now.png") == 700


def test_no_frame_no_picture(tmp_path):
    with Preview(tmp_path / "now.png"):
        pass
    assert not list(tmp_path.iterdir())


def test_places_that_cannot_be(tmp_path):
    with pytest.raises(UsageError, match=r"--preview .*now.jpg: name a .png file"):
        Preview(tmp_path / "now.jpg")
    with pytest.raises(MediaError, match="no such folder"):
        Preview(tmp_path / "gone" / "now.png")


def test_a_picture_that_cannot_be_written_ends_the_run(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()

    def feed():
        with Preview(folder / "now.png", seconds=0) as preview:
            folder.rmdir()
            end = time.monotonic() + 5
            while time.monotonic() < end:
                preview(frame(1))

    with pytest.raises(MediaError, match=r"now\.png: cannot be written"):
        feed()
    # Also when it is the last one.
    folder.mkdir()
    preview = Preview(folder / "now.png")
    folder.rmdir()
    with pytest.raises(MediaError, match=r"now\.png: cannot be written"), preview:
        preview(frame(1))
