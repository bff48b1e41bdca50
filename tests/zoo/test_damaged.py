"""Damaged files end in a playable output or in an error of one line. benchmarks/damaged_inputs.py has more."""

import pytest
from zoo_damage import DAMAGES, FORMATS, build_whole
from zoo_workers import GOOD, Job, Worker

FORMATS_EACH = 4  # for each damage, others each time


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("damaged")
    whole = [build_whole(name, folder) for name in FORMATS]
    jobs = [
        Job(whole[(FORMATS_EACH * number + turn) % len(whole)], damage, seed=0)
        for number, damage in enumerate(DAMAGES)
        for turn in range(FORMATS_EACH)
    ]
    return list(Worker(folder, seconds=60, memory=2 << 30).run(jobs))


def test_each_is_played_or_refused_in_one_line(results):
    assert len(results) == FORMATS_EACH * len(DAMAGES)
    assert [f"{r.job.name}: {r.outcome}: {r.text}" for r in results if r.outcome not in GOOD] == []


def test_most_are_played_and_what_was_lost_is_told(results):
    played = [result for result in results if result.outcome == "played"]
    assert len(played) > len(results) / 2
    lost = [r for r in played if r.frames < 16 and r.job.source.suffix not in (".gif", ".ts", ".y4m")]
    silent = [r.job.name for r in lost if not r.notices]
    assert silent == []
