import itertools
from fractions import Fraction

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcnet.video import open_source
from tcnet.video.timestamps import Gaps, RisingTimes, tagged_end


@given(st.lists(st.integers(-1000, 1000), min_size=1), st.integers(0, 500), st.integers(0, 50))
def test_always_strictly_increasing(times, restart, step):
    rising = RisingTimes(restart=restart)
    placed = [rising.place(time, step) for time in times]
    assert all(b > a for a, b in itertools.pairwise(placed))
    if all(b > a for a, b in itertools.pairwise(times)):
        assert placed == times
        assert (rising.moved, rising.restarts) == (0, 0)


def test_a_small_step_back_moves_one_frame_by_the_least():
    rising = RisingTimes(restart=100)
    assert [rising.place(time, 10) for time in (0, 10, 9, 20)] == [0, 10, 11, 20]
    assert (rising.moved, rising.restarts) == (1, 0)


def test_a_reset_shifts_all_that_follows():
    rising = RisingTimes(restart=100)
    assert [rising.place(time, 10) for time in (500, 510, 0, 10, 20)] == [500, 510, 520, 530, 540]
    assert (rising.moved, rising.restarts) == (0, 1)


@pytest.mark.parametrize(
    ("durations", "gaps"),
    [
        ([40] * 10, None),
        ([33, 34, 33] * 4, None),
        ([40] * 5 + [120] + [40] * 5, (1, 80)),
        ([40, 40, 80, 40, 40, 160], (2, 160)),
        ([40, 33, 7, 80, 200, 66, 100], None),  # the rate varies
        ([40, 33, 40, 7, 80, 200, 40], None),
        ([40] * 9 + [55, 80], (1, 40)),
        ([400] * 10, None),
    ],
)
def test_gaps_are_found_where_the_rate_is_constant(durations, gaps):
    found = Gaps(step=40)
    for duration in durations:
        found.add(duration)
    assert ((found.count, found.ticks) if found.found else None) == gaps


def test_without_a_rate_there_are_no_gaps():
    found = Gaps(step=0)
    for duration in (40, 0, 400):
        found.add(duration)
    assert not found.found


@pytest.mark.parametrize(
    ("app", "tag", "name"),
    [(b"Lavf", "03", "DURATION"), (b"libe", "01", "DURATION"), (b"libe", "01", "DURATION-eng")],
)
def test_the_end_of_a_stream_by_its_tag(clips, tmp_path, app, tag, name):
    """FFmpeg tags when a stream ends, mkvmerge how long it is."""
    path = clips.write(tmp_path / "a.mkv", clips.clip(times=tuple(range(50, 75)), audio=("flac",)))
    data = path.read_bytes()
    assert data.count(b"00:00:03.000000000") == 2
    path.write_bytes(data.replace(b"Lavf", app).replace(b"00:00:03", b"00:00:" + tag.encode()))
    with av.open(str(path)) as container:
        for stream in container.streams:
            stream.metadata[name] = stream.metadata.pop("DURATION")
        assert [tagged_end(stream, path.read_bytes()) for stream in container.streams] == [Fraction(3)] * 2
    clips.convert(path, tmp_path / "b.mkv")
    with av.open(str(tmp_path / "b.mkv")) as container:
        assert container.streams.audio[0].metadata["DURATION"] == "00:00:03.000000000"


def test_a_duration_that_was_copied_from_another_file_does_not_count(clips, tmp_path):
    """FFmpeg copies the tags of mkvmerge, whose names have a language, and writes its own beside them."""

    def tag(container, video):
        video.metadata["DURATION-eng"] = "01:00:00.000000000"

    path = clips.write(tmp_path / "a.mkv", clips.clip(times=tuple(range(25)), setup=tag))
    with open_source(path) as reader:
        assert reader.info.duration == 1
        list(reader)
        assert reader.notices == ()
