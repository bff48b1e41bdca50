"""Odd inputs come out as is right; damaged images end in a picture or in one line. benchmarks/reliability/damaged_inputs.py has more."""

from pathlib import Path

import pytest

from zoo.damage.damages import BYTES, ODDITY, STRUCTURED, STRUCTURES, build_whole
from zoo.damage.odd import ODD
from zoo.damage.workers import GOOD, Job, Worker
from zoo.files.images import FRAMES, IMAGES

LIMITS = {"seconds": 60, "memory": 2 << 30}
# Once these ended in a traceback or lost pictures without a notice.
REMEMBERED = (
    ("grid.avif", "insert_noise", 0),
    ("animation.png", "truncate", 0),
    ("animation.png", "truncate_a_little", 0),
    ("animation.png", "hide_an_element", 0),
)


def test_odd_inputs_come_out_as_is_right(tmp_path):
    jobs = [Job(Path(name), ODDITY, seed=0) for name in ODD]
    results = list(Worker(tmp_path, **LIMITS).run(jobs))
    assert len(results) == len(ODD) > 60
    assert [f"{r.job.name}: {r.outcome}: {r.text}" for r in results if r.outcome not in GOOD] == []
    found = {r.job.source.name: r.frames if r.outcome == "played" else None for r in results}
    assert found == {name: frames for name, (_, frames) in ODD.items()}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("odd")
    whole = [build_whole(name, folder) for name in (*IMAGES, *STRUCTURED)]
    damages = (*(damage.__name__ for damage in BYTES), *STRUCTURES)
    jobs = [
        Job(source, damages[(turn * len(whole) + number) % len(damages)], seed=0)
        for turn in range(3)
        for number, source in enumerate(whole)
    ]
    jobs += [Job(folder / name, damage, seed) for name, damage, seed in REMEMBERED]
    return list(Worker(folder, **LIMITS).run(jobs))


def test_damaged_images_and_elements_are_played_or_refused_in_one_line(results):
    assert [f"{r.job.name}: {r.outcome}: {r.text}" for r in results if r.outcome not in GOOD] == []
    assert {r.outcome for r in results} == set(GOOD)


def test_pictures_that_are_lost_get_a_notice(results):
    played = [r for r in results if r.outcome == "played" and r.job.source.name in IMAGES]
    lost = [r for r in played if r.frames < FRAMES.get(r.job.source.name, 1)]
    assert len(lost) >= 3
    assert [r.job.name for r in lost if not r.notices] == []
