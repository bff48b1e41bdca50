import json
import resource
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from tcnet.errors import MediaError
from tcnet.models import load_model
from tcnet.network import TCNet, TCNetConfig
from tcnet.training.checkpoint import Checkpoint, Counters, load_checkpoint, save_checkpoint, save_weights

CONFIG = TCNetConfig(channels=8, propagation_blocks=1, refinement_blocks=1, fusion_width=8, fusion_levels=2)


@pytest.fixture
def checkpoint():
    network = TCNet(CONFIG)
    state = network.state_dict()
    moments = {"exp_avg/a": torch.rand(3), "step/a": torch.tensor(7.0)}
    counters = Counters(step=7, skipped=1, best=30.5, best_step=4, seconds=2.5)
    return Checkpoint(CONFIG, counters, state, {key: value + 1 for key, value in state.items()}, moments)


@contextmanager
def full_disk():
    """No file can grow beyond 1000 bytes. Only around the call that writes: the test runner writes files too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_everything_comes_back(checkpoint, tmp_path):
    save_checkpoint(tmp_path / "c.safetensors", checkpoint)
    loaded = load_checkpoint(tmp_path / "c.safetensors", CONFIG)
    assert loaded.counters == checkpoint.counters
    for part in ("model", "average", "optimiser"):
        ours, theirs = getattr(checkpoint, part), getattr(loaded, part)
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    assert [path.name for path in tmp_path.iterdir()] == ["c.safetensors"]


def test_a_checkpoint_from_before_a_field_of_the_network_goes_on(checkpoint, tmp_path):
    path = tmp_path / "c.safetensors"
    save_checkpoint(path, checkpoint)
    with safe_open(path, framework="pt") as file:
        metadata, tensors = file.metadata(), {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    fields = json.loads(metadata["config"])
    del fields["fusion_stages"]
    save_file(tensors, path, {**metadata, "config": json.dumps(fields)})
    assert load_checkpoint(path, CONFIG).counters == checkpoint.counters
    with pytest.raises(MediaError, match="its fusion_stages is 2"):
        load_checkpoint(path, replace(CONFIG, fusion_stages=1))


def test_a_full_disk_leaves_the_old_checkpoint(checkpoint, tmp_path):
    path = tmp_path / "c.safetensors"
    save_checkpoint(path, checkpoint)
    before = path.read_bytes()
    with full_disk(), pytest.raises(MediaError, match=r"c\.safetensors: cannot be written"):
        save_checkpoint(path, replace(checkpoint, counters=Counters(step=8)))
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["c.safetensors"]


def test_a_full_disk_leaves_the_old_weights(tmp_path):
    path = tmp_path / "w.safetensors"
    network = TCNet(CONFIG)
    save_weights(path, network)
    before = path.read_bytes()
    with full_disk(), pytest.raises(MediaError, match=r"w\.safetensors"):
        save_weights(path, network)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["w.safetensors"]
    assert load_model(path).config == CONFIG


def test_another_architecture_is_refused_by_name(checkpoint, tmp_path):
    path = tmp_path / "c.safetensors"
    save_checkpoint(path, checkpoint)
    with pytest.raises(MediaError, match=r"its channels is 8, .* says 16"):
        load_checkpoint(path, replace(CONFIG, channels=16))


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "c.safetensors"
    with pytest.raises(MediaError, match="not a readable checkpoint"):
        load_checkpoint(path, CONFIG)
    path.write_bytes(b"junk" * 100)
    with pytest.raises(MediaError, match="not a readable checkpoint"):
        load_checkpoint(path, CONFIG)
    save_weights(path, TCNet(CONFIG))
    with pytest.raises(MediaError, match="not a checkpoint"):
        load_checkpoint(path, CONFIG)
