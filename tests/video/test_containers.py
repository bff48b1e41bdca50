from fractions import Fraction
from pathlib import Path

import pytest

from tcnet.errors import UsageError
from tcnet.video import ColorSpec, EncodeOptions, VideoInfo, available_codecs, check_output, default_output
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


def test_a_percent_sign_or_a_question_mark_in_the_name_of_a_file_makes_no_pattern(tmp_path):
    for name in ("100%d.mp4", "what?.mp4"):
        (tmp_path / name).write_bytes(b"x")
        assert default_output(tmp_path / name) == tmp_path / name.replace(".mp4", ".x4.mp4")


@pytest.mark.parametrize("name", ["out.mpv", "out.avi", "frames.new", "out.mp3"])
def test_an_ending_that_is_not_written_is_no_folder(tmp_path, name):
    with pytest.raises(UsageError, match=r"unknown output suffix '.*'; choose \.mkv, \.mp4, .* folder"):
        check_output(tmp_path / name)
    (tmp_path / name).mkdir()
    check_output(tmp_path / name)  # a folder that is there is one


@pytest.mark.parametrize("name", ["out", "in.x4", "in.1080p", "in.640W", "take.001", ".hidden"])
def test_folders(tmp_path, name):
    check_output(tmp_path / name)


def test_an_encoding_that_cannot_be_is_found_without_opening_anything(tmp_path):
    info = VideoInfo(
        32, 24, Fraction(1, 25), Fraction(25), 2, None, 8, "yuv420p", ColorSpec(6, False), Fraction(1), "h264"
    )
    for options, words in (
        (EncodeOptions(crf=99), "crf 99"),
        (EncodeOptions(pixel_format="nv99"), "pixel format 'nv99'"),
        (EncodeOptions(encoder_options={"perset": "slow"}), "no option 'perset'"),
    ):
        with pytest.raises(UsageError, match=words):
            check_output(tmp_path / "out.mkv", info=info, options=options)
        check_output(tmp_path / "out", info=info, options=options)  # PNGs ask for none of it
    assert list(tmp_path.iterdir()) == []


def test_output_suffixes():
    assert output_container(Path("a.MKV")) == ("matroska", "h264")
    assert output_container(Path("a.mov")) == ("mov", "h264")
    with pytest.raises(UsageError, match=r"'\.wmv'"):
        output_container(Path("a.wmv"))


def test_the_codecs_of_this_build():
    assert available_codecs()["h264"] == "libx264"
