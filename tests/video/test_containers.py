from pathlib import Path

import pytest

from tcnet.errors import UsageError
from tcnet.video import available_codecs, default_output
from tcnet.video.containers import output_container


def test_default_output(tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for given, suffix, expected in (
        ("a.mp4", "x4", "a.x4.mp4"),
        ("a.MOV", "x4", "a.x4.mp4"),
        ("a.m4v", "x2", "a.x2.mp4"),
        ("a.mkv", "1080p", "a.1080p.mkv"),
        ("a.b.avi", "x4", "a.b.x4.mkv"),
        ("frames", "x4", "frames.x4"),
        ("frames/%04d.png", "x4", "frames.x4"),
    ):
        assert default_output(tmp_path / given, suffix) == tmp_path / expected


def test_output_suffixes():
    assert output_container(Path("a.MKV")) == ("matroska", "h264")
    assert output_container(Path("a.mov")) == ("mov", "h264")
    with pytest.raises(UsageError, match=r"'\.wmv'"):
        output_container(Path("a.wmv"))


def test_the_codecs_of_this_build():
    assert available_codecs()["h264"] == "libx264"
