"""Damaged files end in a playable output or in an error of one line. benchmarks/reliability/damaged_inputs.py has more."""

import pytest

from zoo.damage.damages import DAMAGES, FORMATS, PACKETS, build_whole
from zoo.damage.workers import GOOD, Job, Worker

FORMATS_EACH = 4  # for each damage, others each time
NO_LENGTH = (".gif", ".ts", ".y4m")
# Once these ended in a traceback or took the whole output with them.
REMEMBERED = (
    ("subtitles.mkv", "flip_bits", 1),
    ("h264.mov", "truncate_a_little", 3),
    ("h264.mov", "flip_bits", 2),
    ("h264 aac.flv", "insert_noise", 0),
    ("h264 aac.flv", "shuffle_chunks", 1),
    ("h264 aac.ts", "repeat_a_chunk", 0),
    ("h264 aac.ts", "shuffle_chunks", 0),
    ("mpeg2 ac3.vob", "shuffle_chunks", 1),
)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("damaged")
    whole = [build_whole(name, folder) for name in FORMATS]
    jobs = [
        Job(whole[(FORMATS_EACH * number + turn) % len(whole)], damage, seed=0)
        for number, damage in enumerate(DAMAGES)
        for turn in range(FORMATS_EACH)
    ]
    jobs += [Job(folder / name, damage, seed) for name, damage, seed in REMEMBERED]
    return list(Worker(folder, seconds=60, memory=2 << 30).run(jobs))


def test_each_is_played_or_refused_in_one_line(results):
    assert len(results) == FORMATS_EACH * len(DAMAGES) + len(REMEMBERED)
    assert [f"{r.job.name}: {r.outcome}: {r.text}" for r in results if r.outcome not in GOOD] == []


def test_most_are_played_and_what_was_lost_is_told(results):
    played = [result for result in results if result.outcome == "played"]
    assert len(played) > len(results) / 2
    # A lost last frame cannot be told from a rounded length, and nothing tells that frames were in a
    # container that is whole, or one without a length.
    lost = [r for r in played if r.frames < 15 and r.job.damage not in PACKETS]
    silent = [r.job.name for r in lost if not r.notices and r.job.source.suffix not in NO_LENGTH]
    assert silent == []


def test_damaged_sound_does_not_spoil_an_mp4(tmp_path):
    """The muxer takes the packet and refuses it later, while it is given pictures."""
    build_whole("mpeg2 ac3.vob", tmp_path)
    job = Job(tmp_path / "mpeg2 ac3.vob", "fill_a_range", seed=10)
    (result,) = Worker(tmp_path, seconds=60, memory=2 << 30, suffix=".mp4").run([job])
    assert (result.outcome, result.text) == ("played", "11 of 11 frames")
    assert "1 damaged packets of the copied streams were skipped" in result.notices
