"""The same whichever PyAV is installed."""

from fractions import Fraction

import av
import pytest

from tcnet.video import open_source
from tcnet.video.pyav import clean_tags, exact

TAG = "Sommer"
WRONG = b"Som\xe9\xe8r"  # Latin-1
REPLACED = "Som\ufffd\ufffdr"


def test_what_is_not_set_is_none_and_what_is_set_exact():
    frame = av.VideoFrame(16, 16)
    assert exact(frame.time_base) is None
    frame.time_base = Fraction(1001, 30000)
    assert type(exact(frame.time_base)) is Fraction
    assert exact(frame.time_base) == Fraction(1001, 30000)


def test_what_headers_say_is_exact(clips, tmp_path):
    path = clips.write(
        tmp_path / "in.mkv", clips.clip(rate=Fraction(24000, 1001), sample_aspect_ratio=Fraction(12, 11))
    )
    with open_source(path) as source:
        info = source.info
        numbers = (info.time_base, info.frame_rate, info.duration, info.sample_aspect_ratio)
        assert [type(number) for number in numbers] == [Fraction] * 4


def test_of_a_date_that_is_stated_twice_one_is_kept():
    date = "2024-06-01T08:11:12.000000Z"
    tags = {"creation_time": f"{date};{date}", "title": "this; that"}
    clean_tags(tags)
    assert tags == {"creation_time": date, "title": "this; that"}


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_tags_that_are_not_utf_8_lose_those_letters_only(clips, tmp_path, suffix):
    def setup(container, video):
        container.metadata["title"] = TAG
        video.metadata["title"] = TAG
        container.set_chapters(
            [{"id": 1, "start": 0, "end": 100, "time_base": Fraction(1, 1000), "metadata": {"title": TAG}}]
        )

    path = clips.write(tmp_path / f"in{suffix}", clips.clip(setup=setup))
    data = path.read_bytes()
    assert TAG.encode() in data
    path.write_bytes(data.replace(TAG.encode(), WRONG))
    target = tmp_path / "out.mkv"
    clips.convert(path, target)
    with av.open(str(target)) as container:
        assert container.metadata["title"] == REPLACED
        assert container.chapters()[0]["metadata"]["title"] == REPLACED
        if suffix == ".mkv":  # FFmpeg writes no titles of tracks into MP4
            assert container.streams[0].metadata["title"] == REPLACED
