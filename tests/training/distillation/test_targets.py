import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import numpy as np
import pytest
import torch

from tcnet.data.cache import CachedClip
from tcnet.data.data_options import DataOptions, VideoOptions
from tcnet.data.degradation import crop_to_multiple, degrade_bd, degrade_bi, to_8bit
from tcnet.data.samples import SampleMaker, Source, Sources
from tcnet.errors import UsageError
from tcnet.models import save_model
from tcnet.network import TCNet
from tcnet.training.config import load_config, network_config
from tcnet.training.distillation.targets import Damage, store_targets, targets_folder
from tcnet.training.distillation.teacher import EnsembleTeacher
from tcnet.training.processes import Processes
from tcnet.training.run import Watcher, train
from tcnet.video import write_png

OPTIONS = DataOptions.model_validate(
    {"sources": [{"kind": "clips"}], "frames": 3, "size": 16, "frame_steps": [1], "soft_weight": 1.0}
)


class Nearest:
    """The LR clip enlarged: what it gives for a whole clip is known exactly."""

    def __init__(self):
        self.calls = 0

    def __call__(self, clip):
        self.calls += 1
        return clip.repeat_interleave(4, -1).repeat_interleave(4, -2)


@pytest.fixture
def sources(tmp_path):
    """Two clips, whose sides are no multiples of 4."""
    rng = np.random.default_rng(0)
    clips = []
    for number in range(2):
        pixels = rng.integers(0, 256, (4, 70, 83, 3)).astype(np.uint8)
        path = tmp_path / f"{number:024x}.npy"
        np.save(path, pixels)
        clips.append(CachedClip(f"clip{number}", path, 4, 70, 83))
    return Sources((Source("clips", 1.0, tuple(clips), (0.5, 0.5), frozenset()),), ())


def stored(sources, folder, network, **changes):
    given = {"device": torch.device("cpu"), "processes": Processes()} | changes
    teachers = {"BI": EnsembleTeacher([network, network], 1, transform_first=True)}
    return store_targets(sources, folder, teachers, **given)


def test_targets_are_made_once_and_cover_whole_clips(sources, tmp_path):
    network, shown = Nearest(), []
    ready = stored(sources, tmp_path / "t", network, progress=lambda *count: shown.append(count))
    assert shown == [(1, 2), (2, 2)]
    assert network.calls == 4
    again = stored(sources, tmp_path / "t", network)
    assert network.calls == 4
    assert again == ready
    for clip in ready.sources[0].clips:
        target = np.load(clip.target)
        assert target.shape == (4, 68, 80, 3)
        blocks = target.reshape(4, 17, 4, 20, 4, 3)
        assert (blocks == blocks[:, :, :1, :, :1]).all()
    assert not [path for path in (tmp_path / "t").iterdir() if path.suffix != ".npy"]


def test_networks_that_see_other_degradations_count_the_same(sources, tmp_path):
    """Two that see BI and one that sees BD: two thirds and one third."""
    clip = sources.sources[0].clips[0]
    hr = crop_to_multiple(torch.from_numpy(np.load(clip.path)).permute(0, 3, 1, 2).float() / 255)
    bi, bd = (Nearest()(to_8bit(degrade(hr)).float() / 255) for degrade in (degrade_bi, degrade_bd))
    teachers = {"BI": EnsembleTeacher([Nearest(), Nearest()], 1), "BD": EnsembleTeacher([Nearest()], 1)}
    ready = store_targets(
        sources, tmp_path / "t", teachers, device=torch.device("cpu"), processes=Processes()
    )
    target = torch.from_numpy(np.load(ready.sources[0].clips[0].target)).permute(0, 3, 1, 2)
    assert torch.equal(target, to_8bit((2 * bi + bd) / 3))
    assert not torch.equal(target, to_8bit(bi))


def test_processes_share_the_clips_however_late_one_of_them_looks(sources, tmp_path):
    together = Barrier(2)

    class Process(Processes):
        def wait(self):
            together.wait(10)

    networks = [Nearest(), Nearest()]

    def process(rank):
        time.sleep(0.1 * rank)
        return stored(sources, tmp_path / "t", networks[rank], processes=Process(rank, 2))

    with ThreadPoolExecutor() as threads:
        first, second = threads.map(process, (0, 1))
    assert first == second
    assert all(clip.target.is_file() for clip in first.sources[0].clips)
    assert [network.calls for network in networks] == [2, 2]


def test_samples_carry_the_target_of_their_own_place(sources, tmp_path):
    """With the clips themselves as targets, every sample's target is its ground truth."""
    itself = tuple(replace(clip, target=clip.path) for clip in sources.sources[0].clips)
    ready = replace(sources, sources=(replace(sources.sources[0], clips=itself),))
    maker, plain = SampleMaker(ready, OPTIONS, 5), SampleMaker(sources, OPTIONS, 5)
    for number in range(12):
        sample = maker[number]
        assert torch.equal(sample["target"], sample["hr"])
        assert sample["has_target"]
        assert torch.equal(sample["hr"], plain[number]["hr"])
        assert torch.equal(sample["lr"], plain[number]["lr"])
        assert "target" not in plain[number]


def test_photographs_alone_have_no_targets(sources, tmp_path):
    photos = replace(sources, sources=(replace(sources.sources[0], kind="photos"),))
    with pytest.raises(UsageError, match=r"data\.sources has none"):
        stored(photos, tmp_path / "t", Nearest())


DAMAGED = OPTIONS.model_copy(update={"degradation": "video", "frames": 2})


@pytest.fixture
def steps(tmp_path):
    """A clip of grey frames, each 50 brighter than the one before."""
    grey = np.repeat(np.arange(4, dtype=np.uint8) * 50, 68 * 80 * 3).reshape(4, 68, 80, 3)
    np.save(tmp_path / f"{7:024x}.npy", grey)
    clip = CachedClip("grey", tmp_path / f"{7:024x}.npy", 4, 68, 80)
    return Sources((Source("clips", 1.0, (clip,), (1.0,), frozenset()),), ())


def stored_damaged(sources, folder, network):
    teachers = {"video": EnsembleTeacher([network], 1)}
    damage = Damage(VideoOptions(), versions=2, frames=3)
    given = {"device": torch.device("cpu"), "processes": Processes(), "damage": damage}
    return store_targets(sources, folder, teachers, **given)


def test_damaged_clips_are_stored_with_what_the_teacher_makes_of_them(steps, tmp_path):
    network = Nearest()
    ready = stored_damaged(steps, tmp_path / "t", network)
    source = ready.sources[0]
    assert [(clip.first, clip.frames) for clip in source.clips] == [(0, 3), (1, 3)]
    assert source.odds == (0.5, 0.5)
    for clip in source.clips:
        seen = torch.from_numpy(np.load(clip.seen))
        target = torch.from_numpy(np.load(clip.target))
        assert torch.equal(target, seen.repeat_interleave(4, 1).repeat_interleave(4, 2))
        means = seen.float().mean((1, 2, 3))
        assert (means - 50 * (clip.first + torch.arange(3))).abs().max() < 15
    assert stored_damaged(steps, tmp_path / "t", network) == ready
    assert network.calls == 2


def test_samples_are_cut_from_the_stored_damaged_clips(steps, tmp_path):
    ready = stored_damaged(steps, tmp_path / "t", Nearest())
    samples = SampleMaker(ready, DAMAGED, seed=3)
    for number in range(6):
        sample = samples[number]
        assert "clean" not in sample
        assert sample["has_target"]
        enlarged = sample["lr"].repeat_interleave(4, -1).repeat_interleave(4, -2)
        assert torch.equal(sample["target"], enlarged)
        assert (sample["hr"].float() - enlarged.float()).mean((1, 2, 3)).abs().max() < 15


def test_folders_differ_by_teacher_and_degradation(tmp_path):
    folders = {targets_folder(tmp_path, t, d) for t in ("one", "two") for d in ("BI", "BD")}
    assert len(folders) == 4


def test_a_run_learns_from_stored_targets(tiny):
    rng = np.random.default_rng(0)
    clip = tiny.folder / "clips" / "one"
    clip.mkdir(parents=True)
    for number in range(3):
        write_png(clip / f"{number}.png", rng.integers(0, 256, (64, 80, 3)).astype(np.uint8))
    network = TCNet(network_config(tiny.config().network))
    save_model(network, tiny.folder / "teacher.safetensors")
    changes = (
        f"data.root={tiny.folder}",
        'data.sources=[{kind="clips", path="clips"}]',
        f"teacher.models=['{tiny.folder / 'teacher.safetensors'}']",
        "teacher.stored=true",
        "optimisation.steps=2",
    )
    taught = []
    train(tiny.config("run", *changes), watcher=Watcher(teaching=lambda *count: taught.append(count)))
    assert taught == [(1, 1)]
    train(tiny.config("again", *changes, f"data.cache={tiny.folder / 'run' / 'cache'}"))
    train(tiny.config("truth", *changes, "teacher.stored=false", "teacher.models=[]"))
    first, again, truth = ([entry["loss"] for entry in tiny.log(name)] for name in ("run", "again", "truth"))
    assert first == again
    assert first != truth


@pytest.mark.parametrize(("entry", "least", "most"), [("{}", 0.0, 0.002), ("{}@BD", 0.01, 1.0)])
def test_samples_without_a_stored_target_are_taught_live(tiny, entry, least, most):
    """By what the student began as, which is right away; or by the ground truth, where it sees other clips."""
    clip = tiny.folder / "clips" / "one"
    clip.mkdir(parents=True)
    for number in range(3):
        write_png(clip / f"{number}.png", np.full((64, 80, 3), 40 * number, np.uint8))
    network = TCNet(network_config(tiny.config().network))
    save_model(network, tiny.folder / "teacher.safetensors")
    train(
        tiny.config(
            "run",
            f"data.root={tiny.folder}",
            'data.sources=[{kind="clips", path="clips", share=1e-9}, {kind="generated"}]',
            f"start.from='{tiny.folder / 'teacher.safetensors'}'",
            f"teacher.models=['{entry.format(tiny.folder / 'teacher.safetensors')}']",
            "teacher.stored=true",
            "teacher.weight=1.0",
            "optimisation.steps=1",
        )
    )
    (loss,) = (entry["loss"] for entry in tiny.log("run"))
    assert least <= loss <= most


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["teacher.stored=true"], "stored needs networks"),
        (["teacher.models=['tcnet-bi@BI']"], "'tcnet-bi@BI' sees clips of its own, which needs stored"),
        (
            ["teacher.stored=true", "teacher.models=['tcnet-bi@BI']", "data.degradation=video"],
            "its networks see the damaged clips; leave out",
        ),
        (
            ["teacher.stored=true", "teacher.models=['tcnet-bi']", "teacher.versions=2"],
            "teacher.versions and teacher.version_frames are of damaged clips",
        ),
    ],
)
def test_settings_that_cannot_be(tiny, changes, message):
    with pytest.raises(UsageError, match=message):
        load_config(tiny.file, changes)
