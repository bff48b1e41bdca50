import multiprocessing
import os
import signal
import weakref

import numpy as np
import pytest
import torch

from tcnet.data import loader
from tcnet.data.data_options import DataOptions, SourceOptions
from tcnet.data.degradation import DEGRADATIONS, to_8bit
from tcnet.data.loader import StepNumbers, load_batches
from tcnet.data.samples import SampleMaker, open_sources
from tcnet.data.synthetic import generated_still
from tcnet.errors import MediaError, TcnetError
from tcnet.video import write_png


@pytest.fixture
def root(tmp_path):
    rng = np.random.default_rng(0)
    for clip in ("sharp", "soft"):
        (tmp_path / "clips" / clip).mkdir(parents=True)
        still = generated_still(rng, 96)
        for frame in range(3):
            write_png(tmp_path / "clips" / clip / f"{frame}.png", np.roll(still, frame, axis=1))
    (tmp_path / "clips" / "small").mkdir()
    write_png(tmp_path / "clips" / "small" / "0.png", np.zeros((40, 96, 3), np.uint8))
    (tmp_path / "photos").mkdir()
    write_png(tmp_path / "photos" / "p.png", generated_still(rng, 128))
    (tmp_path / "P.tsv").write_text("file\tkind\tsharpness\nc/soft\tresearch\t1.0\nc/sharp\topen\t5\n")
    return tmp_path


def options(root, kind="clips", **changes):
    path = {"clips": "clips", "photos": "photos", "generated": ""}[kind]
    source = SourceOptions(kind=kind, path=path, provenance="P.tsv" if kind == "clips" else "")
    values = {"root": str(root), "cache": str(root / "cache"), "sources": [source], "frames": 4, "size": 16}
    return DataOptions(**(values | changes))


def make(opts, seed=1):
    return SampleMaker(open_sources(opts), opts, seed)


@pytest.mark.parametrize("kind", ["clips", "photos", "generated"])
@pytest.mark.parametrize("degradation", ["BI", "BD", "video"])
def test_a_sample_depends_on_seed_and_number_alone(root, kind, degradation):
    opts = options(root, kind, degradation=degradation)
    maker, other = make(opts), make(opts)
    other[5], other[0]
    for number in (0, 7):
        first, second = maker[number], other[number]
        assert first["lr"].shape == (4, 3, 16, 16)
        assert first["hr"].shape == (4, 3, 64, 64)
        assert all(torch.equal(first[key], second[key]) for key in first)
    assert not torch.equal(maker[0]["hr"], maker[1]["hr"])
    assert not torch.equal(maker[0]["hr"], make(opts, seed=2)[0]["hr"])


@pytest.mark.parametrize("degradation", ["BI", "BD"])
def test_lr_is_the_degraded_hr(root, degradation):
    maker = make(options(root, degradation=degradation))
    for number in range(6):
        sample = maker[number]
        expected = to_8bit(DEGRADATIONS[degradation](sample["hr"].float() / 255))
        inner = (..., slice(2, -2), slice(2, -2))  # the rim saw what lies around the sample
        assert (sample["lr"][inner].int() - expected[inner].int()).abs().max() <= 1


def test_video_samples_bring_their_undamaged_clip(root):
    opts = options(root, degradation="video")
    clean = options(root, degradation="BI")
    sample = make(opts)[0]
    assert sample["clean"].shape == sample["lr"].shape
    expected = to_8bit(DEGRADATIONS["BI"](sample["hr"].float() / 255))
    inner = (..., slice(2, -2), slice(2, -2))
    assert torch.equal(sample["clean"][inner], expected[inner])
    assert "clean" not in make(clean)[0]


def test_soft_clips_are_drawn_less_and_small_ones_not_at_all(root):
    sources = open_sources(options(root))
    source = sources.sources[0]
    assert dict(zip((c.name for c in source.clips), source.odds, strict=True)) == {"sharp": 0.8, "soft": 0.2}
    assert sources.notices == ("small is skipped: 96x40 is smaller than a sample (64x64)",)
    assert sources.describe() == "2 clips (open, research)"


def test_images_may_be_read_each_time_instead(root):
    source = SourceOptions(kind="clips", path="clips", cached=False)
    uncached = make(options(root, sources=[source]))
    cached = make(options(root, sources=[SourceOptions(kind="clips", path="clips")]))
    assert torch.equal(uncached[3]["lr"], cached[3]["lr"])


def test_a_source_without_a_usable_clip_is_an_error(root):
    with pytest.raises(MediaError, match="no usable clip"):
        open_sources(options(root, size=32))
    with pytest.raises(MediaError, match="absent"):
        open_sources(options(root, sources=[SourceOptions(kind="clips", path="absent")]))


def test_a_handful_of_samples_can_be_repeated(root):
    maker = make(options(root, distinct=3))
    assert torch.equal(maker[1]["hr"], maker[4]["hr"])


def test_processes_and_accumulation_share_out_the_same_numbers():
    whole = list(StepNumbers(3, 6, batch=4, accumulate=1, rank=0, ranks=1))
    halves = [list(StepNumbers(3, 6, batch=1, accumulate=2, rank=rank, ranks=2)) for rank in (0, 1)]
    for step in range(3):
        parts = [halves[rank][2 * step + part] for rank in (0, 1) for part in (0, 1)]
        assert [number for part in parts for number in part] == whole[step]
    assert whole[0] == [12, 13, 14, 15]
    assert len(StepNumbers(3, 6, batch=1, accumulate=2, rank=0, ranks=2)) == 6


def test_worker_processes_make_the_same_batches_and_leave_signals_to_the_trainer(root):
    maker = make(options(root))
    numbers = StepNumbers(0, 3, batch=2, accumulate=1, rank=0, ranks=1)
    here, there = (load_batches(maker, numbers, workers=n, pin_memory=False) for n in (0, 1))
    (worker,) = multiprocessing.active_children()
    assert isinstance(worker, multiprocessing.context.SpawnProcess)  # a copy of this process may wait forever
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(worker.pid, number)  # while it still loads its modules
    here, there = list(here), list(there)
    assert len(here) == 3
    assert all(torch.equal(a["lr"], b["lr"]) for a, b in zip(here, there, strict=True))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (None, None),
        (
            MediaError(
                "Caught MediaError in DataLoader worker process 0.\n  File\ntcnet.errors.MediaError: a.png\n"
            ),
            "a.png",
        ),
        (
            RuntimeError("DataLoader worker (pid(s) 7) exited unexpectedly"),
            "a process .* data.workers to fewer",
        ),
    ],
)
def test_workers_are_let_go_of_whatever_keeps_the_error(error, said):
    """They end with the last reference to torch's iterator, whose frames an error would keep."""

    class Batches:
        def __iter__(self):
            return self

        def __next__(self):
            if error is not None:
                raise error
            return {}

    batches = Batches()
    workers, made = weakref.ref(batches), loader._plainly_failing(batches)
    del batches
    if error is None:
        next(made)
        assert workers() is not None
        made.close()
        assert workers() is None
    else:
        with pytest.raises(TcnetError, match=f"^{said}") as kept:
            next(made)
        assert kept.value is not None
        assert workers() is None


def test_of_several_places_the_busiest_is_taken(tmp_path):
    rng = np.random.default_rng(3)
    frame = np.full((96, 192, 3), 128, np.uint8)
    frame[:, 128:] = rng.integers(0, 256, (96, 64, 3))  # two thirds are a plain sky
    (tmp_path / "clips" / "c").mkdir(parents=True)
    write_png(tmp_path / "clips" / "c" / "0.png", frame)
    (tmp_path / "P.tsv").write_text("file\tkind\tsharpness\nc/c\topen\t5\n")
    plain = {
        places: sum(
            bool(sample["hr"].float().std() < 1)
            for sample in map(make(options(tmp_path, places=places, frames=1)).__getitem__, range(40))
        )
        for places in (1, 6)
    }
    assert plain[1] > 10
    assert plain[6] < plain[1] / 4
